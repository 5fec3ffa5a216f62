"""Drawing a bundle again: with a painter of coloured squares, whose pictures hang on every input."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from entries import SCORES, STORY, lora_bytes, make_entry, write_scores
from fakes import FakePainter
from PIL import Image

from kit.errors import BundleError
from kit.experiment.config import DrawSettings, load_experiment
from kit.experiment.run import Run
from kit.generation.generate import generate
from kit.generation.painter import BatchPlan, PanelRequest
from submissions.bundle.bundle import Bundle, open_bundle
from submissions.packing.pack import pack
from submissions.reproduction.reproduce import BOUND, mean_difference, reproduce
from submissions.reproduction.side_by_side import draw_sheet


class BatchPainter(FakePainter):
    """Paints squares that hang on the pictures drawn with them as well, as a GPU's last bits do."""

    def draw(
        self, requests: list[PanelRequest], settings: DrawSettings, batching: BatchPlan | None = None
    ) -> list[Image.Image]:
        pictures = super().draw(requests, settings, batching)
        return [_shifted(picture, len(requests)) for picture in pictures]


def _shifted(picture: Image.Image, by: int) -> Image.Image:
    return Image.fromarray(np.asarray(picture) // 2 + np.uint8(by))


def packed(folder: Path, painter: FakePainter, head: str = "", **changes: object) -> Bundle:
    """Return a bundle whose panels this painter drew; its zip is there no more."""
    folder.mkdir(parents=True, exist_ok=True)
    story = STORY.replace("一只黑猫，第", "一只黑猫第") if "orders" in head else STORY
    (folder / "moon.toml").write_text(story.replace("水墨风格，", "", 3), encoding="utf-8")
    (folder / "ink.safetensors").write_bytes(lora_bytes())
    (folder / "experiment.toml").write_text(
        f'stories = ["moon.toml"]\nbase = "kolors"\nseeds = [3, 5]\nsize = 32\nsteps = 2\n{head}'
        '[[candidate]]\nname = "base"\n[[candidate]]\nname = "ink"\nlora = "ink.safetensors"\n'
        'strength = 0.8\ntrigger = "墨韵"\n',
        encoding="utf-8",
    )
    run = Run.create(folder / "run", load_experiment(folder / "experiment.toml"))
    generate(run, [painter])
    write_scores(run, SCORES)
    path = pack(run, make_entry(folder, **changes)).path
    opened = open_bundle(path)
    path.unlink()
    return opened


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Bundle:
    """One bundle for tests that only look at it."""
    return packed(tmp_path_factory.mktemp("packed"), FakePainter())


def changed(bundle: Bundle, **fields: object) -> Bundle:
    """Return a bundle that says something else of itself."""
    return Bundle(files=bundle.files, manifest=bundle.sound_manifest.model_copy(update=fields))


@pytest.mark.parametrize(
    ("seeds", "takes"), [((3,) * 8, 4), ((3, 5, 5, 3, 3, 3, 5, 3), 3), ((3, 5, 5, 3, 3, 3, 5, 3), 8)]
)
def test_the_same_painter_draws_the_same_bytes_again(tmp_path, seeds, takes):
    painter = BatchPainter()
    painter.takes = takes
    bundle = packed(tmp_path, painter, seeds=seeds)
    again = reproduce(bundle, BatchPainter())
    assert [panel.verdict for panel in again.panels] == ["identical"] * 8
    assert [panel.png for panel in again.panels] == [
        bundle.files[panel.file] for panel in bundle.sound_manifest.panels
    ]
    assert again.holds
    assert again.reasons == ()


def test_pictures_that_another_order_drew_first_are_drawn_with_that_order_again(tmp_path):
    bundle = packed(tmp_path, BatchPainter(), head='orders = ["authored", "reversed"]\n', order="reversed")
    manifest = bundle.sound_manifest
    assert [len(batch.prompts) for batch in manifest.batches] == [4, 4, 1], "three prompts stay as they are"
    assert any(prompt not in {p.prompt for p in manifest.panels} for prompt in manifest.batches[0].prompts)
    again = reproduce(bundle, BatchPainter())
    assert [panel.verdict for panel in again.panels] == ["identical"] * 8


def test_only_batches_with_a_panel_of_the_bundle_are_drawn(tmp_path):
    bundle = packed(tmp_path, BatchPainter(), seeds=(5, 3, 3, 3, 3, 3, 3, 3))
    painter = BatchPainter()
    reproduce(bundle, painter)
    assert [(len(batch), batch[0].seed) for batch in painter.batches] == [(4, 3), (4, 3), (4, 5)]


def test_the_lora_of_the_bundle_is_worn_at_its_strength(bundle):
    painter = FakePainter()
    reproduce(bundle, painter)
    assert [strength for _, strength in painter.worn] == [0.8]


def test_a_painter_with_another_base_draws_other_pictures_and_says_why(bundle):
    again = reproduce(bundle, FakePainter("another"))
    assert {panel.verdict for panel in again.panels} == {"other picture"}
    assert not again.holds
    assert "name another, was fake" in again.reasons


def test_another_device_is_a_reason(bundle):
    painter = FakePainter()
    painter.hardware = "NVIDIA H100"
    assert "drawn on NVIDIA H100, was cpu" in reproduce(bundle, painter).reasons


def test_a_seed_changed_by_a_forger_is_found_out(bundle):
    [first, *rest] = bundle.sound_manifest.panels
    again = reproduce(
        changed(bundle, panels=(first.model_copy(update={"seed": 5}), *rest), batches=()), FakePainter()
    )
    assert [panel.verdict for panel in again.panels] == ["other picture", *["identical"] * 7]


def test_a_bundle_that_does_not_say_its_batches_is_drawn_in_sets(bundle):
    again = reproduce(changed(bundle, batches=()), FakePainter())
    assert [panel.verdict for panel in again.panels] == ["identical"] * 8


def test_a_panel_that_cannot_be_drawn_is_named_with_its_reason(bundle):
    painter = FakePainter()
    painter.fail_on = "第3幕"
    again = reproduce(bundle, painter)
    third = again.panels[2]
    assert (third.verdict, third.difference, third.png) == ("not drawn", None, None)
    assert third.reason
    assert not again.holds
    assert draw_sheet(bundle, again).size[0] > 8 * 256


def test_panels_drawn_one_by_one_in_little_memory_are_drawn_so_again(tmp_path):
    bundle = packed(tmp_path, FakePainter(), head='memory = "low"\n')
    assert bundle.sound_manifest.settings.memory == "low"
    painter = FakePainter()
    reproduce(bundle, painter)
    assert {settings.memory for settings in painter.settings} == {"low"}


def picture(colours: np.ndarray) -> Image.Image:
    return Image.fromarray(colours.astype(np.uint8))


def png(colours: np.ndarray, **info: object) -> bytes:
    file = io.BytesIO()
    picture(colours).save(file, "PNG", **info)
    return file.getvalue()


def test_machines_get_every_verdict_with_bound_and_reasons(bundle):
    told = json.loads(json.dumps(reproduce(bundle, FakePainter("another")).facts))
    assert told["bound"] == BOUND
    assert "name another, was fake" in told["reasons"]
    assert [panel["panel"] for panel in told["panels"]] == list(range(1, 9))
    assert {panel["verdict"] for panel in told["panels"]} == {"other picture"}


def test_the_difference_is_the_mean_over_all_colour_values():
    grey = np.full((4, 4, 3), 100)
    brighter = grey.copy()
    brighter[0, 0, 0] += 48
    assert mean_difference(picture(grey), picture(grey)) == 0
    assert mean_difference(picture(grey), picture(brighter)) == pytest.approx(1.0)
    assert mean_difference(picture(grey), picture(grey + 7)) == pytest.approx(7.0)
    assert mean_difference(picture(grey + 7), picture(grey)) == pytest.approx(7.0)


def test_pictures_of_two_sizes_are_not_compared():
    with pytest.raises(BundleError, match="must have one size"):
        mean_difference(picture(np.zeros((4, 4, 3))), picture(np.zeros((8, 8, 3))))


@pytest.mark.parametrize(
    ("by", "verdict"), [(0, "same pixels"), (BOUND, "same picture"), (BOUND + 1, "other picture")]
)
def test_the_bound_divides_the_same_picture_from_another(tmp_path, by, verdict):
    bundle = packed(tmp_path, BatchPainter())
    before = np.asarray(Image.open(io.BytesIO(bundle.files["panels/1.png"])).convert("RGB"))
    files = {**bundle.files, "panels/1.png": png(before + by, compress_level=1)}
    first = reproduce(Bundle(files=files, manifest=bundle.manifest), BatchPainter()).panels[0]
    assert (first.verdict, first.difference) == (verdict, by)
