"""The metrics held against known damage: do they see it, name the panel, and mind nothing else?

Tales from 0 on are to tune on; those from LOCKED on are not looked at until nothing is tuned any more.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from eval.metrics.consistency import auc
from eval.metrics.registry import METRICS, is_reference
from eval.scorers.calibration import Calibration
from eval.scorers.load import Scorers
from eval.validation.attribute_readings import FOUND, PRECISE, AttributeRow, attribute_rows
from eval.validation.calibrate import calibrate, calibration_sample
from eval.validation.corruptions import DAMAGES, PAINTED_TEXT, SEVERITIES, Damage
from eval.validation.drawn import DRAWN_DAMAGES, UNTOLD, DrawnTools, drawn_trial
from eval.validation.shared_trials import Trials
from eval.validation.trials import CONTROLS, Trial, Values
from kit.errors import ScoreError
from kit.messages import mark, tr
from kit.progress import Progress
from kit.threads import results_in_turn

LOCKED, LOCKED_DRAWN = 10_000, 20_000
"""Numbers of locked tales begin here, and of those that are drawn; those to tune on begin at 0."""
RENDERED = mark("rendered")
HELD_OUT = "hue-shift"
"""The damage that nothing was tuned on."""
STRICT = frozenset({"copies", "near-copies", "resaved-copies", "strangers", UNTOLD})
"""Damages that must be seen nearly always."""
WHOLE = frozenset({UNTOLD})
"""Damages of which the whole tale is asked, seven panels damaged: eight girls against one."""
BOOTSTRAPS = 500
T = TypeVar("T")


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
    pictures: str
    """Where they come from."""
    weights: str
    damages: tuple[DamageRow, ...]
    changes: Mapping[str, Mapping[str, float]]
    """What should not be minded: by change and metric the AUC of clean over changed, .5 is best."""
    selectivity: Mapping[str, float]
    """By metric: mean loss on its own damages over the largest on any other's, two panels."""
    failing: tuple[str, ...]
    """Every cell that misses its mark, in words."""
    attributes: tuple[AttributeRow, ...] = ()
    """Those that the calibration says can be told."""
    calibration: Calibration | None = None
    """What was found of the weights; of true pictures, what was known of them before."""
    letters: bool = False
    """Whether letters were read, so that painted text is held against them."""


def validate(tools: Scorers, trials: Trials, tales: int, progress: Progress | None = None) -> Validation:
    """Return how the metrics do on so many locked tales of true pictures.

    Args:
        tools: the scorers that are held against damage.
        trials: tries tales with the same.
        tales: locked tales, 2 or more; the marks are meant for 200.
        progress: hears of every tale.
    """
    found = _all(trials(_locked(tales, LOCKED)), tales, progress)
    return _with_attributes(
        judge(found, RENDERED, tools.encoder.stamp.weights, DAMAGES), found, tools.calibration
    )


def validate_drawn(tools: Sequence[DrawnTools], tales: int, progress: Progress | None = None) -> Validation:
    """Return how the metrics do on so many locked tales that a base draws.

    As many tales to tune on are drawn first: the calibration's thresholds come from these, what it believes
    from the locked ones.

    Args:
        tools: what draws and what scores, of one base and the same weights: each tries a tale at a time.
        tales: locked tales, 2 or more.
        progress: hears of every tale.
    """
    locked = _locked(tales, LOCKED_DRAWN)
    samples = _all(_tried(calibration_sample, range(tales), tools), tales, progress)
    trials = _all(_tried(drawn_trial, locked, tools), tales, progress)
    scorers, how = tools[0].scorers, tools[0].drawer.how
    found = judge(trials, how, scorers.encoder.stamp.weights, DRAWN_DAMAGES)
    beaten: dict[str, dict[str, float]] = {}
    for row in found.damages:
        beaten.setdefault(row.metric, {})[row.damage] = row.paired
    return _with_attributes(found, trials, calibrate(samples, beaten, scorers, how))


def _tried(
    work: Callable[[int, DrawnTools], T], tales: Iterable[int], tools: Sequence[DrawnTools]
) -> Iterator[T]:
    """Yield what is made of tales, in their order; each goes to the tools that are free."""
    free = SimpleQueue[DrawnTools]()
    for one in tools:
        free.put(one)

    def tried(number: int) -> T:
        taken = free.get()
        try:
            return work(number, taken)
        finally:
            free.put(taken)

    return (made for _, made in results_in_turn(tried, tales, len(tools)))


def _with_attributes(
    found: Validation, trials: Sequence[Trial], calibration: Calibration | None
) -> Validation:
    """Return a validation with how attributes are read at the calibration's thresholds."""
    if calibration is None:
        return found
    rows = attribute_rows([one for trial in trials for one in trial.readings], calibration.attributes)
    failing = [
        tr(
            "{attribute}: {name} {value:.2f}, must be {least:.2f}",
            attribute=row.attribute,
            name=name,
            value=value,
            least=least,
        )
        for row in rows
        for name, value, least in (
            (tr("precision"), row.precision, PRECISE),
            (tr("recall"), row.recall, FOUND),
        )
        if not value >= least
    ]
    return replace(found, attributes=rows, calibration=calibration, failing=(*found.failing, *failing))


def _locked(tales: int, first: int) -> range:
    if tales < 2:
        raise ScoreError(tr("validation needs at least 2 tales, got {tales}", tales=tales))
    return range(first, first + tales)


def _all(done: Iterable[T], tales: int, progress: Progress | None) -> list[T]:
    if progress is not None:
        progress.begin(tales, 0)
    found = []
    for one in done:
        found.append(one)
        if progress is not None:
            progress.advance(1)
    return found


