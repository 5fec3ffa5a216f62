import json

import pytest
from entries import (
    ink_panel,
    lora_bytes,
    make_entry,
    make_scored_run,
    picture_bytes,
    refusal,
    unpack,
    write_comparison,
)

from kit.experiment.run import Run
from submissions.packing.pack import pack


def test_a_missing_panel_is_refused(run, tmp_path):
    ink_panel(run, 3).unlink()
    assert "panels/3.png: cannot be read from the run: No such file" in refusal(run, make_entry(tmp_path))


def test_a_panel_that_was_never_drawn_is_refused(run, tmp_path):
    lines = run.rows_path.read_text("utf-8").splitlines(keepends=True)
    run.rows_path.write_text("".join(line for line in lines if '"panel":8' not in line), encoding="utf-8")
    assert "panels/8.png: is not drawn (run `storykit generate`" in refusal(run, make_entry(tmp_path))


def test_a_panel_painted_over_after_the_run_is_refused(run, tmp_path):
    ink_panel(run, 2).write_bytes(picture_bytes(99, {}))
    assert "panels/2.png: is not the picture that the run recorded" in refusal(run, make_entry(tmp_path))


def test_an_unscored_run_is_refused_with_the_command_to_run(run, tmp_path):
    for name in ("scores.json", "scores.panels.csv", "scores.stories.csv"):
        (run.folder / name).unlink()
    said = refusal(run, make_entry(tmp_path))
    assert said.endswith(f"1 fault: scores: the run is not scored (`storykit score {run.folder}`)")
    (run.folder / "scores.json").write_text("{}")
    said = refusal(run, make_entry(tmp_path))
    assert f"scores.panels.csv: does not exist; run `storykit score {run.folder}` first" in said


def test_a_lora_other_than_the_one_drawn_with_is_refused(run, tmp_path):
    (run.folder / "loras" / "ink.safetensors").write_bytes(lora_bytes({"rank": "2", "alpha": "8"}))
    assert "lora: is not the file that the panels were drawn with" in refusal(run, make_entry(tmp_path))


def test_a_checkpoint_that_holds_no_lora_is_refused(run, tmp_path):
    torch = pytest.importorskip("torch")
    torch.save({"weight": torch.zeros(2)}, run.folder / "loras" / "ink.ckpt")
    text = run.experiment_path.read_text("utf-8").replace("ink.safetensors", "ink.ckpt")
    run.experiment_path.write_text(text, encoding="utf-8")
    assert "lora: ink.ckpt: 0 of 1 keys match" in refusal(Run.open(run.folder), make_entry(tmp_path))


def test_the_runs_comparison_goes_into_the_bundle(tmp_path):
    run = make_scored_run(tmp_path / "work", seeds=(3, 5))
    write_comparison(run)
    files = unpack(pack(run, make_entry(tmp_path)).path)
    assert files["comparison.json"] == (run.folder / "comparison.json").read_bytes()


@pytest.mark.parametrize(
    "damaged", [b'{"comparisons": []}', b"", b"{", b"[]", b"[" * 100_000, b"\xff\xfe\x00"], ids=range(6)
)
def test_a_damaged_comparison_stays_behind_and_the_report_says_so(run, tmp_path, damaged):
    (run.folder / "comparison.json").write_bytes(damaged)
    report = pack(run, make_entry(tmp_path))
    assert "comparison.json is left out: it is no comparison that storykit has written" in report.notes
    assert "comparison.json" not in report.files


def test_a_comparison_of_other_candidates_stays_behind_and_the_report_says_so(tmp_path):
    run = make_scored_run(tmp_path / "work", seeds=(3, 5))
    write_comparison(run)
    path = run.folder / "comparison.json"
    path.write_text(path.read_text("utf-8").replace('"ink"', '"oil"'), encoding="utf-8")
    report = pack(run, make_entry(tmp_path))
    assert "comparison.json is left out: it compares candidates, and not the entry's own, ink" in report.notes
    assert "comparison.json" not in report.files


def test_the_batches_of_the_panels_go_into_the_manifest(tmp_path):
    run = make_scored_run(tmp_path / "work", seeds=(3, 5))
    run.write_json("batching.json", {"settled": {"panels": 5, "compiled": True}})
    manifest = json.loads(
        unpack(pack(run, make_entry(tmp_path, seeds=(3,) * 7 + (5,))).path)["manifest.json"]
    )
    told = [(batch["seed"], len(batch["prompts"]), batch["compiled"]) for batch in manifest["batches"]]
    assert told == [(3, 5, True), (3, 3, True), (5, 3, True)], "the first five panels of seed 5 are not in it"
