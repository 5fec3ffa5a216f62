"""The best set of eight among all that can be chosen: branch and bound, so the answer is exact.

A set is as good as its weakest metric, each in standard deviations above sets chosen by lot; ties go to the
higher mean of all, then to the pictures that come first. A part of a set is dropped once it holds copies, or
once it could not become the best even if the panels still open were as good as their best pictures
(`SetScorer.with_ideals`). Hill climbing gives a good set to begin with, so most parts are dropped early.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eval.casting.set_scores import Sets, SetScorer, Values
from kit.story.story import PANELS

LOTS = 1000
"""Sets chosen by lot, from which the scale of each metric is taken."""
STARTS = 16
"""Of these, where the climbing starts."""
RNG_SEED = 0
BLOCK = 1 << 15
"""Parts of sets that are looked at together."""
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


def scale_of(choices: SetScorer) -> MetricScale:
    """Return the scale of every metric, from the same lots every time."""
    rng = np.random.default_rng(RNG_SEED)
    lots = np.stack([rng.choice(choices.of(panel), LOTS) for panel in range(PANELS)], axis=1)
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

    def standings(self, sets: Sets) -> Values:
        """Return (sets, metrics) standard deviations above sets chosen by lot."""
        return np.stack([self._above(k, sets) for k in range(len(self.scale.metrics))], axis=1)

    def passes(self, sets: Sets) -> NDArray[np.bool_]:
        """Return (sets,) whether each passes the gates: no two copies, and the aesthetic mean."""
        choices = self.choices
        return np.asarray((choices.value("aesthetic", sets) >= self.gate) & (choices.copies(sets) == 0))

    def neighbours(self, pictures: Sequence[int]) -> Sets:
        """Return every set that differs in one panel."""
        own = np.asarray([pictures])
        rows = np.concatenate([self._filled(own, panel) for panel in range(PANELS)])
        return np.asarray(rows[(rows != own).any(axis=1)])

    def best(self) -> BestSet | None:
        """Return the best set of all that pass the gates; None if none does."""
        best = max(map(self._climb, self.scale.lots[:STARTS].tolist()), key=_rank)
        hopes = replace(self, choices=self.choices.with_ideals(self.options))
        todo = [(0, len(self.choices.panels) + np.arange(PANELS)[None])]
        while todo:
            panel, parts = todo.pop()
            if len(parts) > BLOCK:
                todo.append((panel, parts[BLOCK:]))
            parts = hopes._hopeful(self._filled(parts[:BLOCK], panel), best)
            if panel + 1 < PANELS and len(parts):
                todo.append((panel + 1, parts))
            elif len(parts):
                best = self._climb(self._best_of(parts, best).pictures)
        return best if best.pictures else None

    def _climb(self, start: Sequence[int]) -> BestSet:
        """Return the set that no change of one panel betters, reached from this one."""
        held = [p if p in allowed else allowed[0] for p, allowed in zip(start, self.options, strict=True)]
        best = self._best_of(np.asarray([held]), NOTHING)
        while (better := self._best_of(self.neighbours(best.pictures or held), best)) is not best:
            best = better
        return best

    def _filled(self, parts: Sets, panel: int) -> Sets:
        """Return the parts with each of a panel's pictures in its place."""
        filled = np.repeat(parts, len(self.options[panel]), axis=0)
        filled[:, panel] = np.tile(self.options[panel], len(parts))
        return filled

    def _hopeful(self, parts: Sets, best: BestSet) -> Sets:
        """Return the parts that can still become the best set; dear metrics are asked of few."""
        parts = parts[self.passes(parts)]
        lowest, total = np.full(len(parts), np.inf), np.zeros(len(parts))
        for k, metric in enumerate(self.scale.metrics):
            unbounded = metric in self.choices.unbounded
            above = np.full(len(parts), np.inf) if unbounded else self._above(k, parts)
            keep = above >= best.weakest - SLACK
            parts, lowest, total = parts[keep], np.minimum(lowest, above)[keep], (total + above)[keep]
        better = (lowest > best.weakest + SLACK) | (total / len(self.scale.metrics) >= best.mean - SLACK)
        return parts[better]

    def _best_of(self, sets: Sets, best: BestSet) -> BestSet:
        """Return the best of these that pass, or the one given if none is better."""
        sets = sets[self.passes(sets)]
        standings = self.standings(sets)
        found = map(
            BestSet,
            standings.min(axis=1).tolist(),
            standings.mean(axis=1).tolist(),
            map(tuple, sets.tolist()),
        )
        return max((best, *found), key=_rank)

    def _above(self, k: int, sets: Sets) -> Values:
        value = self.choices.value(self.scale.metrics[k], sets)
        return np.asarray((value - self.scale.mean[k]) / self.scale.deviation[k])


def _rank(best: BestSet) -> tuple[float, float, tuple[int, ...]]:
    return round(best.weakest, DIGITS), round(best.mean, DIGITS), tuple(-picture for picture in best.pictures)
