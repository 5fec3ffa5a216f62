"""Which base a LoRA was made for, and how strong each well-known loader draws with it."""

import re
from collections.abc import Callable, Mapping
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


def _fits(pair: LoraPair, shape: tuple[int, int] | None) -> bool:
    return shape == (pair.up.shape[0], pair.down.shape[1])


def known_shapes() -> dict[str, dict[str, tuple[int, int]]]:
    """Return (out, in) of each linear layer of Kolors' and the embedded base's UNets; no weights are made."""
    return {
        "kolors": linear_shapes(KOLORS_SIZES.unet),
        EMBEDDED: linear_shapes(EMBEDDED_SIZES.unet),
    }


NOTEBOOK_ALPHA, NOTEBOOK_RANK = 2.0, 16
"""What the contest's notebook draws with, whatever the training said."""
Factor = Callable[[Content], float]


class LoaderStrength(NamedTuple):
    """One loader and one file."""

    loader: str
    factor: float | None
    """What up @ down counts; None where the loader does not read the file."""
    strength: float | None
    """The same relative to the training; None where the file does not tell its alpha."""
    note: str


def _as_it_is(_content: Content) -> float:
    return 1.0


def _as_trained(content: Content) -> float:
    return 1.0 if content.alpha is None else content.alpha / content.rank


def _notebook(content: Content) -> float:
    return NOTEBOOK_ALPHA / content.rank


LOADERS: Mapping[str, Mapping[Tool, Factor]] = {
    "storykit, strength 1": dict.fromkeys(("diffsynth", "peft", "diffusers", "kohya"), _as_trained),
    "the contest's notebook": {"diffsynth": _notebook},
    "DiffSynth load_lora, lora_alpha 1": {"diffsynth": _as_it_is, "kohya": _as_it_is},
    "diffusers load_lora_weights": {"diffusers": _as_trained, "kohya": _as_trained},
    "peft": {"peft": _as_trained},
    "ComfyUI, strength 1": {"kohya": _as_trained},
}
"""What each loader makes of the forms that it reads; the first is the one to convert to."""


def loaders_of(content: Content) -> list[LoaderStrength]:
    """Return how strong each loader draws with the file."""
    return [_reading(loader, forms, content) for loader, forms in LOADERS.items()]


def _reading(loader: str, forms: Mapping[Tool, Factor], content: Content) -> LoaderStrength:
    if content.tool not in forms:
        return LoaderStrength(loader, None, None, f"does not read it; convert it --to {next(iter(forms))}")
    if loader.startswith("the contest") and content.rank != NOTEBOOK_RANK:
        return LoaderStrength(
            loader, None, None, f"stops: its rank is {NOTEBOOK_RANK}, this one's {content.rank}"
        )
    factor = forms[content.tool](content)
    strength = None if content.alpha is None else factor * content.rank / content.alpha
    if loader.startswith("storykit") and content.alpha is None:
        return LoaderStrength(loader, None, None, "asks for the alpha of the training")
    return LoaderStrength(loader, factor, strength, _note(loader, content))


def _note(loader: str, content: Content) -> str:
    if loader.startswith("the contest"):
        return "from a .ckpt; with other names it loads nothing and says nothing"
    if loader.startswith("DiffSynth") and content.tool == "kohya":
        return "on a GPU; without one it loads nothing and says so only in a count"
    return ""