def judge(trials: Sequence[Trial], pictures: str, weights: str, known: Mapping[str, Damage]) -> Validation:
    """Return the tables of trials of these damages, and every cell that misses its mark."""
    letters = "letters" in trials[0].clean
    if letters:
        known = {**known, PAINTED_TEXT: known[PAINTED_TEXT]._replace(seen_by="letters")}
    damages = tuple(_damage_row(trials, name, damage.seen_by) for name, damage in known.items())
    changes = {change: _changed(trials, change) for change in trials[0].changed}
    selectivity = {
        metric: _selectivity(trials, metric, known)
        for metric in dict.fromkeys(one.seen_by for one in known.values())
    }
    return Validation(
        tales=len(trials),
        pictures=pictures,
        weights=weights,
        damages=damages,
        changes=changes,
        selectivity=selectivity,
        failing=tuple(_failing(damages, changes, selectivity)),
        letters=letters,
    )


def _better(values: Values, metric: str) -> float:
    """Return a number that is the higher the better."""
    value = values[metric].value
    if value is None:
        raise ScoreError(tr("{metric} must be defined for every tale", metric=metric))
    return -value if metric in METRICS and METRICS[metric].direction == "lower" else value


Sides = tuple[NDArray[np.float64], NDArray[np.float64]]
"""(tales,) clean, and (tales,) damaged or changed."""


def _sides(metric: str, pairs: Iterable[tuple[Values, Values]]) -> Sides:
    numbers = [(_better(clean, metric), _better(other, metric)) for clean, other in pairs]
    clean, others = np.array(numbers).T
    return clean, others


def _damaged(trials: Sequence[Trial], metric: str, damage: str) -> Sides:
    severity = 7 if damage in WHOLE else 2
    return _sides(metric, ((trial.clean_for(damage), trial.damaged[damage, severity]) for trial in trials))


def _damage_row(trials: Sequence[Trial], damage: str, metric: str) -> DamageRow:
    clean, worse = _damaged(trials, metric, damage)
    draws = np.random.default_rng(0).integers(0, len(trials), (BOOTSTRAPS, len(trials)))
    every = {name: auc(*_damaged(trials, name, damage)) for name in trials[0].clean}
    return DamageRow(
        damage=damage,
        metric=metric,
        auc=every[metric],
        auc_low=float(np.quantile([auc(clean[d], worse[d]) for d in draws], 0.025)),
        paired=float(np.mean(clean > worse) + 0.5 * np.mean(clean == worse)),
        spearman=_spearman(trials, damage, metric),
        localised=_localised(trials, damage, metric),
        every=every,
    )


def _changed(trials: Sequence[Trial], change: str) -> dict[str, float]:
    pairs = [(one.clean, one.changed[change]) for one in trials]
    sides = {name: _sides(name, pairs) for name in trials[0].clean if name not in CONTROLS}
    return {name: auc(*both) for name, both in sides.items()}


def _spearman(trials: Sequence[Trial], damage: str, metric: str) -> float:
    """Return the rank correlation of severity and loss."""
    losses = [
        (severity, _better(one.clean_for(damage), metric) - _better(one.damaged[damage, severity], metric))
        for one in trials
        for severity in SEVERITIES
        if (damage, severity) in one.damaged
    ]
    if any(len(set(column)) == 1 for column in zip(*losses, strict=True)):
        return math.nan  # one loss throughout ranks nothing
    return float(spearmanr(losses).statistic)


def _localised(trials: Sequence[Trial], damage: str, metric: str) -> float | None:
    found = [
        int(np.argmin(panels)) == one.hit[damage][0]
        for one in trials
        if (damage, 1) in one.damaged and (panels := one.damaged[damage, 1][metric].panels) is not None
    ]
    return float(np.mean(found)) if found else None


def _selectivity(trials: Sequence[Trial], metric: str, known: Mapping[str, Damage]) -> float:
    losses = {name: float(np.mean(np.subtract(*_damaged(trials, metric, name)))) for name in known}
    own = np.mean([loss for name, loss in losses.items() if known[name].seen_by == metric])
    others = max(abs(loss) for name, loss in losses.items() if known[name].seen_by != metric)
    return float(own / others) if others else float("inf")


def _failing(
    damages: Sequence[DamageRow], changes: Mapping[str, Mapping[str, float]], selectivity: Mapping[str, float]
) -> list[str]:
    """Return each cell that misses the marks of the protocol."""
    failing: list[str] = []
    for row in damages:
        least_auc, low = (0.95, 0.95) if row.damage in STRICT else (0.90, 0.85)
        cells = [
            ("AUC", row.auc, least_auc),
            (tr("lower bound"), row.auc_low, low),
            ("Spearman", row.spearman, 0.80),
        ]
        if row.localised is not None:
            cells.append((tr("localisation"), row.localised, 0.80))
        failing += [
            tr(
                "{damage} by {metric}: {name} {value:.2f}, must be {least:.2f}",
                damage=row.damage,
                metric=row.metric,
                name=name,
                value=value,
                least=least,
            )
            for name, value, least in cells
            if not value >= least
        ]
    for change, every in changes.items():
        failing += [
            tr(
                "{metric} minds {change}: AUC {value:.2f}, must be .45 to .55",
                metric=metric,
                change=change,
                value=value,
            )
            for metric, value in every.items()
            if not is_reference(metric) and not 0.45 <= value <= 0.55
        ]
    failing += [
        tr("{metric}: selectivity {value:.1f}, must be 3", metric=metric, value=value)
        for metric, value in selectivity.items()
        if not value >= 3
    ]
    return failing
