"""One comparison: what its pairs show, the verdict they allow, and the reason in plain words."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from statistics import fmean
from typing import Literal, NamedTuple

import numpy as np

from eval.comparison import stats
from eval.metrics.registry import METRICS
from kit.messages import Message, joined, mark, tr, trn

Kind = Literal["candidate", "order", "interaction"]
Unit = Literal["story", "seed"]
Verdict = Literal["a", "b", "tied", "none"]

CLAIMS: dict[Unit, str] = {"story": mark("for stories like these"), "seed": mark("for this story")}
_UNITS: dict[Unit, str] = {"story": mark("story"), "seed": mark("seed")}
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
        more = _more(known, place, unit) if verdict == "tied" and place else ()
        said = joined([_finding(known, unit), *more, *_left_out(known), tr(CLAIMS[unit])], tr("; "))
    elif place is None:
        said = tr(
            "exploratory, no verdict: {finding}",
            finding=joined([_exploratory(known, unit), *_left_out(known)], tr("; ")),
        )
    else:
        lack = joined([_shortage(known, place, unit), *_left_out(known)], tr("; "))
        said = tr("no verdict on {sides}: {lack}", sides=_sides(known), lack=lack)
    return replace(known, reason=said)


def shortage_of(c: Contrast) -> str:
    """Return what a comparison without a verdict lacks, without the names of its sides."""
    return str(c.reason.values["lack"]) if isinstance(c.reason, Message) else c.reason


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


def _finding(c: Contrast, unit: Unit) -> Message:
    """Return what a verdict says, the better side first."""
    pairs = _count(c.n, unit)
    if not any(c.differences):
        return tr("{tied}: equal in all {pairs}", tied=_tied(c), pairs=pairs)
    rises = fmean(c.differences) > 0
    shift = _shifted(c, 1 if rises or c.verdict == "tied" else -1)
    numbers = tr("{shift}, Holm {p}, {pairs}", shift=shift, p=_p(c.p_holm), pairs=pairs)
    holds_zero = c.interval is not None and c.interval.low <= 0 <= c.interval.high
    if c.verdict == "tied":
        said = tr("{tied} (not told apart, which is not equal): {numbers}", tied=_tied(c), numbers=numbers)
        alone = mark("{finding} (the interval is without the family, the verdict with it)")
        return said if holds_zero else tr(alone, finding=said)
    better = _better(c)
    if rises != (c.verdict == "a"):
        better = tr("{finding} (less is better)", finding=better)
    said = tr("{finding} by {numbers}", finding=better, numbers=numbers)
    return tr("{finding} (a close call: the interval holds 0)", finding=said) if holds_zero else said


def _tied(c: Contrast) -> Message:
    """Return that two sides are not told apart."""
    metric = METRICS[c.metric].said_here
    if c.step is None:
        return tr("{a} and {b} are tied in {metric}", a=c.a, b=c.b, metric=metric)
    after, before = c.step
    return tr(
        "{after} instead of {before} does as much to {a} as to {b} in {metric}",
        after=after,
        before=before,
        a=c.a,
        b=c.b,
        metric=metric,
    )


def _better(c: Contrast) -> Message:
    """Return who is better than whom, or whom a step does more good."""
    better, other = (c.a, c.b) if c.verdict == "a" else (c.b, c.a)
    metric = METRICS[c.metric].said_here
    if c.step is None:
        return tr("{better} is better than {other} in {metric}", better=better, other=other, metric=metric)
    after, before = c.step
    return tr(
        "{after} instead of {before} does {better} more good than {other} in {metric}",
        after=after,
        before=before,
        better=better,
        other=other,
        metric=metric,
    )


def _more(c: Contrast, place: Place, unit: Unit) -> Iterator[Message]:
    """Yield how many pairs would tell a difference of this size apart, if there is a difference."""
    if any(c.differences):
        pairs = stats.pairs_for(c.differences, place.size)
        about = mark("to see a difference of this size takes about {pairs}")
        many = mark("to see a difference of this size takes more than {pairs}")
        yield tr(about if pairs else many, pairs=_count(pairs or stats.MOST_PAIRS, unit))


def _exploratory(c: Contrast, unit: Unit) -> Message:
    """Return what a comparison outside the family shows, and why it is outside."""
    why = (
        tr("the naive consistency is highest for eight copies and is never judged")
        if c.metric == "naive"
        else tr("{metric} is not among the declared metrics", metric=c.metric)
    )
    if not c.n:
        return tr("{sides} has no pair; {why}", sides=_sides(c), why=why)
    return tr(
        "{a} minus {b} in {metric} is {shift}, unadjusted {p}, {pairs}; {why}",
        a=c.a,
        b=c.b,
        metric=METRICS[c.metric].said_here,
        shift=_shifted(c),
        p=_p(c.p),
        pairs=_count(c.n, unit),
        why=why,
    )


def _shortage(c: Contrast, place: Place, unit: Unit) -> Message:
    """Return how many pairs there are, how many a verdict needs, and how to get there."""
    needed = stats.pairs_needed(place.size)
    do = _mend(c, needed, unit)
    pairs = trn("{n} pair", "{n} pairs", c.n)
    if c.n >= FLOOR:
        return tr(
            "{pairs} can at best give Holm {p} in a family of {size} comparisons, which needs {needed}: "
            "{do} or make the family smaller",
            pairs=pairs,
            p=_p(place.best),
            size=place.size,
            needed=needed,
            do=do,
        )
    least = mark("{pairs} (one a {unit}), at least {floor} are needed: {do}")
    more = mark(
        "{pairs} (one a {unit}), at least {floor} are needed and {needed} in a family of {size} comparisons: "
        "{do}"
    )
    return tr(
        more if needed > FLOOR else least,
        pairs=pairs,
        unit=tr(_UNITS[unit]),
        floor=FLOOR,
        needed=needed,
        size=place.size,
        do=do,
    )


def _mend(c: Contrast, needed: int, unit: Unit) -> Message:
    """Return what to do about too few pairs."""
    if c.dropped == c.asked > 0:
        return tr("no pair of panel sets is whole, mend them first")
    if unit == "seed":
        return trn("draw {n} more seed", "draw {n} more seeds", needed - c.n)
    return trn("add {n} more story", "add {n} more stories", needed - c.n)


def _sides(c: Contrast) -> Message:
    metric = METRICS[c.metric].said_here
    if c.step is None:
        return tr("{a} against {b} in {metric}", a=c.a, b=c.b, metric=metric)
    after, before = c.step
    return tr(
        "{a} against {b}, {after} instead of {before}, in {metric}",
        a=c.a,
        b=c.b,
        after=after,
        before=before,
        metric=metric,
    )


def _left_out(c: Contrast) -> Iterator[Message]:
    """Yield how many pairs were left out and why, if any was."""
    if c.dropped:
        yield tr(
            "{dropped} of {pairs} of panel sets left out, a side is missing, faulty, holds copies or a panel "
            "below the floor",
            dropped=c.dropped,
            pairs=trn("{n} pair", "{n} pairs", c.asked),
        )


def _shifted(c: Contrast, sign: int = 1) -> str:
    """Return the shift with its interval, turned by a sign."""
    shift = f"{sign * (c.shift or 0.0) + 0.0:.3g}"
    if c.interval is None:
        return shift
    low, high = sorted((sign * c.interval.low + 0.0, sign * c.interval.high + 0.0))
    return f"{shift} [{low:.3g}, {high:.3g}]"


def _p(p: float | None) -> str:
    return "p < 0.001" if p is not None and p < 0.001 else f"p = {p:.2g}"


def _count(number: int, unit: Unit) -> Message:
    if unit == "seed":
        return trn("{n} seed", "{n} seeds", number)
    return trn("{n} story", "{n} stories", number)
