"""Pictures of a run edited as an instruction says: asked for, kept, gone on with, refused."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("diffusers", reason="needs storykit[bases]")

from fakes import FakePainter, make_run
from PIL import Image, ImageChops, ImageDraw

from kit.errors import InputError, WeightsError
from kit.experiment.extras.extra_pictures import read_extras
from kit.experiment.run import Run, Slot
from kit.experiment.steps import Instruct, Redraw
from kit.files.encodings import canonical_json, sha256_bytes
from kit.generation.devices.multi_gpu import load_painter
from kit.generation.generate import generate
from kit.generation.pipelines.picture_editor import PictureEditor
from kit.generation.repair.repair import RepairTry, RepairWish, repair
from kit.generation.repair.step_files import editor_files
from kit.images.decode import open_picture
from kit.images.png_metadata import RECIPE
from kit.models.bases.base_parts import BaseParts
from kit.models.bases.pipeline_files import open_editor
from tests.support.toy_pipelines import CASCADE, EDITOR, SDXL, XL_EDITOR, toy

SOURCE = Slot("base", "authored", "cat", 0, 3)
BOX = (6, 4, 21, 25)
SCHEDULER = "scheduler/scheduler_config.json"
DIGEST = open_editor(str(toy(EDITOR))).digest
STEP = Instruct(
    seed=1, instruction="make it night", guidance=7.5, picture_guidance=1.5, steps=3, editor=DIGEST
)


class SparingPainter(FakePainter):
    """Notes what is done to it, and what is loaded of editors meanwhile."""

    def __init__(self, events: list[str]) -> None:
        super().__init__()
        self.events = events

    def redraw(self, requests, settings):
        self.events.append("base")
        return super().redraw(requests, settings)

    def unload(self):
        self.events.append("base freed")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = make_run(tmp_path, f"editor = '{toy(EDITOR)}'")
    generate(run, [FakePainter()])
    return run


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was done, with base and editor, in its order."""
    heard: list[str] = []
    built, freed = PictureEditor._built, PictureEditor.unload

    def unload(self: PictureEditor) -> None:
        if self._loaded is not None:
            heard.append("editor freed")
        freed(self)

    monkeypatch.setattr(PictureEditor, "_built", lambda *told: heard.append("editor") or built(*told))
    monkeypatch.setattr(PictureEditor, "unload", unload)
    return heard


UNCHECKED = shutil.ignore_patterns("storykit.json")
"""The checksums of whoever opened a toy before."""


def boxed() -> Image.Image:
    mask = Image.new("L", (32, 32))
    ImageDraw.Draw(mask).rectangle(BOX, fill=255)
    return mask


def made(run: Run, step: Instruct = STEP, painter: FakePainter | None = None, **told: object) -> RepairTry:
    wish = RepairWish(**{"source": SOURCE, "step": step} | told)
    return repair(run, painter or FakePainter(), wish)[0]


def picture(run: Run, slot: Slot) -> Image.Image:
    return open_picture(run.panel_path(*slot)).convert("RGB")


def files(run: Run) -> dict[str, bytes]:
    kept = (path for path in run.folder.rglob("*") if path.is_file() and "cache" not in path.parts)
    return {path.relative_to(run.folder).as_posix(): path.read_bytes() for path in kept}


def test_an_edited_picture_is_what_the_editor_makes_of_the_one_before_and_says_all_of_it(run: Run) -> None:
    painter = FakePainter()
    done = made(run, painter=painter)
    row, before = run.rows()[-1], picture(run, SOURCE)
    assert (done.reason, row.chain, painter.worn, painter.read_prompts) == ("", (STEP,), [], [])
    alone = PictureEditor(editor_files(run), "cpu").edited(before, STEP)
    assert picture(run, done.repair.slot).tobytes() == alone.tobytes()
    recipe = json.loads(open_picture(run.folder / row.file).info[RECIPE])
    shaping = {name: value for name, value in recipe.items() if name not in ("storykit", "key")}
    assert sha256_bytes(canonical_json(shaping)) == row.key
    assert recipe["chain"] == [
        {"step": "instruct", "seed": 1, "instruction": "make it night", "guidance": 7.5,
         "picture_guidance": 1.5, "steps": 3, "editor": DIGEST}
    ]  # fmt: skip
    assert row.prompt == next(one.prompt for one in run.rows() if one.slot == SOURCE)


