import json
import shutil

import pytest
from command import said, tree
from fakes import toy_base, toy_lora, write_story
from PIL import Image

import storykit
from eval.casting.decisions import change_picks
from kit.errors import RunError, ScoreError
from submissions.contest.rules import SHIPPED

INTRODUCTION = "一个水墨风格的 LoRA，用四十张自己画的水墨画训练，适合画夜晚的小猫。"
PROMPTS = (
    "一个紫色短发小女孩，穿着粉色裙子，坐在沙发上",
    "一只黄色小猫，在公园里睡觉",
    "一位老人，夜晚，下雪",
    "一只黄色小猫，坐在沙发上",
    "一个小女孩，在公园里，夜晚",
    "一位老人，穿着粉色裙子",
    "一只小猫，下雪，夜晚",
    "一个小女孩，睡觉",
)
EXPERIMENT = """
stories = ["007.toml"]
base = "{base}"
orders = ["authored", "reversed"]
seeds = [3, 4]
size = 32
steps = 2
score = {{ gate = -10.0 }}

[[candidate]]
name = "1-0"

[[candidate]]
name = "ink"
lora = "ink.safetensors"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with an experiment whose run `runs/mine` went through all functions."""
    folder = tmp_path_factory.mktemp("notebook")
    toy_lora(folder / "ink.safetensors")
    write_story(folder / "007.toml", PROMPTS)
    (folder / "cats.toml").write_text(EXPERIMENT.format(base=toy_base()), encoding="utf-8")
    rules = (SHIPPED / "practice.toml").read_text(encoding="utf-8")
    easy = rules.replace('name = "practice"', 'name = "easy"').replace("threshold = 6.0", "threshold = -10.0")
    (folder / "easy.toml").write_text(easy, encoding="utf-8")
    run = storykit.draw(folder / "cats.toml", out=folder / "runs" / "mine")
    storykit.score(run)
    storykit.compare(run)
    storykit.report(run)
    return folder


@pytest.fixture
def run(folder, tmp_path):
    """A run of one's own to change."""
    return storykit.open_run(shutil.copytree(folder / "runs" / "mine", tmp_path / "mine"))


def pack(run, folder, **more):
    texts = {"team": "云上画师", "title": "墨猫夜行记", "introduction": INTRODUCTION}
    rules = str(folder / "easy.toml")
    return storykit.pack(run, run.folder / "mine.zip", candidate="ink", rules=rules, **texts, **more)


def test_the_functions_leave_the_files_that_the_commands_leave(folder, run, tmp_path):
    said("run", folder / "cats.toml", "--out", tmp_path / "told")
    ours, told = tree(run.folder), tree(tmp_path / "told")
    assert ours.keys() == told.keys()
    unlike = {name for name in told if told[name] != ours[name]}
    assert unlike <= {"panels.jsonl", "cache/scores.sqlite", "experiment.toml", "report.html"}


def test_a_bundle_is_the_one_that_the_command_packs(folder, run, tmp_path):
    (tmp_path / "introduction.md").write_text(INTRODUCTION, encoding="utf-8")
    texts = ("--team", "云上画师", "--title", "墨猫夜行记", "--introduction", tmp_path / "introduction.md")
    words = (*texts, "--candidate", "ink", "--rules", folder / "easy.toml")
    said("pack", run.folder, *words, "--out", tmp_path / "told.zip")
    assert pack(run, folder).path.read_bytes() == (tmp_path / "told.zip").read_bytes()


def test_scores_are_data_frames_in_which_names_stay_names(run):
    assert run.panels.groupby(["candidate", "order", "story", "seed"]).size().tolist() == [8] * 8
    assert run.panels["aesthetic"].between(1, 10).all()
    assert set(run.stories["candidate"]) == {"1-0", "ink"}
    assert set(run.stories["story"]) == {"007"}
    assert set(run.stories["faults"]) == {""}
    assert {"a", "b", "metric", "verdict", "reason"} <= set(run.comparisons)


