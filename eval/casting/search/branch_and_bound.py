"""The best set of eight among all that can be chosen: branch and bound, so the answer is exact.

A part of a set is dropped once it holds copies, or once it could not become the best: not even if the panels
still open were as good as their best pictures in each metric (`SetScorer.with_ideals`), or in all metrics
together (`PairBounds`). Hill climbing gives a good set to begin with, and pictures that no better set can
hold are left out before, so that few parts are looked at.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eval.casting.search.pair_bounds import PairBounds, PairSum, bounded_above
from eval.casting.search.search import SLACK, BestSet, Search
from eval.casting.search.set_scores import Sets, Values
from kit.story.story import PANELS

STARTS, STARTS_BESIDE = 16, 4
"""Of the sets chosen by lot, where the climbing starts, and beside a set that is known to be good."""
BLOCK = 1 << 21
"""Numbers that are held of parts of sets which are looked at together."""
ROUNDING = 1e-7
"""What a bound in sums may be off by."""


class FoundSet(NamedTuple):
    """What a search found."""

    pictures: tuple[int, ...]
    """() where no set passes the gates, or none was found in time."""
    proven: bool
    """Whether no set is better; False where the search was stopped before that was known."""


def best_set(search: Search, known: Sequence[int] = (), patience_s: float = np.inf) -> FoundSet:
    """Return the best set of all that pass the gates.

    Args:
        search: what is searched, and by what.
        known: a set to begin with beside others, where one is known.
        patience_s: how long to search; what was found by then need not be the best.
    """
    until = time.monotonic() + patience_s
    own = np.asarray(known, dtype=np.intp).reshape(-1, PANELS)
    lots = search.scale.lots[: STARTS_BESIDE if known else STARTS]
    best = search.climbed(np.concatenate([lots, own]))
    narrowed = _narrowed(search, best)
    if narrowed is None:
        return FoundSet(best.pictures, proven=True)
    return narrowed.searched(best, until)


@dataclass(frozen=True, slots=True)
class _PartialSets:
    """Sets of which the first panels of an order are filled, ideals in the others."""

    filled: int
    sets: Sets
    sums: Values
    """(parts,) what their pictures and pairs add up to."""
    beside: Values
    """(parts, allowed) what each allowed picture would add to that."""

    def __getitem__(self, these: slice | NDArray[np.intp]) -> "_PartialSets":
        return _PartialSets(self.filled, self.sets[these], self.sums[these], self.beside[these])


@dataclass(frozen=True, kw_only=True, slots=True)
class _Narrowed:
    """A search whose options are those that a better set could hold, with what bounds their sets."""

    search: Search
    hopes: Search
    """With one ideal picture more a panel."""
    sums: PairBounds
    flat: Values
    """(metrics,) what the sum holds of a metric that it bounds for all sets alike; else infinite."""

    @property
    def ideals(self) -> Sets:
        """The set of ideals, (1, 8)."""
        return len(self.search.choices.panels) + np.arange(PANELS)[None]

    def searched(self, best: BestSet, until: float) -> FoundSet:
        """Return the best set; the one known where there is no time for more."""
        sizes = [len(allowed) for allowed in self.search.options]
        order = sorted(range(PANELS), key=sizes.__getitem__)
        total = sum(sizes)
        todo = [_PartialSets(0, self.ideals, np.zeros(1), self.sums.single[None])]
        while todo:
            if time.monotonic() > until:
                return FoundSet(best.pictures, proven=False)
            parts = todo.pop()
            panel = order[parts.filled]
            most = max(1, BLOCK // (total * sizes[panel]))
            if len(parts.sets) > most:
                todo.append(parts[slice(most, None)])
            parts = self._grown(parts[slice(most)], panel, order[parts.filled + 1 :], best)
            if parts.filled < PANELS and len(parts.sets):
                todo.append(parts)
            elif len(parts.sets):
                better = self.search.best_of(parts.sets, best)
                best = self.search.best_of(parts.sets, self.search.climbed(np.asarray([better.pictures])))
        return FoundSet(best.pictures, proven=True)

    def _grown(self, parts: _PartialSets, panel: int, opened: Sequence[int], best: BestSet) -> _PartialSets:
        """Return the parts with a panel filled that can still become the best set, the most hopeful first."""
        own = self.sums.of_panel(panel)
        sets = self.search.filled(parts.sets, panel)
        sums = (parts.sums[:, None] + parts.beside[:, own]).ravel()
        beside = (parts.beside[:, None] + self.sums.pairs[None, own]).reshape(len(sets), -1)
        most = self.sums.constant + sums + self.sums.best_open(beside, opened)
        left = self.hopeful(sets, most, best)
        left = left[np.argsort(-most[left], kind="stable")]
        return _PartialSets(parts.filled + 1, sets[left], sums[left], beside[left])

    def hopeful(self, sets: Sets, most: Values, best: BestSet) -> NDArray[np.intp]:
        """Return which parts can still become the best set; dear metrics are asked of few.

        Args:
            sets: (parts, 8), ideals where panels are open.
            most: (parts,) what the mean of all metrics cannot exceed.
            best: the best set known.
        """
        hopes, weights = self.hopes, self.search.weights
        left = np.flatnonzero(most >= min(best.weakest, best.mean) - ROUNDING)
        left = left[hopes.passes(sets[left])]
        share = np.full(len(self.flat), 1 / len(self.flat)) if weights is None else weights
        lowest, total, most = np.full(len(left), np.inf), np.zeros(len(left)), most[left]
        for k, metric in enumerate(self.search.scale.metrics):
            unbounded = metric in hopes.choices.unbounded
            above = np.full(len(left), np.inf) if unbounded else hopes.above(k, sets[left])
            if self.flat[k] < np.inf:
                most = most + share[k] * (np.minimum(above, self.flat[k]) - self.flat[k])
            total = total + (share[k] * above if share[k] else 0)
            lowest = np.minimum(lowest, above if weights is None else 0.0)
            keep = lowest >= best.weakest - SLACK
            left, lowest, total, most = left[keep], lowest[keep], total[keep], most[keep]
        better = np.minimum(lowest, most + ROUNDING) > best.weakest + SLACK
        better |= np.minimum(total + SLACK, most + ROUNDING) >= best.mean
        if weights is None:
            better &= most >= best.weakest - ROUNDING
        return np.asarray(left[better])


def _narrowed(search: Search, best: BestSet) -> _Narrowed | None:
    """Return the search without the pictures that no better set can hold; None where no set can be better."""
    while True:
        narrowed = _bounded(search, best)
        options = []
        for panel, most in enumerate(narrowed.sums.with_each()):
            sets = narrowed.hopes.filled(narrowed.ideals, panel)
            left = narrowed.hopeful(sets, most, best)
            options.append(sets[left, panel].tolist())
        if not all(options):
            return None
        if options == [list(allowed) for allowed in search.options]:
            return narrowed
        search = replace(search, options=options)


def _bounded(search: Search, best: BestSet) -> _Narrowed:
    """Return a search with what bounds its sets."""
    choices, scale = search.choices, search.scale
    hopes = replace(search, choices=choices.with_ideals(search.options))
    ideals = len(choices.panels) + np.arange(PANELS)[None]
    near = best.pictures or [allowed[0] for allowed in search.options]
    shares = np.full(len(scale.metrics), 1 / len(scale.metrics)) if search.weights is None else search.weights
    constant = 0.0
    single, pairs = np.zeros(len(choices.panels)), np.zeros((len(choices.panels),) * 2)
    flat = np.full(len(scale.metrics), np.inf)
    for k, (metric, share) in enumerate(zip(scale.metrics, shares, strict=True)):
        needed = -np.inf
        if search.weights is None and best.weakest > -np.inf:
            needed = float(scale.mean[k] + (best.weakest - ROUNDING) * scale.deviation[k])
        found = bounded_above(choices, metric, search.options, near, needed)
        if found is not None:
            constant += share * (found.constant - scale.mean[k]) / scale.deviation[k]
            single += share * found.single / scale.deviation[k]
            pairs += share * found.pairs / scale.deviation[k]
        elif share:
            flat[k] = np.inf if metric in hopes.choices.unbounded else float(hopes.above(k, ideals)[0])
            constant += share * flat[k]
    total = PairSum(constant=constant, single=single, pairs=pairs)
    sums = PairBounds.of(total, choices.copied, search.options)
    return _Narrowed(search=search, hopes=hopes, sums=sums, flat=flat)
