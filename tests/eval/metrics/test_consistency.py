import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from eval.metrics.consistency import (
    auc,
    consistency,
    leave_one_out,
    mrr,
    similarity,
    text_image_scores,
    text_ranks,
)
from kit.errors import ScoreError

seeds = st.integers(0, 2**32 - 1)
counts = st.integers(2, 9)


def rows(seed: int, panels: int = 8, dim: int = 16):
    return np.random.default_rng(seed).normal(size=(panels, dim))


def by_hand(a, b):
    return (
        sum(x * y for x, y in zip(a, b, strict=True)) / (sum(x * x for x in a) * sum(y * y for y in b)) ** 0.5
    )


@given(seeds, counts)
def test_consistency_is_the_mean_of_all_pairs_by_hand(seed, panels):
    story = rows(seed, panels)
    pairs = [by_hand(story[i], story[j]) for i in range(panels) for j in range(i)]
    assert consistency(story) == pytest.approx(sum(pairs) / len(pairs))


@given(seeds, counts)
def test_leave_one_out_is_the_cosine_to_the_mean_of_the_others_by_hand(seed, panels):
    story = rows(seed, panels)
    unit = story / np.linalg.norm(story, axis=1, keepdims=True)
    expected = [by_hand(unit[i], np.delete(unit, i, axis=0).mean(axis=0)) for i in range(panels)]
    assert leave_one_out(story) == pytest.approx(expected)


@given(seeds, counts)
def test_panel_order_moves_nothing_but_the_places_of_the_values(seed, panels):
    story, texts = rows(seed, panels), rows(seed + 1, panels)
    mixed = np.random.default_rng(seed).permutation(panels)
    assert consistency(story[mixed]) == pytest.approx(consistency(story))
    assert leave_one_out(story[mixed]) == pytest.approx(leave_one_out(story)[mixed])
    assert text_image_scores(story[mixed], texts[mixed]) == pytest.approx(
        text_image_scores(story, texts)[mixed]
    )
    assert text_ranks(story[mixed], texts[mixed]) == pytest.approx(text_ranks(story, texts)[mixed])


@given(seeds, st.floats(1e-3, 1e3))
def test_the_length_of_a_row_does_not_matter(seed, length):
    story, texts = rows(seed), rows(seed + 1)
    longer = story * np.where(np.arange(8) == 3, length, 1.0)[:, None]
    assert consistency(longer) == pytest.approx(consistency(story))
    assert leave_one_out(longer) == pytest.approx(leave_one_out(story))
    assert text_image_scores(longer, texts) == pytest.approx(text_image_scores(story, texts))


@given(seeds, counts)
def test_all_cosines_stay_in_their_range(seed, panels):
    story, texts = rows(seed, panels, dim=2), rows(seed + 1, panels, dim=2)
    story[-1] = story[0]
    matrix = similarity(story)
    assert np.array_equal(matrix, matrix.T)
    assert np.array_equal(np.diag(matrix), np.ones(panels))
    for values in (
        matrix,
        leave_one_out(story),
        text_image_scores(story, texts),
        text_image_scores(story, story),
    ):
        assert np.all(np.abs(values) <= 1)
    assert -1 <= consistency(story) <= 1


def test_the_stranger_among_the_panels_has_the_lowest_value():
    story = np.tile(rows(0, 1), (8, 1)) + 0.1 * rows(1)
    story[5] = rows(2, 1)[0]
    assert np.argmin(leave_one_out(story)) == 5


def test_one_bad_panel_shows_in_leave_one_out_where_the_naive_mean_hides_it():
    story = np.tile([1.0, 0.0], (8, 1))
    story[7] = [0.0, 1.0]
    assert consistency(story) == pytest.approx(21 / 28)
    assert leave_one_out(story).min() == pytest.approx(0.0)


