"""An upper bound of how good a set is, as a sum over its pictures and pairs of pictures.

Text and aesthetic scores are such sums. Leave-one-out cosines are not: of n rows of unit length with the sum
s, R = |s|^2 and b = e.s, the cosine of e to the rest is (b - 1) / sqrt(R + 1 - 2 b). For a given R it is
convex in b, so it lies below its chord; as the b of a group add up to R, their sum lies below a function of R
alone, and that below a straight line, which is a sum over pairs. Others have one bound for all sets.

Of a sum over pictures and pairs the best picture of each panel, and the best of each pair of panels, bound
every set. Moving the pairs' parts to and fro between pictures (min-sum diffusion) lowers that bound and
leaves the sum of each set as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from eval.casting.search.set_scores import SetScorer, Values
from kit.story.story import PANELS

SUMMED = ("text", "aesthetic")
_GRID = 1025
"""Values of R at which the chord is looked at; what may lie between them is added."""
_ROUNDS = 60
"""Of diffusion at most; it ends earlier where a round gains less than _GAIN."""
_GAIN = 1e-4
_COPIES = -1e3
"""What a pair of copies adds: no set with one is any good."""
_TINY = 1e-12


@dataclass(frozen=True, kw_only=True, slots=True)
class PairSum:
    """A number for each set: constant + one for each picture + one for each pair of pictures."""

    constant: float
    single: Values
    """(pictures,)."""
    pairs: Values
    """(pictures, pictures), symmetric."""

    def at(self, sets: NDArray[np.intp]) -> Values:
        """Return (sets,) the sum of each."""
        pairs = sum(self.pairs[sets[:, i], sets[:, j]] for i, j in combinations(range(PANELS), 2))
        return np.asarray(self.constant + self.single[sets].sum(axis=1) + pairs)


def bounded_above(
    choices: SetScorer,
    metric: str,
    options: Sequence[Sequence[int]],
    near: Sequence[int],
    needed: float = -np.inf,
) -> PairSum | None:
    """Return a sum that no set of these options exceeds in a metric; None where it would not be one.

    Args:
        choices: the pictures.
        metric: its name.
        options: the pictures allowed for each panel.
        near: the set at which the bound is to be close.
        needed: sets below this value in `style` are of no interest; the bound need not hold for them.
    """
    pictures = len(choices.panels)
    nothing, no_pairs = np.zeros(pictures), np.zeros((pictures, pictures))
    match metric:
        case "text" | "aesthetic":
            return PairSum(constant=0.0, single=getattr(choices, metric) / PANELS, pairs=no_pairs)
        case "style":
            chord = _Group(choices.styles, options, near, list(range(PANELS)))
            slope, above = chord.line(needed * PANELS)
            pairs = 2 * slope / PANELS * choices.styles
            return PairSum(constant=above / PANELS + slope, single=nothing, pairs=pairs)
        case "identity":
            return _identity(choices, options, near)
    return None


def _identity(choices: SetScorer, options: Sequence[Sequence[int]], near: Sequence[int]) -> PairSum:
    of = np.asarray(choices.panels)
    constant, pairs = 0.0, np.zeros((len(of), len(of)))
    for panels, counted in choices.groups.items():
        group = _Group(choices.figures, options, near, list(panels))
        inside = np.isin(of, panels)
        together = np.outer(inside, inside)
        if len(counted) == len(panels):
            slope, above = group.line()
            constant += above + slope * len(panels)
            pairs += 2 * slope * choices.figures * together
            continue
        for panel in counted:
            plane = group.plane(panel)
            constant += plane.above + plane.of_own + plane.of_all * len(panels)
            own = np.outer(of == panel, inside)
            pairs += choices.figures * (2 * plane.of_all * together + plane.of_own * (own | own.T))
    share = 1 / (2 * PANELS)
    return PairSum(constant=constant * share, single=choices.figure_text * share, pairs=pairs * share)


def _cosine(own: Values | float, all_: Values | float) -> Values:
    """Return the cosine of a row to the sum of the others from b and R; between -1 and 1."""
    return np.asarray(np.clip((own - 1) / np.sqrt(np.maximum(all_ + 1 - 2 * np.asarray(own), _TINY)), -1, 1))


@dataclass(frozen=True, slots=True)
class _Plane:
    above: float
    of_own: float
    of_all: float


class _Group:
    """Panels whose pictures are held against each other: what their b and R can be."""

    def __init__(
        self, cosines: Values, options: Sequence[Sequence[int]], near: Sequence[int], panels: list[int]
    ) -> None:
        self._panels, size = panels, len(panels)
        most, least = np.zeros((size, size)), np.zeros((size, size))
        self._low, self._high = np.empty(size), np.empty(size)
        for x, one in enumerate(panels):
            high, low = np.ones(len(options[one])), np.ones(len(options[one]))
            for y, other in enumerate(panels):
                if one != other:
                    pair = cosines[np.ix_(options[one], options[other])]
                    most[x, y], least[x, y] = pair.max(), pair.min()
                    high, low = high + pair.max(axis=1), low + pair.min(axis=1)
            self._low[x], self._high[x] = low.min(), high.max()
        beside = cosines[np.ix_(*[[near[panel] for panel in panels]] * 2)]
        self._near = beside.sum(axis=1) - np.diag(beside) + 1
        self._all = np.linspace(max(0.0, size + least.sum()), max(0.0, size + most.sum()), _GRID)

    def line(self, needed: float = -np.inf) -> tuple[float, float]:
        """Return slope and height of a line in R that no sum of the group's cosines exceeds."""
        all_, size = self._all, len(self._panels)
        mean = all_ / size
        high = np.maximum(np.minimum(self._high.max(), np.sqrt(all_)), mean)
        low = np.maximum(np.maximum(self._low.min(), -np.sqrt(all_)), all_ - (size - 1) * high)
        low = np.minimum(low, mean)
        width = np.maximum(high - low, _TINY)
        chord = size * ((high - mean) * _cosine(low, all_) + (mean - low) * _cosine(high, all_)) / width
        most = np.where(high - low < _TINY**0.5, size * _cosine(mean, all_), chord)
        most = np.where(all_ > 1, most, size)  # only from there on the cosine is convex in b
        slope = self._slope(max(float(self._near.sum()), 1.0))
        above = most - slope * all_
        between = float(np.abs(np.diff(above)).max(initial=0))
        wanted = above[most >= needed - between]
        return slope, float((wanted if len(wanted) else above).max()) + between

    def _slope(self, all_: float) -> float:
        """Return how the sum of cosines grows with R where all b are alike."""
        size, step = len(self._panels), 1e-4
        over, under = (size * float(_cosine(one / size, one)) for one in (all_ + step, all_ - step))
        return (over - under) / (2 * step)

    def plane(self, panel: int) -> _Plane:
        """Return a plane in b and R that a panel's cosine to the rest of the group does not exceed."""
        x, all_ = self._panels.index(panel), self._all
        others = np.minimum(np.delete(self._high, x)[None], np.sqrt(all_)[:, None]).sum(axis=1)
        high = np.minimum(self._high[x], np.sqrt(all_))
        low = np.maximum(np.maximum(self._low[x], -np.sqrt(all_)), all_ - others)
        low = np.minimum(low, high)
        own, whole = float(self._near[x]), float(self._near.sum())
        rest = max(whole + 1 - 2 * own, _TINY)
        of_own, of_all = rest**-0.5 + (own - 1) * rest**-1.5, -0.5 * (own - 1) * rest**-1.5
        ends = [np.where(all_ > 1, _cosine(end, all_), 1) - of_own * end for end in (high, low)]
        over = np.maximum(*ends)
        above = over - of_all * all_
        return _Plane(float(above.max() + np.abs(np.diff(above)).max(initial=0)), of_own, of_all)


