"""One comparison: what its pairs show, the verdict they allow, and the reason in plain words."""

from dataclasses import asdict, dataclass, replace
from statistics import fmean
from typing import Literal, NamedTuple

import numpy as np

from eval.comparison import stats
from eval.metrics.registry import METRICS

Kind = Literal["candidate", "order", "interaction"]
Unit = Literal["story", "seed"]
Verdict = Literal["a", "b", "tied", "none"]

CLAIMS: dict[Unit, str] = {"story": "for stories like these", "seed": "for this story"}
FLOOR = stats.pairs_needed(1)
"""With fewer pairs nothing gets a verdict."""
DECIMALS = 12
"""Differences are rounded to this; what is left below is the rounding of sums."""
RNG_SEED = 0
"""Beyond 20 pairs sign patterns are drawn: the same scores always give the same p."""


@dataclass(frozen=True, slots=True)
class Question:
    """Do a and b differ in this metric?"""

    kind: Kind
    metric: str
    a: str
    b: str
    step: tuple[str, str] | None = None
    """Of an interaction, the order and the one it is held against: does this step do more to a than to b?"""


class Paired(NamedTuple):
    """The replicates of a question that have both sides."""

    replicates: tuple[tuple[float, float], ...]
    """One (a, b) a replicate, both means over the same sets of panels."""
    dropped: int
    asked: int


