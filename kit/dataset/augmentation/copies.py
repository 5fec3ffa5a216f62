"""Which changed copies a dataset's pictures get, the same for the same seed, and which are left alone."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image

from kit.dataset.augmentation.caption_words import tells_of_a_face, tells_of_a_side
from kit.dataset.augmentation.changes import Change, Kind, Mirror, draw_crop, draw_recolour, draw_turn
from kit.dataset.augmentation.settings import Augmentation
from kit.dataset.filters import SourcePicture
from kit.images.decode import decode_picture
from kit.messages import in_english, joined, mark, tr
from kit.story.asked_letters import asks_for_letters

Reason = Literal["letters", "face", "side", "small"]
LetterTest = Callable[[Image.Image], bool]
"""Whether letters are read in a picture."""
_LEFT_ALONE: Mapping[Reason, str] = {
    "letters": mark(
        "{n} of {all} pictures are neither mirrored nor turned, letters are likely in them: {names}; "
        "--letters-and-faces change does both"
    ),
    "face": mark(
        "{n} of {all} pictures are neither mirrored nor turned, their captions tell of a face: {names}; "
        "--letters-and-faces change does both"
    ),
    "side": mark("{n} of {all} pictures are not mirrored, their captions say left or right: {names}"),
    "small": mark(
        "{n} of {all} pictures are too small for a crop or a turn that leaves {size} pixels a side: {names}; "
        "if training sees less, say so with --train-size"
    ),
}
"""Why some change is not made of a picture."""
_LOTS: Mapping[Kind, int] = {"crop": 1, "turn": 2, "colour": 3}
"""Each kind has lots of its own, so that asking for another one changes none of them."""
_NAMED = 3
"""Pictures that a sentence names."""


class PlannedCopies(NamedTuple):
    """What is made of a dataset's pictures."""

    changes: Sequence[Sequence[Change]]
    """Of each picture."""
    left_alone: Mapping[Reason, Sequence[str]]
    """Names of the pictures that some change is not made of."""
    letters_read: bool
    """Whether letters were looked for in pictures, not in captions alone."""

    @property
    def counts(self) -> dict[str, int]:
        """How many copies there are by kind of change."""
        return dict(Counter(change.kind for changes in self.changes for change in changes))

    @property
    def record(self) -> dict[str, object]:
        """What the dataset's record says of them."""
        left = {reason: list(map(in_english, names)) for reason, names in self.left_alone.items()}
        return {"made": self.counts, "left_alone": left, "letters_read": self.letters_read}


def plan_copies(
    pictures: Sequence[SourcePicture],
    captions: Sequence[str],
    augmentation: Augmentation,
    shows_letters: LetterTest | None,
    looked: Callable[[], None],
) -> PlannedCopies:
    """Return the changes of each picture, by lots that hang on what it looks like and on the seed alone.

    Args:
        pictures: those that are kept.
        captions: one a picture.
        augmentation: what is asked for.
        shows_letters: None: captions alone tell.
        looked: called behind each picture.
    """
    shows_letters = shows_letters if augmentation.spares else None
    planned: list[list[Change]] = []
    left: dict[Reason, list[str]] = {}
    for picture, caption in zip(pictures, captions, strict=True):
        kept_from = _kept_from(picture, caption, augmentation, shows_letters)
        made: list[Change] = []
        reasons: set[Reason] = set()
        for kind in augmentation.strengths:
            if kind in kept_from:
                reasons.add(kept_from[kind])
            elif changes := _changes(picture, kind, augmentation):
                made += changes
            else:
                reasons.add("small")
        planned.append(made)
        for reason in reasons:
            left.setdefault(reason, []).append(picture.found.name)
        looked()
    in_order = {reason: left[reason] for reason in _LEFT_ALONE if reason in left}
    return PlannedCopies(planned, in_order, shows_letters is not None)


def left_alone_notes(copies: PlannedCopies, augmentation: Augmentation) -> list[str]:
    """Return which pictures some change is not made of, and by what letters and faces were known."""
    notes: list[str] = []
    for reason, told in _LEFT_ALONE.items():
        if names := copies.left_alone.get(reason):
            more = tr(" and {n} more", n=len(names) - _NAMED) if len(names) > _NAMED else ""
            shown = joined([joined(names[:_NAMED], tr(", ")), more], "")
            total, size = len(copies.changes), augmentation.train_size
            notes.append(tr(told, n=len(names), all=total, names=shown, size=size))
    if augmentation.spares and copies.letters_read:
        notes.append(tr("faces were looked for in captions alone, not in the pictures: look at the sheet"))
    elif augmentation.spares:
        notes.append(
            tr(
                "letters and faces were looked for in captions alone, not in the pictures: look at the "
                "sheet; pip install storykit[letters] reads letters in pictures"
            )
        )
    return notes


def _kept_from(
    picture: SourcePicture, caption: str, augmentation: Augmentation, shows_letters: LetterTest | None
) -> dict[Kind, Reason]:
    """Return the changes that would spoil a picture or belie its caption, and why."""
    kept: dict[Kind, Reason] = {}
    if augmentation.spares and (reason := _spoiled(picture, caption, shows_letters)):
        kept = {"mirror": reason, "turn": reason}
    if tells_of_a_side(caption):
        kept.setdefault("mirror", "side")
    return kept


def _spoiled(picture: SourcePicture, caption: str, shows_letters: LetterTest | None) -> Reason | None:
    if asks_for_letters(caption):
        return "letters"
    if tells_of_a_face(caption):
        return "face"
    if shows_letters is not None and shows_letters(decode_picture(picture.found.path).picture):
        return "letters"
    return None


def _changes(picture: SourcePicture, kind: Kind, augmentation: Augmentation) -> list[Change]:
    """Return a picture's changes of a kind; none where it is too small."""
    if kind == "mirror":
        return [Mirror()]
    strength, least = augmentation.strengths[kind], augmentation.train_size
    looks = np.packbits(picture.hash).tolist()
    lots = (
        np.random.default_rng([augmentation.seed, _LOTS[kind], copy, *looks])
        for copy in range(augmentation.copies)
    )
    if kind == "colour":
        return [draw_recolour(strength, rng) for rng in lots]
    draw = draw_crop if kind == "crop" else draw_turn
    drawn = (draw(picture.size, strength, least, rng) for rng in lots)
    return [change for change in drawn if change is not None]
