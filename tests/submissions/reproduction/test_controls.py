"""A bundle whose panels were held to maps: what it holds, what verify says of it, and drawn again."""

from dataclasses import replace
from pathlib import Path

import pytest
from entries import SCORES, forge, make_entry, refusal, repack, verified, write_scores
from PIL import Image

from kit.errors import BundleError
from kit.experiment.controls.control_record import map_file
from kit.experiment.run import Run
from kit.files.encodings import sha256_bytes
from kit.generation.generate import generate
from kit.generation.painter import Painter
from kit.images.png_metadata import QUICK, encoded
from kit.story.control import ControlKind
from submissions.bundle.bundle import open_bundle
from submissions.contest.rules import load_rules
from submissions.packing.entry import Entry
from submissions.packing.pack import pack
from submissions.reproduction.controls import NetworkFolders
from submissions.reproduction.reproduce import Reproduction, reproduce
from tests.support.controlled_run import PipelinePainter, loaded, painter_of
from tests.support.toy_controlnets import shapes, toy_controlnets
from tests.support.toy_pipelines import SIDE

OWN_NOISE = "noise_per_panel = true\n"


def nets() -> dict[ControlKind, Path]:
    return {"canny": toy_controlnets()["sdxl/canny"], "map": toy_controlnets()["sdxl/map"]}


def entry_of(folder: Path, head: str = "", painter: Painter | None = None) -> tuple[Run, Entry]:
    """Return a scored run whose first three panels are held, and an entry about it."""
    run = Run.create(folder / "run", loaded(folder, head=head))
    generate(run, [painter or PipelinePainter()])
    write_scores(run, SCORES, embedded=True)
    rules = load_rules("practice")
    return run, make_entry(folder, candidate="base", story="tale", seeds=(3,) * 8, rules=rules)


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack(*entry_of(tmp_path_factory.mktemp("held"))).path


@pytest.fixture
def bundle(packed: Path, tmp_path: Path) -> Path:
    path = tmp_path / "entry.zip"
    path.write_bytes(packed.read_bytes())
    return path


def told(path: Path) -> str:
    return "\n".join(map(str, verified(path)))


def a_map(path: Path) -> str:
    return map_file(open_bundle(path).sound_manifest.panels[0].control[0].map)


def test_the_maps_go_along_and_nothing_speaks_against_the_bundle(packed):
    opened = open_bundle(packed)
    manifest = opened.sound_manifest
    maps = {map_file(one.map) for panel in manifest.panels for one in panel.control}
    assert len(maps) == 3
    assert maps <= set(opened.files)
    assert set(manifest.controlnets) == {"canny", "map"}
    assert "canny controls/" in opened.files["README.md"].decode()
    assert verified(packed) == ()


def test_panels_of_the_same_words_are_drawn_again_each_by_its_own_map(packed):
    manifest = open_bundle(packed).sound_manifest
    first, _, third = manifest.panels[:3]
    assert (first.prompt, first.seed) == (third.prompt, third.seed)
    painter = PipelinePainter()
    again = reproduce(open_bundle(packed), painter, networks=NetworkFolders(nets()))
    assert {panel.verdict for panel in again.panels} == {"identical"}
    assert again.reasons == ()
    assert [len(one.control) for one in painter.batches[0]] == [1, 2, 1, 0]


def test_without_its_batches_a_bundle_is_drawn_again_all_the_same(bundle):
    def forget(_files: dict[str, bytes], manifest: dict[str, object]) -> None:
        manifest["batches"] = []

    assert drawn_again(forge(bundle, forget)).holds


def drawn_again(path: Path) -> Reproduction:
    return reproduce(open_bundle(path), PipelinePainter(), networks=NetworkFolders(nets()))