class Place(NamedTuple):
    """Where a comparison stands in its family."""

    size: int
    p_holm: float
    best: float
    """The smallest Holm p that any outcome could have given with these numbers of pairs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Contrast(Question):
    """One comparison of a with b; what needs pairs is None where there are too few."""

    n: int
    """Pairs: replicates with both sides."""
    dropped: int
    """Pairs of panel sets left out because a side is missing or faulty."""
    asked: int
    """Pairs of panel sets that the experiment asks for."""
    mean_a: float | None = None
    """Of the metric; of an interaction, how much the step raises it."""
    mean_b: float | None = None
    differences: tuple[float, ...]
    """a minus b, one a replicate, in the unit of the metric."""
    shift: float | None = None
    """Hodges-Lehmann, in the unit of the metric."""
    interval: stats.Interval | None = None
    """95 %, for this comparison alone; None below 6 pairs."""
    p: float | None = None
    """Sign-flip, for this comparison alone."""
    p_holm: float | None = None
    """Adjusted for the family; None: exploratory, in no family."""
    verdict: Verdict = "none"
    reason: str = ""


def measured(question: Question, paired: Paired) -> Contrast:
    """Return what a comparison shows by itself, not yet judged."""
    row = tuple(round(a - b, DECIMALS) for a, b in paired.replicates)
    bare = Contrast(
        **asdict(question), n=len(row), dropped=paired.dropped, asked=paired.asked, differences=row
    )
    if not row:
        return bare
    return replace(
        bare,
        mean_a=fmean(a for a, _ in paired.replicates),
        mean_b=fmean(b for _, b in paired.replicates),
        shift=stats.shift(row),
        interval=stats.shift_interval(row) if len(row) >= FLOOR else None,
        p=stats.sign_flip(row, np.random.default_rng(RNG_SEED)),
    )


def judged(contrast: Contrast, place: Place | None, unit: Unit, lower: bool = False) -> Contrast:
    """Return a comparison with its verdict and reason.

    Args:
        contrast: From `measured`.
        place: Its place in the family; None: exploratory, no verdict.
        unit: What one pair is.
        lower: Whether less of the metric is better.
    """
    verdict = _verdict(contrast, place, lower)
    known = replace(contrast, p_holm=place.p_holm if place else None, verdict=verdict)
    if verdict != "none":
        more = _more(known, place, unit) if verdict == "tied" and place else ""
        said = f"{_finding(known, unit)}{more}{_left_out(known)}; {CLAIMS[unit]}"
    elif place is None:
        said = f"exploratory, no verdict: {_exploratory(known, unit)}{_left_out(known)}"
    else:
        said = f"no verdict on {_sides(known)}: {_shortage(known, place, unit)}{_left_out(known)}"
    return replace(known, reason=said)


def shortage_of(c: Contrast) -> str:
    """Return what a comparison without a verdict lacks, without the names of its sides."""
    return c.reason.removeprefix(f"no verdict on {_sides(c)}: ")


def _verdict(contrast: Contrast, place: Place | None, lower: bool) -> Verdict:
    """Return who is better, "tied" where they could have been told apart and were not, else "none"."""
    if place is None or contrast.n < FLOOR:
        return "none"
    if not any(contrast.differences):
        return "tied"
    if place.best > stats.ALPHA:
        return "none"
    if place.p_holm > stats.ALPHA:
        return "tied"
    return "a" if (fmean(contrast.differences) > 0) != lower else "b"


def _finding(c: Contrast, unit: Unit) -> str:
    """Return what a verdict says, the better side first."""
    n = _count(c.n, unit)
    if not any(c.differences):
        return f"{_tied(c)}: equal in all {n}"
    rises = fmean(c.differences) > 0
    numbers = f"{_shifted(c, 1 if rises or c.verdict == 'tied' else -1)}, Holm {_p(c.p_holm)}, {n}"
    holds_zero = c.interval is not None and c.interval.low <= 0 <= c.interval.high
    if c.verdict == "tied":
        alone = "" if holds_zero else " (the interval is without the family, the verdict with it)"
        return f"{_tied(c)} (not told apart, which is not equal): {numbers}{alone}"
    less = "" if rises == (c.verdict == "a") else " (less is better)"
    close = " (a close call: the interval holds 0)" if holds_zero else ""
    return f"{_better(c)}{less} by {numbers}{close}"


def _title(c: Contrast) -> str:
    return METRICS[c.metric].said or c.metric


def _tied(c: Contrast) -> str:
    """Return that two sides are not told apart."""
    if c.step is None:
        return f"{c.a} and {c.b} are tied in {_title(c)}"
    after, before = c.step
    return f"{after} instead of {before} does as much to {c.a} as to {c.b} in {_title(c)}"


def _better(c: Contrast) -> str:
    """Return who is better than whom, or whom a step does more good."""
    better, other = (c.a, c.b) if c.verdict == "a" else (c.b, c.a)
    if c.step is None:
        return f"{better} is better than {other} in {_title(c)}"
    after, before = c.step
    return f"{after} instead of {before} does {better} more good than {other} in {_title(c)}"


def _more(c: Contrast, place: Place, unit: Unit) -> str:
    """Return how many pairs would tell a difference of this size apart."""
    if not any(c.differences):
        return ""
    pairs = stats.pairs_for(c.differences, place.size)
    count = f"about {_count(pairs, unit)}" if pairs else f"more than {_count(stats.MOST_PAIRS, unit)}"
    return f"; to see a difference of this size takes {count}"


def _exploratory(c: Contrast, unit: Unit) -> str:
    """Return what a comparison outside the family shows, and why it is outside."""
    why = (
        "the naive consistency is highest for eight copies and is never judged"
        if c.metric == "naive"
        else f"{c.metric} is not among the declared metrics"
    )
    if not c.n:
        return f"{_sides(c)} has no pair; {why}"
    difference = f"{c.a} minus {c.b} in {_title(c)} is {_shifted(c)}"
    return f"{difference}, unadjusted {_p(c.p)}, {_count(c.n, unit)}; {why}"


def _shortage(c: Contrast, place: Place, unit: Unit) -> str:
    """Return how many pairs there are, how many a verdict needs, and how to get there."""
    needed = stats.pairs_needed(place.size)
    family = f"a family of {place.size} comparisons"
    do = f"{'draw' if unit == 'seed' else 'add'} {_count(needed - c.n, unit, more=True)}"
    if c.dropped == c.asked > 0:
        do = "no pair of panel sets is whole, mend them first"
    if c.n >= FLOOR:
        best = (
            f"{_count(c.n, 'pair')} can at best give Holm {_p(place.best)} in {family}, which needs {needed}"
        )
        return f"{best}: {do} or make the family smaller"
    least = f"{_count(c.n, 'pair')} (one a {unit}), at least {FLOOR} are needed"
    return f"{least}{f' and {needed} in {family}' if needed > FLOOR else ''}: {do}"


def _sides(c: Contrast) -> str:
    step = f", {c.step[0]} instead of {c.step[1]}," if c.step else ""
    return f"{c.a} against {c.b}{step} in {_title(c)}"


def _left_out(c: Contrast) -> str:
    if not c.dropped:
        return ""
    why = "a side is missing, faulty, holds copies or a panel below the floor"
    return f"; {c.dropped} of {_count(c.asked, 'pair')} of panel sets left out, {why}"


def _shifted(c: Contrast, sign: int = 1) -> str:
    """Return the shift with its interval, turned by a sign."""
    shift = f"{sign * (c.shift or 0.0) + 0.0:.3g}"
    if c.interval is None:
        return shift
    low, high = sorted((sign * c.interval.low + 0.0, sign * c.interval.high + 0.0))
    return f"{shift} [{low:.3g}, {high:.3g}]"


def _p(p: float | None) -> str:
    return "p < 0.001" if p is not None and p < 0.001 else f"p = {p:.2g}"


def _count(number: int, noun: str, more: bool = False) -> str:
    plural = {"story": "stories"}.get(noun, f"{noun}s")
    return f"{number}{' more' if more else ''} {noun if number == 1 else plural}"
