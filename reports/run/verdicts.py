"""Comparison gathered by pair: who is ahead of whom, on what, and what stays open."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from eval.comparison.compare import Comparison
from eval.comparison.stats import pairs_needed
from eval.comparison.verdict import Contrast
from eval.metrics.registry import is_reference

Stance = Literal["a", "b", "mixed", "tied", "none"]
"""The outcome of a pair: one side ahead, each side somewhere, no difference shown, or no verdict at all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparedPair:
    """Two candidates, or two prompt orders, compared in several metrics."""

    kind: Literal["candidate", "order", "interaction"]
    a: str
    b: str
    step: tuple[str, str] | None
    """Of an interaction, the order and the one it is held against."""
    deciding: tuple[Contrast, ...]
    """The comparisons the stance rests on: those of the family."""
    others: tuple[Contrast, ...]
    """Reference and exploratory comparisons: shown, never counted."""

    needed: int
    """Replicates with which a family of this size can reach a verdict."""

    @property
    def stance(self) -> Stance:
        """Which side is ahead on the deciding comparisons."""
        verdicts = {comparison.verdict for comparison in self.deciding}
        if {"a", "b"} <= verdicts:
            return "mixed"
        outcomes: tuple[Stance, ...] = ("a", "b", "tied")
        return next((outcome for outcome in outcomes if outcome in verdicts), "none")

    @property
    def n(self) -> int:
        """The fewest replicates that any deciding comparison rests on."""
        return min((comparison.n for comparison in self.deciding), default=0)

    def decided(self, verdict: str) -> list[Contrast]:
        """Return the deciding comparisons with a verdict: "a", "b", "tied" or "none"."""
        return [comparison for comparison in self.deciding if comparison.verdict == verdict]


def pairs_of(told: Comparison) -> list[ComparedPair]:
    """Return the comparisons by pair, in the file's order.

    The family's metrics decide; if the file names none, every metric but the naive reference does.
    """
    groups: defaultdict[tuple[str, str, str, tuple[str, str] | None], list[Contrast]] = defaultdict(list)
    for comparison in told.comparisons:
        groups[comparison.kind, comparison.a, comparison.b, comparison.step].append(comparison)
    return [_pair(told, group) for group in groups.values()]


def _pair(told: Comparison, group: Sequence[Contrast]) -> ComparedPair:
    family = told.family.metrics or [one.metric for one in group]
    deciding = [one for one in group if one.metric in family and not is_reference(one.metric)]
    first = group[0]
    return ComparedPair(
        kind=first.kind,
        a=first.a,
        b=first.b,
        step=first.step,
        deciding=tuple(deciding),
        others=tuple(comparison for comparison in group if comparison not in deciding),
        needed=max(told.floor, pairs_needed(max(1, told.family.sizes.get(first.kind, 1)))),
    )
