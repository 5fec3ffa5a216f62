"""The contest's gate for any folder: the mean aesthetic score over every file directly in it.

The organiser's script takes every regular file in the folder, no subfolder, and fails on a file that is no
picture. So the mean is given only where that script would give one, and what does not belong is named.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import fmean, mode
from typing import Literal, NamedTuple

from PIL.Image import Image

from eval.scorers.batches import batches_ahead
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
BATCH, BATCH_PIXELS = 64, 2**26
"""Pictures read at once, and their pixels, 64 times 1024 x 1024: 256 MiB."""
JPEG_QUALITY, SMALLER = 90, 0.98
_DEEP = ("I", "F")
"""How modes begin whose values go beyond 255."""


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
    """The mean of the same pictures after each of HARMLESS; what the margin must be held against."""
    files: tuple[FileScore, ...]
    """Every regular file directly in the folder, by name."""
    faults: tuple[str, ...]
    stamp: Stamp
    calibration: Calibration | None = None
    """What may be believed of these weights; None where nobody has measured it."""


def gate(
    folder: Path, scorer: Scorer, threshold: float = THRESHOLD, calibration: Calibration | None = None
) -> FolderGate:
    """Score a folder as the contest does; raises ScoreError if it holds no file.

    Args:
        folder: every file directly in it counts.
        scorer: gives the scores.
        threshold: of their mean.
        calibration: of the scorer; names files below its floor.
    """
    files, elsewhere = _score_files(folder, scorer)
    if calibration is not None and calibration.aesthetic_floor is not None:
        files = tuple(_held_against(file, calibration.aesthetic_floor) for file in files)
    scored = [(file.score, file.file) for file in files if file.score is not None]
    pictures = fmean(score for score, _ in scored) if scored else None
    mean = pictures if len(scored) == len(files) else None
    return FolderGate(
        folder=str(folder),
        threshold=threshold,
        mean=mean,
        verdict="no-score" if mean is None else "pass" if mean >= threshold else "fail",
        mean_of_pictures=pictures,
        weakest=min(scored)[1] if scored else None,
        elsewhere=elsewhere,
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
    picture: Image | None
    """As RGB; None where it is no picture."""
    fault: str
    look: Look | None = None
    """To find copies by."""


def _score_files(folder: Path, scorer: Scorer) -> tuple[tuple[FileScore, ...], dict[Message, float]]:
    paths = _files_of(folder)
    scores: dict[str, float] = {}
    changed: dict[str, list[float]] = {how: [] for how in HARMLESS}
    sizes: dict[str, tuple[int, int]] = {}
    faults: dict[str, str] = {}
    looks: dict[str, Look] = {}
    for batch in (batch for group in _groups(paths) for batch in batches_ahead(_read, group, BATCH)):
        faults |= {file.name: file.fault for file in batch if file.fault}
        pictures = {file.name: file.picture for file in batch if file.picture is not None}
        sizes |= {name: picture.size for name, picture in pictures.items()}
        looks |= {file.name: file.look for file in batch if file.look is not None}
        scores |= dict(zip(pictures, scorer.score(list(pictures.values())), strict=True))
        for how, change in HARMLESS.items():
            for batch_changed in batches_ahead(change, pictures.values(), BATCH):
                changed[how] += scorer.score(batch_changed)
    copies = {
        name: tr("is the same picture as {other}", other=other)
        for name, other in same_pictures(looks).items()
    }
    faults = copies | _stray(sizes) | faults
    files = (
        FileScore(file=path.name, score=scores.get(path.name), fault=faults.get(path.name, ""))
        for path in paths
    )
    means = {
        tr(how, quality=JPEG_QUALITY, share=1 - SMALLER): fmean(found)
        for how, found in changed.items()
        if found
    }
    return tuple(files), means


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


def _groups(paths: Sequence[Path]) -> Iterator[list[Path]]:
    """Yield files whose pictures are held at once; one picture alone may be as large as any."""
    group: list[Path] = []
    pixels = 0
    for path in paths:
        area = _area(path)
        if group and (len(group) == BATCH or pixels + area > BATCH_PIXELS):
            yield group
            group, pixels = [], 0
        group.append(path)
        pixels += area
    yield group


def _area(path: Path) -> int:
    """Return a picture's pixels, 0 where it is none."""
    try:
        return math.prod(picture_size(path))
    except PictureError:
        return 0


def _read(path: Path) -> _File:
    """Return what a file holds, and what the contest's script would not say of it."""
    try:
        saved = open_picture(path)
    except PictureError as error:
        return _File(
            path.name, None, tr("{error}; take it out, the contest's script may stop here", error=error)
        )
    picture = saved.convert("RGB")
    if saved.mode.startswith(_DEEP):
        return _File(
            path.name,
            picture,
            tr(
                "is {mode}, of 16 bit or more: as RGB it becomes white, as in the contest's script; "
                "save it as RGB of 8 bit",
                mode=saved.mode,
            ),
            look_at(picture),
        )
    if is_flat(picture):
        return _File(path.name, picture, tr("has one colour all over"))
    fault = tr("is {mode}, not RGB; it is scored as RGB, which may look different", mode=saved.mode)
    return _File(path.name, picture, "" if saved.mode == "RGB" else fault, look_at(picture))


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
