"""Characters that are kept the same, from the experiment to the bundle that is drawn again."""

import json
import signal
from pathlib import Path

import numpy as np
import pytest
from command import refused, said, stopped_at_the_first_panel, tree
from fakes import toy_base
from kept_cast import BYSTANDER, written

from kit.experiment.run import Run
from submissions.contest.rules import SHIPPED
from submissions.verification import likeness_checks


def pictures(run: Path) -> dict[str, bytes]:
    return {file: data for file, data in tree(run / "panels").items() if file.endswith(".png")}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kept")
    said("run", written(folder, "consistencies = [0, 0.7]"), "--out", folder / "run")
    return folder


def test_a_sweep_makes_a_candidate_of_each_and_the_page_says_how_strongly(drawn):
    run = Run.open(drawn / "run")
    assert [one.name for one in run.loaded.experiment.candidates] == ["ink-c0", "ink-c70"]
    assert "characters kept the same, 0.7" in (drawn / "run" / "report.html").read_text("utf-8")
    rows = {row.panel: row for row in run.rows() if row.candidate == "ink-c70"}
    read = {panel: [anchor.subject for anchor in row.anchors] for panel, row in sorted(rows.items())}
    assert list(read.values()) == [
        *([], [], ["一个小女孩", "一只小猫"], ["一个小女孩"]),
        *([], ["一只小猫"], ["一个小女孩", "一只小猫"], ["一个小女孩"]),
    ]
    keys = [
        {row.panel: row.key for row in run.rows() if row.candidate == f"ink-{one}"} for one in ("c0", "c70")
    ]
    same = [panel for panel in range(1, 9) if keys[0][panel] == keys[1][panel]]
    assert same == [1, 2, 5], "who matches nobody is the picture that it was"
    assert [rows[panel].bystanders for panel in (4, 5, 8)] == [(), (), (BYSTANDER,)]


def test_the_page_says_which_pictures_the_others_match(drawn):
    page = (drawn / "run" / "report.html").read_text("utf-8")
    figures = [part.partition("</figure>")[0] for part in page.split('<figure class="panel')[1:]]
    marked = [figure.partition("others match: ")[2].partition("<")[0] for figure in figures[:16]]
    assert marked == [""] * 8 + ["一个小女孩", "一只小猫"] + [""] * 6


def test_an_anchor_seed_that_is_not_drawn_is_refused(tmp_path):
    experiment = written(tmp_path, "consistency = 0.7")
    told = experiment.read_text(encoding="utf-8").replace("seeds = [0]", "seeds = [2, 0]\nanchor_seed = 5")
    experiment.write_text(told, encoding="utf-8")
    told = refused("generate", experiment, "--out", tmp_path / "run")
    assert "anchor_seed: must be one of the seeds" in told
    assert "got 5: add it to seeds, or write anchor_seed = 2" in told
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_run_that_was_killed_ends_in_the_same_pictures(drawn, tmp_path):
    experiment = written(tmp_path, "consistencies = [0, 0.7]")
    words = ("generate", experiment, "--out", tmp_path / "run")
    stopped_at_the_first_panel(tmp_path / "run", signal.SIGKILL, *words)
    assert 0 < len(pictures(tmp_path / "run")) < 16
    said(*words)
    assert pictures(tmp_path / "run") == pictures(drawn / "run")


def test_a_bundle_of_kept_characters_is_sound_and_drawn_again_to_the_last_byte(drawn, tmp_path, monkeypatch):
    # pictures of a toy base may be alike
    monkeypatch.setattr(likeness_checks, "copied_pairs", lambda looks, _: np.zeros((len(looks),) * 2, bool))
    (tmp_path / "introduction.md").write_text(
        "一个水墨风格的 LoRA，用四十张自己画的水墨画训练。", encoding="utf-8"
    )
    easy = (
        (SHIPPED / "practice.toml")
        .read_text(encoding="utf-8")
        .replace("threshold = 6.0", "threshold = -10.0")
    )
    (tmp_path / "easy.toml").write_text(easy.replace('name = "practice"', 'name = "easy"'), encoding="utf-8")
    texts = ("--team", "街", "--title", "街", "--introduction", tmp_path / "introduction.md")
    same = ("--rules", tmp_path / "easy.toml")
    said("pack", drawn / "run", "--candidate", "ink-c70", *texts, *same, "--out", tmp_path / "a.zip")
    lines = said("reproduce", tmp_path / "a.zip", *same, "--base", toy_base()).splitlines()
    assert lines[:9] == [f"{tmp_path / 'a.zip'}: no faults", *(f"panel {n}: identical" for n in range(1, 9))]


def test_a_changed_consistency_is_said_before_pictures_are_lost(tmp_path):
    said("generate", written(tmp_path, "consistency = 0.7"), "--out", tmp_path / "run")
    before = pictures(tmp_path / "run")
    told = refused("generate", written(tmp_path, "consistency = 0.4"), "--out", tmp_path / "run")
    assert "ink: consistency 0.4 instead of 0.7" in told
    assert pictures(tmp_path / "run") == before


def test_with_one_anchor_seed_every_seed_matches_the_same_pictures(tmp_path):
    experiment = written(tmp_path, "consistency = 0.7")
    told = experiment.read_text(encoding="utf-8").replace("seeds = [0]", "seeds = [0, 5]\nanchor_seed = 5")
    experiment.write_text(told, encoding="utf-8")
    said("generate", experiment, "--out", tmp_path / "run")
    rows = {(row.seed, row.panel): row for row in Run.open(tmp_path / "run").rows()}
    assert {anchor.seed for row in rows.values() for anchor in row.anchors} == {5}
    assert [len(rows[5, panel].anchors) for panel in (1, 2, 4)] == [0, 0, 1]
    assert [len(rows[0, panel].anchors) for panel in (1, 2, 4)] == [1, 1, 1], "it matches what seed 5 gives"
    assert [row.prompt for row in rows[0, 1].anchors] == [rows[0, 1].prompt]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("consistency = 1.5", "candidate[1].consistency: must be at most 1, got 1.5"),
        ("consistency = -0.1", "candidate[1].consistency: must be at least 0, got -0.1"),
        ('consistency = "much"', "candidate[1].consistency: "),
        ("consistencies = []", "candidate[1].consistencies: "),
        ("consistency = 0.5\nconsistencies = [0.5]", "must have consistency or consistencies, got both"),
    ],
)
def test_a_strength_that_cannot_be_is_refused_before_anything_is_drawn(tmp_path, line, fault):
    assert fault in refused("generate", written(tmp_path, line), "--out", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_story_that_names_nobody_is_matched_whole_and_says_so(tmp_path):
    experiment = written(tmp_path, "consistency = 0.7")
    (tmp_path / "street.toml").write_text(
        'title = "街"\n' + "".join(f'[[panel]]\nprompt = "小猫，第{n}天"\n' for n in range(8)),
        encoding="utf-8",
    )
    assert "note    story street names no characters" in said(
        "generate", experiment, "--out", tmp_path / "run"
    )
    rows = [json.loads(line) for line in (tmp_path / "run" / "panels.jsonl").read_text("utf-8").splitlines()]
    assert [len(row.get("anchors", [])) for row in rows] == [0] + [1] * 7
