"""Calibrations as files: whose they are, and what they say."""

from pathlib import Path

import pytest

from eval.scorers.aesthetic import AestheticScorer
from eval.scorers.calibration import Calibration, calibration_bytes, calibration_of, said_of
from eval.scorers.clip import ClipEncoder
from eval.scorers.protocols import Stamp
from kit.errors import InputError, ScoreError


def stamp(sha256: str, weights: str = "ViT-L-14") -> Stamp:
    return Stamp(weights=weights, weights_sha256=sha256 * 64, preprocessing="p", embedded=False)


FOUND = Calibration(
    weights="ViT-L-14",
    encoder_sha256="e" * 64,
    aesthetic_sha256="a" * 64,
    pictures="drawn by kolors in 20 steps of 1024 pixels",
    stories=6,
    believed=("aesthetic", "style"),
    aesthetic_floor=4.2,
    attributes={"hair": -0.031},
)


def test_a_calibration_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "calibration.toml"
    path.write_bytes(calibration_bytes(FOUND))
    assert calibration_of(stamp("a"), stamp("e"), path) == FOUND
    assert calibration_of(stamp("a"), path=path) == FOUND


def test_one_of_other_weights_is_refused_and_says_how_to_get_the_right_one(tmp_path: Path) -> None:
    path = tmp_path / "calibration.toml"
    path.write_bytes(calibration_bytes(FOUND))
    with pytest.raises(ScoreError, match=r"other weights than other: .*metrics validate --drawn"):
        calibration_of(stamp("a"), stamp("x", "other"), path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("stories = 3", "weights"),
        ("no toml", "calibration.toml"),
        ("", "is empty"),
    ],
)
def test_what_is_no_calibration_is_told(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "calibration.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=told):
        calibration_of(stamp("a"), stamp("e"), path)


def test_a_margin_above_nought_is_no_threshold(tmp_path: Path) -> None:
    path = tmp_path / "calibration.toml"
    path.write_text(calibration_bytes(FOUND).decode().replace("-0.031", "0.031"))
    with pytest.raises(InputError, match="hair"):
        calibration_of(stamp("a"), stamp("e"), path)


def test_the_embedded_weights_are_calibrated_and_others_are_not() -> None:
    ours = calibration_of(AestheticScorer.load("mini").metric.stamp, ClipEncoder.load("mini").stamp)
    assert ours is not None
    assert ours.believed
    assert calibration_of(stamp("a"), stamp("e")) is None


@pytest.mark.parametrize(
    ("calibration", "words"),
    [
        (None, "not calibrated for these weights"),
        (FOUND, "believe aesthetic, style; a panel below 4.2 is damaged"),
        (FOUND.model_copy(update={"believed": (), "aesthetic_floor": None}), "believe nothing"),
    ],
)
def test_what_may_be_believed_is_said_in_a_sentence(calibration: Calibration | None, words: str) -> None:
    assert words in said_of(calibration)
