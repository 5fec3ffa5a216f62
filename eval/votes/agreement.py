"""How much to trust a vote, and which metrics agree with the votes: shares, each with Wilson's interval."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple

from eval.comparison.stats import Interval
from eval.metrics.registry import METRICS, MetricEntry, of_panels, of_stories
from eval.scoring.records import ScoredSet, Scores, Values
from eval.votes.ballot import panels_of
from eval.votes.vote_file import Kind, ShownSide, Vote

_SAME = 5e-7
"""Values closer than this are equal: half of the last digit that is written."""


class Share(NamedTuple):
    """How many of how many, with Wilson's 95 % interval."""

    part: int
    total: int

    @property
    def share(self) -> float | None:
        """0 to 1; None of nothing."""
        return self.part / self.total if self.total else None

    @property
    def interval(self) -> Interval | None:
        """None of nothing.

        >>> Share(9, 10).interval
        Interval(low=0.5958, high=0.9821)
        """
        from scipy.stats import binomtest

        if not self.total:
            return None
        ends = binomtest(self.part, self.total).proportion_ci(method="wilson")
        return Interval(round(float(ends.low), 4), round(float(ends.high), 4))


@dataclass(frozen=True, slots=True)
class Habits:
    """What a voter's own votes say of the voter."""

    voter: str
    votes: int
    """Repetitions counted in."""
    same: Share
    """Repetitions that were answered the same, of all; chance alone gives a half or less."""
    left: Share
    """Decided votes that went to the left; sides are by lot, so a half is expected."""
    ties: int
    both_bad: Share


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often the side that was preferred is the one that a metric finds better."""

    metric: str
    kind: Kind
    """Whether panels or whole stories were voted on."""
    right: Share
    """Of the decided votes in which the metric has two different values."""


def habits_of(votes: Sequence[Vote]) -> list[Habits]:
    """Return each voter's habits, in the order of their first votes."""
    own: defaultdict[str, list[Vote]] = defaultdict(list)
    for vote in votes:
        own[vote.voter].append(vote)
    return [_habits(voter, rows) for voter, rows in own.items()]


def _habits(voter: str, votes: Sequence[Vote]) -> Habits:
    first = {vote.id: vote for vote in votes}
    twice = [(first[vote.repeats], vote) for vote in votes if vote.repeats in first and vote.repeats]
    decided = [vote for vote in votes if vote.winner is not None]
    return Habits(
        voter=voter,
        votes=len(votes),
        same=Share(sum(_outcome(one) == _outcome(again) for one, again in twice), len(twice)),
        left=Share(sum(vote.answer == "left" for vote in decided), len(decided)),
        ties=sum(vote.answer == "tie" for vote in votes),
        both_bad=Share(sum(vote.answer == "both-bad" for vote in votes), len(votes)),
    )


def _outcome(vote: Vote) -> object:
    """Return what was answered, whichever side it was on."""
    return vote.answer if vote.winner is None else vote.winner.sha256


def agreements_of(votes: Sequence[Vote], scores: Scores) -> list[Agreement]:
    """Return how often each metric agrees with the decided votes, panels first, the best metric first.

    Args:
        votes: each evidence of its own, on pictures that are still the run's.
        scores: of the run.
    """
    numbers = _Numbers(scores)
    counts: defaultdict[tuple[Kind, str], list[bool]] = defaultdict(list)
    for vote in votes:
        if (winner := vote.winner) is None:
            continue
        loser = vote.right if winner is vote.left else vote.left
        better, worse = numbers.of(vote, winner), numbers.of(vote, loser)
        for entry in of_panels() if vote.kind == "panel" else of_stories():
            if (right := _agrees(entry, better.get(entry.name), worse.get(entry.name))) is not None:
                counts[vote.kind, entry.name].append(right)
    found = [Agreement(name, kind, Share(sum(row), len(row))) for (kind, name), row in counts.items()]
    return sorted(found, key=lambda one: (one.kind, -(one.right.share or 0), -one.right.total, one.metric))


def columns_of(metric: str) -> dict[Kind, str]:
    """Return where a castable metric, by bare name, has a number: of a panel, of a story.

    >>> columns_of("mrr"), columns_of("place")
    ({'story': 'mrr', 'panel': 'text_rank'}, {'story': 'place'})
    """
    entry = next(one for one in METRICS.values() if one.formula and one.bare_name == metric)
    panel = entry.panels or (metric if METRICS.get(metric, entry).table == "panels" else "")
    found: dict[Kind, str] = {"story": entry.name}
    return found | ({"panel": panel} if panel else {})


def _agrees(entry: MetricEntry, better: float | None, worse: float | None) -> bool | None:
    """Return whether a metric prefers what was preferred; None where it sees no difference or nothing."""
    if better is None or worse is None or abs(better - worse) < _SAME:
        return None
    return (better > worse) == (entry.direction == "higher")


class _Numbers:
    """What the metrics say of what was voted on."""

    def __init__(self, scores: Scores) -> None:
        self._panels = {(*_key(one), one.panel): one for one in scores.panels}
        self._stories = {_key(one): one.values for one in scores.stories}

    def of(self, vote: Vote, side: ShownSide) -> Values:
        """Return the numbers of a side, by column; none where other pictures were scored.

        A set that was picked has no row in the tables: it gets the means of what its panels have by
        themselves.
        """
        place = (side.candidate, side.order, vote.story)
        panels = zip(panels_of(vote.panel), side.seeds, strict=True)
        scored = [one for panel, seed in panels if (one := self._panels.get((*place, seed, panel)))]
        if [one.sha256 for one in scored] != [*side.sha256]:
            return {}
        if vote.panel:
            return scored[0].values
        if not vote.picked:
            return self._stories.get((*place, side.seeds[0]), {})
        means = {name: [one.values.get(name) for one in scored] for name in ("aesthetic", "text")}
        return {
            f"{name}_mean": fmean(value for value in row if value is not None)
            for name, row in means.items()
            if None not in row
        }


def _key(one: ScoredSet) -> tuple[str, str, str, int]:
    return (one.candidate, one.order, one.story, one.seed)
