"""What each well-known loader makes of a LoRA file, with its own defaults.

Measured with diffsynth 1.1.9, diffusers 0.35.2 and peft 0.21 (tests/test_lora_loaders.py), but for two that
follow their sources: DiffSynth's reading of kohya needs a GPU; ComfyUI (comfy/lora.py) knows attention layers
by kohya's names, and by diffusers' only as they were before 0.22.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from kit.lora_format import Content
from kit.lora_names import Tool

NOTEBOOK_ALPHA, NOTEBOOK_RANK = 2.0, 16
"""What the contest's notebook draws with, whatever the training said."""
Factor = Callable[[Content], float]


class Reading(NamedTuple):
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
READABLE: Mapping[str, Tool] = {
    "the contest's notebook": "diffsynth",
    "DiffSynth load_lora, lora_alpha 1": "diffsynth",
    "diffusers load_lora_weights": "diffusers",
    "peft": "peft",
    "ComfyUI, strength 1": "kohya",
}
"""The form to convert to for a loader."""


def loaders_of(content: Content) -> list[Reading]:
    """Return how strong each loader draws with the file."""
    return [_reading(loader, forms, content) for loader, forms in LOADERS.items()]


def _reading(loader: str, forms: Mapping[Tool, Factor], content: Content) -> Reading:
    if content.tool not in forms:
        return Reading(loader, None, None, f"does not read it; convert it --to {READABLE[loader]}")
    if loader.startswith("the contest") and content.rank != NOTEBOOK_RANK:
        return Reading(loader, None, None, f"stops: its rank is {NOTEBOOK_RANK}, this one's {content.rank}")
    factor = forms[content.tool](content)
    strength = None if content.alpha is None else factor * content.rank / content.alpha
    if loader.startswith("storykit") and content.alpha is None:
        return Reading(loader, None, None, "asks for the alpha of the training")
    return Reading(loader, factor, strength, _note(loader, content))


def _note(loader: str, content: Content) -> str:
    if loader.startswith("the contest"):
        return "from a .ckpt; with other names it loads nothing and says nothing"
    if loader.startswith("DiffSynth") and content.tool == "kohya":
        return "on a GPU; without one it loads nothing and says so only in a count"
    return ""
