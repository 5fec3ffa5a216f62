from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import pytest
from fakes import fake_picture
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kit.dataset.augmentation.changes import (
    Crop,
    Mirror,
    Recolour,
    Turn,
    draw_crop,
    draw_recolour,
    draw_turn,
    words_of,
)

sides = st.tuples(st.integers(32, 300), st.integers(32, 300))
seeds = st.integers(0, 2**63 - 1)
Draw = Callable[..., Crop | Turn | None]


@settings(max_examples=60)
@given(sides, st.floats(1, 10), st.integers(32, 200), seeds)
def test_a_turned_picture_has_no_empty_corner_and_keeps_enough_of_each_side(size, most, least, seed):
    turn = draw_turn(size, most, least, np.random.default_rng(seed))
    if turn is None:
        return
    assert 1 <= abs(turn.degrees) <= most
    turned = turn.apply(Image.new("RGB", size, "white"))
    assert turned.getextrema() == ((255, 255),) * 3
    assert min(turned.size) >= max(least, 0.8 * min(size))


@settings(max_examples=60)
@given(sides, st.floats(0.8, 0.95), st.integers(32, 200), seeds)
def test_a_crop_is_a_piece_of_the_pictures_shape_that_is_large_enough(size, kept, least, seed):
    crop = draw_crop(size, kept, least, np.random.default_rng(seed))
    if crop is None:
        assert max(kept, least / min(size)) > 0.95
        return
    assert 0 <= crop.left <= crop.left + crop.width <= size[0]
    assert 0 <= crop.top <= crop.top + crop.height <= size[1]
    assert min(crop.width, crop.height) >= least
    assert all(
        kept * side - 0.5 <= left < side for side, left in zip(size, (crop.width, crop.height), strict=True)
    )
    shares = crop.width / size[0], crop.height / size[1]
    assert shares[0] == pytest.approx(shares[1], abs=1 / min(size))


@given(st.floats(0.02, 0.2), seeds)
def test_shades_are_slight_and_never_the_picture_again(strength, seed):
    shade = draw_recolour(strength, np.random.default_rng(seed))
    for factor in asdict(shade).values():
        assert strength / 3 - 0.0006 <= abs(factor - 1) <= strength + 0.0006


@pytest.mark.parametrize("draw", [draw_crop, draw_turn])
def test_what_training_would_enlarge_is_left_alone(draw: Draw):
    strength = 0.8 if draw is draw_crop else 5
    assert draw((1024, 1400), strength, 1024, np.random.default_rng(0)) is None
    assert draw((1400, 1200), strength, 1024, np.random.default_rng(0)) is not None


def test_a_mirrored_picture_is_the_picture_from_the_other_side():
    picture = fake_picture("a", 64)
    mirrored = Mirror().apply(picture)
    assert np.array_equal(np.asarray(mirrored), np.asarray(picture)[:, ::-1])
    assert Mirror().apply(mirrored).tobytes() == picture.tobytes()


def test_a_turn_goes_anticlockwise_around_the_middle():
    picture = Image.new("L", (101, 101))
    picture.putpixel((90, 50), 255)
    right = np.asarray(Turn(degrees=10).apply(picture.convert("RGB")))[:, :, 0]
    row, column = np.unravel_index(right.argmax(), right.shape)
    middle = right.shape[0] // 2
    assert row - middle == pytest.approx(-40 * np.sin(np.radians(10)), abs=1.5)
    assert column - middle == pytest.approx(40 * np.cos(np.radians(10)), abs=1.5)


def test_factors_of_one_change_nothing_and_others_what_they_say():
    picture = fake_picture("a", 64)
    assert Recolour(brightness=1, contrast=1, saturation=1).apply(picture).tobytes() == picture.tobytes()
    grey = np.asarray(Recolour(brightness=1, contrast=1, saturation=0).apply(picture))
    assert (grey[..., 0] == grey[..., 2]).all()
    dark = np.asarray(Recolour(brightness=0.5, contrast=1, saturation=1).apply(picture)).mean()
    assert dark == pytest.approx(np.asarray(picture).mean() / 2, abs=1)


def test_the_words_of_a_change_hold_every_number():
    assert (
        words_of(Crop(left=1, top=20, width=32000, height=400)) == "crop left=1 top=20 width=32000 height=400"
    )
    assert words_of(Recolour(brightness=0.913, contrast=1.004, saturation=1.1)) == (
        "colour brightness=0.913 contrast=1.004 saturation=1.1"
    )
