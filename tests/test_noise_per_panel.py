"""Noise of each panel's own, from the experiment to the pictures that any program draws again."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command import tree
from fakes import FakePainter, make_run, toy_base, write_story
from PIL import Image

from kit.errors import RunError
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.experiment.run import Run, Slot
from kit.generation.generate import generate
from kit.generation.kolors.kolors_painter import KolorsPainter
from kit.generation.painter import PanelRequest
from kit.generation.recipe import request_of
from kit.images.png_metadata import PARAMETERS, RECIPE
from kit.models.base import load_base
from reports.run.contact_sheets import SheetAlbum

OWN = "noise_per_panel = true\n"
KEY = "608ffe2e8e9e3bd37303b1380f517a57637ce98e30946dd0b0cca4271a3196f0"
"""Of a picture of before there was a choice."""
PNG = "4e66f16be2eaee2487fc962ab9718f7564aa7b2b6ecb9eec4ce96c175413bc8b"
"""The sha256 of its file."""
TEXTS = ("一只黄色小猫", "坐在沙发上", "在公园里睡觉", "夜晚", "下雪", "一位老人", "一只黄色小猫", "跑步")
"""The first and the seventh are the same."""


def seeds_told(run: Run) -> dict[int, list[int]]:
    """Return the seeds in the panels' recipes, by the run's seed; galleries read the same."""
    told: dict[int, list[int]] = {}
    for row in sorted(run.rows(), key=lambda row: row.panel):
        with Image.open(run.folder / row.file) as picture:
            seed = json.loads(picture.text[RECIPE])["seed"]
            assert f"Seed: {seed}, " in picture.text[PARAMETERS]
        told.setdefault(row.seed, []).append(seed)
    return told


def test_every_panel_begins_from_the_seed_with_its_number_behind_it(tmp_path: Path) -> None:
    run = make_run(tmp_path, OWN + "seeds = [0, 12]")
    generate(run, [FakePainter()])
    assert seeds_told(run) == {0: list(range(1, 9)), 12: list(range(121, 129))}
    assert (run.folder / "panels/base/authored/cat/seed-12/3.png").is_file()
    assert run.read_json("run.json")["settings"]["noise_per_panel"] is True


@pytest.mark.parametrize("head", ["", "noise_per_panel = false"])
def test_where_it_is_not_asked_for_every_byte_is_as_it_was(tmp_path: Path, head: str) -> None:
    run = make_run(tmp_path, head)
    generate(run, [FakePainter()])
    first = run.rows()[0]
    assert (first.key, first.sha256) == (KEY, PNG)
    assert seeds_told(run) == {0: [0] * 8}
    assert "noise" not in run.rows_path.read_text("utf-8")
    assert "noise_per_panel" not in run.read_json("run.json")["settings"]


@pytest.mark.parametrize("batch", [1, 3])
def test_a_panel_is_what_its_own_seed_draws_alone(tmp_path: Path, batch: int) -> None:
    write_story(tmp_path / "cat.toml", TEXTS)
    head = f'base = "{toy_base()}"\nsize = 64\nbatch = {batch}\nseeds = [4]\nsteps = 1\n'
    run = make_run(tmp_path, OWN + head)
    painter = KolorsPainter(load_base(toy_base()), "cpu")
    generate(run, [painter])
    how = DrawSettings(steps=1, cfg=4.0, size=64, noise="portable")
    drawn = {row.slot[3:]: np.asarray(Image.open(run.folder / row.file)).astype(int) for row in run.rows()}
    for row in run.rows():
        asked = PanelRequest(prompt=row.prompt, negative=row.negative, seed=10 * row.seed + row.panel)
        [alone] = painter.draw([asked], how)
        most = 0 if batch == 1 else 1  # pictures drawn together differ in the last bit
        assert np.abs(drawn[row.slot[3:]] - np.asarray(alone)).max() <= most
    assert np.abs(drawn[4, 1] - drawn[4, 7]).max() > 5, "the same words are two pictures"


def test_a_run_that_was_stopped_ends_in_the_same_files(tmp_path: Path) -> None:
    head = OWN + "seeds = [0, 3]\nbatch = 3"
    whole, stopped = make_run(tmp_path / "whole", head), make_run(tmp_path / "stopped", head)
    generate(whole, [FakePainter()])
    painter = FakePainter()
    painter.stop_before_batch = 2
    with pytest.raises(RunError, match="6 of 16 panels are there"):
        generate(stopped, [painter])
    generate(stopped, [FakePainter()])
    assert tree(stopped.folder / "panels") == tree(whole.folder / "panels")


def test_a_row_says_what_its_noise_was_drawn_from(tmp_path: Path) -> None:
    run = make_run(tmp_path, OWN + "seeds = [7]")
    generate(run, [FakePainter()])
    assert [(row.seed, row.noise_seed, row.recipe_seed) for row in run.rows()] == [
        (7, 70 + panel, 70 + panel) for panel in range(1, 9)
    ]


@pytest.mark.parametrize(("anchor_seed", "told"), [(None, 51), (5, 51), (2, 21)])
def test_an_anchor_begins_as_the_panel_that_it_is(tmp_path: Path, anchor_seed: int | None, told: int) -> None:
    run = make_run(tmp_path, OWN + "consistency = 0.6\nseeds = [5, 2]")
    story, [candidate] = run.loaded.stories[0].story, run.loaded.experiment.candidates

    def asked(seed: int, panel: int) -> PanelRequest:
        slot = Slot("base", "authored", "cat", seed, panel)
        return request_of(story, slot, candidate, anchor_seed, noise_per_panel=True)

    [anchor] = asked(5, 4).anchors
    assert (anchor.seed, asked(5, 4).seed) == (told, 54)
    first = replace(asked(told // 10, 1), anchors=(), consistency=0.0)
    assert (anchor.prompt, anchor.seed) == (first.prompt, first.seed)


def test_the_page_knows_which_picture_the_others_match(tmp_path: Path) -> None:
    run = make_run(tmp_path, OWN + "consistency = 0.6")
    generate(run, [FakePainter()])
    [block] = SheetAlbum(run, None).blocks
    assert [shot.anchor_of for shot in block.sheets[0].shown.shots] == [("",)] + [()] * 7