def test_outside_a_mask_not_a_pixel_changes(run: Run) -> None:
    before, after = picture(run, SOURCE), picture(run, made(run, mask=boxed()).repair.slot)
    changed = ImageChops.difference(before, after).convert("L").point(lambda level: 255 * (level > 0))
    assert changed.getbbox()
    assert not ImageChops.subtract(changed, boxed()).getbbox()
    assert run.rows()[-1].chain[0].mask == sha256_bytes(next((run.folder / "masks").iterdir()).read_bytes())


def test_tries_have_further_seeds_and_the_editor_is_loaded_once(run: Run, events: list[str]) -> None:
    wish = RepairWish(source=SOURCE, step=replace(STEP, seed=0), tries=2)
    tries = repair(run, SparingPainter(events), wish)
    assert [one.repair.step.seed for one in tries] == [1, 2], "the picture itself is of seed 0"
    assert events == ["base freed", "editor", "base freed", "editor freed"]
    one, other = (np.asarray(picture(run, done.repair.slot), int) for done in tries)
    assert np.abs(one - other).max() > 5


def test_of_base_and_editor_one_is_in_memory_along_a_chain(run: Run, events: list[str]) -> None:
    first = made(run)
    painter = SparingPainter(events)
    [second] = repair(run, painter, RepairWish(source=first.repair.slot, step=Redraw(seed=2, strength=0.5)))
    third = made(run, replace(STEP, seed=9), painter, source=second.repair.slot)
    slots = [one.repair.slot for one in (first, second, third)]
    pictures = [run.panel_path(*slot).read_bytes() for slot in slots]
    for slot in slots:
        run.panel_path(*slot).unlink()
    events.clear()
    generate(run, [painter])
    once = ["base freed", "editor", "editor freed"]
    assert events == [*once, "base", *once]
    assert [run.panel_path(*slot).read_bytes() for slot in slots] == pictures
    assert painter.redrawn[-1].request.prompt == run.rows()[-1].prompt, "the instruction is no description"


def test_what_was_killed_before_it_was_made_is_gone_on_with_and_ends_in_the_same_bytes(run: Run) -> None:
    done, wanted = made(run, mask=boxed()), files(run)
    run.panel_path(*done.repair.slot).unlink()
    lines = run.rows_path.read_bytes().splitlines(keepends=True)
    run.rows_path.write_bytes(b"".join(lines[:-1]))
    generate(run, [FakePainter()])
    told = {name: data for name, data in files(run).items() if name != "panels.jsonl"}
    assert told == {name: wanted[name] for name in told}


def test_what_another_base_drew_is_edited_as_well_and_its_networks_are_freed_meanwhile(
    tmp_path: Path, events: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path, f"base = '{toy(SDXL)}'\neditor = '{toy(EDITOR)}'\nsize = 64\nsteps = 1")
    painter = load_painter(str(toy(SDXL)), "cpu")
    generate(run, [painter])
    assert painter._pipeline._networks
    built = PictureEditor._built
    monkeypatch.setattr(
        PictureEditor, "_built", lambda *told: events.append(str(painter._pipeline._networks)) or built(*told)
    )
    done = made(run, painter=painter)
    assert done.reason == ""
    assert events == ["{}", "editor", "editor freed"]
    alone = PictureEditor(editor_files(run), "cpu").edited(picture(run, SOURCE), STEP)
    assert picture(run, done.repair.slot).tobytes() == alone.tobytes()


def test_stable_cascade_which_redraws_nothing_has_its_pictures_edited() -> None:
    base = BaseParts(folder=str(toy(CASCADE)), prior=str(toy(f"{CASCADE}-prior")))
    painter = load_painter(base, "cpu")
    assert painter.step_refusals(STEP) == []
    assert painter.step_refusals(Redraw(seed=2, strength=0.5)) != []