@dataclass(frozen=True, kw_only=True, slots=True)
class PairBounds:
    """A sum of pictures and pairs, diffused, of the pictures that are allowed."""

    options: Sequence[Sequence[int]]
    constant: float
    single: Values
    """(allowed,), panel after panel."""
    pairs: Values
    """(allowed, allowed); 0 within a panel."""
    best_pairs: Values
    """(8, 8) the best of each pair of panels."""
    starts: NDArray[np.intp]
    """(8,) where each panel's pictures begin."""

    @classmethod
    def of(cls, total: PairSum, copied: NDArray[np.bool_], options: Sequence[Sequence[int]]) -> "PairBounds":
        """Return the bounds of a sum over the options; copies are ruled out."""
        allowed = np.concatenate([np.asarray(one, dtype=np.intp) for one in options])
        sizes = [len(one) for one in options]
        starts = np.concatenate(([0], np.cumsum(sizes)[:-1])).astype(np.intp)
        grid = np.ix_(allowed, allowed)
        pairs = np.where(copied[grid], _COPIES, total.pairs[grid])
        for start, size in zip(starts, sizes, strict=True):
            pairs[start : start + size, start : start + size] = 0
        single = total.single[allowed].astype(np.float64)
        single, pairs = _diffused(single, pairs, starts)
        best_pairs = np.maximum.reduceat(np.maximum.reduceat(pairs, starts, axis=0), starts, axis=1)
        np.fill_diagonal(best_pairs, 0)
        return cls(
            options=options,
            constant=total.constant,
            single=single,
            pairs=pairs,
            best_pairs=best_pairs,
            starts=starts,
        )

    def of_panel(self, panel: int) -> slice:
        """Return where a panel's pictures are."""
        start = int(self.starts[panel])
        return slice(start, start + len(self.options[panel]))

    def best_open(self, beside: Values, opened: Sequence[int]) -> Values:
        """Return (parts,) the most that open panels can add, given what each picture adds beside a part."""
        if not opened:
            return np.zeros(len(beside))
        each = np.maximum.reduceat(beside, self.starts, axis=1)[:, list(opened)]
        return np.asarray(each.sum(axis=1) + self.best_pairs[np.ix_(opened, opened)].sum() / 2)

    def with_each(self) -> list[Values]:
        """Return for each panel (its options,) what no set with that picture exceeds."""
        beside = self.single + self.pairs
        found = []
        for panel in range(PANELS):
            own = self.of_panel(panel)
            others = [other for other in range(PANELS) if other != panel]
            found.append(self.constant + self.single[own] + self.best_open(beside[own], others))
        return found


def _diffused(single: Values, pairs: Values, starts: NDArray[np.intp]) -> tuple[Values, Values]:
    """Return the same sum with its parts moved so that the best of each adds up to less."""
    ends = [*starts[1:], len(single)]
    places = [slice(int(start), int(end)) for start, end in zip(starts, ends, strict=True)]
    before = np.inf
    for _ in range(_ROUNDS):
        for own in places:
            best = np.maximum.reduceat(pairs[own], starts, axis=1)
            mine = places.index(own)
            best[:, mine] = single[own]
            share = best.mean(axis=1)
            moved = share[:, None] - best
            moved[:, mine] = 0
            spread = np.repeat(moved, [place.stop - place.start for place in places], axis=1)
            pairs[own] += spread
            pairs[:, own] += spread.T
            single[own] = share
        tops = np.maximum.reduceat(np.maximum.reduceat(pairs, starts, axis=0), starts, axis=1)
        bound = np.triu(tops, k=1).sum() + np.maximum.reduceat(single, starts).sum()
        if before - bound < _GAIN:
            break
        before = bound
    return single, pairs
