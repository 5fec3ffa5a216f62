"""Which base a LoRA was made for, told by the sizes of its layers."""

import re
from collections.abc import Mapping

from kit.embedded import EMBEDDED, open_embedded
from kit.kolors import linear_shapes
from kit.lora_format import Content, Pair
from kit.mini.sizes import UNetSizes

KOLORS_UNET = UNetSizes(
    widths=(320, 640, 1280), time=1280, time_ids=256, pooled=4096, cross=2048, head=64, layers=(2, 10)
)
_VERSIONS = ("ss_base_model_version", "modelspec.architecture")
"""Where trainers write what they trained on."""


def bases_of(pairs: Mapping[str, Pair]) -> list[str]:
    """Return "NAME (k of n layers)" for each known base that has layers of the LoRA, best first.

    All layers must fit for a base to draw with it. SDXL's attention layers have Kolors' sizes, so a LoRA of
    SDXL fits as well, and draws nonsense; only the file's own words can tell. SD 1.5 has other ones.
    """
    fits = {name: sum(_fits(pair, shapes.get(layer)) for layer, pair in pairs.items())
            for name, shapes in known_shapes().items()}  # fmt: skip
    ranked = sorted((name for name in fits if fits[name]), key=lambda name: -fits[name])
    return [f"{name} ({fits[name]} of {len(pairs)} layers)" for name in ranked]


def problems_of(content: Content) -> list[str]:
    """Return in plain words why drawing with a LoRA would not give what was trained; empty when it would."""
    problems = []
    fits = bases_of(content.pairs)
    if not any(f"({len(content.pairs)} of" in base for base in fits):
        problems.append("no base that storykit knows has all of its layers in their sizes")
    version = next((content.notes[name] for name in _VERSIONS if name in content.notes), "")
    if re.search(r"sdxl|stable-diffusion|sd_v", version, re.IGNORECASE):
        problems.append(
            f"the file says it was trained on {version}: layers of SDXL have the sizes of Kolors' layers, "
            "but what they learned means nothing there"
        )
    if content.norm == 0:
        problems.append("it changes nothing, all of its up factors are 0: it was never trained")
    return problems


def _fits(pair: Pair, shape: tuple[int, int] | None) -> bool:
    return shape == (pair.up.shape[0], pair.down.shape[1])


def known_shapes() -> dict[str, dict[str, tuple[int, int]]]:
    """Return (out, in) of each linear layer of Kolors' and the embedded base's UNets; no weights are made."""
    return {
        "kolors": linear_shapes(KOLORS_UNET),
        "mini": linear_shapes(open_embedded(EMBEDDED).sizes.unet),
    }
