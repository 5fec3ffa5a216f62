"""`repair --auto` as people give it: what it says, what it refuses, and that its last line takes the set."""

import json
import shlex
from contextlib import nullcontext
from pathlib import Path

import pytest
from command import refused, said, tell, tree
from rendered_tale import GIRL, ROOM, RenderingPainter, drawn_tale, scene

import kit
import storykit
from eval.casting.more.draw_more import Workshop
from eval.casting.selection import seeds_cast
from kit.experiment.run import Run
from kit.world.render import render
from storykit.auto_repair import auto_tries, looked_at
from storykit.cli.finishing.auto_repair import end_said
from storykit.repairing import set_meant
from submissions.packing.entry_plan import EntryPlan

STORY = Path(kit.__file__).parent / "examples" / "demo-zh.toml"
EXPERIMENT = """
stories = ["demo.toml"]
seeds = [0, 1]
size = 64
steps = 3
[score]
gate = 1
[[candidate]]
name = "ink"
lora = "mini:ink"
trigger = "水墨画风格"
"""


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the embedded base, too small and too short for anything to be right in it."""
    folder = tmp_path_factory.mktemp("drawn")
    (folder / "demo.toml").write_bytes(STORY.read_bytes())
    (folder / "experiment.toml").write_text(EXPERIMENT, encoding="utf-8")
    said("generate", folder / "experiment.toml", "--out", folder / "run")
    return folder / "run"


def test_each_try_is_said_and_the_same_command_says_the_same(drawn: Path) -> None:
    told = said("repair", drawn, "--auto", 3, "--seed", 0)
    lines = told.splitlines()
    assert [line.split(",")[0] for line in lines if line.startswith("try")] == [
        f"try {number}   {lines[0].split(',')[0].split('   ')[1]}" for number in (1, 2, 3)
    ]
    assert ": noise varied, strength 0.2, seed 1" in lines[0]
    assert Path(lines[1].strip()).is_file()
    assert "number 1001: " in lines[2]
    assert " (at least " in lines[2]
    assert lines[3].startswith("        the set: weakest ")
    assert any(line.startswith("left    panel ") and "nearest was number 100" in line for line in lines)
    pictures = {name: data for name, data in tree(drawn).items() if name.startswith("panels/")}
    assert said("repair", drawn, "--auto", 3, "--seed", 0) == told
    again = json.loads(said("repair", drawn, "--auto", 3, "--seed", 0, "--json"))
    assert [one["number"] for one in again["tries"]] == [1001, 1002, 1003]
    assert set(again["nameable"]) == {"letters", "missing", "identity", "place"}
    assert {name: data for name, data in tree(drawn).items() if name.startswith("panels/")} == pictures


def test_a_notebook_gets_each_try_with_its_reason(drawn: Path) -> None:
    told = storykit.repair(storykit.open_run(drawn), auto=2, seed=1)
    assert told["step"][0] == "noise varied, strength 0.2, seed 2"  # seed 1 is the picture itself
    assert set(told["reason"]) <= {"letters", "missing", "identity", "place"}
    with pytest.raises(storykit.StorykitError, match="leave out --vary, --tries"):
        storykit.repair(storykit.open_run(drawn), auto=2, vary=0.2, tries=3)
    with pytest.raises(storykit.StorykitError, match="say which panel"):
        storykit.repair(storykit.open_run(drawn), redraw=0.2)


def test_of_a_sound_set_it_says_that_nothing_was_drawn(tmp_path: Path) -> None:
    run = drawn_tale(tmp_path, RenderingPainter({})).folder
    before = tree(run / "panels")
    assert said("repair", run, "--auto", 4) == "nothing is named in this set, so no picture was drawn\n"
    assert storykit.repair(storykit.open_run(run), auto=4).empty
    assert tree(run / "panels") == before
    assert "seed 7, of base authored tale" in refused("repair", run, "--auto", 4, "--seed", 7)


def test_the_command_that_it_ends_with_takes_the_set(tmp_path: Path) -> None:
    painter = RenderingPainter({4: render(scene(4, GIRL)).picture})
    run = drawn_tale(tmp_path, painter)
    mending = looked_at(run, (ROOM, [0] * 8))
    shop = Workshop(painters=[painter], showing=lambda _: nullcontext(None))
    tries = list(auto_tries(mending, shop, 8))
    *_, mended, take = end_said(mending)
    assert mended == f"mended with {len(tries)} pictures"
    command = take.partition("`")[2].rstrip("`")
    said(*shlex.split(command)[1:])
    assert seeds_cast(Run.open(run.folder), *ROOM) == tuple(mending.seeds)
    assert mending.seeds[3] == 1002
    assert said("repair", run.folder, "--auto", 4).startswith("nothing is named")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--auto", 4, "--vary", 0.2), "leave out --vary\n"),
        (("--auto", 4, "--redraw", 0.2, "--mask", "place"), "leave out --redraw, --mask\n"),
        (("--auto", 4, "--prompt", "雨", "--tries", 1), "leave out --prompt, --tries\n"),
        (("--redraw", 0.2), "say which panel"),
        (("--auto", 65), "65"),
    ],
)
def test_a_step_beside_auto_is_refused_in_a_line(drawn: Path, options: tuple[object, ...], told: str) -> None:
    answer = tell("repair", drawn, "--seed", 0, *options)
    assert (answer.code, answer.out) == (2, "")
    assert told in answer.err


def test_a_seed_beside_a_panel_names_the_picture_as_it_does_by_hand(drawn: Path) -> None:
    keep = [f"--keep={panel}={panel % 2}" for panel in range(1, 9)]
    said("cast", drawn, *keep)
    run, plan = Run.open(drawn), EntryPlan()
    cast = tuple(panel % 2 for panel in range(1, 9))
    assert set_meant(run, plan, None) == (("ink", "authored", "demo"), cast)
    assert set_meant(run, plan, 3)[1] == cast
    assert set_meant(run, EntryPlan(seed=0), 3)[1] == (*cast[:2], 0, *cast[3:])
    assert set_meant(run, EntryPlan(seed=0), None)[1] == (0,) * 8
    said("cast", drawn, "--forget")
