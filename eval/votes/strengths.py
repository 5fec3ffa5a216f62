"""How strong the contenders of a ballot are by its votes, and which of them the votes tell apart.

Model: Bradley-Terry; a is preferred to b with chance 1 / (1 + exp(b - a)). Fitted by choix, with .8 of a vote
given in advance to each contender, half won and half lost against all others alike, so that a clean sweep has
a finite strength.

Ties and "both bad" are left out of the fit, and only counted: simulated with a quarter of ties, strengths
with ties as half a win each were covered in 25 to 75 % where the difference was clear, those without in 94 to
97 %, and Davidson's model (a strength for the tie itself) did no better. So a strength says who is preferred
where somebody prefers one.

Intervals: profile likelihood. With 2, 3 and 5 contenders and 30 to 200 votes, ties or none, evenly or as
`next_pair` asks, they cover 93.0 to 96.8 % in all of 60 cases; those from the curvature alone cover up to
98.5 % with 5 and 30.

Verdict on a pair: the exact sign test, Holm over the pairs. What other pairs say indirectly is counted as
votes, too: as many as would know the difference as well as the fit does (information / p (1 - p)). With two
contenders these are the votes themselves. `tests/benchmarks/voting.py` measures all of this.

What it holds for: these pictures and these voters, and a number of votes that was decided beforehand. Who
looks after every vote from the 10th to the 60th and stops at the first difference finds one between equals in
17 %.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eval.comparison import stats

GIVEN = 0.8
"""Votes that each contender has in advance; with .8 the intervals of two contenders cover best."""
MOST_VOTES = 1000
"""What would take more is called nothing that votes can show."""
_QUANTILE = 3.841458820694124
"""Of chi-square with one degree of freedom, .95."""
_STEPS, _CLOSE = 50, 1e-9

Matrix = NDArray[np.float64]
"""(contenders, contenders); of votes: how often the row was preferred to the column."""


@dataclass(frozen=True, slots=True)
class Strength:
    """How often a contender is preferred to an average one of the others, where one is preferred at all."""

    contender: str
    won: int
    lost: int
    chance: float
    """0 to 1; .5 is neither better nor worse."""
    interval: stats.Interval
    """95 %."""


@dataclass(frozen=True, slots=True)
class PairOutcome:
    """What the votes say of two contenders, the stronger one first."""

    better: str
    other: str
    chance: float
    """That the first is preferred where one is."""
    verdict: Literal["better", "tied", "none"]
    """Tied means not told apart, which is not equal; none, that no outcome of so few votes could do so."""
    p_holm: float
    votes: float
    """For or against, indirect ones counted in."""
    needed: int | None
    """Votes that would show a difference of this size in 4 of 5 cases; None for more than MOST_VOTES."""

    @property
    def more(self) -> int | None:
        """How many votes of these two are still missing for that."""
        return None if self.needed is None else max(0, round(self.needed - self.votes))


class Fit(NamedTuple):
    """Strengths on the scale of log-odds, with mean 0, and how well they are known."""

    strengths: NDArray[np.float64]
    covariance: Matrix


def strengths_of(names: Sequence[str], won: Matrix) -> list[Strength]:
    """Return each contender's strength, the strongest first; two at least, each with a decided vote.

    >>> a, b = strengths_of(["ink", "base"], np.array([[0.0, 21.0], [9.0, 0.0]]))
    >>> a.contender, round(a.chance, 2), round(a.interval.low, 2), round(a.interval.high, 2)
    ('ink', 0.69, 0.52, 0.84)
    """
    count = len(names)
    fit = fitted(won)
    scale = count / (count - 1)
    found = []
    for i, name in enumerate(names):
        low, high = (_end(won, fit, i, side) for side in (-1, 1))
        chances = [_chance(scale * value) for value in (low, fit.strengths[i], high)]
        ends = stats.Interval(chances[0], chances[2])
        found.append(Strength(name, int(won[i].sum()), int(won[:, i].sum()), chances[1], ends))
    return sorted(found, key=lambda one: -one.chance)


def outcomes_of(names: Sequence[str], won: Matrix) -> list[PairOutcome]:
    """Return what is known of every pair, those that are told apart most surely first."""
    fit = fitted(won)
    pairs = list(combinations(range(len(names)), 2))
    known = [_versus(fit, i, j) for i, j in pairs]
    adjusted = stats.holm([_sign_test(one.preferred, one.votes) for one in known])
    floor = stats.pairs_needed(len(pairs))
    found = []
    for one, p in zip(known, adjusted, strict=True):
        verdict: Literal["better", "tied", "none"] = "better" if p <= stats.ALPHA else "tied"
        found.append(
            PairOutcome(
                better=names[one.first],
                other=names[one.second],
                chance=one.chance,
                verdict="none" if one.votes < floor and p > stats.ALPHA else verdict,
                p_holm=p,
                votes=max(0.0, one.votes),
                needed=votes_needed(round(one.chance, 3), len(pairs)),
            )
        )
    return sorted(found, key=lambda one: (one.p_holm, -one.chance))


def votes_left(outcomes: Sequence[PairOutcome], votes: int) -> int | None:
    """Return about how many more votes tell the next pair apart, if its difference is as large as it looks.

    0 where all are told apart; None where nothing looks large enough, or too little is known.

    Args:
        outcomes: of all pairs.
        votes: that were given, ties counted in.
    """
    still = [pair for pair in outcomes if pair.verdict != "better"]
    if outcomes and not still:
        return 0
    rates = [
        max(1, round((pair.needed / pair.votes - 1) * votes))
        for pair in still
        if pair.needed is not None and pair.votes >= stats.pairs_needed(1)
    ]
    return min(rates, default=None)


def fitted(won: Matrix) -> Fit:
    """Return the strengths that the votes fit best."""
    import choix

    played = with_given(won)
    found = np.asarray(choix.ilsr_pairwise_dense(played, max_iter=100_000), dtype=np.float64)
    found -= found.mean()
    return Fit(found, _covariance(played, found))


def with_given(won: Matrix) -> Matrix:
    """Return the votes and those given in advance."""
    count = len(won)
    each = GIVEN / 2 / (count - 1)
    return np.asarray(won + each * (1 - np.eye(count)))


@lru_cache(maxsize=4096)
def votes_needed(chance: float, family_size: int = 1) -> int | None:
    """Return how many decided votes show a preference in 4 of 5 cases: exact sign test, two-sided .05 / size.

    >>> [votes_needed(chance) for chance in (0.8, 0.75, 0.7, 0.65, 0.6)]
    [20, 30, 49, 90, 199]
    """
    from scipy.stats import binom

    votes = np.arange(1, MOST_VOTES + 1)
    bar = binom.isf(stats.ALPHA / family_size / 2, votes, 0.5) + 1
    power = binom.sf(bar - 1, votes, chance) + binom.cdf(votes - bar, votes, chance)
    enough = np.asarray(power >= stats.POWER)
    return int(votes[np.argmax(enough)]) if enough.any() else None


class _Versus(NamedTuple):
    first: int
    second: int
    chance: float
    votes: float
    preferred: float
    """Votes for the first."""


def _versus(fit: Fit, i: int, j: int) -> _Versus:
    """Return two contenders, the stronger first, as if only these two had been voted on."""
    if fit.strengths[j] > fit.strengths[i]:
        i, j = j, i
    count, cov = len(fit.strengths), fit.covariance
    chance = _chance(fit.strengths[i] - fit.strengths[j])
    spread = cov[i, i] + cov[j, j] - 2 * cov[i, j]
    given = GIVEN * count / (count - 1) / 2
    known = 1 / (spread * chance * (1 - chance))
    votes, preferred = known - given, chance * known - given / 2
    return _Versus(i, j, chance, round(float(votes), 6), round(float(preferred), 6))


def _sign_test(preferred: float, votes: float) -> float:
    """Return the two-sided p of the exact sign test, which the beta function extends to parts of votes.

    A part of a vote against the first counts whole: else equal contenders, 5 after 30 votes, are told apart
    in 6 % of the cases.
    """
    from scipy.special import betainc

    against = max(0, math.ceil(votes - preferred))
    if votes <= 2 * against:
        return 1.0
    return min(1.0, 2 * float(betainc(votes - against, against + 1, 0.5)))


def _chance(log_odds: float) -> float:
    return float(1 / (1 + np.exp(-log_odds)))


def _covariance(played: Matrix, strengths: NDArray[np.float64]) -> Matrix:
    """Return the inverse of the information, for strengths whose mean is 0."""
    count = len(played)
    return np.asarray(np.linalg.inv(_information(played, strengths) + 1 / count) - 1 / count)


def _information(played: Matrix, strengths: NDArray[np.float64]) -> Matrix:
    ahead = 1 / (1 + np.exp(strengths[None, :] - strengths[:, None]))
    known = (played + played.T) * ahead * (1 - ahead)
    return np.asarray(np.diag(known.sum(axis=1)) - known)


def _likelihood(played: Matrix, strengths: NDArray[np.float64]) -> float:
    return -float((played * np.logaddexp(0, strengths[None, :] - strengths[:, None])).sum())


def _end(won: Matrix, fit: Fit, i: int, side: int) -> float:
    """Return an end of the interval of one strength: where the profile likelihood has fallen far enough."""
    from scipy.optimize import brentq

    played, best = with_given(won), float(fit.strengths[i])
    top = _likelihood(played, fit.strengths)

    def lacking(distance: float) -> float:
        held = _held(played, fit.strengths, i, best + side * distance)
        return 2 * (top - _likelihood(played, held)) - _QUANTILE

    far = 2 * float(np.sqrt(fit.covariance[i, i]))
    while lacking(far) < 0:
        far *= 2
    return best + side * float(brentq(lacking, 0.0, far, xtol=1e-5))


def _held(played: Matrix, start: NDArray[np.float64], i: int, value: float) -> NDArray[np.float64]:
    """Return the strengths, mean 0, that fit best where one of them is held at a value (Newton's method)."""
    count = len(played)
    strengths = start + (value - start[i]) * (np.eye(count)[i] * count - 1) / (count - 1)
    if count == 2:
        return np.asarray(strengths)
    fixed = np.stack([np.ones(count), np.eye(count)[i]])
    free = np.linalg.svd(fixed)[2][2:]
    for _ in range(_STEPS):
        ahead = 1 / (1 + np.exp(strengths[None, :] - strengths[:, None]))
        slope = free @ (played - (played + played.T) * ahead).sum(axis=1)
        step = np.linalg.solve(free @ _information(played, strengths) @ free.T, slope) @ free
        longest = float(np.abs(step).max())
        strengths = strengths + step * min(1.0, 2 / max(longest, _CLOSE))
        if longest < _CLOSE:
            break
    return np.asarray(strengths)
