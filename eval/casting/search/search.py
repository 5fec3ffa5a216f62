"""How good sets of eight are, and what is searched for the best.

A set is as good as its weakest metric, each in standard deviations above sets chosen by lot; ties go to the
higher mean of all, then to the pictures that come first. Where metrics have weights, their weighted mean
decides instead.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eval.casting.search.set_scores import Sets, SetScorer, Values
from kit.story.story import PANELS

LOTS = 1000
"""Sets chosen by lot, from which the scale of each metric is taken."""
RNG_SEED = 0
DIGITS = 9
"""Standard deviations are compared to so many decimals; beyond lies the rounding of sums."""
SLACK = 10.0**-DIGITS


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricScale:
    """What each metric is among sets chosen by lot; one that never changes is left out."""

    metrics: tuple[str, ...]
    mean: Values
    deviation: Values
    """Both (metrics,), in the unit of the metric."""
    lots: Sets


class BestSet(NamedTuple):
    """The best set known, and how good it is."""

    weakest: float
    """Standard deviations."""
    mean: float
    pictures: tuple[int, ...]


NOTHING = BestSet(-np.inf, -np.inf, ())


def scale_of(choices: SetScorer, apart: Collection[int] = ()) -> MetricScale:
    """Return the scale of every metric, from the same lots every time.

    Args:
        choices: what is chosen from.
        apart: pictures that no lot falls on, unless their panel has no others.
    """
    rng = np.random.default_rng(RNG_SEED)
    every = (choices.of(panel) for panel in range(PANELS))
    drawn = [[one for one in panel if one not in apart] or panel for panel in every]
    lots = np.stack([rng.choice(panel, LOTS) for panel in drawn], axis=1)
    values = choices.values(lots)
    spread = values.std(axis=0)
    varied = spread > SLACK
    return MetricScale(
        metrics=tuple(metric for metric, varies in zip(choices.metrics, varied, strict=True) if varies),
        mean=values.mean(axis=0)[varied],
        deviation=spread[varied],
        lots=lots,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """What is searched: pictures by panel, the scale, and the gate of the aesthetic mean."""

    choices: SetScorer
    scale: MetricScale
    options: Sequence[Sequence[int]]
    """The pictures allowed for each panel."""
    gate: float
    weights: Values | None = None
    """(metrics,) shares of the scale's metrics, adding up to 1; None where the weakest decides."""

    def standings(self, sets: Sets) -> Values:
        """Return (sets, metrics) standard deviations above sets chosen by lot."""
        return np.stack([self.above(k, sets) for k in range(len(self.scale.metrics))], axis=1)

    def above(self, k: int, sets: Sets) -> Values:
        """Return (sets,) standard deviations above sets chosen by lot in one metric."""
        value = self.choices.value(self.scale.metrics[k], sets)
        return np.asarray((value - self.scale.mean[k]) / self.scale.deviation[k])

    def passes(self, sets: Sets) -> NDArray[np.bool_]:
        """Return (sets,) whether each passes the gates: no two copies, and the aesthetic mean."""
        choices = self.choices
        return np.asarray((choices.value("aesthetic", sets) >= self.gate) & (choices.copies(sets) == 0))

    def neighbours(self, pictures: Sequence[int]) -> Sets:
        """Return every set that differs in one panel."""
        own = np.asarray([pictures])
        rows = np.concatenate([self.filled(own, panel) for panel in range(PANELS)])
        return np.asarray(rows[(rows != own).any(axis=1)])

    def filled(self, parts: Sets, panel: int) -> Sets:
        """Return the parts with each of a panel's pictures in its place."""
        filled = np.repeat(parts, len(self.options[panel]), axis=0)
        filled[:, panel] = np.tile(self.options[panel], len(parts))
        return filled

    def climbed(self, starts: Sets) -> BestSet:
        """Return the best of the sets that no change of one panel betters, reached from these."""
        held = np.stack(
            [
                np.where(np.isin(starts[:, panel], allowed), starts[:, panel], allowed[0])
                for panel, allowed in enumerate(self.options)
            ],
            axis=1,
        )
        best = NOTHING
        while len(held):
            best = self.best_of(held, best)
            around = np.stack([self.neighbours(row) for row in held.tolist()])
            rated = self._rated(np.concatenate([held[:, None], around], axis=1).reshape(-1, PANELS))
            low, mean = (column.reshape(len(held), -1) for column in rated)
            mean = np.where(low == low.max(axis=1, keepdims=True), mean, -np.inf)
            first = mean.argmax(axis=1)
            moved = first > 0
            held = around[moved, first[moved] - 1]
        return best

    def best_of(self, sets: Sets, best: BestSet) -> BestSet:
        """Return the best of these that pass, or the one given if none is better."""
        sets = sets[self.passes(sets)]
        standings = self.standings(sets)
        found = map(
            BestSet, *(column.tolist() for column in self.judged(standings)), map(tuple, sets.tolist())
        )
        return max((best, *found), key=_rank)

    def judged(self, standings: Values) -> tuple[Values, Values]:
        """Return (sets,) twice, what decides and what decides between equals."""
        if self.weights is None:
            return standings.min(axis=1, initial=np.inf), standings.mean(axis=1)
        return np.zeros(len(standings)), np.asarray(standings @ self.weights)

    def _rated(self, sets: Sets) -> tuple[Values, Values]:
        """Return what `judged` does, rounded as it is compared; what does not pass is below all."""
        good = self.passes(sets)
        first, second = self.judged(self.standings(sets))
        return np.where(good, first.round(DIGITS), -np.inf), np.where(good, second.round(DIGITS), -np.inf)


def _rank(best: BestSet) -> tuple[float, float, tuple[int, ...]]:
    return round(best.weakest, DIGITS), round(best.mean, DIGITS), tuple(-picture for picture in best.pictures)