def test_eight_copies_look_perfectly_consistent_and_get_a_reciprocal_rank_of_22_percent():
    copies = np.tile(rows(3, 1), (8, 1))
    assert consistency(copies) == pytest.approx(1.0)
    assert text_ranks(copies, rows(4)).tolist() == [4.5] * 8
    assert mrr(text_ranks(copies, rows(4))) == pytest.approx(0.2222, abs=1e-4)


def test_copies_stay_ties_under_the_noise_of_single_precision():
    copies = np.tile(rows(3, 1), (8, 1)).astype(np.float32) * (1 + 1e-7 * rows(5)).astype(np.float32)
    assert text_ranks(copies, rows(4)).tolist() == [4.5] * 8


def test_panels_in_random_order_get_a_reciprocal_rank_of_34_percent():
    chance = [mrr(text_ranks(rows(seed), rows(seed + 10_000))) for seed in range(400)]
    assert np.mean(chance) == pytest.approx(sum(1 / k for k in range(1, 9)) / 8, abs=0.02)


def test_a_level_that_all_panels_share_under_a_text_leaves_the_ranks_alone():
    story = np.hstack([np.eye(8), np.ones((8, 1))])
    texts = np.hstack([np.eye(8), np.zeros((8, 1))])
    prefixed = np.hstack([np.eye(8), np.full((8, 1), 5.0)])
    assert text_ranks(story, texts).tolist() == text_ranks(story, prefixed).tolist() == [1.0] * 8


def test_two_panels_shown_in_each_others_place_both_come_second():
    swapped = np.eye(8)[[1, 0, *range(2, 8)]] + 0.1
    ranks = text_ranks(swapped, np.eye(8))
    assert ranks[2:].tolist() == [1.0] * 6
    assert ranks[:2].tolist() == [5.0, 5.0]
    assert mrr(ranks) == pytest.approx((6 + 2 / 5) / 8)


@given(seeds, counts)
def test_ranks_without_ties_are_what_sorting_gives(seed, panels):
    story, texts = rows(seed, panels), rows(seed + 1, panels)
    unit = story / np.linalg.norm(story, axis=1, keepdims=True)
    assume(all(np.diff(np.sort(unit @ text)).min(initial=1) > 1e-6 for text in texts))
    expected = [1 + sorted(unit @ texts[k], reverse=True).index((unit @ texts[k])[k]) for k in range(panels)]
    assert text_ranks(story, texts).tolist() == expected


@pytest.mark.parametrize("measure", [consistency, leave_one_out])
def test_a_single_panel_has_no_consistency(measure):
    with pytest.raises(ScoreError, match=r"panels >= 2, dim\), got shape \(1, 16\)"):
        measure(rows(0, 1))


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf])
def test_a_row_without_a_direction_is_refused_with_its_panel(bad):
    story = rows(0)
    story[4] = bad
    for measure in (consistency, leave_one_out, similarity):
        with pytest.raises(ScoreError, match="panel 5"):
            measure(story)
    with pytest.raises(ScoreError, match="panel 5"):
        text_image_scores(rows(1), story)


def test_other_panels_that_cancel_leave_nothing_to_compare_with():
    with pytest.raises(ScoreError, match="those beside 3 cancel out"):
        leave_one_out([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]])


def test_panels_and_texts_of_different_number_are_refused():
    with pytest.raises(ScoreError, match=r"one shape, got \(8, 16\) and \(7, 16\)"):
        text_ranks(rows(0), rows(1, 7))


@pytest.mark.parametrize("ranks", [[], [0.5], [np.nan, 1.0], [[1.0]]])
def test_ranks_that_cannot_be_are_refused(ranks):
    with pytest.raises(ScoreError, match="mrr needs"):
        mrr(ranks)


def test_auc_is_the_share_of_pairs_that_the_first_wins():
    assert auc(np.array([1.0, 3.0]), np.array([2.0, 0.0])) == 0.75
    assert auc(np.ones(3), np.ones(4)) == 0.5