def test_the_pictures_are_those_of_the_seed_that_is_asked_for_else_of_the_first(run):
    for seed, given in ((4, 4), (3, None)):
        path = run.folder / f"panels/ink/reversed/007/seed-{seed}/8.png"
        shown = run.picture("ink", 8, order="reversed", seed=given)
        with Image.open(path) as drawn:
            assert shown.tobytes() == drawn.tobytes()
    assert run.sheet("ink").tobytes() == run.sheet("ink", story="007", seed=3).tobytes()
    assert run.sheet("ink").tobytes() != run.sheet("ink", seed=4).tobytes()


def test_what_was_cast_is_what_is_shown_and_packed(folder, run):
    (chosen,) = storykit.cast(run, "ink", "authored", keep={1: 4}, ban=[(2, 4)]).to_dict("records")
    assert chosen["seeds"][:2] == (4, 3)
    assert run.picture("ink", 1).tobytes() == run.picture("ink", 1, seed=4).tobytes()
    assert any("as cast" in note for note in pack(run, folder).notes)


def test_a_budget_of_pictures_is_spent_as_the_command_spends_it_which_says_what_it_gave(run, tmp_path):
    change_picks(run.run, ("ink", "authored", "007"), lambda picks: picks.banning(1, 4))
    told = shutil.copytree(run.folder, tmp_path / "told")
    place = ("--candidate", "ink", "--order", "authored")
    (chosen,) = storykit.cast(run, "ink", "authored", draw=5).to_dict("records")
    lines = said("cast", told, *place, "--draw", "5").splitlines()
    ours, theirs = tree(run.folder), tree(told)
    for name in ours.keys() | theirs.keys():
        if name.startswith(("panels/", "extras.json", "selection.json")):
            assert ours[name] == theirs[name]
    assert sum(name.startswith("panels/ink/authored/") for name in ours) == 16 + 5
    assert lines[0] == "picks   ink authored 007: banned 1=4, as decided by hand before; --forget drops them"
    assert [line[:21] for line in lines[1:3]] == ["draw    4 of 5: panel", "draw    5 of 5: panel"]
    assert lines[3].startswith(f"cast    ink authored 007: seeds {' '.join(map(str, chosen['seeds']))}, the ")
    assert lines[-2].startswith("spent   5 of 5 pictures; one more promises ")
    assert lines[-1].startswith("        by these pictures the set ")
    [record] = json.loads(said("cast", told, *place, "--draw", "1", "--json"))
    assert (record["drawn"]["spent"], record["drawn"]["ended"], len(record["parts"])) == (1, "spent", 8)


def test_a_set_that_cannot_be_cast_is_warned_of_and_the_other_is_cast(run):
    for seed in (3, 4):
        (run.folder / f"panels/ink/reversed/007/seed-{seed}/5.png").unlink()
    with pytest.warns(UserWarning, match="ink reversed 007: every panel needs a picture, there is none of 5"):
        assert storykit.cast(run, "ink")["order"].tolist() == ["authored"]


def test_a_look_that_comes_too_early_says_what_to_do_first(folder, run):
    for name in ("scores.json", "scores.panels.csv", "scores.stories.csv", "comparison.json"):
        (run.folder / name).unlink()
    for look in (lambda: run.panels, lambda: run.stories, lambda: storykit.compare(run)):
        with pytest.raises(RunError, match=r"run `storykit score .*` first"):
            look()
    with pytest.raises(RunError, match=r"run `storykit compare .*` first"):
        len(run.comparisons)


@pytest.mark.parametrize(
    ("look", "reason"),
    [
        (lambda run: run.picture("wash", 1), "the run has candidates 1-0, ink; orders authored, reversed"),
        (lambda run: run.picture("ink", 9), "panel must be from 1 to 8, got 9"),
        (lambda run: run.sheet("ink", story="cat"), "orders authored, reversed; stories 007; seeds 3, 4"),
    ],
)
def test_a_picture_that_is_not_there_is_refused_with_what_there_is(run, look, reason):
    with pytest.raises(storykit.StorykitError, match=reason):
        look(run)


def test_a_cast_that_cannot_be_met_is_refused_as_the_command_refuses_it(run):
    with pytest.raises(ScoreError, match="the run has no candidate 'wash', it has 1-0, ink"):
        storykit.cast(run, candidate="wash")
