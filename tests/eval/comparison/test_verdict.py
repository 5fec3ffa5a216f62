import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.comparison.stats import holm, smallest_p
from eval.comparison.verdict import Paired, Place, Question, judged, measured

GAINS = [0.05, 0.02, 0.04, 0.03, 0.07, 0.01, 0.06, 0.08]


def shown(gains, metric="text_mean", level=0.3):
    pairs = Paired(tuple((level + gain, level) for gain in gains), 0, len(gains))
    return measured(Question("candidate", metric, "ink", "base"), pairs)


def decide(gains, family=1, lower=False, level=0.3):
    """Judge ink against base, alone or with others in the family that show nothing."""
    contrast = shown(gains, level=level)
    p_holm = holm([contrast.p, *[1.0] * (family - 1)])[0]
    return judged(contrast, Place(family, p_holm, min(1.0, family * smallest_p(len(gains)))), "seed", lower)


def test_the_better_side_comes_first_in_the_reason_whichever_it_is():
    found = decide([-gain for gain in GAINS])
    assert found.verdict == "b"
    assert found.shift == pytest.approx(-0.045)
    assert found.reason.startswith("base is better than ink in panel-text by 0.045 [0.02, 0.07]")


def test_where_less_is_better_the_lower_side_wins():
    found = decide(GAINS, lower=True)
    assert found.verdict == "b"
    assert found.shift == pytest.approx(0.045)
    assert found.reason.startswith(
        "base is better than ink in panel-text (less is better) by 0.045 [0.02, 0.07]"
    )


def test_equal_scores_everywhere_are_a_tie():
    found = decide([0.0] * 8)
    assert (found.verdict, found.p, tuple(found.interval)) == ("tied", 1, (0, 0))
    assert found.reason == "ink and base are tied in panel-text: equal in all 8 seeds; for this story"


def test_rounding_in_the_last_place_is_no_difference():
    found = decide([0.2] * 8, level=0.1)
    again = decide([0.1 + 0.2 - 0.3] * 8, level=0.3)
    assert found.verdict == "a"
    assert again.verdict == "tied"


def test_a_tie_is_not_called_equal():
    found = decide([(-1) ** i * gain for i, gain in enumerate(GAINS)])
    assert found.verdict == "tied"
    assert "not told apart, which is not equal" in found.reason


@pytest.mark.parametrize(
    ("seeds", "family", "said"),
    [
        (1, 1, "1 pair (one a seed), at least 6 are needed: draw 5 more seeds"),
        (5, 1, "5 pairs (one a seed), at least 6 are needed: draw 1 more seed"),
        (4, 4, "at least 6 are needed and 8 in a family of 4 comparisons: draw 4 more seeds"),
        (6, 4, "6 pairs can at best give Holm p = 0.12 in a family of 4 comparisons, which needs 8"),
        (6, 12, "6 pairs can at best give Holm p = 0.38 in a family of 12 comparisons, which needs 9"),
        (7, 4, "which needs 8: draw 1 more seed or make the family smaller"),
    ],
)
def test_too_few_seeds_give_no_verdict_and_say_how_many_are_missing(seeds, family, said):
    found = decide(GAINS[:seeds], family)
    assert found.verdict == "none"
    assert found.reason.startswith("no verdict on ink against base in panel-text: ")
    assert said in found.reason


def test_below_six_pairs_there_is_a_p_value_and_no_interval():
    found = decide(GAINS[:5])
    assert found.interval is None
    assert found.p == 2 / 2**5


def test_a_verdict_whose_interval_holds_0_says_that_it_is_close():
    found = decide([8, 2, 8, 7, 6, -1, 6, -3])
    assert (found.verdict, found.interval.low <= 0) == ("a", True)
    assert "(a close call: the interval holds 0)" in found.reason


def test_a_tie_made_by_the_family_alone_says_so():
    gains = [8, 2, 8, 7, 6, 1, 6, -1]
    assert decide(gains).verdict == "a"
    found = decide(gains, family=4)
    assert (found.verdict, found.interval.low > 0) == ("tied", True)
    assert "(the interval is without the family, the verdict with it)" in found.reason


def test_a_metric_outside_the_family_is_exploratory_and_shows_its_numbers():
    found = judged(shown(GAINS, "mrr"), None, "seed")
    assert (found.verdict, found.p_holm, found.p) == ("none", None, 2 / 2**8)
    assert found.reason == (
        "exploratory, no verdict: ink minus base in text rank (MRR) is 0.045 [0.02, 0.07], "
        "unadjusted p = 0.0078, 8 seeds; mrr is not among the declared metrics"
    )


def test_the_naive_consistency_says_why_it_is_never_judged():
    found = judged(shown(GAINS, "naive"), None, "seed")
    assert "highest for eight copies and is never judged" in found.reason


@pytest.mark.parametrize("place", [None, Place(1, 1.0, 1.0)])
def test_without_any_pair_there_are_no_numbers_to_show(place):
    found = judged(shown([], "mrr"), place, "seed")
    assert (found.n, found.mean_a, found.shift, found.interval, found.p, found.verdict) == (
        0,
        *[None] * 4,
        "none",
    )
    assert ("has no pair" if place is None else "0 pairs (one a seed)") in found.reason


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=12), st.integers(1, 30))
def test_a_verdict_needs_six_pairs_and_an_adjusted_p_value_of_5_percent(gains, family):
    found = decide(gains, family, level=0)
    decided = found.verdict in ("a", "b")
    assert decided == (len(gains) >= 6 and found.p_holm <= 0.05)
    assert decided == (" is better than " in found.reason)
    assert (found.verdict == "a") == (decided and sum(gains) > 0)


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=12), st.integers(1, 30), st.booleans())
def test_swapping_the_sides_turns_the_signs_and_keeps_the_p_value_and_the_winner(gains, family, lower):
    one = decide(gains, family, lower, level=0)
    other = decide([-gain for gain in gains], family, lower, level=0)
    assert other.differences == tuple(-difference for difference in one.differences)
    assert (other.p, other.p_holm, other.shift) == (one.p, one.p_holm, -one.shift)
    assert other.verdict == {"a": "b", "b": "a"}.get(one.verdict, one.verdict)
