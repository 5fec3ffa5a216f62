"""Training of a LoRA: pictures and captions are encoded once, then only the LoRA's layers learn."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from PIL import Image
from pydantic import BaseModel, Field, PositiveFloat, PositiveInt
from torch import Tensor, nn

from kit.base import Base, load_networks
from kit.dataset import open_square, read_dataset
from kit.drawing import READ_BATCH
from kit.errors import TrainError
from kit.kolors import TRAIN_STEPS, KolorsPrompter, SDXLUNet, encode_ids, scheduler, time_ids, tokenize
from kit.lora import Pair, save_lora
from kit.mini.sizes import STRIDE
from kit.networks import Networks
from kit.prompt import COMMAS
from kit.story import Language

TARGETS = ("to_q", "to_k", "to_v", "to_out")
"""The layers that learn: the attention's, as in the contest."""
Report = Callable[[int, float], None]
"""Hears the number of each finished step, from 1, and its loss."""


class TrainConfig(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """How a LoRA learns. Defaults: the contest's baseline notebook, where it says."""

    rank: PositiveInt = 16
    alpha: PositiveFloat = 4.0
    """The LoRA's change counts alpha / rank times."""
    steps: PositiveInt = 500
    batch: PositiveInt = 1
    learning_rate: PositiveFloat = 1e-4
    """At the first step; it falls evenly to nothing at the last."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Chooses pictures, noise, noise levels, dropped captions and the LoRA's first weights."""
    size: Annotated[PositiveInt, Field(multiple_of=32)] = 256
    """Side in pixels of the square that training sees; 256 is the embedded base's."""
    caption_dropout: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Share of pictures learned with an empty caption, so that guidance keeps its other half."""
    min_snr_gamma: PositiveFloat = 5.0
    """Levels with little noise count this over their signal-to-noise ratio; source: arXiv 2303.09556."""
    trigger: str = ""
    """Words put in front of every caption and noted in the file."""
    language: Language = "zh"
    """The captions' language; it chooses the comma behind the trigger."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Examples:
    """What training sees, encoded once."""

    latents: Tensor
    """(pictures, 4, size/8, size/8), scaled."""
    cross: Tensor
    """(captions + 1, 256, hidden): the distinct captions' states, the empty caption first."""
    pooled: Tensor
    """(captions + 1, hidden)."""
    captions: Tensor
    """(pictures,): each picture's row in `cross` and `pooled`."""


def train_lora(
    base: Base, folder: Path, out: Path, config: TrainConfig, report: Report | None = None
) -> None:
    """Train a LoRA on a dataset's folder and write it to `out`, on CUDA where there is one."""
    dataset = read_dataset(folder)
    networks = load_networks(base)
    pictures = [open_square(entry.path, config.size) for entry in dataset]
    comma = COMMAS[config.language]
    captions = [f"{config.trigger}{comma}{entry.text}" if config.trigger else entry.text for entry in dataset]
    examples = encode_examples(networks, base.prompter(), pictures, captions)
    pairs = train_on(networks.unet, examples, config, report)
    save_lora(out, pairs, config.alpha, notes(config, base.unet_sha256))


def notes(config: TrainConfig, base_sha256: str) -> dict[str, str]:
    """Return what a LoRA file's metadata says about its training, besides rank and alpha."""
    return {
        "trigger": config.trigger,
        "steps": str(config.steps),
        "batch": str(config.batch),
        "learning_rate": f"{config.learning_rate:g}",
        "seed": str(config.seed),
        "base_sha256": base_sha256,
    }


@torch.no_grad()
def encode_examples(
    networks: Networks, prompter: KolorsPrompter, pictures: Sequence[Image.Image], captions: Sequence[str]
) -> Examples:
    """Return pictures of one size and their captions as the UNet reads them, on the networks' device."""
    device = networks.unet.conv_in.weight.device
    latents = [_latent(networks, picture, device) for picture in pictures]
    distinct = list(dict.fromkeys(["", *captions]))
    states = []
    for first in range(0, len(distinct), READ_BATCH):
        tokens = [part.to(device) for part in tokenize(prompter, distinct[first : first + READ_BATCH])]
        states.append(encode_ids(networks.text_encoder, *tokens))
    cross, pooled = (torch.cat(part) for part in zip(*states, strict=True))
    rows = torch.tensor([distinct.index(caption) for caption in captions], device=device)
    return Examples(latents=torch.cat(latents), cross=cross, pooled=pooled, captions=rows)


def _latent(networks: Networks, picture: Image.Image, device: torch.device) -> Tensor:
    pixels = torch.from_numpy(np.array(picture.convert("RGB"))).to(device)
    latent: Tensor = networks.encoder(pixels.permute(2, 0, 1)[None].float() / 127.5 - 1)
    return latent


def train_on(
    unet: SDXLUNet, examples: Examples, config: TrainConfig, report: Report | None = None
) -> dict[str, Pair]:
    """Return a LoRA trained on encoded examples; the UNet is as it was, but frozen.

    Runs where the UNet is: on CUDA in bf16 autocast, on the CPU in fp32. Same config, examples and machine:
    same LoRA. Raises TrainError when the loss stops being a number.
    """
    device = unet.conv_in.weight.device
    generator = torch.Generator().manual_seed(config.seed)
    with _injected(unet, config, generator) as learning:
        optimizer = torch.optim.AdamW(learning, lr=config.learning_rate)
        decay = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 1e-3, total_iters=config.steps)
        for step in range(1, config.steps + 1):
            with _precision(device):
                loss = _loss(unet, examples, config, generator)
            value = loss.item()
            if not math.isfinite(value):
                raise TrainError(
                    f"the loss must be a number, got {value} at step {step}; lower learning_rate"
                )
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(learning, 1.0)
            optimizer.step()
            decay.step()
            if report is not None:
                report(step, value)
        return _learned(unet)


