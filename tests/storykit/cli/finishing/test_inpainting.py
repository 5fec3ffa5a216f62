"""A panel repaired by Kolors-Inpainting beside a toy of Kolors, by commands."""

import json
import shutil
from pathlib import Path

import pytest
from command import refused, said, tell
from PIL import ImageChops
from published_toy import copy_of_published, published_lora

import kit
from kit.experiment.run import Run
from kit.files.encodings import sha256_of
from kit.hub.repository import inpainting_folder
from kit.images.decode import open_picture

STORY = Path(kit.__file__).parent / "examples" / "demo-zh.toml"
EXPERIMENT = """
stories = ["demo.toml"]
base = "{base}"
seeds = [3]
size = 64
steps = 2
[score]
gate = 1
[[candidate]]
name = "ink"
lora = "ink.safetensors"
trigger = "水墨画风格"
"""
PANEL = "panels/ink/authored/demo/seed-{seed}/3.png"
MASKED = ("--panel", 3, "--redraw", 0.7, "--mask", "0,0,32,64")


@pytest.fixture(scope="module")
def repaired(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run with a repair of panel 3, and what the command said."""
    folder = tmp_path_factory.mktemp("inpainted")
    base = copy_of_published(folder)
    published_lora(folder / "ink.safetensors")
    (folder / "demo.toml").write_bytes(STORY.read_bytes())
    (folder / "experiment.toml").write_text(EXPERIMENT.format(base=base.as_posix()), encoding="utf-8")
    said("generate", folder / "experiment.toml", "--out", folder / "run")
    return folder / "run", said("repair", folder / "run", *MASKED)


@pytest.fixture
def run(repaired: tuple[Path, str], tmp_path: Path) -> Path:
    shutil.copytree(repaired[0].parent, tmp_path / "work")
    experiment = tmp_path / "work" / "experiment.toml"
    kept = tmp_path / "work" / "run" / "experiment.toml"
    for file in (experiment, kept):
        text = file.read_text("utf-8").replace(str(repaired[0].parent), str(tmp_path / "work"))
        file.write_text(text, encoding="utf-8")
    return tmp_path / "work" / "run"


def test_it_is_said_and_written_down_which_unet_drew_and_outside_the_mask_nothing_changed(
    repaired: tuple[Path, str],
) -> None:
    run, told = repaired
    assert "drawn by Kolors-Inpainting, whose folder lies beside the base's" in told
    unet = inpainting_folder(run.parent / "Kolors") / "unet" / "diffusion_pytorch_model.safetensors"
    [row] = (row for row in Run.open(run).rows() if row.chain)
    assert row.chain[0].inpainting == sha256_of(unet)
    before, after = (open_picture(run / PANEL.format(seed=seed)).convert("RGB") for seed in (3, 1001))
    assert ImageChops.difference(before, after).getbbox() == (0, 0, 32, 64)


def test_without_the_folder_the_base_draws_itself(run: Path) -> None:
    inpainting_folder(run.parent / "Kolors").rename(run.parent / "away")
    told = json.loads(said("repair", run, *MASKED, "--seed", 3, "--json"))
    assert [set(one["step"]) for one in told["tries"]] == [{"step", "seed", "strength", "mask"}]


def test_drawing_the_run_again_needs_the_same_folder(run: Path) -> None:
    picture, beside = run / PANEL.format(seed=1001), inpainting_folder(run.parent / "Kolors")
    drawn = picture.read_bytes()
    picture.unlink()
    beside.rename(run.parent / "away")
    answer = tell("generate", run.parent / "experiment.toml", "--out", run)
    fault, *_ = answer.out.splitlines()
    assert fault.startswith(f"fault   {PANEL.format(seed=1001)}: it is drawn with Kolors-Inpainting (UNet ")
    assert fault.endswith(f"put the folder of that name beside that of the base, {run.parent / 'Kolors'}")
    assert not picture.exists()
    (run.parent / "away").rename(beside)
    said("generate", run.parent / "experiment.toml", "--out", run)
    assert picture.read_bytes() == drawn


def test_a_damaged_folder_is_one_line_before_anything_is_asked_for(run: Path) -> None:
    extras = (run / "extras.json").read_bytes()
    (inpainting_folder(run.parent / "Kolors") / "unet" / "config.json").write_text("{}")
    assert "storykit download kolors-inpainting --out" in refused("repair", run, *MASKED)
    assert (run / "extras.json").read_bytes() == extras
