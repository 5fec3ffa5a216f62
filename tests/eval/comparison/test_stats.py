from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats as reference

from eval.comparison.stats import (
    holm,
    pairs_for,
    pairs_needed,
    shift,
    shift_interval,
    sign_flip,
    smallest_p,
    tied_sets,
)
from kit.errors import ComparisonError

numbers = st.integers(-50, 50).map(float)
rows = st.integers(1, 12).flatmap(lambda pairs: arrays(np.float64, pairs, elements=numbers))
rows_of_six = st.integers(6, 20).flatmap(lambda pairs: arrays(np.float64, pairs, elements=numbers))
p_values = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def all_patterns(row):
    """The sign-flip p value by its definition."""
    sums = [
        abs(sum(s * d for s, d in zip(signs, row, strict=True)))
        for signs in product((1, -1), repeat=len(row))
    ]
    return sum(total >= abs(sum(row)) for total in sums) / len(sums)


@given(st.integers(1, 9).flatmap(lambda pairs: arrays(np.float64, pairs, elements=numbers)))
def test_sign_flip_counts_every_pattern(row):
    assert sign_flip(row) == all_patterns(row)


@pytest.mark.parametrize("pairs", [6, 8, 11, 13])
def test_sign_flip_is_scipys_permutation_test(pairs):
    row = np.random.default_rng(pairs).normal(0.4, 1, pairs)
    expected = reference.permutation_test((row,), np.sum, permutation_type="samples", n_resamples=np.inf)
    assert sign_flip(row) == pytest.approx(expected.pvalue, abs=1e-12)


def test_darwins_plants_give_fishers_p_value():
    inches = np.array([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]) / 8
    assert sign_flip(inches) == pytest.approx(2 * 863 / 2**15)


@given(rows, st.sampled_from([1e-6, 0.1, 3.0, 1e6]))
def test_a_p_value_does_not_depend_on_sides_order_or_unit(row, unit):
    p = sign_flip(row)
    assert sign_flip(-row) == p
    assert sign_flip(row[::-1]) == p
    assert sign_flip(row * unit) == p
    assert smallest_p(len(row)) <= p <= 1


def test_decimals_that_differ_only_by_rounding_count_as_ties():
    scores = np.array([[5.1, 5.0], [6.2, 6.1], [0.3, 0.2], [0.7, 0.8], [1.1, 1.0], [9.3, 9.4]])
    assert sign_flip(scores[:, 0] - scores[:, 1]) == sign_flip([1, 1, 1, -1, 1, -1])


def test_no_difference_anywhere_is_p_1_and_an_interval_of_nothing():
    assert sign_flip(np.zeros(8)) == 1
    assert shift(np.zeros(8)) == 0
    assert shift_interval(np.zeros(8)) == (0, 0)


def test_zeros_add_no_evidence():
    assert sign_flip([1, 2, 3, 4, 5, 6, 0, 0]) == sign_flip([1, 2, 3, 4, 5, 6]) == 2 / 2**6


def test_one_pair_proves_nothing():
    assert sign_flip([3.0]) == 1
    assert shift([3.0]) == 3


def test_random_patterns_agree_with_all_patterns():
    row = np.random.default_rng(1).normal(0.5, 1, 20)
    padded = np.append(row, 0.0)
    drawn = sign_flip(padded, np.random.default_rng(2))
    assert drawn == pytest.approx(sign_flip(row), abs=4 * (sign_flip(row) / 99_999) ** 0.5)
    assert drawn == sign_flip(padded, np.random.default_rng(2))
    assert drawn == sign_flip(-padded, np.random.default_rng(2))


def test_random_patterns_never_give_a_p_of_0():
    assert sign_flip(np.ones(60), np.random.default_rng(0)) == 1 / 100_000


def test_random_patterns_need_a_generator():
    with pytest.raises(ComparisonError, match="more than 20 pairs need a random generator"):
        sign_flip(np.ones(21))


