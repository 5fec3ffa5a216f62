"""Which base a LoRA was made for, told by the sizes of its layers."""

from collections.abc import Mapping

from kit.embedded import EMBEDDED, open_embedded
from kit.kolors import linear_shapes
from kit.lora_format import Pair
from kit.mini.sizes import UNetSizes

KOLORS_UNET = UNetSizes(
    widths=(320, 640, 1280), time=1280, time_ids=256, pooled=4096, cross=2048, head=64, layers=(2, 10)
)


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


def known_shapes() -> dict[str, dict[str, tuple[int, int]]]:
    """Return (out, in) of each linear layer of Kolors' and the embedded base's UNets; no weights are made."""
    return {
        "kolors": linear_shapes(KOLORS_UNET),
        "mini": linear_shapes(open_embedded(EMBEDDED).sizes.unet),
    }
