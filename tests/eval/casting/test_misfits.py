"""What does not belong in a set is named, on true pictures of the drawn world in which one panel is wrong."""

import random
from dataclasses import replace

import pytest
from PIL import Image
from rendered_tale import CAT, GIRL, ROOM, RenderingPainter, drawn_tale, scene, true_picture

from eval.casting.misfits import REASONS, gauges_of, misfits, nameable, reason_said
from eval.scorers.load import load_scorers
from eval.scoring.measure import measure
from eval.validation.corruptions import painted_text
from kit.errors import ScoreError
from kit.world.render import render
from kit.world.scene import Character

OTHER = Character(kind="girl", colour="blue", hair="blond", hair_length="short")


@pytest.fixture(scope="module")
def tools():
    return load_scorers("mini", "mini")


def named(folder, tools, wrong=()):
    run = drawn_tale(folder, RenderingPainter(dict(wrong)))
    found = misfits(gauges_of(run, measure(run, tools), ROOM, [0] * 8, tools))
    return [(one.panel, one.reason) for one in found]


def shown(panel, *figures, place=None):
    return {panel: render(scene(panel, *figures, place=place)).picture}


def test_in_a_true_set_nothing_is_named(tmp_path, tools):
    assert named(tmp_path, tools) == []


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        (shown(2, OTHER), (2, "identity")),
        (shown(6, Character(kind="dog", colour="brown")), (6, "identity")),
        (shown(3, place="stage"), (3, "place")),
        (shown(4, GIRL), (4, "missing")),
        (shown(8, CAT), (8, "missing")),
        (
            {7: painted_text(None, [true_picture(7)], random.Random(1), None)[0]},
            (7, "letters"),
        ),
    ],
    ids=["other looks", "another kind", "another place", "no cat", "no girl", "letters"],
)
def test_the_wrong_panel_is_named_with_its_reason_and_no_other(tmp_path, tools, wrong, expected):
    assert named(tmp_path, tools, wrong) == [expected]


def test_the_worst_is_named_first(tmp_path, tools):
    wrong = shown(2, Character(kind="dragon", colour="green")) | shown(3, place="stage")
    run = drawn_tale(tmp_path, RenderingPainter(wrong))
    found = misfits(gauges_of(run, measure(run, tools), ROOM, [0] * 8, tools))
    assert {(one.panel, one.reason) for one in found} == {(2, "identity"), (3, "place")}
    assert found[0].behind > found[1].behind > 0


def test_what_nobody_calibrated_is_not_named(tmp_path, tools):
    wrong = shown(2, OTHER) | shown(3, place="stage") | shown(4, GIRL)
    assert named(tmp_path, replace(tools, calibration=None), wrong) == []
    run = drawn_tale(tmp_path / "again", RenderingPainter({}))
    assert nameable(run, tools) == list(REASONS)
    assert nameable(run, replace(tools, calibration=None)) == ["letters"]
    told = tools.calibration.model_copy(update={"misfits": None})
    assert nameable(run, replace(tools, calibration=told)) == ["letters", "identity", "place"]


def test_a_set_that_is_not_whole_is_refused(tmp_path, tools):
    run = drawn_tale(tmp_path, RenderingPainter({5: Image.new("RGB", (256, 256))}))
    with pytest.raises(ScoreError, match="no usable picture of panel 5"):
        gauges_of(run, measure(run, tools), ROOM, [0] * 8, tools)


def test_a_reason_is_said_with_what_the_words_tell():
    assert reason_said("place") == "the place is another than in the panels of the same place"
    assert reason_said("letters", "SALE") == "letters in the picture: SALE"
    assert reason_said("identity", "black").endswith("(told: black)")