@pytest.mark.parametrize(("pairs", "rounds"), [(6, 4000), (8, 4000), (20, 4000)])
@pytest.mark.parametrize("shape", ["normal", "heavy", "rounded"])
def test_without_a_difference_one_verdict_in_twenty_at_most(pairs, rounds, shape):
    rng = np.random.default_rng(20)
    drawn = rng.standard_t(2, (rounds, pairs)) if shape == "heavy" else rng.normal(size=(rounds, pairs))
    drawn = np.round(3 * drawn) if shape == "rounded" else drawn
    rejected = np.mean([sign_flip(row) <= 0.05 for row in drawn])
    assert 0.008 <= rejected <= 0.06


def test_ten_pairs_find_a_difference_of_one_standard_deviation_four_times_in_five():
    drawn = np.random.default_rng(10).normal(1, 1, (2000, 10))
    assert np.mean([sign_flip(row) <= 0.05 for row in drawn]) == pytest.approx(0.8, abs=0.03)
    spread = reference.nct(df=9, nc=10**0.5)
    assert spread.sf(reference.t.ppf(0.975, 9)) == pytest.approx(0.8, abs=0.01)


def test_six_pairs_find_only_a_difference_of_1_8_standard_deviations():
    same_sign = reference.norm.cdf(1.8) ** 6
    assert same_sign == pytest.approx(0.8, abs=0.01)


@pytest.mark.parametrize(("effect", "pairs"), [(1.0, 10), (0.8, 15), (0.5, 34)])
def test_the_pairs_for_a_difference_are_those_of_the_textbooks(effect, pairs):
    row = np.array([-1.0, 0.0, 1.0])
    assert pairs_for(row + effect) == pairs


def test_more_comparisons_need_more_pairs_and_none_can_do_with_less_than_a_verdict_needs():
    row = np.array([0.9, 1.0, 1.1])
    assert [pairs_for(row, size) for size in (1, 6)] == [6, 8], "even where the difference is plain"
    assert pairs_for(row * 10 - 9, 6) > pairs_for(row * 10 - 9)


def test_a_difference_that_is_none_or_hardly_one_has_no_number_of_pairs():
    assert pairs_for([1.0, -1.0]) is None
    assert pairs_for([1.0, -0.99]) is None
    assert pairs_for([0.5]) is None
    assert pairs_for([0.5, 0.5]) is None


def test_drawn_differences_are_seen_four_times_in_five_with_that_many_pairs():
    pairs = pairs_for(np.array([-1.0, 0.0, 1.0]) + 0.9)
    drawn = np.random.default_rng(11).normal(0.9, 1, (2000, pairs))
    assert np.mean([sign_flip(row) <= 0.05 for row in drawn]) == pytest.approx(0.8, abs=0.04)


def test_the_shift_is_the_median_of_all_means_of_two():
    row = [3.0, -1.0, 4.0, 1.5]
    means = [3.0, -1.0, 4.0, 1.5, *((a + b) / 2 for a, b in combinations(row, 2))]
    assert shift(row) == np.median(means)


@given(rows_of_six, st.sampled_from([0.5, 2.0, 8.0]), numbers)
def test_shift_and_interval_follow_the_differences(row, unit, step):
    low, high = shift_interval(row)
    assert low <= shift(row) <= high
    assert shift(-row) == -shift(row)
    assert shift_interval(-row) == (-high, -low)
    assert shift_interval(row[::-1]) == (low, high)
    assert shift_interval(row * unit + step) == (low * unit + step, high * unit + step)


@pytest.mark.parametrize("pairs", [6, 8, 13, 20])
def test_the_interval_holds_what_scipys_signed_rank_test_does_not_reject(pairs):
    row = np.random.default_rng(pairs).normal(0.5, 1, pairs)
    low, high = shift_interval(row)
    for edge, outward in ((low, -1e-9), (high, 1e-9)):
        assert reference.wilcoxon(row - edge + outward, method="exact").pvalue > 0.05
        assert reference.wilcoxon(row - edge - outward, method="exact").pvalue <= 0.05


def test_six_pairs_give_the_whole_range_as_the_interval():
    assert shift_interval([5.0, 1.0, 2.0, 9.0, 3.0, 4.0]) == (1, 9)


