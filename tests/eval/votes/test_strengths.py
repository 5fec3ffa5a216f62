"""Strengths and verdicts of votes: what choix and the sign test say, and how often they are right."""

from functools import lru_cache
from itertools import product

import choix
import numpy as np
import pytest
from scipy.stats import binom, binomtest

from eval.comparison.stats import pairs_needed
from eval.votes.choice import urgency
from eval.votes.strengths import fitted, outcomes_of, strengths_of, votes_left, votes_needed

TWO = ("ink", "base")


def two(won: int, votes: int):
    return np.array([[0.0, won], [votes - won, 0.0]])


@pytest.mark.parametrize(("won", "votes"), [(21, 30), (20, 30), (15, 30), (30, 30), (6, 6), (5, 5), (4, 10)])
def test_two_contenders_are_told_apart_as_the_exact_sign_test_says(won, votes):
    outcome = outcomes_of(TWO, two(won, votes))[0]
    p = binomtest(won, votes).pvalue
    assert outcome.p_holm == pytest.approx(p)
    assert outcome.votes == pytest.approx(votes)
    assert outcome.verdict == ("better" if p <= 0.05 else "none" if votes < pairs_needed(1) else "tied")


@pytest.mark.parametrize(
    ("chance", "votes"), [(0.8, 20), (0.75, 30), (0.7, 49), (0.65, 90), (0.6, 199), (0.5, None)]
)
def test_votes_that_a_preference_takes_are_those_of_the_exact_test(chance, votes):
    assert votes_needed(chance) == votes


@lru_cache
def ink_interval(won, votes):
    return next(one.interval for one in strengths_of(TWO, two(won, votes)) if one.contender == "ink")


@pytest.mark.parametrize("chance", [0.5, 0.6, 0.7, 0.75, 0.8, 0.9])
def test_intervals_of_two_hold_the_truth_in_93_to_97_of_100_cases(chance):
    """Exact: every outcome with its probability; the mean over several numbers of votes."""
    covers = []
    for votes in (30, 40, 50, 60, 80, 100):
        likely = [won for won in range(votes + 1) if binom.pmf(won, votes, chance) > 1e-5]
        ends = [ink_interval(won, votes) for won in likely]
        held = [one.low <= chance <= one.high for one in ends]
        covers.append(float(binom.pmf(likely, votes, chance) @ np.array(held)))
    assert 0.93 <= np.mean(covers) <= 0.97


def test_thirty_pairs_find_a_preference_of_three_quarters_in_four_of_five_cases():
    found = [outcomes_of(TWO, two(won, 30))[0] for won in range(31)]
    told = [won for won, one in enumerate(found) if (one.verdict, one.better) == ("better", "ink")]
    assert binom.pmf(told, 30, 0.75).sum() >= 0.8


@pytest.mark.parametrize("votes", [10, 30, 50, 100, 200])
def test_two_equal_candidates_are_told_apart_in_one_of_twenty_cases_at_most(votes):
    told = [won for won in range(votes + 1) if outcomes_of(TWO, two(won, votes))[0].verdict == "better"]
    assert binom.pmf(told, votes, 0.5).sum() <= 0.05


def session(strengths, votes, rng, ties=0.0):
    """Return the votes of somebody who is asked as `next_pair` asks."""
    count = len(strengths)
    won, asked = np.zeros((2, count, count))
    pairs = [(i, j) for i, j in product(range(count), repeat=2) if i < j]
    for _ in range(votes):
        by = urgency(won, asked)
        i, j = min(pairs, key=lambda pair, by=by: (*by(pair), rng.random()))
        asked[i, j] = asked[j, i] = asked[i, j] + 1
        if rng.random() >= ties:
            first = rng.random() < 1 / (1 + np.exp(strengths[j] - strengths[i]))
            won[(i, j) if first else (j, i)] += 1
    return won


def test_equal_contenders_are_told_apart_in_one_of_twenty_cases_at_most():
    """A small version of tests/benchmarks/voting.py: 5 contenders, 30 votes, a quarter of them ties."""
    rng = np.random.default_rng(5)
    told = [outcomes_of("abcde", session(np.zeros(5), 30, rng, 0.25))[0].verdict for _ in range(120)]
    assert told.count("better") <= 9  # of 120 at .05 at most: 99 %


def test_intervals_of_several_hold_the_truth():
    """A small version of tests/benchmarks/voting.py."""
    rng, truth = np.random.default_rng(7), np.array([1.1, 0.0, 0.0])
    chances = 1 / (1 + np.exp(-1.5 * (truth - truth.mean())))
    held = [
        one.interval.low <= chances[one.contender] <= one.interval.high
        for _ in range(60)
        for one in strengths_of(range(3), session(truth, 40, rng, 0.2))
    ]
    assert 0.88 <= np.mean(held) <= 0.995


@pytest.mark.parametrize("seed", range(4))
def test_with_many_votes_strengths_are_the_maximum_of_the_likelihood(seed):
    won = np.random.default_rng(seed).integers(40, 200, (4, 4)).astype(float)
    np.fill_diagonal(won, 0)
    rows = [(i, j) for i, j in product(range(4), repeat=2) for _ in range(int(won[i, j]))]
    assert fitted(won).strengths == pytest.approx(choix.opt_pairwise(4, rows), abs=0.01)


CLEAN = {
    "a clean sweep": two(12, 12),
    "one vote": two(1, 1),
    "a ladder": np.diag([50.0, 50, 50], k=1),
    "one who beat all": np.array([[0.0, 3, 3], [0, 0, 0], [0, 0, 0]]),
    "a circle": np.array([[0.0, 5, 0], [0, 0, 5], [5, 0, 0]]),
    "two that never met": np.array([[0.0, 4, 0, 0], [1, 0, 0, 0], [0, 0, 0, 4], [0, 0, 1, 0]]),
    "many": two(9_000, 10_000),
}


@pytest.mark.parametrize("won", CLEAN.values(), ids=CLEAN)
def test_strengths_are_finite_and_inside_their_intervals(won):
    for one in strengths_of(range(len(won)), won):
        assert 0 <= one.interval.low < one.chance < one.interval.high <= 1


@pytest.mark.parametrize("seed", range(30))
def test_the_first_votes_whatever_they_are_give_shares_and_p_values(seed):
    rng = np.random.default_rng(seed)
    won = np.zeros((4, 4))
    for _ in range(1 + seed % 9):
        won[tuple(rng.choice(4, 2, replace=False))] += 1
    for one in outcomes_of("abcd", won):
        assert 0 <= one.p_holm <= 1
        assert 0.5 <= one.chance < 1
        assert one.votes >= 0


def test_what_never_met_gets_no_verdict():
    found = {
        frozenset((one.better, one.other)): one
        for one in outcomes_of("abcd", CLEAN["two that never met"] * 9)
    }
    assert found[frozenset("ab")].verdict == "better"
    assert found[frozenset("ac")].verdict == "none"


@pytest.mark.parametrize(
    ("won", "votes", "left"),
    [(8, 10, 15), (20, 30, 44), (2, 2, None), (10, 20, None), (30, 30, 0)],
)
def test_what_is_left_to_vote_is_told_once_something_can_be_said(won, votes, left):
    assert votes_left(outcomes_of(TWO, two(won, votes)), votes) == left


def test_more_votes_make_intervals_shorter_and_the_missing_votes_fewer():
    few, many = (outcomes_of(TWO, two(2 * n // 3, n))[0] for n in (12, 60))
    assert many.more < few.more
    short, long = (strengths_of(TWO, two(n // 2, n))[0].interval for n in (60, 12))
    assert short.high - short.low < long.high - long.low
