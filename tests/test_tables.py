from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_run import Plan, make_run, write_made_up_comparison, write_made_up_scores
from scipy import stats

from eval.comparison.compare import Comparison, Family, read_comparison
from eval.comparison.stats import Interval
from eval.comparison.verdict import Contrast
from eval.scorers.protocols import Metric, Stamp
from eval.scoring.records import PanelScore, StoryScore, read_scores
from kit.errors import RunError
from kit.experiment.run import Run
from reports.figures import Span, difference_strip, inline_svg, similarity_map, span, svg_bytes
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
from reports.run.verdicts import pairs_of
from reports.run.weakest_panels import reasons

NUMBERS = st.floats(-100, 100, allow_nan=False)


def story_row(value: float | None, *, story: str = "cat", seed: int = 0, gate: str = "") -> StoryScore:
    """Return a story's scores: one number, and the naive one beside it."""
    values = {"naive": 0.8, "loo_mean": value, "loo_min": 0.1, "empty": None}
    return StoryScore(candidate="ink", order="authored", story=story, seed=seed, gate=gate, values=values)


def panel_row(panel: int, **numbers: float) -> PanelScore:
    """Return a panel's scores."""
    return PanelScore(
        candidate="ink", order="authored", story="cat", seed=0, panel=panel, status="ok", values=numbers
    )


def metric(**told: object) -> Metric:
    """Return a cosine's description, changed as told."""
    stamp = Stamp(weights="w", weights_sha256="0" * 64, preprocessing="p", embedded=True)
    plain = Metric(name="loo", title="", direction="higher", range=(-1, 1), unit="1", source="", stamp=stamp)
    return replace(plain, **told)


def verdicts(*given: tuple[str, str], n: int = 6) -> Comparison:
    """Return comparisons of ink and base: metric and verdict."""
    made = [
        Contrast(
            kind="candidate", metric=metric, a="ink", b="base", n=n, dropped=0, asked=n, differences=(),
            verdict=verdict,
        )
        for metric, verdict in given
    ]  # fmt: skip
    family = Family(metrics=(), size=1, sizes={}, needed=6, declared=False)
    return Comparison(
        unit="seed", claim="", replicates=n, floor=6, family=family, comparisons=tuple(made), tied_sets={}
    )


@given(st.lists(NUMBERS, min_size=2, max_size=12))
def test_the_interval_is_scipys_t_interval(values: Sequence[float]) -> None:
    cell = mean_interval(values)
    assert cell.mean == pytest.approx(np.mean(values))
    if np.std(values) > 1e-6:
        low, high = stats.t.interval(0.95, len(values) - 1, loc=np.mean(values), scale=stats.sem(values))
        assert (cell.low, cell.high) == pytest.approx((low, high))


@given(st.lists(NUMBERS, min_size=2, max_size=8), NUMBERS)
def test_moving_all_replicates_moves_the_mean_and_keeps_the_width(values: list[float], by: float) -> None:
    here, there = mean_interval(values), mean_interval([value + by for value in values])
    assert there.mean == pytest.approx((here.mean or 0.0) + by, abs=1e-6)
    assert (there.high or 0) - (there.low or 0) == pytest.approx((here.high or 0) - (here.low or 0), abs=1e-6)


def test_one_replicate_has_a_mean_and_no_interval_and_none_has_neither() -> None:
    one, none = mean_interval([0.5]), mean_interval([])
    assert (one.mean, one.low, one.high, one.n) == (0.5, None, None, 1)
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


def test_a_pair_stands_where_its_verdicts_stand() -> None:
    def stance(*given: tuple[str, str]) -> str:
        return pairs_of(verdicts(*given))[0].stance

    assert stance(("loo_mean", "a"), ("mrr", "tied")) == "a"
    assert stance(("loo_mean", "b"), ("mrr", "none")) == "b"
    assert stance(("loo_mean", "b"), ("mrr", "a")) == "mixed"
    assert stance(("loo_mean", "tied"), ("mrr", "none")) == "tied"
    assert stance(("loo_mean", "none"), ("mrr", "none")) == "none"


def test_the_naive_metric_never_decides_a_pair() -> None:
    [pair] = pairs_of(verdicts(("naive", "a"), ("loo_mean", "tied")))
    assert pair.stance == "tied"
    assert [one.metric for one in pair.others] == ["naive"]