def test_the_true_painter_draws_the_very_pixels_again(tmp_path):
    experiment = loaded(tmp_path / "x", head=OWN_NOISE)
    path = pack(*entry_of(tmp_path, OWN_NOISE, painter_of(experiment))).path
    assert verified(path) == ()
    again = reproduce(open_bundle(path), painter_of(experiment), networks=NetworkFolders(nets()))
    assert {panel.verdict for panel in again.panels} <= {"identical", "same pixels", "same picture"}
    assert again.holds
    other = reproduce(
        open_bundle(path), painter_of(experiment), networks=NetworkFolders(nets() | {"canny": nets()["map"]})
    )
    assert other.reasons == ("another ControlNet for canny",)
    assert [panel.difference > 0.2 for panel in other.panels[:4]] == [True, True, True, False]


def test_a_controlnet_that_is_not_named_is_asked_for(packed):
    with pytest.raises(BundleError, match="name it with --controlnet map=FOLDER"):
        reproduce(open_bundle(packed), PipelinePainter(), networks=NetworkFolders({"canny": nets()["canny"]}))


def test_a_map_that_is_gone_from_the_run_keeps_it_from_being_packed(tmp_path):
    run, entry = entry_of(tmp_path)
    control = next(row for row in run.rows() if row.panel == 1).control[0]
    (run.folder / map_file(control.map)).unlink()
    assert f"{map_file(control.map)}: does not exist" in refusal(run, replace(entry, out=tmp_path / "e.zip"))


def test_a_story_that_was_changed_since_keeps_the_panel_from_being_packed(tmp_path):
    run, entry = entry_of(tmp_path)
    story = run.folder / "stories" / "tale.toml"
    story.write_text(story.read_text().replace("weight = 1.2", "weight = 1.1"))
    told = refusal(Run.open(run.folder), replace(entry, out=tmp_path / "e.zip"))
    assert "panels/2.png: was not drawn with the control that the story has now" in told


def test_a_map_that_is_another_or_not_there_is_named(bundle):
    name = a_map(bundle)

    def swap(files: dict[str, bytes]) -> None:
        files[name] = encoded(shapes(9), level=QUICK)

    assert f"{name}: is not the map that the panel was held to" in told(repack(bundle, swap))


def test_forged_maps_are_seen(bundle, packed):
    name = a_map(bundle)

    def lost(files: dict[str, bytes], _manifest: dict[str, object]) -> None:
        del files[name]

    assert f"{name}: is missing, a panel was held to this map" in told(forge(bundle, lost))

    def other(files: dict[str, bytes], manifest: dict[str, object]) -> None:
        data = encoded(Image.effect_noise((2 * SIDE, 2 * SIDE), 50).convert("RGB"), level=QUICK)
        files.pop(name)
        files[map_file(sha256_bytes(data))] = data
        manifest["panels"][0]["control"][0]["map"] = sha256_bytes(data)

    bundle.write_bytes(packed.read_bytes())
    problems = told(forge(bundle, other))
    assert "panels/1.png: holds a recipe with another control than the manifest's" in problems
    assert f"must be {SIDE} x {SIDE}" in problems


def test_a_manifest_that_tells_of_other_controlnets_is_seen(bundle, packed):
    def other(_files: dict[str, bytes], manifest: dict[str, object]) -> None:
        manifest["controlnets"]["canny"]["config.json"] = "0" * 64

    assert "must tell the files of those ControlNets" in told(forge(bundle, other))

    def lie(_files: dict[str, bytes], manifest: dict[str, object]) -> None:
        manifest["batches"][0]["panels"] = [1, 3, 2, 4]

    bundle.write_bytes(packed.read_bytes())
    assert "must name the panels that its prompts are of" in told(forge(bundle, lie))

    def hide(_files: dict[str, bytes], manifest: dict[str, object]) -> None:
        manifest["panels"][0]["control"][0]["map"] = "../../etc/passwd"

    bundle.write_bytes(packed.read_bytes())
    assert "panels[0].control[0].map" in told(forge(bundle, hide))
