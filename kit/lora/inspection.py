"""Which base a LoRA was made for, and how strong each well-known loader draws with it."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from kit.embedded import EMBEDDED
from kit.lora.formats import Content, LoraPair
from kit.lora.key_names import Tool
from kit.models.kolors.unet import linear_shapes
from kit.models.sizes import EMBEDDED_SIZES, KOLORS_SIZES

_VERSIONS = ("ss_base_model_version", "modelspec.architecture")
"""Where trainers write what they trained on."""


def bases_of(pairs: Mapping[str, LoraPair]) -> list[str]:
    """Return "NAME (k of n layers)" for each known base that has layers of the LoRA, best first.

    All layers must fit for a base to draw with it. SDXL's attention layers have Kolors' sizes, so a LoRA of
    SDXL fits as well, and draws nonsense; only the file's own words can tell. SD 1.5 has other ones.
    """
    return [f"{name} ({fit} of {len(pairs)} layers)" for name, fit in _fits(pairs).most_common() if fit]


def problems_of(content: Content) -> list[str]:
    """Return in plain words why drawing with a LoRA would not give what was trained; empty when it would."""
    problems = []
    if len(content.pairs) not in _fits(content.pairs).values():
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


def _fits(pairs: Mapping[str, LoraPair]) -> Counter[str]:
    """Return how many of the layers each known base has in their sizes."""
    return Counter(
        {
            name: sum(shapes.get(layer) == pair.shape for layer, pair in pairs.items())
            for name, shapes in known_shapes().items()
        }
    )


def known_shapes() -> dict[str, dict[str, tuple[int, int]]]:
    """Return (out, in) of each linear layer of Kolors' and the embedded base's UNets; no weights are made."""
    return {"kolors": linear_shapes(KOLORS_SIZES.unet), EMBEDDED: linear_shapes(EMBEDDED_SIZES.unet)}


NOTEBOOK_ALPHA, NOTEBOOK_RANK = 2.0, 16
"""What the contest's notebook draws with, whatever the training said."""
STORYKIT, NOTEBOOK = "storykit, strength 1", "the contest's notebook"
DIFFSYNTH = "DiffSynth load_lora, lora_alpha 1"
_ON_CHECKPOINTS = "from a .ckpt; with other names it loads nothing and says nothing"
_ON_GPU = "on a GPU; without one it loads nothing and says so only in a count"
LOADERS: Mapping[str, Sequence[Tool]] = {
    STORYKIT: ("diffsynth", "peft", "diffusers", "kohya"),
    NOTEBOOK: ("diffsynth",),
    DIFFSYNTH: ("diffsynth", "kohya"),
    "diffusers load_lora_weights": ("diffusers", "kohya"),
    "peft": ("peft",),
    "ComfyUI, strength 1": ("kohya",),
}
"""The forms that each loader reads; the first is the one to convert to."""


class LoaderStrength(NamedTuple):
    """One loader and one file."""

    loader: str
    factor: float | None
    """What up @ down counts; None where the loader does not read the file."""
    strength: float | None
    """The same relative to the training; None where the file does not tell its alpha."""
    note: str


def loaders_of(content: Content) -> list[LoaderStrength]:
    """Return how strong each loader draws with the file."""
    return [LoaderStrength(loader, *_reading(loader, content)) for loader in LOADERS]


def _reading(loader: str, content: Content) -> tuple[float | None, float | None, str]:
    """Return factor, strength and note of a loader."""
    factor, note = content.scale, ""
    if content.tool not in LOADERS[loader]:
        return None, None, f"does not read it; convert it --to {LOADERS[loader][0]}"
    if loader == STORYKIT and content.alpha is None:
        return None, None, "asks for the alpha of the training"
    if loader == NOTEBOOK:
        if content.rank != NOTEBOOK_RANK:
            return None, None, f"stops: its rank is {NOTEBOOK_RANK}, this one's {content.rank}"
        factor, note = NOTEBOOK_ALPHA / content.rank, _ON_CHECKPOINTS
    if loader == DIFFSYNTH:
        factor, note = 1.0, _ON_GPU if content.tool == "kohya" else ""
    return factor, None if content.alpha is None else factor * content.rank / content.alpha, note
