"""The page and the board show the maps that panels were held to, and say how strongly."""

import re
from pathlib import Path

import pytest

from kit.experiment.controls.control_record import map_file
from kit.experiment.run import Run
from kit.generation.generate import generate
from reports.run.held_maps import held_maps
from reports.run.report import write_report
from storykit.board.sheet.large_view import recipe_of
from tests.support.controlled_run import PipelinePainter, loaded

HELD = re.compile(r'<div class="held">(.*?)</div>\s*</figure>', re.S)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("held")
    run = Run.create(folder / "run", loaded(folder))
    generate(run, [PipelinePainter()])
    return run


def shown(run: Run) -> list[str]:
    return HELD.findall(write_report(run).read_text("utf-8"))


def test_the_page_shows_the_maps_beside_the_panels_that_were_held(run: Run) -> None:
    first, second, third = shown(run)
    assert [one.count('<img src="data:image/webp;base64,') for one in (first, second, third)] == [1, 2, 1]
    assert "held to edges, weight 0.7<" in first
    assert "held to edges, weight 1.2, in the first 50% of the steps<" in second
    assert "held to a ready map, weight 0.7<" in second


def test_a_map_that_is_gone_is_told_and_not_shown(run: Run, tmp_path: Path) -> None:
    row = next(row for row in run.rows() if row.panel == 2)
    edges, ready = held_maps(Run(tmp_path), row.control)
    assert (edges.picture, ready.picture) == (None, None)
    assert (edges.told.kind, ready.told.kind) == ("canny", "map")


def test_the_board_tells_what_a_panel_was_held_to(run: Run) -> None:
    row = next(row for row in run.rows() if row.panel == 2)
    said = [value for name, value in recipe_of(run, row) if name == "Held to a map"]
    files = [map_file(one.map) for one in row.control]
    assert said == [
        f"canny, weight 1.2, in the first 50% of the steps, {files[0]}",
        f"map, weight 0.7, in the first 100% of the steps, {files[1]}",
    ]
