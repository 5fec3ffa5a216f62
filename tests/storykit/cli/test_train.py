"""Seeing a LoRA learn: the watched story at every saved step, the page, and the step that is picked."""

import csv
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import tomli_w
from another_process import another_at_work
from command import refused, tree
from fakes import TOY_PROMPTS, fake_picture, toy_base, write_story
from toy_training import SilentListener
from typer.testing import CliRunner
from watched_training import scores_at, watched_training_file

from eval.checkpoint_selection import best_step, score_checkpoints, write_checkpoint_scores
from kit.errors import InputError, RunError, ScoreError
from kit.experiment.config import load_experiment
from kit.experiment.run import Run
from kit.generation.generate import generate
from kit.generation.kolors.kolors_painter import KolorsPainter
from kit.lora.lora import load_lora
from kit.models.base import load_base
from kit.training.config import load_training
from kit.training.previews import saved_steps, step_of
from kit.training.train import train
from reports.training import CheckpointPreviews, render_training_page
from storykit.cli.main import app

STEPS = (0, 2, 4)


@pytest.fixture(scope="module")
def learned(tmp_path_factory) -> Path:
    """A finished training that was watched."""
    folder = tmp_path_factory.mktemp("learned")
    result = CliRunner().invoke(
        app, ["train", str(watched_training_file(folder)), "--out", str(folder / "ink"), "--device", "cpu"]
    )
    assert result.exit_code == 0, result.output
    return folder / "ink"


def test_a_folder_in_which_another_process_trains_is_left_alone(tmp_path):
    with another_at_work(tmp_path / "ink") as other:
        before = tree(tmp_path / "ink")
        reason = refused(
            "train", watched_training_file(tmp_path), "--out", tmp_path / "ink", "--device", "cpu"
        )
        assert re.search(
            rf"ink is being drawn by process {other.pid} since \d\d:\d\d: wait for it or", reason
        )
        assert tree(tmp_path / "ink") == before


