"""The contest's gate for any folder: the mean aesthetic score over every file directly in it.

The organiser's script takes every regular file in the folder, no subfolder, and fails on a file that is no
picture. So the mean is given only where that script would give one, and what does not belong is named.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from statistics import fmean, mode
from threading import Condition
from typing import Literal, NamedTuple, Protocol

from PIL.Image import Image

from eval.scorers.batches import batches_ahead, results_in_turn
from eval.scorers.calibration import Calibration
from eval.scorers.protocols import Scorer, Stamp
from eval.scoring.panel_file import through_jpeg
from kit.errors import ScoreError
from kit.files.path_contents import mistaken
from kit.images.copies import Look, look_at, same_pictures
from kit.images.decode import PictureError, is_flat, open_picture, picture_size
from kit.messages import Message, mark, tr

THRESHOLD = 6.0
"""The mean an entry needs; source: the contest's rules."""
REACH = 0.5
"""Points between a mean and the threshold from which none of HARMLESS is tried.

Of 42 sets of eight that the embedded base drew at 256 pixels the embedded predictor's mean moved by .07 at
most, a single picture's score by .44 (docs/benchmarks.md). Nobody has measured other predictors.
"""
SURE_SIDE = 256
"""Pixels of the shorter side below which they are always tried: at 128 sets moved by .25, at 64 by 2.3."""
BATCH, PIXELS = 64, 2**26
"""Pictures scored at once, and pixels decoded at once: 64 times 1024 x 1024, 256 MiB."""
JPEG_QUALITY, SMALLER = 90, 0.98
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


@dataclass(frozen=True, kw_only=True, slots=True)
class FolderGate:
    """What the contest's script says of a folder, and what it does not say."""

    folder: str
    threshold: float
    mean: float | None
    """The organiser's number; None where the script would fail on a file that is no picture."""
    verdict: Literal["pass", "fail", "no-score"]
    mean_of_pictures: float | None
    """The mean without the files that are no pictures."""
    weakest: str | None
    """The picture with the lowest score."""
    elsewhere: Mapping[Message, float]
    """The mean of the same pictures after each of HARMLESS, where the threshold is near; else nothing."""
    files: tuple[FileScore, ...]
    """Every regular file directly in the folder, by name."""
    faults: tuple[str, ...]
    stamp: Stamp
    calibration: Calibration | None = None
    """What may be believed of these weights; None where nobody has measured it."""


def gate(
    folder: Path, scorer: GateScorer, threshold: float = THRESHOLD, calibration: Calibration | None = None
) -> FolderGate:
    """Score a folder as the contest does; raises ScoreError if it holds no file.

    Args:
        folder: every file directly in it counts.
        scorer: gives the scores.
        threshold: of their mean.
        calibration: of the scorer; names files below its floor.
    """
    pictures = _GatePictures.of(folder, scorer)
    files = pictures.score()
    if calibration is not None and calibration.aesthetic_floor is not None:
        files = tuple(_held_against(file, calibration.aesthetic_floor) for file in files)
    scored = [(file.score, file.file) for file in files if file.score is not None]
    mean_of_pictures = fmean(score for score, _ in scored) if scored else None
    mean = mean_of_pictures if len(scored) == len(files) else None
    near = mean_of_pictures is not None and abs(mean_of_pictures - threshold) < REACH
    return FolderGate(
        folder=str(folder),
        threshold=threshold,
        mean=mean,
        verdict="no-score" if mean is None else "pass" if mean >= threshold else "fail",
        mean_of_pictures=mean_of_pictures,
        weakest=min(scored)[1] if scored else None,
        elsewhere=pictures.elsewhere() if scored and (near or pictures.small) else {},
        files=files,
        faults=tuple(tr("{place}: {told}", place=file.file, told=file.fault) for file in files if file.fault),
        stamp=scorer.metric.stamp,
        calibration=calibration,
    )


