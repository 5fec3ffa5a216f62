"""Thresholds and belief: what good weights earn, and what weights that know nothing do not."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file
from sketcher import Sketcher

from eval.scorers.aesthetic import AestheticScorer
from eval.scorers.clip import ClipEncoder
from eval.scorers.load import Scorers, load_scorers
from eval.scorers.protocols import Metric, Stamp
from eval.validation.attribute_readings import AttributeReading
from eval.validation.calibrate import CalibrationSample, believed_of, calibrate, calibration_sample
from eval.validation.drawn import DRAWN_DAMAGES, DrawnTools, SceneDrawer, drawn_trial
from eval.validation.validate import LOCKED_DRAWN, judge, validate_drawn
from kit.generation.devices.multi_gpu import load_painter
from tests.benchmarks.gate import write_predictor

GOOD = {
    "identity": {"identity-far": 1.0, "attribute": 0.9},
    "style": {"style-drift": 1.0, "painted-text": 0.5},
    "place": {"place-break": 0.7},
    "mrr": {"swapped-texts": 0.96},
    "aesthetic": {"blur": 1.0, "noise": 0.9},
}


def test_a_metric_is_believed_where_good_sets_beat_damaged_ones() -> None:
    assert believed_of(GOOD) == ("aesthetic", "text", "mrr", "identity", "style")


def test_an_encoder_that_knows_no_words_is_believed_in_nothing_that_it_sees() -> None:
    assert believed_of(GOOD | {"mrr": {"swapped-texts": 0.6}}) == ("aesthetic",)
    assert believed_of(GOOD | {"mrr": {"swapped-texts": 0.6}, "aesthetic": {"blur": 0.4}}) == ()


def sample(good: Sequence[float], undercooked: Sequence[float]) -> CalibrationSample:
    missing = [AttributeReading("hair", -0.2, False)] * 10
    return CalibrationSample([*missing, AttributeReading("hair", 0.2, True)], good, undercooked)


def embedded() -> Scorers:
    return Scorers(aesthetic=AestheticScorer.load("mini"), encoder=ClipEncoder.load("mini"))


@pytest.mark.parametrize(
    ("good", "undercooked", "floor"),
    [
        ([6.0, 5.57], [2.0, 3.0, 5.0, 4.0, 5.9], 5.5),
        ([6.0, 5.57], [2.0, 3.0, 5.8, 4.0, 5.9], None),
        ([6.0, 2.0], [2.0, 3.0], None),
    ],
)
def test_the_floor_is_below_every_good_panel_and_above_most_undercooked_ones(
    good: list[float], undercooked: list[float], floor: float | None
) -> None:
    found = calibrate([sample(good, undercooked)], GOOD, embedded(), "drawn")
    assert found.aesthetic_floor == floor
    assert found.attributes == {"hair": -0.2}
    assert found.stories == 1


def test_what_is_not_believed_gets_no_threshold() -> None:
    found = calibrate([sample([6.0], [2.0])], GOOD | {"mrr": {"swapped-texts": 0.5}}, embedded(), "drawn")
    assert found.attributes == {}
    found = calibrate([sample([6.0], [2.0])], GOOD | {"aesthetic": {"blur": 0.5}}, embedded(), "drawn")
    assert found.aesthetic_floor is None


class Dice:
    """Encodes and scores pictures and texts by lot, each always alike."""

    stamp = Stamp(weights="dice", weights_sha256="d" * 64, preprocessing="none", embedded=False)
    metric = Metric(
        name="aesthetic",
        title="By lot",
        direction="higher",
        range=(1, 10),
        unit="points",
        source="test",
        stamp=stamp,
    )

    def score(self, panels: Sequence[Image.Image]) -> list[float]:
        return [5 + float(row[0]) for row in self.pictures(panels)]

    def pictures(self, panels: Sequence[Image.Image]) -> NDArray[np.float32]:
        return np.stack([_lot(panel.tobytes()) for panel in panels])

    def texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.stack([_lot(text.encode()) for text in texts])


def _lot(data: bytes) -> NDArray[np.float32]:
    row = np.random.default_rng([*data[:4096]]).normal(size=64).astype(np.float32)
    return row / np.float32(np.linalg.norm(row))


def test_a_calibration_of_scores_by_lot_believes_nothing() -> None:
    dice, drawer = Dice(), SceneDrawer(Sketcher(), "mini", steps=5)
    tools = DrawnTools(Scorers(aesthetic=dice, encoder=dice), drawer)
    seen = judge([drawn_trial(LOCKED_DRAWN, tools)] * 2, drawer.how, "dice", DRAWN_DAMAGES)
    beaten: dict[str, dict[str, float]] = {}
    for row in seen.damages:
        beaten.setdefault(row.metric, {})[row.damage] = row.paired
    found = calibrate([calibration_sample(0, tools)], beaten, tools.scorers, drawer.how)
    assert (found.believed, found.aesthetic_floor, found.attributes) == ((), None, {})
    assert found.encoder_sha256 == "d" * 64
    assert found.pictures == "drawn by the embedded base in 5 steps of 256 pixels"


def write_clip(folder: Path) -> None:
    """Write ViT-L/14 as open_clip publishes it, every weight by lot."""
    config = {"model_cfg": open_clip.get_model_config("ViT-L-14"), "preprocess_cfg": {"size": 224}}
    folder.mkdir()
    (folder / "open_clip_config.json").write_text(json.dumps(config), "utf-8")
    save_file(open_clip.create_model("ViT-L-14").state_dict(), folder / "open_clip_model.safetensors")


@pytest.mark.slow
def test_a_calibration_of_full_size_random_weights_believes_nothing(tmp_path: Path) -> None:
    """ViT-L/14 and the predictor on it in their published layouts, every weight by lot."""
    torch.manual_seed(0)
    write_predictor(tmp_path / "aesthetic")
    write_clip(tmp_path / "clip")
    tools = load_scorers(tmp_path / "aesthetic", tmp_path / "clip")
    drawer = SceneDrawer(load_painter("mini", "auto"), "mini", steps=4)
    found = validate_drawn([DrawnTools(tools, drawer)], 4).calibration
    assert found is not None
    assert (found.believed, found.aesthetic_floor, found.attributes) == ((), None, {})


def test_a_sample_holds_finished_panels_of_two_seeds_and_undercooked_ones() -> None:
    dice, drawer = Dice(), SceneDrawer(Sketcher(), "mini")
    found = calibration_sample(1, DrawnTools(Scorers(aesthetic=dice, encoder=dice), drawer))
    assert (len(found.good), len(found.undercooked)) == (16, 8)
    assert {one.name for one in found.readings} >= {"place", "figure", "action"}
    assert {one.shown for one in found.readings} == {True, False}
