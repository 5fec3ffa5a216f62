"""What a comparison says on a terminal: how much was compared, and each outcome in a line."""

from collections import defaultdict
from collections.abc import Iterator
from typing import get_args

from eval.comparison.compare import Comparison
from eval.comparison.verdict import Contrast, Kind, shortage_of
from eval.metrics.registry import METRICS
from kit.messages import Message, joined, tr, trn

MOST = 12
"""Outcomes that are told; the files and the page have all."""


def summary_lines(told: Comparison) -> list[Message]:
    """Return what was compared, over what, and each outcome; a pair is two sides, however many metrics."""
    if not told.comparisons:
        return [
            tr(
                "compared nothing: the run has one candidate in one prompt order; "
                "add a second [[candidate]] or a second name under `orders`"
            )
        ]
    clear = [one for one in told.comparisons if one.verdict in ("a", "b")]
    first = tr(
        "compared {pairs} in {metrics}, {replicates}: {differences}",
        pairs=_pairs_said(told),
        metrics=_metrics_said(told),
        replicates=_replicates_said(told),
        differences=trn("{n} clear difference", "{n} clear differences", len(clear)),
    )
    tied = [one for one in told.comparisons if one.verdict == "tied"]
    lines = [tr("better  {reason}", reason=one.reason) for one in clear]
    lines += [tr("tied    {reason}", reason=one.reason) for one in tied]
    lines += [tr("open    {reason}", reason=said) for said in _shortages(told)]
    left = len(lines) - MOST
    more = [tr("        and {n} more; `storykit report` shows all", n=left)] if left > 0 else []
    note = [tr("note    {note}", note=told.calibration)] if told.calibration else []
    return [first, *lines[:MOST], *more, *note]


def _counted(kind: Kind, n: int) -> Message:
    if kind == "candidate":
        return trn("{n} pair of candidates", "{n} pairs of candidates", n)
    if kind == "order":
        return trn("{n} pair of orders", "{n} pairs of orders", n)
    return trn("{n} interaction", "{n} interactions", n)


def _pairs_said(told: Comparison) -> Message:
    counts = {kind: len(_sides_of(told.comparisons, kind)) for kind in get_args(Kind)}
    *first, last = [_counted(kind, n) for kind, n in counts.items() if n]
    return joined([joined(first, tr(", ")), last], tr(" and ")) if first else last


def _sides_of(comparisons: tuple[Contrast, ...], kind: Kind) -> dict[tuple[object, ...], Contrast]:
    """Return one comparison for each pair of sides of a kind, whatever the metric."""
    return {(one.a, one.b, one.step): one for one in comparisons if one.kind == kind}


def _metrics_said(told: Comparison) -> str:
    names = [METRICS[name].said_here if name in METRICS else name for name in told.family.metrics]
    return names[0] if len(names) == 1 else tr("{n} metrics", n=len(names))


def _replicates_said(told: Comparison) -> Message:
    n = told.replicates
    if told.unit == "story":
        return trn(
            "paired over {n} story, for stories like these",
            "paired over {n} stories, for stories like these",
            n,
        )
    return trn("paired over {n} seed, for this story", "paired over {n} seeds, for this story", n)


def _shortages(told: Comparison) -> Iterator[Message]:
    """Yield what keeps comparisons from a verdict, each thing once with those whom it keeps from it."""
    found: defaultdict[tuple[Kind, str], list[Contrast]] = defaultdict(list)
    for one in told.comparisons:
        if one.verdict == "none" and one.metric in told.family.metrics:
            found[one.kind, shortage_of(one)].append(one)
    for (kind, lack), lacking in found.items():
        sides = _sides_of(tuple(lacking), kind)
        who = _sides_said(lacking[0]) if len(sides) == 1 else _counted(kind, len(sides))
        yield tr("no verdict on {sides}: {lack}", sides=who, lack=lack)


def _sides_said(one: Contrast) -> Message:
    if one.step is None:
        return tr("{a} against {b}", a=one.a, b=one.b)
    after, before = one.step
    return tr("{a} against {b}, {after} instead of {before}", a=one.a, b=one.b, after=after, before=before)
