"""How a LoRA learned: the saved steps of a training measured side by side, and which of them is best.

CLIP-I, the mean cosine to the pictures learned from, says how near the drawn panels come to them (DreamBooth,
arXiv 2208.12242). `mrr` says whether the panels can still be told apart by their texts: a LoRA that learned
too long draws its pictures whatever is asked for.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
from numpy.typing import NDArray

from eval.scorers.load import Scorers
from eval.scoring.measure import Measured, measure
from eval.scoring.records import StoryScore
from eval.scoring.score import score_measured
from kit.dataset.read import open_cropped, read_dataset
from kit.errors import ScoreError
from kit.experiment.run import Run
from kit.files.atomic_write import write_atomic
from kit.messages import Message, tr
from kit.training.previews import BARE, step_of

PICTURES = 100
"""Of more pictures than these, so many evenly chosen stand for all."""
SIDE = 512
"""Pixels at which they are read, larger than any encoder's."""
KEPT = 0.8
"""Share of the base's mrr that a step must keep to be chosen."""
Row = NDArray[np.float64]


def rule() -> Message:
    """Return by which the best step is picked, in words."""
    return tr(
        "of the steps that keep {kept:.0%} of the base's mrr, the earliest whose likeness to your pictures "
        "is within one standard error of the highest",
        kept=KEPT,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckpointScores:
    """One saved step; means over the seeds, None where a panel is faulty."""

    step: int
    """0 is the bare base."""
    likeness: float | None
    """CLIP-I, in [-1, 1]: how near the panels are to the pictures learned from."""
    mrr: float | None
    """Mean reciprocal rank of each panel by its own text, in (0, 1]."""
    text: float | None
    """CLIP-T: mean cosine of the panels to their texts."""
    aesthetic: float | None
    identity: float | None
    style: float | None
    distance: float | None
    """Mean of 1 - cosine to the base's panel of the same place and seed."""
    panels: tuple[float, ...] = ()
    """The likeness of each panel; empty where one is faulty."""


def learned_pictures(folder: Path, tools: Scorers) -> NDArray[np.float32]:
    """Return the mean embedding of the pictures learned from, (dim,); not of unit length."""
    dataset = read_dataset(folder)
    chosen = dataset[:: math.ceil(len(dataset) / PICTURES)]
    rows = tools.encoder.pictures([open_cropped(entry.path, (SIDE, SIDE)) for entry in chosen])
    return np.asarray(rows.mean(axis=0))


def score_checkpoints(run: Run, tools: Scorers, learned: NDArray[np.float32]) -> list[CheckpointScores]:
    """Score the run and return its steps, the bare base first.

    Args:
        run: of `kit.training.previews`.
        tools: what measures the pictures.
        learned: as `learned_pictures` gives it.
    """
    measured = measure(run, tools)
    stories = score_measured(run, tools, measured).stories
    bare = _rows(measured, BARE)
    return [
        _look([one for one in stories if one.candidate == name], _rows(measured, name), bare, learned)
        for name in sorted({one.candidate for one in stories}, key=step_of)
    ]


def _rows(measured: Measured, candidate: str) -> Row | None:
    """Return a candidate's embeddings, (panels, dim), seed by seed; None where a panel has none."""
    found = [
        measured.embeddings.get(reading.sha256)
        for slot, reading in sorted(measured.readings.items())
        if slot.candidate == candidate
    ]
    rows = [row for row in found if row is not None]
    return np.stack(rows).astype(np.float64) if len(rows) == len(found) else None


def _look(
    sets: Sequence[StoryScore], rows: Row | None, bare: Row | None, learned: NDArray[np.float32]
) -> CheckpointScores:
    panels = () if rows is None else tuple((rows @ learned.astype(np.float64)).tolist())
    apart = None if rows is None or bare is None else float(1 - (rows * bare).sum(axis=1).mean())
    return CheckpointScores(
        step=step_of(sets[0].candidate),
        likeness=fmean(panels) if panels else None,
        mrr=_mean(sets, "mrr"),
        text=_mean(sets, "text_mean"),
        aesthetic=_mean(sets, "aesthetic_mean"),
        identity=_mean(sets, "identity"),
        style=_mean(sets, "style"),
        distance=apart,
        panels=panels,
    )


def _mean(sets: Sequence[StoryScore], metric: str) -> float | None:
    known = [value for one in sets if (value := one.values.get(metric)) is not None]
    return fmean(known) if len(known) == len(sets) else None


def best_step(looks: Sequence[CheckpointScores]) -> int:
    """Return the step to hand in.

    Of the steps that keep KEPT of the base's mrr, the earliest that is not clearly below the one nearest to
    the pictures: by no more than the standard error of its difference, panel by panel (Breiman's rule of one
    standard error).

    Raises:
        ScoreError: no step keeps as much, or pictures are missing.
    """
    bare = next((look for look in looks if look.step == 0), None)
    if bare is None or bare.mrr is None:
        raise ScoreError(tr("the bare base's panels are not all there, so no step can be held against them"))
    whole = [(look, look.mrr) for look in looks if look.step and look.panels and look.mrr is not None]
    if not whole:
        raise ScoreError(tr("no saved step has all its panels, so none can be picked"))
    fit = [look for look, mrr in whole if mrr >= KEPT * bare.mrr]
    if not fit:
        raise ScoreError(
            tr(
                "no saved step keeps {kept:.0%} of the base's mrr ({mrr:.3f}): train for fewer "
                "steps, or with a lower learning_rate",
                kept=KEPT,
                mrr=bare.mrr,
            )
        )
    nearest = max(fit, key=lambda look: fmean(look.panels))
    return min(look.step for look in fit if _is_level(nearest.panels, look.panels))


def _is_level(high: Sequence[float], low: Sequence[float]) -> bool:
    differences = [a - b for a, b in zip(high, low, strict=True)]
    return fmean(differences) <= stdev(differences) / math.sqrt(len(differences))


def write_checkpoint_scores(path: Path, looks: Sequence[CheckpointScores]) -> None:
    """Write a table with one row a step; the panels' own numbers are left out."""
    from pandas import DataFrame

    table = DataFrame([asdict(look) for look in looks]).drop(columns="panels")
    write_atomic(path, str(table.to_csv(index=False, lineterminator="\n", float_format="%.6g")).encode())
