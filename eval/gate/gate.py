"""The contest's gate for any folder: the mean aesthetic score over every file directly in it.

The organiser's script takes every regular file in the folder, no subfolder, and fails on a file that is no
picture. So the mean is given only where that script would give one, and what does not belong is named.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Literal

from eval.gate.folder_pictures import FileScore, FolderPictures, GateScorer
from eval.scorers.calibration import Calibration
from eval.scorers.protocols import Stamp
from kit.messages import Message, tr

THRESHOLD = 6.0
"""The mean an entry needs; source: the contest's rules."""
REACH = 0.5
"""Points between a mean and the threshold from which none of HARMLESS is tried.

Of 42 sets of eight that the embedded base drew at 256 pixels the embedded predictor's mean moved by .07 at
most, a single picture's score by .44 (docs/benchmarks.md). Nobody has measured other predictors.
"""


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
    tried: int
    """Pictures that it is told by, drawn by lot; the others are taken to move as these do on average."""
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
    pictures = FolderPictures.of(folder, scorer)
    files = pictures.score()
    if calibration is not None and calibration.aesthetic_floor is not None:
        files = tuple(_held_against(file, calibration.aesthetic_floor) for file in files)
    scored = [(file.score, file.file) for file in files if file.score is not None]
    mean_of_pictures = fmean(score for score, _ in scored) if scored else None
    mean = mean_of_pictures if len(scored) == len(files) else None
    near = mean_of_pictures is not None and abs(mean_of_pictures - threshold) < REACH
    tried, elsewhere = 0, dict[Message, float]()
    if scored and (near or pictures.small):
        tried, elsewhere = pictures.elsewhere({name: score for score, name in scored}, threshold)
    return FolderGate(
        folder=str(folder),
        threshold=threshold,
        mean=mean,
        verdict="no-score" if mean is None else "pass" if mean >= threshold else "fail",
        mean_of_pictures=mean_of_pictures,
        weakest=min(scored)[1] if scored else None,
        elsewhere=elsewhere,
        tried=tried,
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
