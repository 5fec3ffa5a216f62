from dataclasses import replace
from pathlib import Path

import pytest
from score_tables import fixed_rows, scored_run

from eval.comparison.compare import compare
from eval.comparison.summary import MOST, summary_lines


def lines_of(folder: Path, rows=None, **told) -> list[str]:
    """Return what the terminal says of a scored run, but for what may be believed of its weights."""
    *lines, note = summary_lines(compare(scored_run(folder, rows or fixed_rows(), **told)))
    assert note.startswith("note    not calibrated for these weights")
    return lines


def test_pairs_are_sides_and_the_first_line_says_over_what_they_are_paired(tmp_path):
    first, *_ = lines_of(tmp_path)
    assert first.startswith(
        "compared 1 pair of candidates in 3 metrics, paired over 8 seeds, for this story: "
    )
    assert first.endswith("2 clear differences")


def test_who_is_better_stands_before_what_is_tied_and_both_with_their_numbers(tmp_path):
    _, *outcomes = lines_of(tmp_path, extra='[compare]\nmetrics = ["text_mean", "aesthetic_mean"]')
    assert outcomes[0].startswith("better  ink is better than base in panel-text by ")
    assert outcomes[1].startswith("tied    ink and base are tied in aesthetic score: equal in all 8 seeds")


@pytest.mark.parametrize(
    ("seeds", "lack"), [(1, "draw 5 more seeds"), (3, "draw 3 more seeds"), (5, "draw 1 more seed")]
)
def test_too_few_seeds_are_said_once_with_how_many_are_missing(tmp_path, seeds, lack):
    rows = [row for row in fixed_rows() if row["seed"] < seeds]
    first, *outcomes = lines_of(tmp_path, rows, extra='[compare]\nmetrics = ["text_mean"]', seeds=seeds)
    assert first.endswith(": 0 clear differences")
    assert len(outcomes) == 1
    assert outcomes[0].startswith("open    no verdict on ink against base: ")
    assert lack in outcomes[0]


def test_the_same_lack_of_many_pairs_is_one_line(tmp_path):
    names = ("base", "ink", "c", "d")
    rows = [{**row, "candidate": name} for row in fixed_rows() if row["seed"] < 2 for name in names]
    rows = [row for k, row in enumerate(rows) if k < 8]
    first, *outcomes = lines_of(
        tmp_path, rows, extra='[compare]\nmetrics = ["text_mean"]', candidates=names, seeds=2
    )
    assert first.startswith("compared 6 pairs of candidates in panel-text, paired over 2 seeds")
    assert [line for line in outcomes if "no verdict on 6 pairs of candidates" in line] == outcomes


def test_a_run_of_one_candidate_says_what_a_pair_would_need(tmp_path):
    rows = [row for row in fixed_rows() if row["candidate"] == "base"]
    [line] = summary_lines(compare(scored_run(tmp_path, rows, candidates=("base",))))
    assert line.startswith("compared nothing: the run has one candidate in one prompt order; add a second")


def test_many_outcomes_are_cut_with_their_number_and_where_the_rest_is(tmp_path):
    told = compare(scored_run(tmp_path, fixed_rows()))
    clear = next(one for one in told.comparisons if one.verdict == "a")
    lines = summary_lines(replace(told, comparisons=(clear,) * (MOST + 9), calibration=""))
    assert len(lines) == MOST + 2
    assert lines[-1] == "        and 9 more; `storykit report` shows all"
