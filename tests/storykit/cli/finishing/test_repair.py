"""One panel repaired on the embedded base: drawn, repaired, taken, packed, drawn again."""

import json
import shutil
from pathlib import Path

import pytest
from command import refused, said, tell, tree
from entries import INTRODUCTION
from fakes import FakePainter, make_run
from finishing_networks import written
from PIL import Image, ImageChops

import kit
import storykit
from kit.experiment.steps import Redraw
from kit.generation.generate import generate
from kit.images.decode import open_picture
from storykit import repairing
from submissions.contest.rules import SHIPPED
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
PANEL = "panels/ink/authored/demo/seed-{seed}/3.png"
MASKED = ("repair", "--panel", 3, "--seed", 1, "--redraw", 0.7, "--mask", "0,0,32,64")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two seeds."""
    folder = tmp_path_factory.mktemp("drawn")
    (folder / "demo.toml").write_bytes(STORY.read_bytes())
    (folder / "experiment.toml").write_text(EXPERIMENT, encoding="utf-8")
    said("generate", folder / "experiment.toml", "--out", folder / "run")
    return folder / "run"


@pytest.fixture(scope="module")
def repaired(drawn: Path) -> tuple[Path, str]:
    """The run with three repairs of panel 3, and what the first command said."""
    run = Path(shutil.copytree(drawn, drawn.parent / "repaired"))
    told = said(MASKED[0], run, *MASKED[1:], "--tries", 2)
    said("repair", run, "--panel", 3, "--seed", 0, "--vary", 0.3)
    return run, told


def test_each_try_is_told_with_what_it_does_to_the_set(repaired: tuple[Path, str]) -> None:
    run, told = repaired
    was, first, file, second, _, take = told.splitlines()
    assert was.startswith("was     panel 3, seed 1: aesthetic ")
    assert "; the set with it: weakest " in was
    assert first.startswith("try     number 1001: aesthetic ")
    assert second.startswith("try     number 1002: aesthetic ")
    assert file.strip() == str(run / PANEL.format(seed=1001))
    assert take.startswith(
        f"take it with `storykit cast {run} --candidate ink --order authored --story demo --keep 3="
    )


def test_outside_the_box_not_a_pixel_changed_and_inside_it_did(repaired: tuple[Path, str]) -> None:
    run, _ = repaired
    before, *tries = (open_picture(run / PANEL.format(seed=seed)).convert("RGB") for seed in (1, 1001, 1002))
    for after in tries:
        left, top, right, bottom = ImageChops.difference(before, after).getbbox()
        assert right <= 32
        assert (right - left, bottom - top) > (16, 32)
    assert tries[0].tobytes() != tries[1].tobytes()
    varied = open_picture(run / PANEL.format(seed=1003)).convert("RGB")
    own = open_picture(run / PANEL.format(seed=0)).convert("RGB")
    assert varied.tobytes() not in (own.tobytes(), before.tobytes())


def test_a_second_run_draws_the_same_bytes_and_what_was_there_stays(
    drawn: Path, repaired: tuple[Path, str]
) -> None:
    run, _ = repaired
    again = Path(shutil.copytree(drawn, drawn.parent / "again"))
    for mine in ("1001", "1002"):  # one at a time
        told = json.loads(said(MASKED[0], again, *MASKED[1:], "--json"))
        assert [str(one["number"]) for one in told["tries"]] == [mine]
        assert set(told["was"]["standing"]) == set(told["tries"][0]["standing"])
    pictures = {name: data for name, data in tree(again).items() if name.endswith(".png")}
    theirs = tree(run)
    assert pictures == {name: theirs[name] for name in pictures}
    assert {
        name: data for name, data in tree(drawn).items() if name.endswith(".png")
    }.items() <= pictures.items()


def test_a_notebook_gets_each_try_in_a_row(drawn: Path) -> None:
    run = Path(shutil.copytree(drawn, drawn.parent / "notebook"))
    told = storykit.repair(storykit.open_run(run), 3, redraw=0.7, mask="0,0,32,64", seed=1, tries=2)
    assert list(told["number"]) == [1, 1001, 1002]
    assert (run / PANEL.format(seed=1002)).is_file()
    with pytest.raises(storykit.StorykitError, match="say what is to be done"):
        storykit.repair(storykit.open_run(run), 3)


def test_a_panel_is_enlarged_and_another_restored_in_a_box(
    repaired: tuple[Path, str], tmp_path: Path
) -> None:
    run, _ = repaired
    network = written(tmp_path, "restorer", ".pth")
    enlarged = said("repair", run, "--panel", 5, "--seed", 0, "--upscale", "mini", "--size", 128)
    assert enlarged.splitlines()[1].startswith("try     number 1004: aesthetic ")
    boxed = ("--panel", 7, "--seed", 0, "--restore", network, "--mask", "8,16,24,32")
    told = json.loads(said("repair", run, *boxed, "--json"))
    assert (told["tries"][0]["number"], told["tries"][0]["step"]["step"]) == (1005, "restore")
    assert json.loads(said("repair", run, *boxed, "--json"))["tries"] == told["tries"]
    assert open_picture(run / PANEL.format(seed=1004).replace("3.png", "5.png")).size == (128, 128)
    place = run / PANEL.format(seed="{}").replace("3.png", "7.png")
    before, after = (open_picture(Path(str(place).format(seed))).convert("RGB") for seed in (0, 1005))
    left, top, right, bottom = ImageChops.difference(before, after).getbbox()
    assert (left, top) >= (8, 16)
    assert (right, bottom) <= (32, 48)
    network.unlink()  # the run has one of its own
    assert [path.suffix for path in (run / "finishers").iterdir()] == [".safetensors"]


def test_what_is_taken_is_packed_verified_and_drawn_again(repaired: tuple[Path, str], tmp_path: Path) -> None:
    run, _ = repaired
    rules = (SHIPPED / "practice.toml").read_text("utf-8")
    rules = rules.replace('name = "practice"', 'name = "easy"').replace("threshold = 6.0", "threshold = 1.0")
    (tmp_path / "easy.toml").write_text(rules, encoding="utf-8")
    (tmp_path / "intro.txt").write_text(INTRODUCTION, encoding="utf-8")
    easy = ("--rules", tmp_path / "easy.toml")
    keep = [f"--keep={panel}={seed}" for panel, seed in enumerate((0, 1, 1001, 0, 1004, 1, 1005, 1), 1)]
    assert "panel 3  seed 1001 (by hand)" in said("cast", run, *keep)
    assert said("score", run).startswith("scored  21 panels of 2 stories, 0 faults")
    words = ("--team", "云上画师", "--title", "墨猫夜行记", "--introduction", tmp_path / "intro.txt")
    bundle = tmp_path / "entry.zip"
    said("pack", run, "--candidate", "ink", *words, *easy, "--out", bundle)
    assert said("verify", bundle, *easy) == f"{bundle}: no faults\n"
    again = said("reproduce", bundle, *easy)
    assert again.count("identical") == 8, again


@pytest.mark.parametrize("behind", [(255, 255, 255, 0), (0, 0, 0, 0), (0, 0, 0, 255)])
def test_what_is_transparent_in_a_mask_is_kept(tmp_path: Path, behind: tuple[int, ...]) -> None:
    run = make_run(tmp_path)
    generate(run, [FakePainter()])
    layer = Image.new("RGBA", (32, 32), behind)
    layer.paste((255, 255, 255, 255), (4, 4, 12, 20))
    layer.save(tmp_path / "layer.png")
    step = Redraw(seed=0, strength=0.5)
    asked = repairing.asked_repair(run, EntryPlan(), 3, step, str(tmp_path / "layer.png"))
    assert asked.wish.mask is not None
    assert asked.wish.mask.getbbox() == (4, 4, 12, 20)


def test_where_nothing_can_be_judged_the_tries_are_told_all_the_same(tmp_path: Path) -> None:
    run, painter = make_run(tmp_path), FakePainter()
    generate(run, [painter])
    painter.fail_on = "cat in the rain"
    asked = repairing.asked_repair(
        run, EntryPlan(), 3, Redraw(seed=0, strength=0.5, prompt="a cat in the rain")
    )
    done = repairing.repaired(run, painter, asked)
    assert "every set scores the same" in done.unjudged
    assert (done.standings, done.best) == ({}, None)
    assert [(one.repair.number, "finite" in one.reason) for one in done.tries] == [(1001, True)]


@pytest.mark.parametrize(
    ("options", "said_"),
    [
        (("--seed", 7, "--vary", 0.2), "no picture of panel 3, seed 7"),
        (("--vary", 0.2), "name the picture with --seed"),
        (("--seed", 0, "--vary", 0.2, "--mask", "0,0,9,9"), "a mask is for --redraw"),
        (("--seed", 0, "--redraw", 0.5, "--mask", "-1,0,4,4"), "a box is X,Y,WIDTH,HEIGHT in whole pixels"),
        (("--seed", 0, "--redraw", 0.5, "--mask", "0,0,0,9"), "the mask is empty"),
        (
            ("--seed", 0, "--redraw", 0.5, "--mask", "70,70,9,9"),
            "the box lies outside the picture, which has 64 x 64",
        ),
        (("--seed", 0, "--redraw", 0.5, "--mask", "none.png"), "none.png"),
        (("--seed", 0, "--redraw", 0.5, "--mask", "words.png"), "words.png"),
        (("--seed", 0, "--redraw", 0.5, "--mask", "large.png"), "the mask has 65 x 64 pixels"),
        (("--seed", 0, "--redraw", 0.5, "--candidate", "oil"), "oil"),
        (("--seed", 0, "--redraw", 0.5, "--prompt", "雨" * 300), "254 tokens"),
        (
            ("--seed", 0, "--upscale", "mini", "--mask", "0,0,9,9"),
            "a mask is for --redraw, --instruct and --restore",
        ),
        (("--seed", 0, "--upscale", "mini", "--size", 100), "must be a multiple of 32, got 100"),
        (("--seed", 0, "--upscale", "mini", "--size", 64), "give a larger --size"),
        (("--seed", 0, "--upscale", "mini", "--tries", 2), "ask for one try"),
        (("--seed", 0, "--restore", "mini"), "4 times larger: give it with --upscale"),
        (("--seed", 0, "--upscale", "none.pth"), "none.pth"),
        (("--seed", 0, "--restore", "words.png"), "is a text, no file of weights"),
    ],
)
def test_what_cannot_be_repaired_is_said_in_a_line_and_nothing_is_written(
    drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[object, ...], said_: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "words.png").write_text("no picture")
    Image.new("L", (65, 64), 255).save(tmp_path / "large.png")
    before = {name: data for name, data in tree(drawn).items() if "cache" not in name}
    assert said_ in refused("repair", drawn, "--panel", 3, *options)
    assert {name: data for name, data in tree(drawn).items() if "cache" not in name} == before


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--vary", 0.2, "--redraw", 0.5),
        ("--vary", 0.2, "--prompt", "雨"),
        ("--redraw", 1.5),
        ("--redraw", 0),
        ("--redraw", "nan"),
        ("--panel", 9, "--redraw", 0.5),
        ("--redraw", 0.5, "--tries", 65),
        ("--upscale", "mini", "--redraw", 0.5),
        ("--upscale", "mini", "--restore", "a.pth"),
        ("--restore", "a.pth", "--size", 128),
        ("--upscale", "mini", "--prompt", "雨"),
    ],
)
def test_a_wrong_command_line_is_told_as_one(drawn: Path, options: tuple[object, ...]) -> None:
    answer = tell("repair", drawn, "--panel", 3, "--seed", 0, *options)
    assert (answer.code, answer.out) == (2, "")
