"""Who writes captions: one door to taggers and captioners, each behind its own library."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from PIL import Image

from kit.dataset.captioning.choices import CaptionerName
from kit.dataset.captioning.network_errors import network_errors
from kit.embedded import EMBEDDED
from kit.errors import InputError
from kit.messages import Language, mark, tr

TAGGERS: dict[CaptionerName, float] = {"wd14": 0.35, "deepdanbooru": 0.5}
"""Those that give tags, and the probability from which a tag counts, as their makers advise."""
SENTENCES: tuple[CaptionerName, ...] = ("blip", "florence")
"""Those that write whole sentences."""
_GET: dict[CaptionerName, str] = {
    "wd14": mark("a folder with model.onnx and selected_tags.csv, such as SmilingWolf/wd-vit-tagger-v3"),
    "deepdanbooru": mark(
        "model-resnet_custom_v3.pt, a release of github.com/AUTOMATIC1111/TorchDeepDanbooru"
    ),
    "blip": mark("a folder such as Salesforce/blip-image-captioning-base"),
    "florence": mark("a folder such as florence-community/Florence-2-base"),
}
"""Which weights each takes, and where they are to be had."""


class Captioner(Protocol):
    """Anything that says what is in a picture."""

    language: Language
    """Of its words."""
    if_silent: str
    """What to do where it says nothing, as `mark` gives it."""

    def __call__(self, picture: Image.Image) -> Sequence[str]:
        """Return tags, or the clauses of a caption, the surest or first ones first.

        Args:
            picture: RGB, of any size.
        """


@dataclass(frozen=True, kw_only=True, slots=True)
class CaptionerChoice:
    """Which captioner is asked for, and how it is to write."""

    name: CaptionerName
    weights: Path | None = None
    """Where its weights lie; the embedded one has its own."""
    threshold: float | None = None
    """The probability from which a tag counts, 0 to 1; None: as the tagger's makers advise."""
    blacklist: frozenset[str] = frozenset()
    """Tags or clauses that are never told."""
    language: Language | None = None
    """Of the words; None: English, of those that write in several the reader's."""

    @property
    def notes(self) -> dict[str, object]:
        """What a dataset's record says of it."""
        return {
            "with": self.name,
            "weights": self.weights and self.weights.name,
            "threshold": self.tag_threshold if self.name in TAGGERS else None,
        }

    @property
    def tag_threshold(self) -> float:
        """The probability from which a tag counts."""
        return TAGGERS[self.name] if self.threshold is None else self.threshold

    def check(self) -> None:
        """Raise InputError unless the choices fit each other."""
        if self.threshold is not None and self.name not in TAGGERS:
            told = tr("is for taggers, wd14 and deepdanbooru: leave it out with {name}", name=self.name)
            raise InputError("--threshold", [told])
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            told = tr("must be a probability from 0 to 1, got {got:g}", got=self.threshold)
            raise InputError("--threshold", [told])
        if self.blacklist and self.name in SENTENCES:
            told = tr("is for tags and clauses, {name} writes whole sentences: leave it out", name=self.name)
            raise InputError("--blacklist", [told])
        if self.language == "zh" and self.name != EMBEDDED:
            told = tr("{name} writes English alone: leave it out", name=self.name)
            raise InputError("--language", [told])
        if self.name == EMBEDDED and self.weights is not None:
            raise InputError("--weights", [tr("mini has its own: leave it out")])
        if self.name != EMBEDDED and self.weights is None:
            raise InputError(
                "--weights", [tr("{name} needs it: {get}", name=self.name, get=tr(_GET[self.name]))]
            )
        if self.weights is not None and not self.weights.exists():
            told = tr("does not exist; {name} takes {get}", name=self.name, get=tr(_GET[self.name]))
            raise InputError(str(self.weights), [told])


def open_captioner(choice: CaptionerChoice, device: str = "auto") -> Captioner:
    """Return a captioner, ready to write.

    Raises:
        InputError: choices that do not fit each other, or weights that are not there.
        WeightsError: weights that cannot be used, or a library that is not installed.
    """
    choice.check()
    from kit.workers.devices import pick_device

    if choice.weights is None:
        from kit.dataset.captioning.scenes.scene_captioner import open_scene_captioner

        return open_scene_captioner(choice.language)
    with network_errors(choice.weights):
        return _open_with_weights(choice, choice.weights, pick_device(device))


def _open_with_weights(choice: CaptionerChoice, weights: Path, where: str) -> Captioner:
    if choice.name in TAGGERS:
        return _open_tagger(choice.name, weights, choice.tag_threshold, where)
    from kit.dataset.captioning.sentence_captioners import open_sentence_captioner

    return open_sentence_captioner(weights, "blip" if choice.name == "blip" else "florence2", where)


def _open_tagger(name: CaptionerName, weights: Path, threshold: float, device: str) -> Captioner:
    if name == "wd14":
        from kit.dataset.captioning.taggers.wd_tagger import open_wd_tagger

        return open_wd_tagger(weights, threshold, device)
    from kit.dataset.captioning.taggers.deepdanbooru import open_deepdanbooru

    return open_deepdanbooru(weights, threshold, device)