def _held_against(file: FileScore, floor: float) -> FileScore:
    """Return a file with its fault if its score is below the floor."""
    if file.fault or file.score is None or file.score >= floor:
        return file
    low = tr(
        "scores {score:.2f}, below {floor:g}: fog, noise or an unfinished picture scores so",
        score=file.score,
        floor=floor,
    )
    return replace(file, fault=low)


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
class _GatePictures:
    """The files of a folder, read by threads while those before them are scored."""

    areas: Mapping[Path, int]
    """Every file's pixels, by name; 0 where it is no picture."""
    scorer: GateScorer
    budget: _PixelBudget
    kept: dict[Path, Image] | None
    """Pictures once they are decoded, where all of them together are few enough."""
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path, scorer: GateScorer) -> "_GatePictures":
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

    def elsewhere(self) -> dict[Message, float]:
        """Return the mean of the pictures, which `score` has looked at, after each of HARMLESS."""
        found: list[float] = []
        paths = [path for path in self.areas if path.name in self.sizes]
        changed = batches_ahead(self._changed, paths, BATCH)
        for _, scores in results_in_turn(self._scores_of_all, changed, self.scorer.at_once):
            found += scores
        return {
            tr(how, quality=JPEG_QUALITY, share=1 - SMALLER): fmean(found[number :: len(HARMLESS)])
            for number, how in enumerate(HARMLESS)
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
            picture = saved if saved.mode == "RGB" else saved.convert("RGB")
            if self.kept is not None:
                self.kept[path] = picture
            look = None if is_flat(picture) else look_at(picture)
            fault = _fault_of(saved.mode, flat=look is None)
            return _File(path.name, fault, picture.size, self.scorer.seen(picture), look)

    def _changed(self, path: Path) -> list[Image]:
        """Return what is seen of a picture after each of HARMLESS."""
        with self.budget.of(self.areas[path]):
            kept = self.kept[path] if self.kept is not None else open_picture(path).convert("RGB")
            return [self.scorer.seen(change(kept)) for change in HARMLESS.values()]


def _fault_of(mode_of_file: str, *, flat: bool) -> str:
    """Return what the contest's script would not say of a picture, or nothing."""
    if mode_of_file.startswith(_DEEP):
        return tr(
            "is {mode}, of 16 bit or more: as RGB it becomes white, as in the contest's script; "
            "save it as RGB of 8 bit",
            mode=mode_of_file,
        )
    if flat:
        return tr("has one colour all over")
    if mode_of_file != "RGB":
        return tr("is {mode}, not RGB; it is scored as RGB, which may look different", mode=mode_of_file)
    return ""


def _files_of(folder: Path) -> list[Path]:
    if told := mistaken(folder, "pictures"):
        raise ScoreError(tr("{folder} {told}", folder=folder, told=told))
    paths = sorted(path for path in folder.iterdir() if path.is_file())
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


def _smaller(picture: Image) -> Image:
    return picture.resize((max(1, round(picture.width * SMALLER)), max(1, round(picture.height * SMALLER))))


HARMLESS: Mapping[str, Callable[[Image], Image]] = {
    mark("as JPEG, quality {quality}"): partial(through_jpeg, quality=JPEG_QUALITY),
    mark("{share:.0%} smaller"): _smaller,
}
"""What happens to pictures on their way to a contest, and should not decide it."""


def _stray(sizes: dict[str, tuple[int, int]]) -> dict[str, str]:
    """Return a fault for every picture of another size than most: a mosaic or a cover that moves the mean."""
    width, height = mode(sizes.values()) if sizes else (0, 0)
    return {
        name: tr(
            "is {width} x {height}, most are {usual_width} x {usual_height}; it counts in the mean, too",
            width=size[0],
            height=size[1],
            usual_width=width,
            usual_height=height,
        )
        for name, size in sizes.items()
        if size != (width, height)
    }