def test_every_saved_step_and_the_base_are_drawn_scored_and_shown(learned):
    run = Run.open(learned / "looks")
    assert [step_of(candidate.name) for candidate in run.loaded.experiment.candidates] == list(STEPS)
    assert len(run.rows()) == 8 * len(STEPS)
    with (learned / "looks.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == list(STEPS)
    assert float(rows[0]["distance"]) == pytest.approx(0, abs=1e-6)
    assert all(float(row["distance"]) > 1e-4 for row in rows[1:])
    page = (learned / "training.html").read_text("utf-8")
    assert page.count("<article") == len(STEPS)
    assert page.count("data:image/webp") == 8 * len(STEPS)
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    assert ("--pick best" in page) != ("No step meets the rule so far" in page)


def test_a_word_is_watched_as_a_lora_is(tmp_path):
    file = watched_training_file(tmp_path, steps=2, trigger="<zu>")
    text = file.read_text("utf-8").replace("rank = 2\n", "").replace("alpha = 2.0\n", "")
    table = '[embedding]\ntoken = "<zu>"\nbegins_as = "猫"\n'
    file.write_text(f'preset = "embedding"\n{text}\n{table}', "utf-8")
    result = CliRunner().invoke(app, ["train", str(file), "--out", str(tmp_path / "zu"), "--device", "cpu"])
    assert result.exit_code == 0, result.output
    assert "zu.safetensors: <zu>" in result.output
    bare, worn = Run.open(tmp_path / "zu" / "looks").loaded.experiment.candidates
    assert (bare.embeddings, worn.embeddings and worn.embeddings[0].token) == (None, "<zu>")
    with (tmp_path / "zu" / "looks.csv").open(encoding="utf-8") as rows:
        assert [float(row["distance"]) > 1e-4 for row in csv.DictReader(rows)] == [False, True]
    assert "the word &lt;zu&gt; of 4 vectors, 2 steps" in (tmp_path / "zu" / "training.html").read_text(
        "utf-8"
    )


def test_a_look_is_the_picture_that_an_experiment_draws_with_the_saved_file(learned, tmp_path):
    written = tmp_path / "experiment.toml"
    write_story(tmp_path / "story.toml", TOY_PROMPTS)
    candidate = {"name": "later", "lora": str(learned / "steps" / "000004.safetensors")}
    how = {"base": str(toy_base()), "seeds": [3], "size": 64, "steps": 2}
    document = how | {"stories": ["story.toml"], "candidate": [candidate]}
    written.write_text(tomli_w.dumps(document), encoding="utf-8")
    run = Run.create(tmp_path / "run", load_experiment(written))
    generate(run, [KolorsPainter(load_base(str(toy_base())), "cpu")])
    ours = {row.panel: row.key for row in run.rows()}
    looks = Run.open(learned / "looks").rows()
    assert ours == {row.panel: row.key for row in looks if row.candidate == "step-000004"}


def test_the_pictures_of_every_step_open_large_with_their_step_and_text(learned):
    page = (learned / "training.html").read_text(encoding="utf-8")
    shots = re.findall(r'<button type="button" class="shot" data-panel="(\d)" data-title="([^"]*)"', page)
    assert len(shots) == page.count('class="panel"') > 0
    assert {title.split(" · ")[0] for _, title in shots} >= {"Step 2", "Step 4"}
    assert '<dialog id="lightbox"' in page
    assert page.count("<script") == 1


def test_watching_changes_nothing_in_the_lora(learned, tmp_path):
    alone = train(
        load_training(watched_training_file(tmp_path, watched=False)),
        tmp_path / "ink",
        SilentListener(),
        "cpu",
    )
    assert alone.read_bytes() == (learned / "ink.safetensors").read_bytes()


def test_a_look_that_was_missed_is_made_up_for_when_the_training_goes_on(learned, tmp_path):
    training = load_training(watched_training_file(tmp_path))
    shutil.copytree(learned, tmp_path / "ink", ignore=shutil.ignore_patterns("looks*"))
    assert training.watch is not None
    looks = CheckpointPreviews(training, training.watch, tmp_path / "ink", "cpu", print)
    train(training, tmp_path / "ink", SilentListener(), "cpu", looks)
    assert [one.step for one in looks.scores] == list(STEPS)


def test_steps_that_are_dropped_can_still_be_picked(tmp_path):
    training = load_training(watched_training_file(tmp_path, keep_last=1))
    assert training.watch is not None
    looks = CheckpointPreviews(training, training.watch, tmp_path / "ink", "cpu", print)
    train(training, tmp_path / "ink", SilentListener(), "cpu", looks)
    assert [path.name for path in (tmp_path / "ink" / "steps").iterdir()] == ["000004.safetensors"]
    assert list(saved_steps(tmp_path / "ink")) == [2, 4]


def test_pick_best_writes_that_step_and_says_by_which_rule(learned, monkeypatch):
    monkeypatch.setattr("reports.training.best_step", lambda looks: 2)
    command = ["train", str(learned.parent / "train.toml"), "--out", str(learned), "--device", "cpu"]
    result = CliRunner().invoke(app, [*command, "--pick", "best"])
    assert result.exit_code == 0, result.output
    assert re.search(
        r"best +step 2: of the steps that keep 80% of the base's mrr, the earliest", result.output
    )

    picked, saved = (
        load_lora(learned / "ink.safetensors"),
        load_lora(learned / "steps" / "000002.safetensors"),
    )
    assert picked.notes["steps"] == "2"
    assert all((picked.pairs[k].up == saved.pairs[k].up).all() for k in saved.pairs)
    CliRunner().invoke(app, command)
    assert load_lora(learned / "ink.safetensors").notes["steps"] == "4"


def test_pick_best_is_the_step_of_the_rule_or_the_rules_own_error(learned):
    training, watch = watched(learned)
    looks = CheckpointPreviews(training, watch, learned, "cpu", print)
    looks()
    command = ["train", str(learned.parent / "train.toml"), "--out", str(learned), "--device", "cpu"]
    result = CliRunner().invoke(app, [*command, "--pick", "best"])
    try:
        expected = f"best    step {best_step(looks.scores)}: "
    except ScoreError as refused:
        expected = str(refused)
    assert expected in f"{result.output}{result.exception}"


def test_pick_best_needs_a_story_to_look_at(tmp_path):
    path = watched_training_file(tmp_path, watched=False)
    result = CliRunner().invoke(app, ["train", str(path), "--out", str(tmp_path / "ink"), "--pick", "best"])
    assert isinstance(result.exception, InputError)
    assert "--pick best needs a story" in str(result.exception)
    assert not (tmp_path / "ink").exists()


def test_another_story_is_refused_and_the_looks_stay(learned):
    training = load_training(learned.parent / "train.toml")
    assert training.watch is not None
    before = (learned / "looks" / "panels.jsonl").read_bytes()
    write_story(learned.parent / "other.toml", TOY_PROMPTS)
    other = training.watch.model_copy(update={"story": str(learned.parent / "other.toml")})
    with pytest.raises(
        RunError, match=r"holds panels of another experiment.* or delete .*looks to draw the steps anew"
    ):
        CheckpointPreviews(training, other, learned, "cpu", print)()
    assert (learned / "looks" / "panels.jsonl").read_bytes() == before


def test_a_missing_panel_leaves_the_numbers_of_its_step_empty(learned, tmp_path):
    run = Run.open(learned / "looks")
    tools = CheckpointPreviews(*watched(learned), learned, "cpu", print)._tools
    path = run.panel_path("step-000002", "authored", "story", 3, 5)
    data = path.read_bytes()
    path.unlink()
    try:
        looks = score_checkpoints(
            run, tools, np.ones(tools.encoder.pictures([fake_picture("a", 64)]).shape[1])
        )
    finally:
        path.write_bytes(data)
    assert [one.likeness is None for one in looks] == [False, True, False]
    write_checkpoint_scores(tmp_path / "looks.csv", looks)
    assert b",," in (tmp_path / "looks.csv").read_bytes()


def test_a_folder_that_is_named_from_here_is_gone_on_with(learned, monkeypatch):
    monkeypatch.chdir(learned.parent)
    command = ["train", "train.toml", "--out", "ink", "--device", "cpu"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output


def test_a_page_without_a_best_step_says_so_and_offers_none(learned):
    run = Run.open(learned / "looks")
    looks = [scores_at(step, 0.5, mrr=1.0 if step == 0 else 0.1) for step in STEPS]
    page = render_training_page(learned, run, looks, best=None)
    assert "No step meets the rule so far" in page
    assert "--pick best" not in page


def test_a_story_whose_name_cannot_name_a_folder_is_refused_before_anything_is_written(tmp_path):
    training = load_training(watched_training_file(tmp_path))
    (tmp_path / "story.toml").rename(tmp_path / "a,b.toml")
    other = training.watch.model_copy(update={"story": str(tmp_path / "a,b.toml")})
    with pytest.raises(InputError, match="file name holds letters"):
        CheckpointPreviews(training, other, tmp_path / "ink", "cpu", print)
    assert not (tmp_path / "ink").exists()


def watched(folder: Path):
    training = load_training(folder.parent / "train.toml")
    return training, training.watch
