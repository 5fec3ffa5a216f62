"""A bundle with edited panels: packed, verified, drawn again with and without their editor."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("diffusers", reason="needs storykit[bases]")

from entries import SCORES, make_entry, unpack, verified, write_scores
from finished_entry import PLACE, SquarePainter, boxed, squares_run

from kit.experiment.config import load_experiment
from kit.experiment.run import Run, Slot
from kit.experiment.steps import Instruct, Redraw
from kit.generation.repair.repair import RepairWish, repair
from kit.models.bases.pipeline_files import open_editor
from submissions.bundle.bundle import open_bundle
from submissions.packing.pack import pack
from submissions.reproduction.controls import NetworkFolders
from submissions.reproduction.reproduce import reproduce
from tests.support.toy_pipelines import EDITOR, SDXL, XL_EDITOR, toy

DIGEST = open_editor(str(toy(EDITOR))).digest
EDIT = Instruct(
    seed=1, instruction="make it night", guidance=7.5, picture_guidance=1.5, steps=2, editor=DIGEST
)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An entry whose panel 3 was edited, and panel 6 in a box and redrawn then."""
    folder = tmp_path_factory.mktemp("edited")
    run = squares_run(folder)
    experiment = folder / "experiment.toml"
    experiment.write_text(f"editor = '{toy(EDITOR)}'\n{experiment.read_text('utf-8')}", encoding="utf-8")
    run = Run.create(run.folder, load_experiment(experiment))

    def repaired(wish: RepairWish) -> int:
        [done] = repair(run, SquarePainter(), wish)
        assert not done.reason
        return done.repair.number

    third = repaired(RepairWish(source=Slot(*PLACE, 3, 3), step=EDIT))
    boxed_ = repaired(RepairWish(source=Slot(*PLACE, 3, 6), step=EDIT, mask=boxed((4, 6, 19, 27))))
    sixth = repaired(RepairWish(source=Slot(*PLACE, boxed_, 6), step=Redraw(seed=2, strength=0.5)))
    write_scores(run, SCORES)
    entry = make_entry(folder, seeds=(3, 3, third, 3, 3, sixth, 3, 3))
    return pack(run, replace(entry, out=folder / "entry.zip")).path


def test_its_steps_name_the_editor_by_its_sha256_and_its_files_hold_none(bundle: Path) -> None:
    assert verified(bundle) == ()
    files = unpack(bundle)
    chains = {
        one["panel"]: one["chain"] for one in json.loads(files["manifest.json"])["panels"] if "chain" in one
    }
    assert {panel: [step["step"] for step in chain] for panel, chain in chains.items() if chain} == {
        3: ["instruct"],
        6: ["instruct", "redraw"],
    }
    assert chains[3][0]["editor"] == DIGEST
    assert not [name for name in files if "editor" in name or "finishers" in name]
    assert "instruct, seed 1, instruction make it night, guidance 7.5" in files["README.md"].decode()
    graph = json.loads(files["comfyui/mz.json"])
    assert "Panels 3, 6 were edited as an instruction says" in graph["nodes"][0]["widgets_values"][0]
    assert [node["type"] for node in graph["nodes"]].count("SaveImage") == 8


def test_who_has_the_editor_draws_the_same_bytes_and_who_has_not_is_told_in_a_line(bundle: Path) -> None:
    opened = open_bundle(bundle)
    again = reproduce(opened, SquarePainter(), networks=NetworkFolders(editor=str(toy(EDITOR))))
    assert [panel.verdict for panel in again.panels] == ["identical"] * 8
    for folder, said in (
        ("", "editor: is not in the bundle: give the folder of its InstructPix2Pix with --editor"),
        (str(toy(SDXL)), f"{toy(SDXL)} edits no picture: its model_index.json must say one of"),
        (str(toy(XL_EDITOR)), f"edited with other files ({DIGEST[:8]}) than those of {toy(XL_EDITOR)} ("),
    ):
        again = reproduce(opened, SquarePainter(), networks=NetworkFolders(editor=folder))
        lost = {panel.panel: panel.reason for panel in again.panels if panel.verdict == "not drawn"}
        assert set(lost) == {3, 6}
        assert all(said in reason and "\n" not in reason for reason in lost.values())
