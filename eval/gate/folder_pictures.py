"""The pictures of a folder: read by threads and scored, and what is wrong with their files."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from os.path import isfile
from pathlib import Path
from random import Random
from threading import Condition
from typing import NamedTuple, Protocol

import numpy as np
from PIL.Image import Image

from eval.gate.harmless import HARMLESS, JPEG_QUALITY, SAMPLE, SMALLER, are_apart
from eval.scorers.protocols import Scorer
from kit.errors import ScoreError
from kit.files.path_contents import mistaken
from kit.images.copies import Look, look_at, same_pictures
from kit.images.decode import PictureError, is_flat, open_picture, picture_size
from kit.messages import Message, tr
from kit.threads import batches_ahead, results_in_turn

SURE_SIDE = 256
"""Pixels of the shorter side below which they are always tried: at 128 sets moved by .25, at 64 by 2.3."""
BATCH, PIXELS = 32, 2**26
"""Pictures scored at once, and pixels decoded at once: 64 times 1024 x 1024, 256 MiB."""
_ROWS_AS_COLOURS = (1, 3)
"""Heights of pictures whose rows transformers' processor takes for their colours."""
_DEEP = ("I", "F")
"""How modes begin whose values go beyond 255."""


class GateScorer(Scorer, Protocol):
    """A scorer that tells what it sees of a picture."""

    @property
    def at_once(self) -> int:
        """How many batches it scores at the same time."""

    def seen(self, picture: Image) -> Image:
        """Return the small picture that its network sees of one, and that scores as it does."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FileScore:
    """One file of the folder."""

    file: str
    score: float | None
    """None where the file is no picture."""
    fault: str = ""
    """Why it should not lie in the folder, if so."""


class _File(NamedTuple):
    """A file as it was found."""

    name: str
    fault: str
    size: tuple[int, int] | None = None
    """Of the picture; None where it is none."""
    seen: Image | None = None
    """What the scorer sees of it."""
    look: Look | None = None
    """To find copies by."""


class _PixelBudget:
    """Lets threads decode so many pixels at a time; one picture alone may be as large as any."""

    def __init__(self, pixels: int) -> None:
        self._most, self._taken, self._changed = pixels, 0, Condition()

    @contextmanager
    def of(self, pixels: int) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: not self._taken or self._taken + pixels <= self._most)
            self._taken += pixels
        try:
            yield
        finally:
            with self._changed:
                self._taken -= pixels
                self._changed.notify_all()


@dataclass(kw_only=True, slots=True)
class FolderPictures:
    """The files of a folder, read by threads while those before them are scored."""

    areas: Mapping[Path, int]
    """Every file's pixels, by name; 0 where it is no picture."""
    scorer: GateScorer
    budget: _PixelBudget
    kept: dict[Path, Image] | None
    """Pictures once they are decoded, where all of them together are few enough."""
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path, scorer: GateScorer) -> "FolderPictures":
        """Look how large the pictures are; decodes none."""
        areas = {path: _area(path) for path in _files_of(folder)}
        kept: dict[Path, Image] | None = {} if sum(areas.values()) <= PIXELS else None
        return cls(areas=areas, scorer=scorer, budget=_PixelBudget(PIXELS), kept=kept)

    @property
    def small(self) -> bool:
        """Return whether one of them is so small that its score hangs on little."""
        return min(min(size) for size in self.sizes.values()) < SURE_SIDE

    def score(self) -> tuple[FileScore, ...]:
        """Return each file's score and fault."""
        scores: dict[str, float] = {}
        faults: dict[str, str] = {}
        looks: dict[str, Look] = {}
        batches = batches_ahead(self._read, self.areas, BATCH)
        for batch, found in results_in_turn(self._scores, batches, self.scorer.at_once):
            scores |= found
            faults |= {file.name: file.fault for file in batch if file.fault}
            looks |= {file.name: file.look for file in batch if file.look is not None}
            self.sizes |= {file.name: file.size for file in batch if file.size is not None}
        copies = {
            name: tr("is the same picture as {other}", other=other)
            for name, other in same_pictures(looks).items()
        }
        faults = copies | _stray(self.sizes) | faults
        return tuple(
            FileScore(file=path.name, score=scores.get(path.name), fault=faults.get(path.name, ""))
            for path in self.areas
        )

    def _scores(self, batch: Sequence[_File]) -> dict[str, float]:
        """Return each picture's score."""
        seen = {file.name: file.seen for file in batch if file.seen is not None}
        return dict(zip(seen, self.scorer.score(list(seen.values())), strict=True))

    def elsewhere(self, scores: Mapping[str, float], threshold: float) -> tuple[int, dict[Message, float]]:
        """Return how many pictures were tried, and the mean of all of them after each of HARMLESS.

        They are drawn by lot, until it is sure on which side of the threshold all would be; all are tried
        where one is small.

        Args:
            scores: of every picture that `score` has looked at, by name.
            threshold: of their mean.
        """
        paths = [path for path in self.areas if path.name in scores]
        Random(0).shuffle(paths)
        before = np.array([scores[path.name] for path in paths])
        found: list[float] = []
        tried, sure = 0, False
        while not sure:
            more = paths[tried:] if self.small else paths[tried : max(SAMPLE, 2 * tried)]
            changed = batches_ahead(self._changed, more, BATCH)
            for _, after in results_in_turn(self._scores_of_all, changed, self.scorer.at_once):
                found += after
            tried += len(more)
            moved = np.reshape(found, (tried, len(HARMLESS))) - before[:tried, np.newaxis]
            means = before.mean() + moved.mean(axis=0)
            sure = tried == len(paths) or are_apart(means, threshold, moved, len(paths))
        return tried, {
            tr(how, quality=JPEG_QUALITY, share=1 - SMALLER): float(mean)
            for how, mean in zip(HARMLESS, means, strict=True)
        }

    def _scores_of_all(self, batch: Sequence[Sequence[Image]]) -> list[float]:
        return self.scorer.score([seen for all_seen in batch for seen in all_seen])

    def _read(self, path: Path) -> _File:
        with self.budget.of(self.areas[path]):
            try:
                saved = open_picture(path)
            except PictureError as error:
                told = tr("{error}; take it out, the contest's script may stop here", error=error)
                return _File(path.name, told)
            if saved.height in _ROWS_AS_COLOURS:
                return _File(path.name, _told_of_rows(saved.size))
            picture = saved if saved.mode == "RGB" else saved.convert("RGB")
            if self.kept is not None:
                self.kept[path] = picture
            look = None if is_flat(picture) else look_at(picture)
            fault = _fault_of(saved.mode, flat=look is None)
            return _File(path.name, fault, picture.size, self.scorer.seen(picture), look)

    def _changed(self, path: Path) -> list[Image]:
        """Return what is seen of a picture after each of HARMLESS."""
        with self.budget.of(self.areas[path]):
            kept = self.kept[path] if self.kept is not None else _opened_again(path)
            return [self.scorer.seen(change(kept)) for change in HARMLESS.values()]


