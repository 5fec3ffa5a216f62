"""Ranking by standard scores (z-scores): a total, and which neighbours are not told apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eval.metrics.concept_subspaces import concept_subspaces
from eval.metrics.formulas import PanelSet
from eval.metrics.registry import METRICS, judgeable
from eval.metrics.story_facts import StoryFacts
from eval.scorers.protocols import Encoder
from kit.errors import InputError, ScoreError
from kit.messages import Language, joined, tr
from submissions.contest.rules import Rules
from submissions.leaderboard.scored_entry import ScoredEntry

Row = NDArray[np.float64]
"""(1 + panels,): a number of the whole set, then the same with each panel left out in turn."""

DECIMALS = 6
"""Digits of a total that count; beyond them lies what batches and processors change."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RankedEntry:
    """One entry in the ranking."""

    exhibit: ScoredEntry
    rank: int
    """From 1; equal totals share one."""
    total: float | None
    """Weighted sum of the standard scores, higher is better; None for one entry alone."""
    low: float | None
    high: float | None
    """Lowest and highest total of the whole entry and of it with one panel left out."""
    tied_with_next: bool
    """Whether its interval overlaps that of the entry behind it."""
    values: Mapping[str, float]
    standard: Mapping[str, float]
    """Mean 0 and standard deviation 1 over the entries; empty for one entry alone."""


def weights_of(rules: Rules) -> dict[str, float]:
    """Return the weight of each metric that the contest ranks by, so that they add up to 1.

    Raises:
        InputError: a part wants a metric that needs more than a bundle holds.
    """
    parts = {number: part for number, part in enumerate(rules.ranking.part, 1) if part.metric}
    measurable = [name for name in judgeable() if METRICS[name].needs != "story"]
    faults = [
        tr(
            "ranking.part[{number}] {part!r}: a bundle does not hold what {metric} needs, the"
            " story's characters, places or clauses; must be one of {measurable}, or none",
            number=number,
            part=part.name,
            metric=part.metric,
            measurable=joined(measurable, tr(", ")),
        )
        for number, part in parts.items()
        if part.metric not in measurable
    ]
    if faults:
        raise InputError(tr("rules {rules}", rules=rules.name), faults)
    weights: dict[str, float] = {}
    for part in parts.values():
        weights[str(part.metric)] = weights.get(str(part.metric), 0) + part.weight
    whole = sum(weights.values())
    return {metric: weight / whole for metric, weight in weights.items()}


class Measurer:
    """Gives an entry its values in some metrics, all entries by the same words."""

    def __init__(self, metrics: Sequence[str], encoder: Encoder, language: Language) -> None:
        """Ask the encoder for the words that pictures are seen through."""
        self._metrics, self._encoder = metrics, encoder
        self._facets = concept_subspaces(encoder, language)

    def values(self, exhibit: ScoredEntry) -> dict[str, Row]:
        """Return the entry's row of values in each metric; higher is better in all of them."""
        panels = len(exhibit.aesthetics)
        texts = np.empty((panels, 0), np.float32)
        if any(METRICS[metric].needs == "texts" for metric in self._metrics):
            texts = self._encoder.texts(exhibit.prompts)
        kept = [[k for k in range(panels) if k != left] for left in (None, *range(panels))]
        return {
            metric: np.array([self._value(metric, exhibit, texts, keep) for keep in kept])
            for metric in self._metrics
        }

    def _value(self, metric: str, exhibit: ScoredEntry, texts: NDArray[np.float32], keep: list[int]) -> float:
        """Return a metric of some of the panels."""
        told = StoryFacts(
            casts=[None] * len(keep), places=[None] * len(keep), texts=texts[keep], facets=self._facets
        )
        points = [exhibit.aesthetics[k] for k in keep]
        shown = PanelSet(embeddings=exhibit.embeddings[keep], aesthetics=points, told=told)
        formula = METRICS[metric].formula
        value = formula(shown).value if formula else None
        if value is None:
            raise ScoreError(
                tr("{metric} is undefined: all of its words are one to the encoder", metric=metric)
            )
        return -value if METRICS[metric].direction == "lower" else value


def rank_entries(
    entries: Sequence[tuple[ScoredEntry, Mapping[str, Row]]], weights: Mapping[str, float]
) -> tuple[RankedEntry, ...]:
    """Return entries by rank, whatever order they come in; one alone is first by nothing but its own numbers.

    Args:
        entries: those that are ranked, each with its row of values by metric.
        weights: of the metrics; they add up to 1.
    """
    if not entries:
        return ()
    alone = len(entries) == 1
    standard = {metric: z_scores(np.stack([values[metric] for _, values in entries])) for metric in weights}
    totals = np.round(sum(weights[metric] * rows for metric, rows in standard.items()), DECIMALS) + 0.0
    whole, low, high = totals[:, 0].tolist(), totals.min(axis=1).tolist(), totals.max(axis=1).tolist()
    order = sorted(range(len(entries)), key=lambda k: (-whole[k], *_names(entries[k][0])))
    return tuple(
        RankedEntry(
            exhibit=entries[k][0],
            rank=1 + sum(other > whole[k] for other in whole),
            total=None if alone else whole[k],
            low=None if alone else low[k],
            high=None if alone else high[k],
            tied_with_next=after is not None and low[k] <= high[after],
            values={metric: float(row[0]) for metric, row in entries[k][1].items()},
            standard={} if alone else {metric: float(rows[k, 0]) for metric, rows in standard.items()},
        )
        for k, after in zip(order, [*order[1:], None], strict=True)
    )


def z_scores(rows: Row) -> Row:
    """Return (entries, 1 + panels) z-scores: less the first column's mean, in its standard deviations.

    Where the entries do not differ, all are 0.

    >>> z_scores(np.array([[1.0, 1.0], [3.0, 5.0]])).tolist()
    [[-1.0, -1.0], [1.0, 3.0]]
    """
    mean, deviation = rows[:, 0].mean(), rows[:, 0].std()
    if deviation <= 10**-DECIMALS:
        return np.zeros_like(rows)
    return np.asarray((rows - mean) / deviation)


def _names(entry: ScoredEntry) -> tuple[str, str, str]:
    return entry.team, entry.title, entry.file
