"""The contest's gate for any folder: the mean aesthetic score over every file directly in it.

The organiser's script takes every regular file in the folder, no subfolder, and fails on a file that is no
picture. So the mean is given only where that script would give one, and what does not belong is named.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Literal

from PIL.Image import Image

from eval.reading import read_picture
from eval.scorer import Scorer, Stamp
from kit.errors import ScoreError
from kit.painter import is_flat

THRESHOLD = 6.0
"""The mean an entry needs; source: the contest's rules."""
BATCH = 16


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
    files: tuple[FileScore, ...]
    """Every regular file directly in the folder, by name."""
    faults: tuple[str, ...]
    stamp: Stamp


def gate(folder: Path, scorer: Scorer, threshold: float = THRESHOLD) -> FolderGate:
    """Score a folder as the contest does; raises ScoreError if it holds no file."""
    files = _score_files(folder, scorer)
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
        files=files,
        faults=tuple(f"{file.file}: {file.fault}" for file in files if file.fault),
        stamp=scorer.stamp,
    )


def _score_files(folder: Path, scorer: Scorer) -> tuple[FileScore, ...]:
    paths = _files_of(folder)
    scores: dict[str, float] = {}
    sizes: dict[str, tuple[int, int]] = {}
    faults: dict[str, str] = {}
    for start in range(0, len(paths), BATCH):
        batch: dict[str, Image] = {}
        for path in paths[start : start + BATCH]:
            try:
                batch[path.name] = picture = _read(path)
            except ScoreError as error:
                faults[path.name] = f"{error}; the contest's script stops here"
                continue
            sizes[path.name] = picture.size
            if is_flat(picture):
                faults[path.name] = "has one colour all over"
        if batch:
            scores |= dict(zip(batch, scorer.score(list(batch.values())), strict=True))
    faults = _stray(sizes) | faults
    names = [path.name for path in paths]
    return tuple(FileScore(file=name, score=scores.get(name), fault=faults.get(name, "")) for name in names)


def _files_of(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise ScoreError(f"{folder} must be a folder of pictures; there is none")
    paths = sorted(path for path in folder.iterdir() if path.is_file())
    if not paths:
        raise ScoreError(f"{folder} must hold pictures, got no file (the contest's script would say 0)")
    return paths


def _read(path: Path) -> Image:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ScoreError(f"cannot be read: {error.strerror or error}") from error
    return read_picture(data)


def _stray(sizes: dict[str, tuple[int, int]]) -> dict[str, str]:
    """Return a fault for every picture of another size than most: a mosaic or a cover that moves the mean."""
    if not sizes:
        return {}
    (width, height), _ = Counter(sizes.values()).most_common(1)[0]
    return {
        name: f"is {size[0]} x {size[1]}, most are {width} x {height}; it counts in the mean, too"
        for name, size in sizes.items()
        if size != (width, height)
    }