def test_a_metric_outside_the_declared_family_is_shown_and_not_counted() -> None:
    told = verdicts(("mrr", "a"), ("loo_mean", "tied"))
    told = replace(told, family=replace(told.family, metrics=("loo_mean",)))
    [pair] = pairs_of(told)
    assert (pair.stance, [one.metric for one in pair.others]) == ("tied", ["mrr"])


def test_the_strongest_reason_comes_first_and_small_ones_are_not_named() -> None:
    panels = [panel_row(k, loo=0.8, text=0.3 + k / 1000, aesthetic=5.0 + k % 2) for k in range(1, 8)]
    found = reasons(8, [*panels, panel_row(8, loo=0.2, text=0.303, aesthetic=5.4)])
    assert [reason.column for reason in found] == ["loo"]
    assert (found[0].value, found[0].others) == pytest.approx((0.2, 0.8))


def test_a_panel_that_is_behind_in_nothing_has_no_reason() -> None:
    assert reasons(1, [panel_row(k, loo=0.8) for k in range(1, 9)]) == ()
    assert reasons(1, [panel_row(1, loo=0.9), panel_row(2, loo=0.8)]) == ()
    assert reasons(1, []) == ()


def test_the_scale_of_the_maps_ignores_the_diagonal_and_missing_panels() -> None:
    assert span([((1.0, 0.4), (0.4, 1.0)), ((1.0, None), (None, None))]) == Span(0.4, 0.4)
    assert span([]) == Span(0.0, 1.0)


def test_a_map_shows_every_pair_twice_and_nothing_for_a_missing_panel() -> None:
    row = tuple(None if k == 7 else 0.5 for k in range(8))
    matrix = tuple(row if k != 7 else (None,) * 8 for k in range(8))
    svg = svg_bytes(similarity_map(matrix, Span(0.5, 0.5)), "map").decode()
    assert svg.count(">.50<") == 7 * 6


def test_a_strip_has_a_dot_for_each_replicate() -> None:
    told = verdicts(("mrr", "tied")).comparisons[0]
    told = replace(told, differences=(0.1, -0.1, 0.1), shift=0.1, interval=Interval(-0.1, 0.2))
    svg = svg_bytes(difference_strip(told), "strip").decode()
    assert svg.count("<use ") == 3 + 1  # the dots and the diamond


def test_an_inline_figure_takes_the_pages_colours_and_leaks_no_rule() -> None:
    inline = inline_svg(svg_bytes(difference_strip(verdicts(("mrr", "tied")).comparisons[0]), "strip"))
    assert inline.startswith("<svg")
    assert "var(--line)" in inline
    assert "<style" not in inline
    assert "<?xml" not in inline
    assert " width=" not in inline.partition(">")[0]


def test_files_of_stages_that_have_not_run_are_none(tmp_path: Path) -> None:
    assert read_scores(Run(tmp_path)) is None
    assert read_comparison(Run(tmp_path)) is None


def test_what_the_other_stages_wrote_reads_back(tmp_path: Path) -> None:
    run = make_run(tmp_path, Plan(seeds=(0,)))
    write_made_up_scores(run, {("ink", 0, 3): "blank"})
    write_made_up_comparison(run, ["a", "b", "tied", "none"], 6)
    scores, told = read_scores(run), read_comparison(run)
    assert scores is not None
    assert told is not None
    assert len(scores.panels) == 16
    assert [panel.status for panel in scores.panels if panel.values["loo"] is None] == ["blank"]
    assert [(fault.panel, fault.reason) for fault in scores.faults] == [(3, "why")]
    assert [one.verdict for one in told.comparisons] == ["a", "b", "tied", "none", "none"]


def test_a_damaged_comparison_names_the_place_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "comparison.json").write_text('{"unit": "panel", "replicates": 6, "floor": 6}')
    with pytest.raises(RunError, match=r"got unit: .*run `storykit compare` again"):
        read_comparison(Run(tmp_path))


def test_a_score_table_that_is_gone_is_named(tmp_path: Path) -> None:
    run = make_run(tmp_path, Plan(seeds=(0,)))
    write_made_up_scores(run)
    (run.folder / "scores.panels.csv").unlink()
    with pytest.raises(RunError, match=r"scores\.panels\.csv does not exist; run `storykit score` first"):
        read_scores(run)
