"""Drawing a bundle again: with a painter of coloured squares, whose pictures hang on every input."""

import io
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from another_process import another_at_work
from entries import SCORES, STORY, lora_bytes, make_entry, write_scores
from fakes import FakePainter, toy_lora
from PIL import Image

from kit.errors import RunError
from kit.experiment.config import load_experiment
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.experiment.run import Run
from kit.files.encodings import sha256_bytes
from kit.files.folder_lock import LOCK
from kit.generation.generate import generate
from kit.generation.painter import BatchPlan, PanelRequest
from kit.images.lettering import find_lettering
from kit.images.png_metadata import QUICK, encoded
from submissions.bundle.bundle import Bundle, open_bundle
from submissions.packing.pack import pack
from submissions.reproduction.likeness import BOUNDS
from submissions.reproduction.reproduce import Reproduction, reproduce, rescored
from submissions.reproduction.side_by_side import DrawAgain, draw_sheet, reproduce_into
from submissions.verification.verify import verify


class SquarePainter(FakePainter):
    """Paints squares that hang on the recipe, as a painter of Kolors that says which weights it has."""

    def __init__(self, name: str = "kolors", hardware: str = "cpu") -> None:
        super().__init__(name)
        self.identity = {**self.identity, "sha256": {"unet": "4" * 64}}
        self.hardware = hardware


class BatchPainter(SquarePainter):
    """Paints squares that hang on the pictures drawn with them as well, as a GPU's last bits do."""

    def draw(
        self, requests: list[PanelRequest], settings: DrawSettings, batching: BatchPlan | None = None
    ) -> list[Image.Image]:
        pictures = super().draw(requests, settings, batching)
        return [_shifted(picture, len(requests)) for picture in pictures]


