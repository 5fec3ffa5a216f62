"""Means with intervals for the table of scores, and how numbers are written."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from eval.metrics.registry import METRICS, is_reference
from eval.scorers.protocols import Metric
from eval.scoring.records import StoryScore

CONFIDENCE = 0.95
FEWEST = 3
"""Replicates that an interval needs: of two it is nine times as wide as they are apart, and tells nothing."""
MINUS = "\N{MINUS SIGN}"
ABSENT = "\N{EM DASH}"
ANYWHERE = (-math.inf, math.inf)
"""The range of a number of which nothing is known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MeanInterval:
    """A mean over replicates; the bounds are None when n < FEWEST, the mean is None when n = 0."""

    mean: float | None
    low: float | None = None
    high: float | None = None
    n: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """One candidate in one prompt order: a cell for every score column, and how many folders pass."""

    candidate: str
    order: str
    cells: Mapping[str, MeanInterval]
    passed: int
    gated: int


def mean_interval(values: Sequence[float], within: tuple[float, float] = ANYWHERE) -> MeanInterval:
    """Return the mean of independent replicates and its two-sided 95 % t interval; none of fewer than FEWEST.

    Args:
        values: one a replicate.
        within: the smallest and largest value that can occur; the interval stays inside.

    >>> mean_interval([1.0, 2.0]).low is None
    True
    >>> mean_interval([0.8, 1.0, 1.0], (0.0, 1.0)).high
    1.0
    >>> cell = mean_interval([1.0, 2.0, 3.0])
    >>> round(cell.mean, 3), round(cell.low, 3), round(cell.high, 3)
    (2.0, -0.484, 4.484)
    """
    count, mean = len(values), float(np.mean(values)) if values else None
    if mean is None or count < FEWEST:
        return MeanInterval(mean=mean, n=count)
    half = float(stdtrit(count - 1, (1 + CONFIDENCE) / 2) * np.std(values, ddof=1) / math.sqrt(count))
    return MeanInterval(mean=mean, low=max(mean - half, within[0]), high=min(mean + half, within[1]), n=count)


def replicates(rows: Iterable[StoryScore], column: str) -> list[float]:
    """Return one number a replicate: a story's mean over its seeds, or a seed where there is one story only.

    Rows without the number (a story with faults) are left out, never counted as 0.
    """
    stories: defaultdict[str, list[float]] = defaultdict(list)
    for row in rows:
        value = row.values.get(column)
        found = stories[row.story]
        if value is not None and not math.isnan(value):
            found.append(value)
    if len(stories) > 1:
        return [float(np.mean(found)) for found in stories.values() if found]
    return [value for found in stories.values() for value in found]


def score_columns(rows: Sequence[StoryScore]) -> list[str]:
    """Return the score columns of the page with a number in at least one row, file order, references last."""
    hidden = {entry.name for entry in METRICS.values() if not entry.in_report}
    columns = dict.fromkeys(column for row in rows for column in row.values if column not in hidden)
    held = [column for column in columns if any(row.values.get(column) is not None for row in rows)]
    return sorted(held, key=is_reference)


def summarise(rows: Sequence[StoryScore], metrics: Sequence[Metric] = ()) -> list[Summary]:
    """Return one summary for every candidate and order, in the order of the rows; `metrics` tell ranges."""
    ranges = {metric.name: metric.range for metric in metrics}
    groups: defaultdict[tuple[str, str], list[StoryScore]] = defaultdict(list)
    for row in rows:
        groups[row.candidate, row.order].append(row)
    columns = score_columns(rows)
    return [
        Summary(
            candidate=candidate,
            order=order,
            cells={
                column: mean_interval(replicates(group, column), ranges.get(column, ANYWHERE))
                for column in columns
            },
            passed=sum(row.gate == "pass" for row in group),
            gated=sum(row.gate in ("pass", "fail") for row in group),
        )
        for (candidate, order), group in groups.items()
    ]


def digits_of(metric: Metric | None) -> int:
    """Return how many decimals a metric deserves: 2 on a wide scale such as 1 to 10, else 3."""
    return 2 if metric and metric.range[1] - metric.range[0] > 2 else 3


def arrow_of(metric: Metric | None) -> str:
    """Return the mark that tells which way is better."""
    return "↓" if metric and metric.direction == "lower" else "↑"


def written(value: float | None, digits: int = 3, *, signed: bool = False) -> str:
    """Return a number as it stands in the report: a true minus sign, a dash where there is none.

    >>> written(-0.25, 2), written(0.5, 2, signed=True), written(None), written(-0.001, 2)
    ('−0.25', '+0.50', '—', '0.00')
    """
    if value is None or not math.isfinite(value):
        return ABSENT
    rounded = round(value, digits) + 0.0  # + 0.0 turns -0.0 into 0.0
    text = f"{abs(rounded):.{digits}f}"
    if rounded < 0:
        return MINUS + text
    return "+" + text if signed and rounded > 0 else text


def written_interval(low: float | None, high: float | None, digits: int = 3) -> str:
    """Return an interval in brackets, a dash where it is not defined.

    >>> written_interval(-0.1, 0.25, 2)
    '[−0.10, 0.25]'
    """
    if low is None or high is None:
        return ABSENT
    return f"[{written(low, digits)}, {written(high, digits)}]"


def written_p(p: float | None) -> str:
    """Return a p value with three decimals, or "< 0.001".

    >>> written_p(0.03125), written_p(0.0001), written_p(None)
    ('0.031', '< 0.001', '—')
    """
    if p is None:
        return ABSENT
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
