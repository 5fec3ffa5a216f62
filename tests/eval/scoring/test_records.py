from pathlib import Path

import pytest
from made_run import Plan, make_run, write_made_up_comparison, write_made_up_scores
from stripes import fill, new_run, stripe_scorers

from eval.comparison.compare import read_comparison
from eval.scoring.records import read_scores
from eval.scoring.score import score
from kit.errors import RunError
from kit.experiment.run import Run


def test_the_tables_have_the_agreed_columns(tmp_path: Path) -> None:
    run = fill(new_run(tmp_path))
    score(run, stripe_scorers())
    panels = (run.folder / "scores.panels.csv").read_text("utf-8").splitlines()
    stories = (run.folder / "scores.stories.csv").read_text("utf-8").splitlines()
    assert panels[0] == (
        "candidate,order,story,seed,panel,file,sha256,status,aesthetic,text,text_rank,loo,identity,style"
    )
    assert stories[0] == (
        "candidate,order,story,seed,panels_ok,faults,aesthetic_mean,aesthetic_min,aesthetic_gain,gate,"
        "naive,loo_mean,loo_min,weakest_panel,text_mean,mrr,"
        "identity,style,place,copies,below_floor,effective_panels,staging,text_subject,text_action,text_place,text_detail"
    )
    assert (len(panels), len(stories)) == (17, 3)


def test_every_number_column_is_described_with_its_stamp(tmp_path: Path) -> None:
    run = fill(new_run(tmp_path))
    score(run, stripe_scorers())
    told = run.read_json("scores.json")
    described = {metric["name"]: metric for metric in told["metrics"]}
    tables = [(run.folder / name).read_text("utf-8") for name in ("scores.panels.csv", "scores.stories.csv")]
    columns = {column for table in tables for column in table.partition("\n")[0].split(",")}
    keys = {"candidate", "order", "story", "seed", "panel", "file", "sha256", "status", "panels_ok", "faults"}
    assert set(described) == columns - keys - {"gate", "weakest_panel"}
    assert all(
        set(m["stamp"]) >= {"weights", "weights_sha256", "preprocessing", "embedded"} for m in told["metrics"]
    )
    assert described["text_rank"]["direction"] == "lower"
    assert described["aesthetic_mean"]["stamp"]["weights_sha256"] == "b" * 64
    assert described["mrr"]["stamp"]["weights_sha256"] == "c" * 64


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
    with pytest.raises(RunError, match=r"got unit: .*run `storykit compare .*` again"):
        read_comparison(Run(tmp_path))


def test_a_score_table_that_is_gone_is_named(tmp_path: Path) -> None:
    run = make_run(tmp_path, Plan(seeds=(0,)))
    write_made_up_scores(run)
    (run.folder / "scores.panels.csv").unlink()
    with pytest.raises(RunError, match=r"scores\.panels\.csv does not exist; run `storykit score .*` first"):
        read_scores(run)