def _fault_of(mode_of_file: str, *, flat: bool) -> str:
    """Return what the contest's script would not say of a picture, or nothing."""
    if mode_of_file.startswith(_DEEP):
        return tr(
            "is {mode}, of 16 bit or more: as RGB what is above 255 becomes white, as in the contest's "
            "script; save it as RGB of 8 bit",
            mode=mode_of_file,
        )
    if flat:
        return tr("has one colour all over")
    if mode_of_file != "RGB":
        return tr("is {mode}, not RGB; it is scored as RGB, which may look different", mode=mode_of_file)
    return ""


def _opened_again(path: Path) -> Image:
    try:
        return open_picture(path).convert("RGB")
    except PictureError as error:
        told = tr("{path} changed while it was scored: it {error}; try again", path=path, error=error)
        raise ScoreError(told) from error


def _told_of_rows(size: tuple[int, int]) -> str:
    return tr(
        "is {width} x {height}: the contest's script takes one or three rows of pixels for colours and "
        "stops, or scores something else; take it out",
        width=size[0],
        height=size[1],
    )


def _files_of(folder: Path) -> list[Path]:
    if told := mistaken(folder, "pictures"):
        raise ScoreError(tr("{folder} {told}", folder=folder, told=told))
    paths = sorted(path for path in folder.iterdir() if isfile(path))
    if not paths:
        raise ScoreError(
            tr(
                "{folder} has no picture directly in it: give the folder that the PNG or JPEG files lie in",
                folder=folder,
            )
        )
    return paths


def _area(path: Path) -> int:
    """Return a picture's pixels, 0 where it is none."""
    try:
        return math.prod(picture_size(path))
    except PictureError:
        return 0


def _stray(sizes: dict[str, tuple[int, int]]) -> dict[str, str]:
    """Return a fault for every picture of another size than most: a mosaic or a cover that moves the mean."""
    [(usual, count)] = Counter(sizes.values()).most_common(1) or [((0, 0), 0)]
    return {
        name: tr(
            "is {width} x {height}, {count} of {all} are {usual_width} x {usual_height}; it counts in the "
            "mean, too",
            width=size[0],
            height=size[1],
            count=count,
            all=len(sizes),
            usual_width=usual[0],
            usual_height=usual[1],
        )
        for name, size in sizes.items()
        if size != usual
    }
