"""The metrics held against known damage: do they see it, name the panel, and mind nothing else?

Tales from 0 on are to tune on; those from LOCKED on are not looked at until nothing is tuned any more.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from eval.metrics.consistency import auc
from eval.metrics.registry import METRICS, is_reference, validated
from eval.scorers.load import Scorers
from eval.validation.corruptions import CHANGES, SEVERITIES, SWAPPED
from eval.validation.trials import CONTROLS, RESIZED, Trial, Values, trial
from kit.errors import ScoreError
from kit.library_warnings import hide_pynvml_warning
from kit.progress import Progress

LOCKED = 10_000
"""Numbers of locked tales begin here; those to tune on begin at 0."""
SEEN_BY: Mapping[str, str] = {
    "identity-far": "identity",
    "identity-near": "identity",
    "attribute": "identity",
    "missing": "identity",
    "extra": "identity",
    "strangers": "identity",
    "style-drift": "style",
    "place-break": "place",
    "stilled": "staging",
    "copies": "copies",
    "near-copies": "copies",
    SWAPPED: "mrr",
    "painted-text": "style",
    "blur": "aesthetic",
    "jpeg": "aesthetic",
    "noise": "aesthetic",
    "hue-shift": "style",
}
"""Which metric has to see a damage."""
HELD_OUT = "hue-shift"
"""The damage that nothing was tuned on."""
STRICT = frozenset({"copies", "near-copies", "strangers"})
"""Damages that must be seen nearly always."""
BOOTSTRAPS = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class DamageRow:
    """How one damage is seen, on the locked half."""

    damage: str
    metric: str
    """The one that has to see it."""
    auc: float
    """Clean beats damaged, two panels damaged, tales unrelated."""
    auc_low: float
    """Lower end of the 95 % interval, bootstrap over tales."""
    paired: float
    """Share of tales that beat their own damaged twin, ties half."""
    spearman: float
    """Of severity and loss, all tales and severities."""
    localised: float | None
    """How often the lowest panel is the damaged one, one panel damaged; None for metrics without panels."""
    naive: float
    """AUC of the mean pairwise cosine."""
    every: Mapping[str, float]
    """AUC of every metric and control."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeRow:
    """What should not be minded: AUC of clean over changed by metric, .5 is best."""

    change: str
    every: Mapping[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Validation:
    """What the locked half shows."""

    tales: int
    """Locked ones."""
    weights: str
    damages: tuple[DamageRow, ...]
    changes: tuple[ChangeRow, ...]
    selectivity: Mapping[str, float]
    """By metric: mean loss on its own damages over the largest on any other's, two panels."""
    failing: tuple[str, ...]
    """Every cell that misses its mark, in words."""


def validate(load: Callable[[], Scorers], tales: int, progress: Progress | None = None) -> Validation:
    """Return how the metrics do on so many locked tales.

    Args:
        load: gives the instruments; called once in each process.
        tales: locked tales, 2 or more; the marks are meant for 200.
        progress: hears of every tale.
    """
    if tales < 2:
        raise ScoreError(f"validation needs at least 2 tales, got {tales}")
    numbers = range(LOCKED, LOCKED + tales)
    if progress is not None:
        progress.begin(tales, 0)
    trials = []
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn"), _prepare, (load,)) as pool:
        for done in pool.map(_trial_here, numbers):
            trials.append(done)
            if progress is not None:
                progress.advance(1)
    return judge(trials, load().encoder.stamp.weights)


_loaded: list[Scorers] = []


def _prepare(load: Callable[[], Scorers]) -> None:
    hide_pynvml_warning()
    import torch

    torch.set_num_threads(1)
    _loaded.append(load())


def _trial_here(number: int) -> Trial:
    return trial(number, _loaded[0])


def judge(trials: Sequence[Trial], weights: str) -> Validation:
    """Return the tables of the trials, and every cell that misses its mark."""
    damages = tuple(_damage_row(trials, damage) for damage in SEEN_BY)
    changes = tuple(_change_row(trials, change) for change in (*CHANGES, RESIZED))
    selectivity = {metric: _selectivity(trials, metric) for metric in dict.fromkeys(SEEN_BY.values())}
    return Validation(
        tales=len(trials),
        weights=weights,
        damages=damages,
        changes=changes,
        selectivity=selectivity,
        failing=tuple(_failing(damages, changes, selectivity)),
    )


def _better(values: Values, metric: str) -> float:
    """Return a number that is the higher the better."""
    value = values[metric].value
    if value is None:
        raise ScoreError(f"{metric} must be defined for every tale")
    return -value if metric in METRICS and METRICS[metric].direction == "lower" else value


def _sides(
    trials: Sequence[Trial], metric: str, side: Callable[[Trial], Values]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    clean = np.array([_better(trial.clean, metric) for trial in trials])
    return clean, np.array([_better(side(trial), metric) for trial in trials])


def _auc_of(trials: Sequence[Trial], metric: str, side: Callable[[Trial], Values]) -> float:
    return auc(*_sides(trials, metric, side))


def _damage_row(trials: Sequence[Trial], damage: str) -> DamageRow:
    metric = SEEN_BY[damage]
    clean, worse = _sides(trials, metric, lambda trial: trial.damaged[damage, 2])
    draws = np.random.default_rng(0).integers(0, len(trials), (BOOTSTRAPS, len(trials)))
    every = {m: _auc_of(trials, m, lambda t: t.damaged[damage, 2]) for m in (*validated(), *CONTROLS)}
    return DamageRow(
        damage=damage,
        metric=metric,
        auc=auc(clean, worse),
        auc_low=float(np.quantile([auc(clean[d], worse[d]) for d in draws], 0.025)),
        paired=float(np.mean(clean > worse) + 0.5 * np.mean(clean == worse)),
        spearman=_spearman(trials, damage),
        localised=_localised(trials, damage),
        naive=every["naive"],
        every=every,
    )


def _change_row(trials: Sequence[Trial], change: str) -> ChangeRow:
    every = {metric: _auc_of(trials, metric, lambda trial: trial.changed[change]) for metric in validated()}
    return ChangeRow(change=change, every=every)


def _spearman(trials: Sequence[Trial], damage: str) -> float:
    """Return the rank correlation of severity and loss."""
    severities, losses = [], []
    for one in trials:
        for severity in SEVERITIES:
            if (damage, severity) in one.damaged:
                severities.append(severity)
                before = _better(one.clean, SEEN_BY[damage])
                losses.append(before - _better(one.damaged[damage, severity], SEEN_BY[damage]))
    return float(spearmanr(severities, losses).statistic)


def _localised(trials: Sequence[Trial], damage: str) -> float | None:
    found = []
    for one in trials:
        values = one.damaged.get((damage, 1))
        panels = values[SEEN_BY[damage]].panels if values else None
        if panels is not None:
            found.append(int(np.argmin(panels)) == one.hit[damage][0])
    return float(np.mean(found)) if found else None


def _selectivity(trials: Sequence[Trial], metric: str) -> float:
    losses = {damage: _loss(trials, metric, damage) for damage in SEEN_BY}
    own = np.mean([loss for damage, loss in losses.items() if SEEN_BY[damage] == metric])
    others = max(abs(loss) for damage, loss in losses.items() if SEEN_BY[damage] != metric)
    return float(own / others) if others else float("inf")


def _loss(trials: Sequence[Trial], metric: str, damage: str) -> float:
    clean, worse = _sides(trials, metric, lambda trial: trial.damaged[damage, 2])
    return float(np.mean(clean - worse))


def _failing(
    damages: Sequence[DamageRow], changes: Sequence[ChangeRow], selectivity: Mapping[str, float]
) -> list[str]:
    """Return each cell that misses the marks of the protocol."""
    failing = []
    for row in damages:
        mark, low = (0.95, 0.95) if row.damage in STRICT else (0.90, 0.85)
        cells = [("AUC", row.auc, mark), ("lower bound", row.auc_low, low), ("Spearman", row.spearman, 0.80)]
        if row.localised is not None:
            cells.append(("localisation", row.localised, 0.80))
        failing += [
            f"{row.damage} by {row.metric}: {name} {value:.2f}, must be {least:.2f}"
            for name, value, least in cells
            if not value >= least
        ]
    for change in changes:
        failing += [
            f"{metric} minds {change.change}: AUC {value:.2f}, must be .45 to .55"
            for metric, value in change.every.items()
            if not is_reference(metric) and not 0.45 <= value <= 0.55
        ]
    failing += [
        f"{metric}: selectivity {value:.1f}, must be 3"
        for metric, value in selectivity.items()
        if not value >= 3
    ]
    return failing