def _shifted(picture: Image.Image, by: int) -> Image.Image:
    return Image.fromarray(np.asarray(picture) // 2 + np.uint8(by))


def packed(
    folder: Path, painter: SquarePainter, head: str = "", blocks: str = "", **changes: object
) -> Bundle:
    """Return a bundle whose panels this painter drew; its zip is there no more."""
    folder.mkdir(parents=True, exist_ok=True)
    story = STORY.replace("一只黑猫，第", "一只黑猫第") if "orders" in head else STORY
    (folder / "moon.toml").write_text(story.replace("水墨风格，", "", 3), encoding="utf-8")
    (folder / "ink.safetensors").write_bytes(lora_bytes())
    if blocks:
        toy_lora(folder / "ink.safetensors")
    (folder / "experiment.toml").write_text(
        f'stories = ["moon.toml"]\nbase = "kolors"\nseeds = [3, 5]\nsize = 32\nsteps = 2\n{head}'
        '[[candidate]]\nname = "base"\n[[candidate]]\nname = "ink"\nlora = "ink.safetensors"\n'
        f'strength = 0.8\ntrigger = "{"水墨风格" if blocks else "墨韵"}"\n{blocks}',
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
    return packed(tmp_path_factory.mktemp("packed"), SquarePainter())


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


class NeighbourPainter(SquarePainter):
    """Paints squares that hang on the recipes of all pictures drawn with them."""

    def draw(
        self, requests: list[PanelRequest], settings: DrawSettings, batching: BatchPlan | None = None
    ) -> list[Image.Image]:
        pictures = super().draw(requests, settings, batching)
        together = sha256_bytes("".join(request.key for request in requests).encode())
        return [_shifted(picture, int(together[:2], 16) // 2) for picture in pictures]


KEPT = "consistency = 0.6\n"
ALONE, CAST = (3,) * 8, (3, 5, 5, 3, 3, 3, 5, 3)


def test_a_lora_whose_blocks_count_unlike_is_packed_verified_and_drawn_again_as_one_file(tmp_path):
    bundle = packed(tmp_path, SquarePainter(), blocks="blocks = { content = 0.4, style = 1.0, rest = 0.7 }\n")
    assert not verify(bundle)
    lora = bundle.sound_manifest.lora
    assert lora.notes["merged_from"].endswith(" x 1 (output0=0.4,output1=1,rest=0.7)")
    assert lora.strength == 0.8
    again = reproduce(bundle, SquarePainter())
    assert {row.verdict for row in again.panels} == {"identical"}


@pytest.mark.parametrize(
    ("own", "takes", "seeds", "kept"),
    [
        (False, 4, CAST, KEPT),
        (False, 3, ALONE, KEPT + "anchor_seed = 5\n"),
        (True, 1, CAST, KEPT),
        (True, 3, CAST, KEPT),
        (True, 8, CAST, ""),
        (True, 8, ALONE, KEPT),
        (True, 4, ALONE, KEPT + "anchor_seed = 5\n"),
    ],
)
def test_panels_and_their_neighbours_begin_from_the_noise_they_had(tmp_path, own, takes, seeds, kept):
    painter = NeighbourPainter()
    painter.takes = takes
    noise = "noise_per_panel = true\n" if own else ""
    bundle = packed(tmp_path, painter, head=noise + kept, seeds=seeds)
    assert verify(bundle) == ()
    told = [panel.seed for panel in bundle.sound_manifest.panels]
    assert told == ([10 * seed + panel for panel, seed in enumerate(seeds, 1)] if own else list(seeds))
    again = reproduce(bundle, NeighbourPainter())
    assert [panel.verdict for panel in again.panels] == ["identical"] * 8


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
    *drawn, bare = [(len(batch), batch[0].seed) for batch in painter.batches]
    assert drawn == [(4, 3), (4, 3), (4, 5)]
    assert bare == (4, 3), "the first batch again, without the LoRA"


def test_the_lora_of_the_bundle_is_worn_at_its_strength(bundle):
    painter = SquarePainter()
    reproduce(bundle, painter)
    worn = [(lora is not None, strength) for lora, strength in painter.worn]
    assert worn == [(True, 0.8), (False, 1.0)], "and then, to see what it does, without it"


def test_a_painter_with_another_base_draws_other_pictures_and_says_why(bundle):
    again = reproduce(bundle, SquarePainter("another"))
    assert {panel.verdict for panel in again.panels} == {"other picture"}
    assert not again.holds
    assert "name another, was kolors" in again.reasons


def test_another_device_is_a_reason(bundle):
    painter = SquarePainter()
    painter.hardware = "NVIDIA H100"
    assert "drawn on NVIDIA H100, was cpu" in reproduce(bundle, painter).reasons


def test_a_seed_changed_by_a_forger_is_found_out(bundle):
    [first, *rest] = bundle.sound_manifest.panels
    again = reproduce(
        changed(bundle, panels=(first.model_copy(update={"seed": 5}), *rest), batches=()), SquarePainter()
    )
    assert [panel.verdict for panel in again.panels] == ["other picture", *["identical"] * 7]


def test_a_bundle_that_does_not_say_its_batches_is_drawn_in_sets(bundle):
    again = reproduce(changed(bundle, batches=()), SquarePainter())
    assert [panel.verdict for panel in again.panels] == ["identical"] * 8


def test_a_panel_that_cannot_be_drawn_is_named_with_its_reason(bundle):
    painter = SquarePainter()
    painter.fail_on = "第3幕"
    again = reproduce(bundle, painter)
    third = again.panels[2]
    assert (third.verdict, third.difference, third.png) == ("not drawn", None, None)
    assert third.reason
    assert not again.holds
    assert draw_sheet(bundle, again).size[0] > 8 * 256


def test_the_sheet_speaks_the_readers_language_where_a_font_can_write_it(bundle, monkeypatch):
    again = reproduce(bundle, SquarePainter())
    english = draw_sheet(bundle, again)
    monkeypatch.setenv("STORYKIT_LANG", "zh")
    assert (draw_sheet(bundle, again) != english) == find_lettering(["作品包完全相同"]).captions


def test_panels_drawn_one_by_one_in_little_memory_are_drawn_so_again(tmp_path):
    bundle = packed(tmp_path, SquarePainter(), head='memory = "low"\n')
    assert bundle.sound_manifest.settings.memory == "low"
    painter = SquarePainter()
    reproduce(bundle, painter)
    assert {settings.memory for settings in painter.settings} == {"low"}


def png(colours: np.ndarray) -> bytes:
    return encoded(Image.fromarray(colours.astype(np.uint8)), level=QUICK)


def test_two_never_draw_a_bundle_again_into_one_folder(tmp_path, bundle):
    with another_at_work(tmp_path) as other, pytest.raises(RunError, match=f"process {other.pid} since"):
        reproduce_into(tmp_path, bundle, DrawAgain())
    assert os.listdir(tmp_path) == [LOCK]


def test_machines_get_every_verdict_with_bound_and_reasons(bundle):
    told = json.loads(json.dumps(reproduce(bundle, SquarePainter("another")).facts))
    assert told["bound"] == json.loads(json.dumps(BOUNDS["another"]._asdict()))
    assert told["problems"] == []
    assert "name another, was kolors" in told["reasons"]
    assert [panel["panel"] for panel in told["panels"]] == list(range(1, 9))
    assert {panel["verdict"] for panel in told["panels"]} == {"other picture"}


def moved(bundle: Bundle, move: Callable[[np.ndarray], np.ndarray]) -> Bundle:
    """Return a bundle whose panels were painted over."""
    files = dict(bundle.files)
    for name in bundle.panels:
        with Image.open(io.BytesIO(files[name])) as before:
            files[name] = png(np.clip(move(np.asarray(before, np.int16)), 0, 255))
    return Bundle(files=files, manifest=bundle.manifest)


def verdicts(again: Reproduction) -> set[str]:
    return {panel.verdict for panel in again.panels}


def nothing(pixels: np.ndarray) -> np.ndarray:
    return pixels


def one_value(pixels: np.ndarray) -> np.ndarray:
    """One colour value of one pixel by one level."""
    pixels[0, 0, 0] += 1 if pixels[0, 0, 0] < 255 else -1
    return pixels


def all_values(pixels: np.ndarray) -> np.ndarray:
    """Each value by two levels up or down, as a scorer's gradient says: far within a mean of 4."""
    signs = np.random.default_rng(0).integers(0, 2, pixels.shape) * 4 - 2
    return np.where((pixels + signs < 0) | (pixels + signs > 255), pixels - signs, pixels + signs)


def edges(pixels: np.ndarray) -> np.ndarray:
    """A few values far, a fifth by a level: what fp16 does."""
    chance = np.random.default_rng(0).random(pixels.shape)
    return pixels + 20 * (chance < 0.02) + (chance > 0.8)


@pytest.mark.parametrize(
    ("move", "hardware", "verdict"),
    [
        (nothing, "NVIDIA H100", "same pixels"),
        (one_value, "NVIDIA H100", "other picture"),
        (all_values, "NVIDIA H100", "other picture"),
        (edges, "NVIDIA H100", "other picture"),
        (nothing, "cpu", "same pixels"),
        (one_value, "cpu", "other picture"),
        (all_values, "cpu", "other picture"),
        (edges, "cpu", "other picture"),
    ],
)
def test_on_one_device_only_the_same_pixels_hold(tmp_path, move, hardware, verdict):
    bundle = packed(tmp_path, SquarePainter(hardware=hardware))
    again = reproduce(moved(bundle, move), SquarePainter(hardware=hardware))
    assert verdicts(again) == {verdict}
    assert again.holds == (verdict != "other picture")


@pytest.mark.parametrize("processor", [None, "Another CPU 01234567, AVX2, threads: 64"])
@pytest.mark.parametrize(("move", "verdict"), [(one_value, "same picture"), (all_values, "other picture")])
def test_on_a_cpu_that_is_another_or_was_not_recorded_its_rounding_holds(bundle, processor, move, verdict):
    drawn_with = {**bundle.sound_manifest.drawn_with, "processor": processor}
    again = reproduce(moved(changed(bundle, drawn_with=drawn_with), move), SquarePainter())
    assert verdicts(again) == {verdict}
    assert [reason.split(", was ")[1] for reason in again.reasons] == [processor or "not recorded"]


def test_what_several_machines_may_have_drawn_is_held_to_the_rounding_of_all(bundle):
    first = bundle.sound_manifest.drawn_with
    processor = {**first, "others": [{**first, "processor": "Another CPU"}]}
    again = reproduce(moved(changed(bundle, drawn_with=processor), one_value), SquarePainter())
    assert verdicts(again) == {"same picture"}
    assert [reason.split(", was ")[1] for reason in again.reasons] == [
        f"{first['processor']} and Another CPU"
    ]
    card = {**first, "others": [{**first, "device": "NVIDIA H100"}, {**first, "commit": "a" * 40}]}
    again = reproduce(moved(changed(bundle, drawn_with=card), edges), SquarePainter())
    assert verdicts(again) == {"same picture"}
    assert again.reasons == ("drawn on cpu, was cpu and NVIDIA H100",)
    torch = {**first["versions"], "torch": "1.0"}
    older = changed(bundle, drawn_with={**first, "others": [{**first, "versions": torch}]})
    [reason] = reproduce(older, SquarePainter()).reasons
    assert reason == f"torch {first['versions']['torch']}, was {first['versions']['torch']} and 1.0"


@pytest.mark.parametrize(
    ("move", "verdict"), [(nothing, "same pixels"), (edges, "same picture"), (all_values, "other picture")]
)
def test_on_another_device_few_values_may_lie_far_and_most_must_stay(bundle, move, verdict):
    again = reproduce(moved(bundle, move), SquarePainter(hardware="NVIDIA H100"))
    assert verdicts(again) == {verdict}


class IdlePainter(SquarePainter):
    """Draws the same with a LoRA and without it."""

    def draw(
        self, requests: list[PanelRequest], settings: DrawSettings, batching: BatchPlan | None = None
    ) -> list[Image.Image]:
        bare = [replace(request, key=request.prompt) for request in requests]
        return super().draw(bare, settings, batching)


def test_a_lora_that_changes_nothing_is_refused_though_every_pixel_is_the_same(tmp_path):
    again = reproduce(packed(tmp_path, IdlePainter()), IdlePainter())
    assert verdicts(again) == {"identical"}
    assert not again.holds
    assert again.problems == ("the LoRA does nothing: without it the pictures differ by 0.00 of 255",)


def test_the_bare_base_is_not_asked_what_its_lora_does(bundle):
    again = reproduce(changed(bundle, lora=None), SquarePainter())
    assert again.effect is None


class Head:
    """Gives panels handed in one score and panels drawn again another."""

    def __init__(self, handed_in: float, drawn_again: float) -> None:
        self.scores = [handed_in] * 8 + [drawn_again] * 8

    def score(self, panels: Sequence[Image.Image]) -> list[float]:
        assert len(panels) == 16
        return self.scores


@pytest.mark.parametrize(
    ("handed_in", "drawn_again", "problem"),
    [
        (6.5, 6.5, None),
        (6.501, 6.1, None),
        (4.2, 6.5, "the bundle's panels score 4.2000, the bundle says 6.5000"),
        (6.5, 5.9, "drawn again they score 5.9000, the gate is 6"),
    ],
)
def test_the_score_of_what_was_drawn_again_counts(bundle, handed_in, drawn_again, problem):
    again = rescored(reproduce(bundle, SquarePainter()), bundle, Head(handed_in, drawn_again))
    assert again.problems == ((problem,) if problem else ())
    assert again.holds == (problem is None)
    assert json.loads(json.dumps(again.facts))["score"]["drawn_again"] == drawn_again