def _precision(device: torch.device) -> AbstractContextManager[object]:
    return torch.autocast("cuda", torch.bfloat16) if device.type == "cuda" else nullcontext()


@contextmanager
def _injected(unet: SDXLUNet, config: TrainConfig, generator: torch.Generator) -> Iterator[list[Tensor]]:
    """Yield the new weights that learn; the UNet's own layers are back in place afterwards."""
    lora = LoraConfig(r=config.rank, lora_alpha=config.alpha, target_modules=list(TARGETS))
    with torch.random.fork_rng(devices=[]):
        inject_adapter_in_model(lora, unet)
    layers = _lora_layers(unet)
    for layer in layers.values():
        down = layer.lora_A["default"].weight
        down.data = (torch.randn(down.shape, generator=generator) / config.rank).to(down)
        nn.init.zeros_(layer.lora_B["default"].weight)
    try:
        yield [parameter for parameter in unet.parameters() if parameter.requires_grad]
    finally:
        for name, layer in layers.items():
            unet.set_submodule(name, layer.base_layer)
        del unet.peft_config


def _lora_layers(unet: SDXLUNet) -> dict[str, LoraLayer]:
    return {name: module for name, module in unet.named_modules() if isinstance(module, LoraLayer)}


def _learned(unet: SDXLUNet) -> dict[str, Pair]:
    def copy(weight: Tensor) -> Tensor:
        return weight.detach().float().cpu().clone()

    return {
        name: Pair(down=copy(layer.lora_A["default"].weight), up=copy(layer.lora_B["default"].weight))
        for name, layer in _lora_layers(unet).items()
    }


def _loss(unet: SDXLUNet, examples: Examples, config: TrainConfig, generator: torch.Generator) -> Tensor:
    """Return the weighted error of the predicted noise over one batch, chosen by the generator."""
    device, count = examples.latents.device, config.batch
    chosen = torch.randint(len(examples.latents), (count,), generator=generator).to(device)
    levels = torch.randint(TRAIN_STEPS, (count,), generator=generator)
    told = (torch.rand(count, generator=generator) >= config.caption_dropout).to(device)
    clean = examples.latents[chosen]
    noise = torch.randn(clean.shape, generator=generator).to(device)
    kept = torch.tensor(scheduler().alphas_cumprod)[levels].to(device)
    noisy = kept.sqrt()[:, None, None, None] * clean + (1 - kept).sqrt()[:, None, None, None] * noise
    rows = torch.where(told, examples.captions[chosen], 0)
    sizes = time_ids(count, clean.shape[-1] * STRIDE, device)
    predicted = unet(noisy, levels.float().to(device), examples.cross[rows], sizes, examples.pooled[rows])
    errors = (predicted.float() - noise).square().mean(dim=(1, 2, 3))
    weights = (config.min_snr_gamma * (1 - kept) / kept).clamp(max=1)
    loss: Tensor = (weights * errors).mean()
    return loss
