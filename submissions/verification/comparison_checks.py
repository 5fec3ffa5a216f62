"""Checks of a bundle's comparison.json: does storykit write such, about this entry, true to its numbers."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from statistics import fmean

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from eval.comparison.compare import Comparison
from eval.comparison.stats import sign_flip
from eval.comparison.verdict import Contrast
from eval.metrics.registry import METRICS
from kit.files.encodings import json_bytes
from kit.messages import mark, tr
from submissions.bundle.manifest import COMPARISON, Manifest
from submissions.faults import Fault, shortened

_ALPHA = 0.05
"""What a verdict's p value in its family must not be above."""
_CLOSE = 1e-9
_FEW = 10
"""Pairs up to which the p value is computed again: 1024 sign patterns."""
_MEND = mark("run `storykit compare` and pack again, or take it out")


def comparison_faults(files: Mapping[str, bytes], manifest: Manifest) -> Iterator[Fault]:
    """Yield what is wrong with the comparison, the first thing alone; nothing where there is none."""
    if COMPARISON not in files:
        return
    if problem := comparison_problem(files[COMPARISON], manifest.candidate, manifest.order):
        yield Fault(COMPARISON, problem, tr(_MEND))


def comparison_problem(data: bytes, candidate: str, order: str) -> str:
    """Return why these bytes are no comparison of an entry's run; empty when they are.

    Args:
        data: comparison.json.
        candidate: the entry's, which the comparison must know.
        order: the entry's prompt order, as well.
    """
    try:
        document = from_json(data, allow_inf_nan=False)
        read = TypeAdapter(Comparison).validate_python(document)
        written = json_bytes({"storykit": document.get("storykit"), **asdict(read)})
    except (ValidationError, ValueError, AttributeError, RecursionError):
        return tr("is no comparison that storykit has written")
    if data != written:
        return tr("is not as storykit writes a comparison")
    pairs = {
        kind: {name for one in read.comparisons if one.kind == kind for name in (one.a, one.b)}
        for kind in _NAMED
    }
    for (kind, told), name in zip(_NAMED.items(), (candidate, order), strict=True):
        if pairs[kind] and name not in pairs[kind]:
            return tr(told, name=name)
    return next(filter(None, map(_contrast_problem, read.comparisons)), "")


_NAMED = {
    "candidate": mark("compares candidates, and not the entry's own, {name}"),
    "order": mark("compares orders, and not the entry's own, {name}"),
}


def _contrast_problem(one: Contrast) -> str:
    """Return how a comparison contradicts itself; empty when it does not."""
    name = shortened(tr("{metric} of {a} and {b}", metric=one.metric, a=one.a, b=one.b), 100)
    if one.metric not in METRICS:
        return tr("knows a metric {metric!r} that storykit has not", metric=one.metric[:40])
    if one.n != len(one.differences) or not 0 <= one.n <= one.asked:
        return tr(
            "says {n} pairs for {name}, and has {number} differences",
            n=one.n,
            name=name,
            number=len(one.differences),
        )
    if one.n and not _follows(one):
        return tr("says means or p of {name} that do not follow from its differences", name=name)
    if one.verdict in ("a", "b") and not (one.p_holm is not None and one.p_holm <= _ALPHA):
        return tr("gives a verdict on {name} that its p does not allow", name=name)
    return ""


def _follows(one: Contrast) -> bool:
    """Return whether means and p follow from the differences."""
    if one.mean_a is None or one.mean_b is None or one.p is None or not 0 <= one.p <= 1:
        return False
    if not math.isclose(one.mean_a - one.mean_b, fmean(one.differences), rel_tol=1e-6, abs_tol=_CLOSE):
        return False
    if one.n <= _FEW and not math.isclose(one.p, sign_flip(one.differences), rel_tol=1e-6):
        return False
    return one.p_holm is None or one.p_holm >= one.p - _CLOSE
