"""From drafts to a bundle, on the embedded base: draw, cast, finish, pack, verify."""

import json
import shutil
from pathlib import Path

import pytest
from command import refused, said, tell, tree
from entries import INTRODUCTION

import kit
import storykit
from submissions.contest.rules import SHIPPED

STORY = Path(kit.__file__).parent / "examples" / "demo-zh.toml"
EXPERIMENT = """
stories = ["demo.toml"]
seeds = [0, 1]
size = 64
steps = 3
[score]
gate = 1
[draft]
steps = 2
[[candidate]]
name = "ink"
lora = "mini:ink"
trigger = "水墨画风格"
"""


def drafted(folder: Path) -> Path:
    """Draw drafts of two seeds, and return their run."""
    (folder / "demo.toml").write_bytes(STORY.read_bytes())
    (folder / "experiment.toml").write_text(EXPERIMENT, encoding="utf-8")
    said("generate", folder / "experiment.toml", "--draft", "--out", folder / "run")
    return folder / "run"


def easy_rules(folder: Path) -> tuple[str | Path, ...]:
    """Return the options of a contest that asks for a score of 1."""
    rules = (SHIPPED / "practice.toml").read_text("utf-8")
    rules = rules.replace('name = "practice"', 'name = "easy"').replace("threshold = 6.0", "threshold = 1.0")
    (folder / "easy.toml").write_text(rules, encoding="utf-8")
    return ("--rules", folder / "easy.toml")


def words(folder: Path) -> tuple[str | Path, ...]:
    """Return the options that say what an entry is."""
    (folder / "intro.txt").write_text(INTRODUCTION, encoding="utf-8")
    return ("--team", "云上画师", "--title", "墨猫夜行记", "--introduction", folder / "intro.txt")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `run`, of drafts, eight of them picked, and `run-final`; what was said in said.txt."""
    folder = tmp_path_factory.mktemp("finished")
    run = drafted(folder)
    keep = [f"--keep={panel}={seed}" for panel, seed in enumerate((0, 1, 1, 0, 0, 1, 0, 1), 1)]
    said("cast", run, *keep)
    (folder / "said.txt").write_text(said("finish", run), encoding="utf-8")
    return folder


def test_what_was_chosen_is_drawn_beside_the_drafts_and_held_against_them(finished: Path) -> None:
    lines = (finished / "said.txt").read_text("utf-8").splitlines()
    assert lines[0].startswith("drawn   8 panels, 0 were there, ")
    assert "set     ink authored demo: seeds 0 1 1 0 0 1 0 1" in lines
    assert any(line.startswith("        aesthetic score: draft ") for line in lines)
    assert any(line.startswith("gate    draft ") for line in lines)
    assert lines[-1].startswith(f"finals  {finished / 'run-final'}; next: storykit pack ")


def test_for_machines_both_sides_are_numbers_and_a_second_call_draws_nothing(finished: Path) -> None:
    before = tree(finished / "run-final")
    told = json.loads(said("finish", finished / "run", "--json"))
    assert (told["drawn"], told["seeds"]) == (0, [0, 1, 1, 0, 0, 1, 0, 1])
    assert set(told["draft"]["values"]) == set(told["final"]["values"])
    assert told["draft"]["values"] != told["final"]["values"]
    assert (told["final"]["gate"], told["threshold"]) == ("pass", 1.0)
    assert {name: data for name, data in tree(finished / "run-final").items() if "cache" not in name} == {
        name: data for name, data in before.items() if "cache" not in name
    }


def test_the_finals_are_a_run_like_any_other(finished: Path, tmp_path: Path) -> None:
    finals = shutil.copytree(finished / "run-final", tmp_path / "finals")
    assert "drawn   0 panels, 8 were there" in said("generate", finals / "experiment.toml", "--out", finals)
    assert "scored  8 panels of 1 stories, 0 faults" in said("score", finals)
    assert said("report", finals).startswith(f"report  {finals / 'report.html'}")
    assert str(finals / "share" / "story.html") in said("share", finals)
    assert "drafts" not in said("share", finals)
    assert f"it is final already: `storykit pack {finals}`" in refused("finish", finals)


def test_a_notebook_gets_the_run_of_finals(finished: Path) -> None:
    finals = storykit.finish(storykit.open_run(finished / "run"))
    assert finals.folder == finished / "run-final"
    assert len(finals.stories) == 1


def test_finished_pictures_are_larger_scored_packed_and_drawn_again(finished: Path, tmp_path: Path) -> None:
    finals, easy = shutil.copytree(finished / "run-final", tmp_path / "finals"), easy_rules(tmp_path)
    said("report", finals)
    lines = said("finish", finals, "--refine", "0.4", "--size", "96").splitlines()
    assert f"note    report.html told of older numbers and was removed: `storykit report {finals}`" in lines
    assert any(
        line.startswith("finished 64 to 96 pixels: refined at 96 pixels, strength 0.4") for line in lines
    )
    assert any(line.startswith("gate     before ") and ", now " in line for line in lines)
    assert any(line.startswith(f"next     storykit pack {finals} ") for line in lines)
    told = json.loads(said("finish", finals, "--refine", "0.4", "--size", "96", "--json"))
    assert (told["finished"], len(set(told["was"]))) == ([1001] * 8, 1)
    bundle = tmp_path / "entry.zip"
    said("pack", finals, "--candidate", "ink", *words(tmp_path), *easy, "--out", bundle)
    assert said("verify", bundle, *easy) == f"{bundle}: no faults\n"
    again = said("reproduce", bundle, *easy)
    assert again.count("identical") == 8, again


def test_drafts_become_finals_and_larger_by_one_command(finished: Path, tmp_path: Path) -> None:
    run = shutil.copytree(finished / "run", tmp_path / "run")
    shutil.copytree(finished / "run-final", tmp_path / "run-final")
    told = said("finish", run, "--refine", "0.4", "--size", "96")
    assert "drawn   0 panels, 8 were there" in told
    assert "finished 64 to 96 pixels" in told
    wrong = tell("finish", tmp_path / "run-final", "--refine", ".4", "--out", "x")
    assert (wrong.code, "--out is for drafts" in wrong.err) == (2, True)


def test_finals_are_packed_verified_and_drawn_again(finished: Path, tmp_path: Path) -> None:
    easy, bundle = easy_rules(tmp_path), tmp_path / "entry.zip"
    said("pack", finished / "run-final", "--candidate", "ink", *words(tmp_path), *easy, "--out", bundle)
    assert said("verify", bundle, *easy) == f"{bundle}: no faults\n"
    again = said("reproduce", bundle, *easy)
    assert again.count("identical") == 8, again