def test_naming_an_editor_changes_no_picture_and_no_key(tmp_path: Path) -> None:
    plain = make_run(tmp_path)
    generate(plain, [FakePainter()])
    before = files(plain)
    with pytest.raises(InputError) as refused:
        editor_files(plain)
    assert str(refused.value).startswith(f"editor: {plain.folder} names none: write editor = ")
    assert f"`storykit generate EXPERIMENT.toml --out {plain.folder}` again" in str(refused.value)
    told = make_run(tmp_path, f"editor = '{toy(EDITOR)}'")
    assert generate(told, [FakePainter()]).drawn == 0
    changed = {name for name, data in files(told).items() if before.get(name) != data}
    assert changed == {"experiment.toml"}
    assert made(told).reason == ""


def test_an_editor_that_is_not_there_or_another_is_a_fault_of_its_picture_alone(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(toy(EDITOR), tmp_path / "editor", ignore=UNCHECKED))
    run = make_run(tmp_path, "editor = 'editor'")
    generate(run, [FakePainter()])
    file = run.panel_path(*made(run).repair.slot)
    drawn, config, unet = file.read_bytes(), folder / SCHEDULER, folder / "unet" / "config.json"
    file.unlink()

    def reason() -> str:
        [(named, told)] = generate(Run.open(run.folder), [FakePainter()]).faults.items()
        assert run.folder / named == file
        assert "\n" not in told
        return told

    folder.rename(tmp_path / "away")
    assert f"{folder} edits no picture: its model_index.json must say one of" in reason()
    (tmp_path / "away").rename(folder)
    scheduler = config.read_text("utf-8")
    config.write_text(scheduler.replace("Ancestral", ""), "utf-8")
    (folder / "storykit.json").unlink()
    assert f"edited with other files ({DIGEST[:8]}) than those of {folder} (" in reason()
    config.write_text(scheduler, "utf-8")
    (folder / "storykit.json").unlink()
    unet.rename(tmp_path / "unet.json")
    assert f"unet: there is no {unet}; download it again" in reason()
    (tmp_path / "unet.json").rename(unet)
    told = run.experiment_path.read_text("utf-8")
    run.experiment_path.write_text(re.sub("^editor.*$", "", told, flags=re.M), "utf-8")
    assert "names none: write editor = " in reason()
    run.experiment_path.write_text(told, "utf-8")
    assert not generate(Run.open(run.folder), [FakePainter()]).faults
    assert file.read_bytes() == drawn


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"mask": Image.new("L", (24, 24), 255)}, "the mask has 24 x 24 pixels"),
        ({"mask": Image.new("L", (32, 32))}, "the mask is empty"),
        ({"step": replace(STEP, instruction="make it red " * 40 + "at last")}, "at most 75 tokens, "),
        ({"step": replace(STEP, instruction=" ")}, "instruction"),
        ({"step": replace(STEP, guidance=0.5)}, "guidance"),
        ({"step": replace(STEP, editor="0" * 64)}, "edited with other files"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    run: Run, told: dict[str, object], said: str
) -> None:
    before = files(run)
    with pytest.raises(InputError, match=said):
        made(run, **told)
    assert files(run) == before
    assert read_extras(run).repairs == ()


def test_what_is_no_editor_is_told_by_its_class_and_channels(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="edits no picture: its model_index"):
        open_editor(str(tmp_path))
    folder = Path(shutil.copytree(toy(XL_EDITOR), tmp_path / "editor", ignore=UNCHECKED))
    config = folder / "unet" / "config.json"
    config.write_text(config.read_text().replace('"in_channels": 8', '"in_channels": 4'))
    with pytest.raises(WeightsError, match="says in_channels 4, and an InstructPix2Pix has 8"):
        open_editor(str(folder))


def test_an_editor_may_be_named_by_the_folder_of_a_hubs_cache(tmp_path: Path) -> None:
    cached = tmp_path / "models--timbrooks--instruct-pix2pix"
    shutil.copytree(toy(EDITOR), cached / "snapshots" / "0123abc", ignore=UNCHECKED)
    assert open_editor(str(cached)).digest == open_editor(str(toy(EDITOR))).digest
    run = make_run(tmp_path, f"editor = '{cached}'")
    assert run.loaded.experiment.editor == str(cached)
