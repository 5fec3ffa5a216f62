"""A LoRA is trained: its layers are put into the UNet by peft, learn, and are taken out again."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from diffsynth.models.sdxl_unet import SDXLUNet
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import Linear as LoraLinear
from torch import Tensor, nn
from torch.nn.functional import linear

from kit.lora.formats import LoraPair
from kit.training.config import TrainConfig
from kit.training.loop import Checkpointer, Examples, Trainer, WeightedExamples, learn
from kit.training.lr_schedule import seeded_generator

TARGETS = ("to_q", "to_k", "to_v", "to_out")
"""The layers that learn: the attention's, as in the contest."""


class FusedLoraLinear(LoraLinear):  # type: ignore[misc]  # peft has no types
    """peft's layer in two kernels instead of six, which nearly halves a step on a GPU.

    All is computed in the UNet's own precision.
    """

    def forward(self, rows: Tensor) -> Tensor:
        """Return the layer's answer and the LoRA's change of it, (..., out) for (..., in)."""
        answer = self.base_layer(rows)
        inner = linear(rows, self.lora_A["default"].weight).flatten(0, -2)
        up, scale = self.lora_B["default"].weight, self.scaling["default"]
        return torch.addmm(answer.flatten(0, -2), inner, up.T, alpha=scale).view_as(answer)


def train_lora(
    unet: SDXLUNet,
    examples: Examples,
    config: TrainConfig,
    checkpointer: Checkpointer[dict[str, LoraPair]] | None = None,
    prior: WeightedExamples | None = None,
) -> dict[str, LoraPair]:
    """Return a LoRA trained on encoded examples; the UNet is as it was, but frozen.

    Runs where the UNet is. Same config, examples and machine: same LoRA, whether it was stopped on the way or
    not. With a prior, each step also learns from as many class pictures.

    Raises:
        TrainError: the loss stopped being a number; what was kept last is good.
    """
    lessons = [WeightedExamples(examples), *([prior] if prior else [])]
    with _injected(unet, config) as working:
        return learn(Trainer(unet, lessons, config, working), config, _pairs, checkpointer)


@contextmanager
def _injected(unet: SDXLUNet, config: TrainConfig) -> Iterator[dict[str, nn.Parameter]]:
    """Yield the new weights that learn, by layer and half; the UNet's own layers are back afterwards.

    The first weights are peft's "gaussian" ones, as in the contest's baseline, from our own seed.
    """
    lora = LoraConfig(
        r=config.rank, lora_alpha=config.alpha, use_rslora=config.rslora, target_modules=list(TARGETS)
    )
    # peft documents no public way to put in a layer of one's own
    lora._register_custom_module({nn.Linear: FusedLoraLinear})
    with torch.random.fork_rng(devices=[]):
        inject_adapter_in_model(lora, unet)
    layers = {name: module for name, module in unet.named_modules() if isinstance(module, FusedLoraLinear)}
    generator, weights = seeded_generator(config.seed, "first weights"), dict[str, nn.Parameter]()
    for name, layer in layers.items():
        down, up = layer.lora_A["default"].weight, layer.lora_B["default"].weight
        own = layer.base_layer.weight
        down.data = (torch.randn(down.shape, generator=generator) / config.rank).to(own)
        up.data = torch.zeros_like(up, dtype=own.dtype)
        weights |= {f"{name}.down": down, f"{name}.up": up}
    unet.train()
    try:
        yield weights
    finally:
        unet.eval()
        for name, layer in layers.items():
            unet.set_submodule(name, layer.base_layer)
        del unet.peft_config


def _pairs(weights: Mapping[str, Tensor]) -> dict[str, LoraPair]:
    """Return the factors of a LoRA by layer, of weights as `_injected` names them."""
    layers = sorted({name.rpartition(".")[0] for name in weights})
    return {layer: LoraPair(weights[f"{layer}.down"], weights[f"{layer}.up"]) for layer in layers}