def test_five_pairs_are_too_few_for_an_interval():
    with pytest.raises(ComparisonError, match="at least 6 pairs, got 5"):
        shift_interval(np.arange(5.0))


@pytest.mark.parametrize("pairs", [6, 8, 12, 20])
@pytest.mark.parametrize("tails", [3, 1000])
def test_the_interval_covers_the_true_shift_as_often_as_it_says(pairs, tails):
    drawn = 0.7 + np.random.default_rng(4).standard_t(tails, (3000, pairs))
    intervals = np.array([shift_interval(row) for row in drawn])
    covered = np.mean((intervals[:, 0] <= 0.7) & (intervals[:, 1] >= 0.7))
    assert 0.938 <= covered <= 0.98


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert holm([0.6, 0.9]) == (1, 1)
    assert holm([]) == ()


@given(p_values)
def test_holm_is_the_largest_bonferroni_of_any_group_with_the_comparison(p):
    ordered = sorted(p)
    groups = [min(1.0, (len(p) - i) * ordered[i]) for i in range(len(p))]
    expected = [max(groups[: ordered.index(one) + 1]) for one in p]
    assert holm(p) == pytest.approx(expected)


@given(p_values, st.randoms(use_true_random=False))
def test_holm_ignores_the_order_of_the_family(p, random):
    mixed = random.sample(range(len(p)), len(p))
    assert holm([p[i] for i in mixed]) == tuple(holm(p)[i] for i in mixed)


@pytest.mark.parametrize("p", [[-0.1], [1.1], [float("nan")]])
def test_holm_refuses_what_is_no_p_value(p):
    with pytest.raises(ComparisonError, match=r"in \[0, 1\]"):
        holm(p)


@given(st.integers(1, 2000))
def test_the_pairs_needed_are_the_fewest_that_can_pass_holm(size):
    pairs = pairs_needed(size)
    assert holm([sign_flip(np.ones(pairs)) if pairs <= 20 else 0.0, *[1.0] * (size - 1)])[0] <= 0.05
    assert holm([smallest_p(pairs - 1), *[1.0] * (size - 1)])[0] > 0.05


def test_six_pairs_for_one_comparison_eight_for_six_ten_for_twenty_five():
    assert [pairs_needed(size) for size in (1, 2, 6, 7, 12, 25)] == [6, 7, 8, 9, 9, 10]


def test_an_empty_family_needs_no_pairs_to_be_counted():
    with pytest.raises(ComparisonError, match="at least 1 comparison, got 0"):
        pairs_needed(0)


@pytest.mark.parametrize("row", [[], [np.nan], [1.0, np.inf], [[1.0]]])
@pytest.mark.parametrize("measure", [sign_flip, shift, shift_interval])
def test_differences_that_are_none_are_refused(measure, row):
    with pytest.raises(ComparisonError, match="finite number"):
        measure(row)


def pairs(*names):
    return {frozenset(name) for name in names}


def test_names_that_all_tie_are_one_set():
    assert tied_sets("abc", pairs("ab", "bc", "ac")) == (("a", "b", "c"),)


def test_names_that_never_tie_stand_alone_in_their_order():
    assert tied_sets("cab", pairs()) == (("c",), ("a",), ("b",))


def test_a_tie_does_not_pass_through_a_middle_name():
    assert tied_sets("abc", pairs("ab", "bc")) == (("a", "b"), ("b", "c"))


@given(st.sets(st.sampled_from(list(combinations("abcdef", 2)))))
def test_tied_sets_are_all_the_largest_groups_without_a_difference(ties):
    tied = {frozenset(tie) for tie in ties}
    groups = [g for n in range(1, 7) for g in combinations("abcdef", n)]
    whole = [g for g in groups if all(frozenset(two) in tied for two in combinations(g, 2))]
    largest = {g for g in whole if not any(set(g) < set(other) for other in whole)}
    found = tied_sets("abcdef", tied)
    assert set(found) == largest
    assert len(found) == len(largest)


def test_no_names_have_no_tied_sets():
    assert tied_sets("", set()) == ()
