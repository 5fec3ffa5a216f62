"""What of a run's pictures its experiment asks for now."""

from dataclasses import replace
from pathlib import Path

import pytest
from fakes import FakePainter, make_run

from kit.experiment.controls.control_record import ControlRecord
from kit.experiment.references.image_prompt_record import ImagePromptRecord
from kit.experiment.run import Anchor, Run
from kit.generation.asked_rows import asked_rows
from kit.generation.generate import generate

HELD = ControlRecord(kind="canny", map="0" * 64, weight=1.0, until=1.0, controlnet="0" * 64)
READ = ImagePromptRecord(
    picture="0" * 64, subject="小猫", weight=0.5, start=0.0, until=1.0, blocks=("up",), adapter="0" * 64
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    drawn = make_run(tmp_path_factory.mktemp("asked"), "noise_per_panel = true\nseeds = [2, 1]")
    generate(drawn, [FakePainter()])
    return drawn


def test_every_picture_of_a_run_as_it_was_drawn_is_asked_for(run: Run) -> None:
    assert asked_rows(run, run.rows()) == {row.slot: row for row in run.rows()}


@pytest.mark.parametrize(
    "otherwise",
    [
        {"prompt": "小猫，跳舞"},
        {"negative": "blurred"},
        {"noise_seed": None},
        {"consistency": 0.5, "anchors": (Anchor(prompt="小猫", subject="小猫", seed=2),)},
        {"control": (HELD,)},
        {"image_prompts": (READ,)},
        {"seed": 7},
    ],
)
def test_what_was_drawn_otherwise_or_beside_the_seeds_is_not(run: Run, otherwise: dict[str, object]) -> None:
    first, *others = run.rows()
    drawn = asked_rows(run, [replace(first, **otherwise), *others])  # type: ignore[arg-type]
    assert drawn == {row.slot: row for row in others}


def test_another_candidates_words_are_its_own(tmp_path: Path) -> None:
    drawn = make_run(
        tmp_path, candidates='[[candidate]]\nname = "a"\n[[candidate]]\nname = "b"\ntrigger = "b"\n'
    )
    generate(drawn, [FakePainter()])
    assert len(asked_rows(drawn, drawn.rows())) == 16
    swapped = {"a": "b", "b": "a"}
    assert asked_rows(drawn, [replace(row, candidate=swapped[row.candidate]) for row in drawn.rows()]) == {}


def test_a_negative_that_shapes_nothing_asks_for_no_other_picture(tmp_path: Path) -> None:
    drawn = make_run(tmp_path, "cfg = 1.0")
    generate(drawn, [FakePainter()])
    assert len(asked_rows(drawn, [replace(row, negative="blurred") for row in drawn.rows()])) == 8


def test_panels_that_read_others_are_asked_for_as_they_were_drawn(tmp_path: Path) -> None:
    drawn = make_run(tmp_path, "consistency = 0.5")
    generate(drawn, [FakePainter()])
    assert any(row.anchors for row in drawn.rows())
    assert len(asked_rows(drawn, drawn.rows())) == 8
