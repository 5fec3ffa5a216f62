"""The controls of a run: maps made once, kept, and part of what shapes a panel."""

import json
from pathlib import Path

import pytest

from kit.errors import InputError, RunError
from kit.experiment.controls.control_record import map_file
from kit.experiment.run import PanelRow, Run
from kit.files.encodings import canonical_json, sha256_bytes
from kit.generation.controls.run_controls import MADE, map_bytes
from kit.generation.generate import GenerateReport, draw_experiment
from kit.images.decode import open_picture
from kit.images.png_metadata import RECIPE
from submissions.untrusted.png_reader import picture_texts
from tests.support.controlled_run import BOTH, CONTROLS, EDGES, PipelinePainter, loaded
from tests.support.toy_controlnets import shapes, toy_controlnets
from tests.support.toy_pipelines import SIDE


def drawn(folder: Path, *controls: str, **told: object) -> tuple[Run, GenerateReport]:
    return draw_experiment(loaded(folder, controls or CONTROLS, **told), folder / "run", [PipelinePainter()])


def rows_of(run: Run) -> list[PanelRow]:
    return sorted(run.rows(), key=lambda row: row.panel)


def recipe_in(run: Run, row: PanelRow) -> dict[str, object]:
    return json.loads(picture_texts((run.folder / row.file).read_bytes())[RECIPE])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return drawn(tmp_path_factory.mktemp("held"))[0]


def test_rows_say_what_each_panel_was_held_to(run):
    first, second, third, fourth = rows_of(run)[:4]
    assert [(one.kind, one.weight, one.until) for one in second.control] == [
        ("canny", 1.2, 0.5),
        ("map", 0.7, 1.0),
    ]
    assert first.control[0].controlnet == second.control[0].controlnet != second.control[1].controlnet
    assert fourth.control == ()
    assert "control" not in run.rows_path.read_text().splitlines()[3]
    assert first.prompt == third.prompt
    assert first.key != third.key


def test_the_recipe_holds_map_weight_until_and_controlnet_and_the_key_covers_them(run):
    held, free = rows_of(run)[0], rows_of(run)[3]
    recipe = recipe_in(run, held)
    [control] = held.control
    assert recipe["control"] == [
        {"map": control.map, "weight": 0.7, "until": 1.0, "controlnet": control.controlnet}
    ]
    shaping = {name: value for name, value in recipe.items() if name not in ("storykit", "key")}
    assert sha256_bytes(canonical_json(shaping)) == held.key
    assert "control" not in recipe_in(run, free)


def test_panels_that_are_held_to_nothing_have_the_keys_of_a_run_without_control(run, tmp_path):
    free = rows_of(drawn(tmp_path, "")[0])
    assert [row.key for row in free[3:]] == [row.key for row in rows_of(run)[3:]]


def test_maps_lie_in_the_run_in_the_panels_size(run):
    maps = {one.map for row in run.rows() for one in row.control}
    assert len(maps) == 3
    for sha256 in maps:
        assert open_picture(map_bytes(run, sha256)).size == (SIDE, SIDE)
    ready = rows_of(run)[1].control[1].map
    assert open_picture(map_bytes(run, ready)).getpixel((2, 2)) == (40, 60, 90)


def test_a_map_that_was_made_is_taken_from_the_run_and_made_anew_where_it_is_gone(tmp_path):
    run, _ = drawn(tmp_path)
    made = json.loads((run.folder / MADE).read_text())
    keys = [row.key for row in rows_of(run)]
    for sha256 in set(made.values()):
        (run.folder / map_file(sha256)).unlink()
    run, report = drawn(tmp_path)
    assert (report.drawn, [row.key for row in rows_of(run)]) == (0, keys)
    assert all((run.folder / map_file(sha256)).is_file() for sha256 in made.values())


@pytest.mark.parametrize(
    ("control", "panels"),
    [
        (EDGES.replace("}]", ", weight = 0.8 }]"), 1),
        (EDGES.replace("}]", ", until = 0.9 }]"), 1),
        (EDGES.replace("}]", ", low = 500, high = 800 }]"), 1),
        (EDGES.replace('"canny"', '"map"'), 1),
        ("", 1),
        (EDGES.replace("}]", ", low = 100 }]"), 0),
    ],
)
def test_a_panel_that_is_held_otherwise_is_drawn_again_and_no_other(tmp_path, control, panels):
    drawn(tmp_path)
    _, report = drawn(tmp_path, control, *CONTROLS[1:])
    assert (report.drawn, report.again) == (panels, panels)


def test_where_all_panels_are_held_otherwise_again_is_asked_for_and_the_reason_told(tmp_path):
    drawn(tmp_path, *[EDGES] * 8)
    with pytest.raises(
        RunError, match=r"8 panels that are there would be drawn again .*another control in tale"
    ):
        drawn(tmp_path, *[EDGES.replace("}]", ", weight = 0.8 }]")] * 8)


def test_another_picture_under_the_same_name_is_another_map(tmp_path):
    experiment = loaded(tmp_path)
    draw_experiment(experiment, tmp_path / "run", [PipelinePainter()])
    shapes(7, 300).save(tmp_path / "one.png")
    _, report = draw_experiment(experiment, tmp_path / "run", [PipelinePainter()])
    assert report.again == 2


def test_a_damaged_picture_is_named_before_anything_is_drawn(tmp_path):
    experiment = loaded(tmp_path, [BOTH])
    whole = (tmp_path / "one.png").read_bytes()
    (tmp_path / "one.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"one\.png: is damaged"):
        draw_experiment(experiment, tmp_path / "run", [PipelinePainter()])


def test_a_map_that_was_changed_in_the_run_is_named(run, tmp_path):
    [control] = rows_of(run)[0].control
    copy = Run(tmp_path)
    with pytest.raises(RunError, match="does not exist"):
        map_bytes(copy, control.map)
    place = tmp_path / map_file(control.map)
    place.parent.mkdir()
    shapes(3).save(place)
    with pytest.raises(RunError, match="is another map than a panel was held to: put that one back"):
        map_bytes(copy, control.map)


def test_run_json_tells_the_files_of_the_controlnets(run):
    told = run.read_json("run.json")["controlnets"]
    assert set(told) == {"canny", "map"}
    assert set(told["canny"]) == {"config.json", "diffusion_pytorch_model.safetensors"}
    weights = (toy_controlnets()["sdxl/canny"] / "diffusion_pytorch_model.safetensors").read_bytes()
    assert told["canny"]["diffusion_pytorch_model.safetensors"] == sha256_bytes(weights)


def test_a_picture_without_edges_is_named_by_its_panel_though_the_run_has_a_copy_of_it(tmp_path):
    faint = EDGES.replace(" }]", ", low = 2000, high = 2000 }]")
    with pytest.raises(
        InputError, match=r"^tale: panel\[2\]\.control\[1\]: its canny map shows nothing: lower"
    ):
        drawn(tmp_path, EDGES, faint)
