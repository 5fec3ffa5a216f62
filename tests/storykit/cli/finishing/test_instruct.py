"""A panel edited as an instruction says, by commands: repaired, packed, drawn again."""

import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("diffusers", reason="needs storykit[bases]")

from command import refused, said, tell, tree
from entries import INTRODUCTION
from PIL import ImageChops

import kit
import storykit
from kit.experiment.run import Run
from kit.images.decode import open_picture
from kit.models.bases.pipeline_files import open_editor
from submissions.contest.rules import SHIPPED
from tests.support.toy_pipelines import EDITOR, MAJICMIX, toy, toy_models

STORY = Path(kit.__file__).parent / "examples" / "demo-zh.toml"
EXPERIMENT = """
stories = ["demo.toml"]
seeds = [3]
size = 64
steps = 2
[score]
gate = 1
[[candidate]]
name = "ink"
lora = "mini:ink"
trigger = "水墨画风格"
"""
PANEL = "panels/ink/authored/demo/seed-{seed}/3.png"
NIGHT = ("--panel", 3, "--instruct", "make it night")


@pytest.fixture(autouse=True)
def downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORYKIT_MODELS", str(toy_models()))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run without an editor."""
    folder = tmp_path_factory.mktemp("drawn")
    (folder / "demo.toml").write_bytes(STORY.read_bytes())
    (folder / "experiment.toml").write_text(EXPERIMENT, encoding="utf-8")
    said("generate", folder / "experiment.toml", "--out", folder / "run")
    return folder / "run"


@pytest.fixture
def run(drawn: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(drawn.parent, tmp_path / "work")) / "run"


def with_editor(run: Path, name: str = EDITOR) -> Path:
    """Name an editor as the refusal says, which draws nothing; return the run."""
    (run.parent / "experiment.toml").write_text(f'editor = "{name}"\n{EXPERIMENT}', encoding="utf-8")
    told = said("generate", run.parent / "experiment.toml", "--out", run)
    assert told.startswith("drawn   0 panels, 8 were there")
    return run


def test_a_run_without_an_editor_says_what_to_write_and_that_is_enough(run: Path) -> None:
    pictures = {name: data for name, data in tree(run).items() if name.endswith((".png", ".jsonl"))}
    line = refused("repair", run, *NIGHT)
    assert f'write editor = "{EDITOR}" into the experiment' in line
    assert f"`storykit generate EXPERIMENT.toml --out {run}` again" in line
    with_editor(run)
    assert {name: data for name, data in tree(run).items() if name in pictures} == pictures
    assert f'editor = "{toy(EDITOR)}"' in (run / "experiment.toml").read_text("utf-8")
    told = json.loads(said("repair", run, *NIGHT, "--mask", "0,0,32,64", "--guidance", 5, "--json"))
    [one] = told["tries"]
    assert one["step"] == {
        "step": "instruct", "seed": 0, "instruction": "make it night", "guidance": 5.0,
        "picture_guidance": 1.5, "steps": 20, "editor": open_editor(str(toy(EDITOR))).digest,
        "mask": one["step"]["mask"],
    }  # fmt: skip
    before, after = (open_picture(run / PANEL.format(seed=seed)).convert("RGB") for seed in (3, 1001))
    assert ImageChops.difference(before, after).getbbox() == (0, 0, 32, 64)
    assert said("generate", run.parent / "experiment.toml", "--out", run).startswith("drawn   0 panels, 9 ")


def test_a_notebook_edits_too(run: Path) -> None:
    opened = storykit.open_run(with_editor(run))
    told = storykit.repair(opened, 3, instruct="make it night", picture_guidance=2.0)
    assert list(told["number"]) == [3, 1001]
    assert Run.open(run).rows()[-1].chain[0].picture_guidance == 2.0


def test_what_is_taken_is_packed_verified_and_drawn_again_by_who_has_the_editor(
    run: Path, tmp_path: Path
) -> None:
    rules = (SHIPPED / "practice.toml").read_text("utf-8")
    rules = rules.replace('name = "practice"', 'name = "easy"').replace("threshold = 6.0", "threshold = 1.0")
    (tmp_path / "easy.toml").write_text(rules, encoding="utf-8")
    (tmp_path / "intro.txt").write_text(INTRODUCTION, encoding="utf-8")
    easy = ("--rules", tmp_path / "easy.toml")
    said("repair", with_editor(run), *NIGHT)
    keep = [f"--keep={panel}={seed}" for panel, seed in enumerate((3, 3, 1001, 3, 3, 3, 3, 3), 1)]
    said("cast", run, *keep)
    said("score", run)
    words = ("--team", "云上画师", "--title", "墨猫夜行记", "--introduction", tmp_path / "intro.txt")
    bundle = tmp_path / "entry.zip"
    told = said("pack", run, "--candidate", "ink", *words, *easy, "--out", bundle)
    assert "panels 3 were edited by an InstructPix2Pix, which is not in the bundle" in told
    assert said("verify", bundle, *easy) == f"{bundle}: no faults\n"
    assert said("reproduce", bundle, *easy, "--editor", toy(EDITOR)).count("identical") == 8


@pytest.mark.parametrize(
    ("head", "line"),
    [
        ('editor = "none"', "editor: must be a folder or a model that was downloaded, and none does not"),
        (f'editor = "{MAJICMIX}"', "edits no picture: its model_index.json must say one of Stable"),
        (f'base = "{EDITOR}"', "is an InstructPix2Pix: it draws no story by itself and belongs at editor, "),
    ],
)
def test_an_editor_is_no_base_and_a_base_no_editor(tmp_path: Path, head: str, line: str) -> None:
    (tmp_path / "demo.toml").write_bytes(STORY.read_bytes())
    text = EXPERIMENT.replace('lora = "mini:ink"', "") if head.startswith("base") else EXPERIMENT
    (tmp_path / "experiment.toml").write_text(f"{head}\n{text}", encoding="utf-8")
    assert line in refused("generate", tmp_path / "experiment.toml", "--out", tmp_path / "run")


@pytest.mark.parametrize(
    "options",
    [
        ("--instruct", "make it night", "--redraw", 0.5),
        ("--instruct", "make it night", "--prompt", "夜晚"),
        ("--instruct", "make it night", "--guidance", 0.5),
        ("--instruct", "make it night", "--picture-guidance", "nan"),
        ("--instruct", "  "),
        ("--redraw", 0.5, "--guidance", 7.5),
        ("--auto", 2, "--picture-guidance", 2),
    ],
)
def test_a_wrong_command_line_is_told_as_one(drawn: Path, options: tuple[object, ...]) -> None:
    answer = tell("repair", drawn, "--panel", 3, *options)
    assert (answer.code, answer.out) == (2, "")
