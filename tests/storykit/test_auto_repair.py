"""A set with one wrong panel mends itself, step by step, the mildest first; a sound one is left alone."""

import random
from contextlib import nullcontext
from pathlib import Path

import pytest
from command import tree
from rendered_tale import CAT, GIRL, ROOM, RenderingPainter, drawn_tale, scene, true_picture

from eval.casting.more.draw_more import Workshop
from eval.scorers.load import load_scorers
from eval.validation.corruptions import painted_text
from kit.errors import RunError
from kit.experiment.run import Run
from kit.experiment.steps import step_told
from kit.images.decode import open_picture
from kit.world.render import render
from kit.world.scene import Character
from storykit.auto_repair import AutoRepair, AutoTry, auto_tries, looked_at
from storykit.repair_ladders import LADDERS

OTHER = Character(kind="girl", colour="blue", hair="blond", hair_length="short")


@pytest.fixture(scope="module")
def tools():
    return load_scorers("mini", "mini")


def wrong(panel, *figures, place=None):
    return {panel: render(scene(panel, *figures, place=place)).picture}


def look(run: Run, tools, only=None, **more) -> AutoRepair:
    return looked_at(Run.open(run.folder), (ROOM, [0] * 8), only, tools=tools, **more)


def mended(
    run: Run, painter: RenderingPainter, tools, most: int, only=None
) -> tuple[AutoRepair, list[AutoTry]]:
    mending = look(run, tools, only)
    shop = Workshop(painters=[painter], showing=lambda _: nullcontext(None))
    return mending, list(auto_tries(mending, shop, most))


def picture(run: Run, number: int, panel: int) -> bytes:
    return open_picture(run.panel_path(*ROOM, number, panel)).convert("RGB").tobytes()


def test_a_sound_set_is_left_alone(tmp_path, tools):
    painter = RenderingPainter({})
    run = drawn_tale(tmp_path, painter)
    before = tree(run.folder / "panels")
    mending, tries = mended(run, painter, tools, 8)
    assert (mending.left, tries, painter.redrawn, mending.changed) == ([], [], [], {})
    assert tree(run.folder / "panels") == before


@pytest.mark.parametrize(
    ("asked", "steps"),
    [
        (wrong(2, OTHER), ["vary 0.2", "redraw 0.7 masked"]),
        (wrong(3, place="stage"), ["vary 0.2", "redraw 0.7"]),  # no figure in the fake's mask of the place
        (wrong(4, GIRL), ["vary 0.2", "redraw 0.7"]),
    ],
    ids=["hero", "place", "missing"],
)
def test_the_mildest_step_that_mends_it_is_kept_and_what_was_there_stays(tmp_path, tools, asked, steps):
    [panel] = asked
    painter = RenderingPainter(asked)
    run = drawn_tale(tmp_path, painter)
    before = picture(run, 0, panel)
    mending, tries = mended(run, painter, tools, 8)
    told = [step_told(one.made.repair.step) for one in tries]
    said = [f"{one['step']} {one['strength']:g}{' masked' if 'mask' in one else ''}" for one in told]
    assert said == steps
    assert [one.better for one in tries] == [False, True]
    assert tries[-1].after.behind <= 0 < tries[-1].misfit.behind
    assert tries[-1].left == mending.left == []
    assert mending.changed == {panel: 1002}
    assert mending.seeds == [1002 if one == panel else 0 for one in range(1, 9)]
    assert picture(run, 0, panel) == before != picture(run, 1002, panel)


def test_letters_are_drawn_again_in_a_box_and_outside_not_a_pixel_changes(tmp_path, tools):
    [lettered] = painted_text(None, [true_picture(7)], random.Random(1), None)
    painter = RenderingPainter({7: lettered})
    run = drawn_tale(tmp_path, painter)
    mending, tries = mended(run, painter, tools, 8)
    assert [(one.misfit.reason, one.better) for one in tries] == [("letters", True)]
    assert mending.left == []
    mask = painter.redrawn[0].mask
    assert mask is not None
    assert 0 < sum(mask.histogram()[255:]) < 256 * 256 / 2


def test_what_does_not_mend_goes_up_its_ladder_and_says_what_was_nearest(tmp_path, tools):
    painter = RenderingPainter(wrong(2, OTHER), mends_at=99)
    run = drawn_tale(tmp_path, painter)
    mending, tries = mended(run, painter, tools, 8)
    strengths = [one.made.repair.step.strength for one in tries]
    ladder = [rung.strength for rung in LADDERS["identity"]]
    assert strengths == [*ladder, *[ladder[-1]] * (8 - len(ladder))]
    assert len({one.made.repair.step.seed for one in tries}) == 8
    assert [one.better for one in tries] == [False] * 8
    assert (mending.changed, mending.seeds) == ({}, [0] * 8)
    [left] = mending.left
    nearest = mending.nearest(left)
    assert nearest is not None
    assert nearest.after.behind == min(one.after.behind for one in tries)


def test_of_several_reasons_the_worst_is_first_and_a_panel_can_be_named(tmp_path, tools):
    both = wrong(2, OTHER) | wrong(8, CAT)
    painter = RenderingPainter(both)
    run = drawn_tale(tmp_path, painter)
    named = look(run, tools).left
    mending, tries = mended(run, painter, tools, 8, only=named[1].panel)
    assert {one.misfit.panel for one in tries} == {named[1].panel}
    assert mending.left == []
    assert {one.panel for one in tries[-1].left} == {named[0].panel}
    mending, tries = mended(run, painter, tools, 8)
    assert tries[0].misfit == named[0]
    assert mending.left == []
    assert set(mending.changed) == {2, 8}


def test_a_repair_that_was_stopped_ends_in_the_same_tries_and_bytes(tmp_path, tools):
    painter = RenderingPainter(wrong(2, OTHER), mends_at=5)
    whole = drawn_tale(tmp_path / "whole", painter)
    _, tries = mended(whole, painter, tools, 8)
    painter = RenderingPainter(wrong(2, OTHER), mends_at=5)
    stopped = drawn_tale(tmp_path / "stopped", painter)
    painter.stop_at = 2
    with pytest.raises(RunError, match="stopped"):
        mended(stopped, painter, tools, 8)
    painter.stop_at = None
    _, again = mended(stopped, painter, tools, 8)
    assert again == tries
    pictures = {
        name: data for name, data in tree(whole.folder).items() if name.startswith(("panels/", "masks/"))
    }
    assert {name: tree(stopped.folder)[name] for name in pictures} == pictures
    drawn = len(painter.redrawn)
    _, once_more = mended(stopped, painter, tools, 8)
    assert (once_more, len(painter.redrawn)) == (tries, drawn)


def test_another_first_seed_gives_other_tries(tmp_path: Path, tools) -> None:
    painter = RenderingPainter(wrong(2, OTHER), mends_at=99)
    run = drawn_tale(tmp_path, painter)
    mending = look(run, tools, first_seed=50)
    shop = Workshop(painters=[painter], showing=lambda _: nullcontext(None))
    assert [one.made.repair.step.seed for one in auto_tries(mending, shop, 2)] == [51, 52]
