"""Which base a LoRA was made for, told by the sizes of its layers."""

from collections.abc import Mapping
from functools import cache

import torch
from torch import nn

from kit.base import EMBEDDED, load_base
from kit.kolors import SDXLUNet, build_unet
from kit.lora_format import Pair


def bases_of(pairs: Mapping[str, Pair]) -> list[str]:
    """Return "NAME (k of n layers)" for each known base that has layers of the LoRA, best first.

    All layers must fit for a base to draw with it. SDXL's attention layers have Kolors' sizes, so a LoRA of
    SDXL fits as well, and draws nonsense; sizes cannot tell. SD 1.5 has other ones.
    """
    fits = {name: sum(_fits(pair, shapes.get(layer)) for layer, pair in pairs.items())
            for name, shapes in known_shapes().items()}  # fmt: skip
    ranked = sorted((name for name in fits if fits[name]), key=lambda name: -fits[name])
    return [f"{name} ({fits[name]} of {len(pairs)} layers)" for name in ranked]


def _fits(pair: Pair, shape: tuple[int, int] | None) -> bool:
    return shape == (pair.up.shape[0], pair.down.shape[1])


@cache
def known_shapes() -> dict[str, dict[str, tuple[int, int]]]:
    """Return (out, in) of each linear layer of Kolors' and the embedded base's UNets; no weights are made."""
    with torch.device("meta"):
        unets = {"kolors": SDXLUNet(is_kolors=True), "mini": build_unet(load_base(EMBEDDED).sizes.unet)}
    return {
        name: {
            n: (m.out_features, m.in_features) for n, m in unet.named_modules() if isinstance(m, nn.Linear)
        }
        for name, unet in unets.items()
    }
