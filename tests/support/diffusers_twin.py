"""The toy base's UNet as diffusers builds it, with the same weights: the other reader of LoRA files.

Both compute in float64. A LoRA can make the toy UNet multiply rounding by thousands, and in float32 the CPU's
instructions would then decide whether the two agree.
"""

from pathlib import Path

import torch
from diffsynth.models.sdxl_unet import SDXLUNet
from diffusers import UNet2DConditionModel
from fakes import toy_base, toy_sizes
from torch import Tensor, nn

from kit.models.base import load_base
from kit.models.layouts.diffusers_networks import diffusers_unet

ATTENTION_EPS = 1e-5
"""Of the normalisation before attention: diffusers writes 1e-6, DiffSynth computes with 1e-5."""
EXACT = torch.float64
SAME = 1e-9
"""How far two predictions may be apart: rounding makes up to 1e-12, a LoRA 1e-2 and more."""


def toy_unet() -> SDXLUNet:
    """Return the toy base's UNet in float64."""
    return load_base(toy_base()).unet(dtype=EXACT)


def twin(unet: SDXLUNet) -> UNet2DConditionModel:
    """Return diffusers' network with the weights of ours, in float64."""
    other = diffusers_unet(toy_sizes().unet).to(EXACT)
    ours = unet.state_dict()
    other.load_state_dict({name: ours[key] for name, key in _names(other).items()})
    for name, layer in other.named_modules():
        if isinstance(layer, nn.GroupNorm) and ".attentions." in name:
            layer.eps = ATTENTION_EPS
    return other.eval()


def _names(other: UNet2DConditionModel) -> dict[str, str]:
    """Return our name of each of diffusers' tensors, as DiffSynth's own converter moves marked ones."""
    marked = {name: torch.full_like(t, i) for i, (name, t) in enumerate(other.state_dict().items())}
    order = list(marked)
    converted = SDXLUNet.state_dict_converter().from_diffusers(dict(marked))
    converted = converted[0] if isinstance(converted, tuple) else converted
    return {order[int(tensor.flatten()[0])]: key for key, tensor in converted.items()}


def example() -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return latents, times, text states, size numbers and pooled text, for one picture each of two."""
    sizes, chance = toy_sizes().unet, torch.Generator().manual_seed(5)
    latents = torch.randn(2, 4, 8, 8, generator=chance, dtype=EXACT)
    text = torch.randn(2, 12, sizes.pooled, generator=chance, dtype=EXACT)
    numbers = torch.tensor([64, 64, 0, 0, 64, 64.0], dtype=EXACT).repeat(2, 1)
    pooled = torch.randn(2, sizes.pooled, generator=chance, dtype=EXACT)
    return latents, torch.tensor([500.0, 20.0], dtype=EXACT), text, numbers, pooled


def ours(unet: nn.Module) -> Tensor:
    """Return what our UNet predicts for the example; it is in float64 from then on."""
    latents, times, text, numbers, pooled = example()
    with torch.no_grad():
        predicted: Tensor = unet.to(EXACT)(latents, times, text, numbers.flatten(), pooled)
    return predicted


def theirs(other: UNet2DConditionModel) -> Tensor:
    """Return what diffusers' UNet predicts for the example; it is in float64 from then on."""
    latents, times, text, numbers, pooled = example()
    with torch.no_grad():
        predicted: Tensor = other.to(EXACT)(
            latents, times, text, added_cond_kwargs={"time_ids": numbers, "text_embeds": pooled}
        ).sample
    return predicted


def load_with_kolors_pipeline(other: UNet2DConditionModel, file: Path) -> None:
    """Put a LoRA file into diffusers' UNet by KolorsPipeline itself, which reads less than that of SDXL."""
    from diffusers import EulerDiscreteScheduler, KolorsPipeline

    parts = {"vae": None, "text_encoder": None, "tokenizer": None, "unet": other}
    pipeline = KolorsPipeline(scheduler=EulerDiscreteScheduler(), **parts)
    pipeline.load_lora_weights(str(file.parent), weight_name=file.name)
