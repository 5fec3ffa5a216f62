"""The metrics held against known damage: do they see it, name the panel, and mind nothing else?

Tales from 0 on are to tune on; those from LOCKED on are not looked at until nothing is tuned any more.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from eval.metrics.consistency import auc
from eval.metrics.registry import METRICS, is_reference, validated
from eval.scorers.load import Scorers
from eval.validation.corruptions import CHANGES, DAMAGES, SEVERITIES
from eval.validation.trials import CONTROLS, RESIZED, Trial, Values, trial
from kit.errors import ScoreError
from kit.library_warnings import hide_pynvml_warning
from kit.progress import Progress

LOCKED = 10_000
"""Numbers of locked tales begin here; those to tune on begin at 0."""
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
    every: Mapping[str, float]
    """AUC of every metric and control."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Validation:
    """What the locked half shows."""

    tales: int
    """Locked ones."""
    weights: str
    damages: tuple[DamageRow, ...]
    changes: Mapping[str, Mapping[str, float]]
    """What should not be minded: by change and metric the AUC of clean over changed, .5 is best."""
    selectivity: Mapping[str, float]
    """By metric: mean loss on its own damages over the largest on any other's, two panels."""
    failing: tuple[str, ...]
    """Every cell that misses its mark, in words."""


def validate(load: Callable[[], Scorers], tales: int, progress: Progress | None = None) -> Validation:
    """Return how the metrics do on so many locked tales.

    Args:
        load: gives the scorers; called once here and once in each process.
        tales: locked tales, 2 or more; the marks are meant for 200.
        progress: hears of every tale.
    """
    if tales < 2:
        raise ScoreError(f"validation needs at least 2 tales, got {tales}")
    weights = load().encoder.stamp.weights  # what cannot be loaded is told here, not in another process
    numbers = range(LOCKED, LOCKED + tales)
    if progress is not None:
        progress.begin(tales, 0)
    trials = []
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn"), _prepare, (load,)) as pool:
        for done in pool.map(_trial_here, numbers):
            trials.append(done)
            if progress is not None:
                progress.advance(1)
    return judge(trials, weights)


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
    damages = tuple(_damage_row(trials, damage) for damage in DAMAGES)
    changes = {change: _changed(trials, change) for change in (*CHANGES, RESIZED)}
    selectivity = {
        metric: _selectivity(trials, metric)
        for metric in dict.fromkeys(one.seen_by for one in DAMAGES.values())
    }
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


Sides = tuple[NDArray[np.float64], NDArray[np.float64]]
"""(tales,) clean, and (tales,) damaged or changed."""


def _sides(trials: Sequence[Trial], metric: str, others: Iterable[Values]) -> Sides:
    clean = np.array([_better(trial.clean, metric) for trial in trials])
    return clean, np.array([_better(other, metric) for other in others])


def _damaged(trials: Sequence[Trial], metric: str, damage: str) -> Sides:
    return _sides(trials, metric, (trial.damaged[damage, 2] for trial in trials))


def _damage_row(trials: Sequence[Trial], damage: str) -> DamageRow:
    metric = DAMAGES[damage].seen_by
    clean, worse = _damaged(trials, metric, damage)
    draws = np.random.default_rng(0).integers(0, len(trials), (BOOTSTRAPS, len(trials)))
    every = {name: auc(*_damaged(trials, name, damage)) for name in (*validated(), *CONTROLS)}
    return DamageRow(
        damage=damage,
        metric=metric,
        auc=every[metric],
        auc_low=float(np.quantile([auc(clean[d], worse[d]) for d in draws], 0.025)),
        paired=float(np.mean(clean > worse) + 0.5 * np.mean(clean == worse)),
        spearman=_spearman(trials, damage),
        localised=_localised(trials, damage),
        every=every,
    )


def _changed(trials: Sequence[Trial], change: str) -> dict[str, float]:
    sides = {name: _sides(trials, name, (one.changed[change] for one in trials)) for name in validated()}
    return {name: auc(*both) for name, both in sides.items()}


def _spearman(trials: Sequence[Trial], damage: str) -> float:
    """Return the rank correlation of severity and loss."""
    metric = DAMAGES[damage].seen_by
    losses = [
        (severity, _better(one.clean, metric) - _better(one.damaged[damage, severity], metric))
        for one in trials
        for severity in SEVERITIES
        if (damage, severity) in one.damaged
    ]
    return float(spearmanr(losses).statistic)


def _localised(trials: Sequence[Trial], damage: str) -> float | None:
    metric = DAMAGES[damage].seen_by
    found = [
        int(np.argmin(panels)) == one.hit[damage][0]
        for one in trials
        if (damage, 1) in one.damaged and (panels := one.damaged[damage, 1][metric].panels) is not None
    ]
    return float(np.mean(found)) if found else None


def _selectivity(trials: Sequence[Trial], metric: str) -> float:
    losses = {name: float(np.mean(np.subtract(*_damaged(trials, metric, name)))) for name in DAMAGES}
    own = np.mean([loss for name, loss in losses.items() if DAMAGES[name].seen_by == metric])
    others = max(abs(loss) for name, loss in losses.items() if DAMAGES[name].seen_by != metric)
    return float(own / others) if others else float("inf")


def _failing(
    damages: Sequence[DamageRow], changes: Mapping[str, Mapping[str, float]], selectivity: Mapping[str, float]
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
    for change, every in changes.items():
        failing += [
            f"{metric} minds {change}: AUC {value:.2f}, must be .45 to .55"
            for metric, value in every.items()
            if not is_reference(metric) and not 0.45 <= value <= 0.55
        ]
    failing += [
        f"{metric}: selectivity {value:.1f}, must be 3"
        for metric, value in selectivity.items()
        if not value >= 3
    ]
    return failing
