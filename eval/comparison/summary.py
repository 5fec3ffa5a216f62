"""What a comparison says on a terminal: how much was compared, and each outcome in a line."""

from collections import defaultdict
from collections.abc import Iterator
from typing import get_args

from eval.comparison.compare import Comparison
from eval.comparison.verdict import Contrast, Kind, shortage_of
from eval.metrics.registry import METRICS

MOST = 12
"""Outcomes that are told; the files and the page have all."""
_NOUNS: dict[Kind, tuple[str, str]] = {
    "candidate": ("pair of candidates", "pairs of candidates"),
    "order": ("pair of orders", "pairs of orders"),
    "interaction": ("interaction", "interactions"),
}
_ALONE = (
    "compared nothing: the run has one candidate in one prompt order; "
    "add a second [[candidate]] or a second name under `orders`"
)


def summary_lines(told: Comparison) -> list[str]:
    """Return what was compared, over what, and each outcome; a pair is two sides, however many metrics."""
    if not told.comparisons:
        return [_ALONE]
    clear = [one for one in told.comparisons if one.verdict in ("a", "b")]
    differences = f"{len(clear)} clear difference{'' if len(clear) == 1 else 's'}"
    first = f"compared {_pairs_said(told)} in {_metrics_said(told)}, {_replicates_said(told)}: {differences}"
    tied = [one for one in told.comparisons if one.verdict == "tied"]
    lines = [f"better  {one.reason}" for one in clear] + [f"tied    {one.reason}" for one in tied]
    lines += [f"open    {said}" for said in _shortages(told)]
    left = len(lines) - MOST
    more = [f"        and {left} more; `storykit report` shows all"] if left > 0 else []
    note = [f"note    {told.calibration}"] if told.calibration else []
    return [first, *lines[:MOST], *more, *note]


def _pairs_said(told: Comparison) -> str:
    counts = {kind: len(_sides_of(told.comparisons, kind)) for kind in get_args(Kind)}
    said = [f"{n} {_NOUNS[kind][n != 1]}" for kind, n in counts.items() if n]
    return " and ".join([", ".join(said[:-1]), said[-1]] if said[1:] else said)


def _sides_of(comparisons: tuple[Contrast, ...], kind: Kind) -> dict[tuple[object, ...], Contrast]:
    """Return one comparison for each pair of sides of a kind, whatever the metric."""
    return {(one.a, one.b, one.step): one for one in comparisons if one.kind == kind}


def _metrics_said(told: Comparison) -> str:
    names = [METRICS[name].said or name if name in METRICS else name for name in told.family.metrics]
    return names[0] if len(names) == 1 else f"{len(names)} metrics"


def _replicates_said(told: Comparison) -> str:
    n = told.replicates
    if told.unit == "story":
        return f"paired over {n} {'story' if n == 1 else 'stories'}, for stories like these"
    return f"paired over {n} seed{'' if n == 1 else 's'}, for this story"


def _shortages(told: Comparison) -> Iterator[str]:
    """Yield what keeps comparisons from a verdict, each thing once with those whom it keeps from it."""
    found: defaultdict[tuple[Kind, str], list[Contrast]] = defaultdict(list)
    for one in told.comparisons:
        if one.verdict == "none" and one.metric in told.family.metrics:
            found[one.kind, shortage_of(one)].append(one)
    for (kind, lack), lacking in found.items():
        sides = _sides_of(tuple(lacking), kind)
        one = lacking[0]
        step = f", {one.step[0]} instead of {one.step[1]}" if one.step else ""
        who = f"{one.a} against {one.b}{step}" if len(sides) == 1 else f"{len(sides)} {_NOUNS[kind][1]}"
        yield f"no verdict on {who}: {lack}"
