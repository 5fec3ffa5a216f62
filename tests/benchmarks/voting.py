"""Blind votes of simulated voters: how often intervals hold the truth, and how often verdicts are right.

    python -m tests.benchmarks.voting [SESSIONS]

Voters answer by Bradley-Terry strengths and are asked as `eval.votes.choice` asks; some see no difference in
a quarter of the pairs. Each line is one case of many sessions: contenders, votes, ties, truth; the share of
intervals that hold the truth (wanted .93 to .97), the share of sessions in which some pair is told apart that
is equal, or the wrong way round (.05 at most), and the pairs that are told apart, of all that differ. With
two contenders nothing is simulated: every outcome counts as often as it comes.
"""

import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from eval.votes.choice import urgency
from eval.votes.strengths import Matrix, outcomes_of, strengths_of

TRUTHS = {"equal": 0.0, "apart": 1.1, "far apart": 2.2}
"""Log-odds between the strongest and the weakest; the others lie evenly between."""
RARE = 1e-8
CASES = [(2, 30), (2, 100), (2, 200), (3, 30), (3, 60), (3, 200), (5, 30), (5, 60), (5, 100), (5, 200)]


def session(
    strengths: NDArray[np.float64],
    votes: int,
    rng: np.random.Generator,
    ties: float = 0.0,
    adaptive: bool = True,
) -> Matrix:
    """Return the votes of somebody who is asked as `next_pair` asks, or each pair equally often."""
    count = len(strengths)
    won, asked = np.zeros((2, count, count))
    pairs = list(combinations(range(count), 2))
    for _ in range(votes):
        by = urgency(won, asked) if adaptive else lambda pair: (asked[pair], 0.0)
        i, j = min(pairs, key=lambda pair, by=by: (*by(pair), rng.random()))
        asked[i, j] = asked[j, i] = asked[i, j] + 1
        if rng.random() >= ties:
            first = rng.random() < 1 / (1 + np.exp(strengths[j] - strengths[i]))
            won[(i, j) if first else (j, i)] += 1
    return won


def measured(strengths: NDArray[np.float64], wons: Iterator[Matrix]) -> tuple[float, float, float]:
    """Return the share of intervals that hold the truth, of wrong sessions, and of pairs told apart."""
    count = len(strengths)
    apart = count / (count - 1) * (strengths - strengths.mean())
    truth = 1 / (1 + np.exp(-apart))
    held, wrong, told = [], [], []
    for won in wons:
        for one in strengths_of(range(count), won):
            held.append(one.interval.low <= truth[one.contender] <= one.interval.high)
        found = [one for one in outcomes_of(range(count), won) if one.verdict == "better"]
        right = [strengths[one.better] > strengths[one.other] for one in found]
        wrong.append(not all(right))
        told.append(sum(right))
    differing = sum(strengths[i] != strengths[j] for i, j in combinations(range(count), 2))
    return float(np.mean(held)), float(np.mean(wrong)), float(np.mean(told)) / max(1, differing)


def exactly(strengths: NDArray[np.float64], votes: int, ties: float) -> tuple[float, float, float]:
    """Return the same as `measured` for two contenders, over every outcome that comes once in 10^8 times."""
    chance = 1 / (1 + np.exp(strengths[1] - strengths[0]))
    held = wrong = told = known = 0.0
    for decided in range(1, votes + 1):
        often = binom.pmf(decided, votes, 1 - ties)
        for first in range(decided + 1):
            weight = often * binom.pmf(first, decided, chance)
            if weight < RARE:
                continue
            won = np.array([[0.0, first], [decided - first, 0.0]])
            found = measured(strengths, iter([won]))
            known += weight
            held, wrong, told = (a + weight * b for a, b in zip((held, wrong, told), found, strict=True))
    return held / known, wrong / known, told / known


def row_of(case: tuple[int, int, float, str, int]) -> str:
    """Return a line of the table: contenders, votes, share of ties, truth, sessions."""
    count, votes, ties, name, sessions = case
    rng = np.random.default_rng(0)
    strengths = np.linspace(TRUTHS[name], 0, count)
    if count == 2:
        held, wrong, told = exactly(strengths, votes, ties)
    else:
        every = (session(strengths, votes, rng, ties) for _ in range(sessions))
        held, wrong, told = measured(strengths, every)
    return f"| {count} | {votes} | {ties:.0%} | {name} | {held:.3f} | {wrong:.3f} | {told:.2f} |"


def main(sessions: int = 400) -> None:
    """Print the table."""
    print("| contenders | votes | ties | truth | intervals hold it | wrong verdict | pairs told apart |")
    print("|---|---|---|---|---|---|---|")
    cases = [(*case, ties, name, sessions) for case, ties, name in product(CASES, (0.0, 0.25), TRUTHS)]
    with ProcessPoolExecutor() as pool:
        for row in pool.map(row_of, cases):
            print(row, flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
