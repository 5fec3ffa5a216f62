from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from eval.scorers.protocols import Metric, Stamp
from eval.scoring.records import StoryScore
from reports.number_format import (
    arrow_of,
    digits_of,
    mean_interval,
    replicates,
    score_columns,
    summarise,
    written,
    written_interval,
    written_p,
)

NUMBERS = st.floats(-100, 100, allow_nan=False)


def story_row(value: float | None, *, story: str = "cat", seed: int = 0, gate: str = "") -> StoryScore:
    """Return a story's scores: one number, and the naive one beside it."""
    values = {"naive": 0.8, "loo_mean": value, "loo_min": 0.1, "empty": None}
    return StoryScore(candidate="ink", order="authored", story=story, seed=seed, gate=gate, values=values)


def metric(**told: object) -> Metric:
    """Return a cosine's description, changed as told."""
    stamp = Stamp(weights="w", weights_sha256="0" * 64, preprocessing="p", embedded=True)
    plain = Metric(name="loo", title="", direction="higher", range=(-1, 1), unit="1", source="", stamp=stamp)
    return replace(plain, **told)


@given(st.lists(NUMBERS, min_size=3, max_size=12))
def test_the_interval_is_scipys_t_interval(values: Sequence[float]) -> None:
    cell = mean_interval(values)
    assert cell.mean == pytest.approx(np.mean(values))
    if np.std(values) > 1e-6:
        low, high = stats.t.interval(0.95, len(values) - 1, loc=np.mean(values), scale=stats.sem(values))
        assert (cell.low, cell.high) == pytest.approx((low, high))


@given(st.lists(NUMBERS, min_size=3, max_size=8), NUMBERS)
def test_moving_all_replicates_moves_the_mean_and_keeps_the_width(values: list[float], by: float) -> None:
    here, there = mean_interval(values), mean_interval([value + by for value in values])
    assert there.mean == pytest.approx((here.mean or 0.0) + by, abs=1e-6)
    assert (there.high or 0) - (there.low or 0) == pytest.approx((here.high or 0) - (here.low or 0), abs=1e-6)


def test_one_or_two_replicates_have_a_mean_and_no_interval_and_none_has_neither() -> None:
    one, two, none = mean_interval([0.5]), mean_interval([0.5, 0.6]), mean_interval([])
    assert (one.mean, one.low, one.high, one.n) == (0.5, None, None, 1)
    assert (two.mean, two.low, two.high, two.n) == (0.55, None, None, 2)
    assert (none.mean, none.n) == (None, 0)


def test_with_one_story_the_seeds_are_the_replicates() -> None:
    rows = [story_row(0.5, seed=0), story_row(0.7, seed=1)]
    assert replicates(rows, "loo_mean") == [0.5, 0.7]


def test_with_several_stories_a_story_is_one_replicate_whatever_its_seeds() -> None:
    rows = [story_row(0.5, seed=0), story_row(0.7, seed=1), story_row(0.9, story="dog")]
    assert replicates(rows, "loo_mean") == pytest.approx([0.6, 0.9])


def test_a_set_without_a_number_is_left_out_and_not_counted_as_zero() -> None:
    [summary] = summarise([story_row(0.5), story_row(None, seed=1)])
    assert (summary.cells["loo_mean"].mean, summary.cells["loo_mean"].n) == (0.5, 1)


def test_columns_keep_the_files_order_with_the_reference_last_and_empty_ones_and_details_gone() -> None:
    assert score_columns([story_row(0.5)]) == ["loo_mean", "naive"]


def test_a_set_with_faults_neither_passes_nor_fails_the_gate() -> None:
    rows = [story_row(0.5, gate="pass"), story_row(0.5, seed=1, gate="fail"), story_row(None, seed=2)]
    [summary] = summarise(rows)
    assert (summary.passed, summary.gated) == (1, 2)


def test_wide_scales_get_two_decimals_and_cosines_three_and_the_arrow_says_which_way_is_better() -> None:
    assert digits_of(metric(range=(1, 10))) == 2
    assert digits_of(metric()) == digits_of(None) == 3
    assert (arrow_of(metric(direction="lower")), arrow_of(metric()), arrow_of(None)) == ("↓", "↑", "↑")


@given(st.floats(-9, 9, allow_nan=False))
def test_a_written_number_reads_back_as_the_rounded_one(value: float) -> None:
    text = written(value, 2, signed=True).replace("−", "-")
    assert float(text) == pytest.approx(round(value, 2))
    assert text not in ("-0.00", "+0.00")


def test_absent_numbers_are_written_as_a_dash() -> None:
    assert written(None) == written(float("nan")) == written_interval(None, 1.0) == written_p(None) == "—"


def test_an_interval_stays_inside_the_range_that_its_metric_has() -> None:
    rows = [story_row(value, seed=seed) for seed, value in enumerate((0.7, 1.0, 1.0))]
    [loose] = summarise(rows)
    [held] = summarise(rows, [metric(name="loo_mean", range=(0.0, 1.0))])
    assert loose.cells["loo_mean"].high > 1
    assert held.cells["loo_mean"].high == 1
    assert held.cells["loo_mean"].low == loose.cells["loo_mean"].low
