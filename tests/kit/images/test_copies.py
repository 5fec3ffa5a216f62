import io
import random
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from PIL import Image, ImageEnhance
from scenes import sampled

from kit.images.copies import (
    COPY,
    Difference,
    Look,
    alikeness,
    copied_pairs,
    difference,
    fitted_alikeness,
    look_at,
    same_pictures,
)
from kit.world.render import render
from kit.world.scene import Character, Scene


def drawn(seed: int) -> Image.Image:
    return Image.fromarray(np.asarray(render(sampled(seed)).picture)).convert("RGB")


def again(picture: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


def cut(picture: Image.Image, part: float) -> Image.Image:
    side, chance = int(picture.width * part), random.Random(3)
    left, top = (chance.randint(0, picture.width - side) for _ in "xy")
    return picture.crop((left, top, left + side, top + side)).resize(picture.size, Image.Resampling.LANCZOS)


def exchanged(picture: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(picture)[..., [1, 2, 0]])


DISGUISES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "channels exchanged": exchanged,
    "mirrored": lambda one: one.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "upside down": lambda one: one.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
    "turned": lambda one: one.transpose(Image.Transpose.ROTATE_90),
    "a negative": lambda one: Image.fromarray(255 - np.asarray(one)),
    "saved as JPEG": lambda one: again(one, 40),
    "made smaller": lambda one: one.resize((100, 100)).resize(one.size),
    "darker": lambda one: ImageEnhance.Brightness(one).enhance(0.8),
    "with less contrast": lambda one: ImageEnhance.Contrast(one).enhance(0.8),
    "noisy": lambda one: Image.fromarray(
        np.clip(np.asarray(one) + np.random.default_rng(0).normal(0, 8, (*one.size, 3)), 0, 255).astype(
            np.uint8
        )
    ),
    "cut a little": lambda one: cut(one, 0.97),
    "cut": lambda one: cut(one, 0.9),
    "mirrored, cut, recoloured and saved again": lambda one: again(
        exchanged(cut(one.transpose(Image.Transpose.FLIP_LEFT_RIGHT), 0.95)), 70
    ),
}


@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_copy_is_known_in_disguise(disguise):
    for seed in (1, 2, 3):
        picture = drawn(seed)
        source, copy = look_at(picture), look_at(DISGUISES[disguise](picture))
        at_once = float(alikeness(source, copy.views[:1].astype(np.float32))[0])
        assert max(at_once, fitted_alikeness(source, copy)) > COPY


def test_no_two_scenes_of_one_style_are_copies():
    looks = [look_at(drawn(seed)) for seed in range(24)]
    others = np.stack([look.views[0] for look in looks]).astype(np.float32)
    alike = np.stack([alikeness(look, others) for look in looks])
    np.fill_diagonal(alike, 0)
    assert alike.max() < COPY
    one, other = divmod(int(alike.argmax()), len(looks))
    assert fitted_alikeness(looks[one], looks[other]) < COPY


def test_pictures_that_show_nothing_are_like_none():
    blank = look_at(Image.new("RGB", (64, 64), "grey"))
    assert alikeness(blank, blank.views[:1].astype(np.float32))[0] == 0


IN_ONE_STORY = [
    *("mirrored", "saved as JPEG", "made smaller", "darker", "with less contrast", "noisy"),
    *("cut a little", "cut"),
]


@pytest.mark.parametrize("disguise", IN_ONE_STORY)
def test_a_copy_differs_nowhere(disguise):
    for seed in (1, 2, 3, 4):
        picture = drawn(seed)
        assert difference(look_at(picture), look_at(DISGUISES[disguise](picture))).one_picture


CHANGES = [{"pose": "wave"}, {"pose": "sit"}, {"kind": "boy"}, {"colour": "blue"}, {"expression": "sad"}]


@pytest.mark.parametrize("change", CHANGES)
def test_another_pose_figure_dress_or_face_makes_another_picture(change):
    figure = Character(kind="girl", colour="red", hair="black", hair_length="long", pose="stand")
    for place in ("park", "classroom", "kitchen"):
        before, after = (
            look_at(render(Scene(characters=(one,), place=place, seed=3)).picture)
            for one in (figure, replace(figure, **change))
        )
        assert not difference(before, after).one_picture


def test_which_of_two_is_the_copy_does_not_matter():
    looks = [look_at(drawn(seed)) for seed in (1, 2)] + [look_at(cut(drawn(1), 0.93))]
    for one, other in combinations(looks, 2):
        assert difference(one, other) == difference(other, one)


def test_pairs_of_one_panel_are_not_compared_and_what_shows_nothing_is_no_copy():
    one, blank = look_at(drawn(1)), look_at(Image.new("RGB", (64, 64), "grey"))
    found = copied_pairs([one, one, one, blank, blank], [0, 0, 1, 2, 3])
    assert np.argwhere(found).tolist() == [[0, 2], [1, 2], [2, 0], [2, 1]]
    assert copied_pairs([], []).shape == (0, 0)


def test_one_value_changed_makes_no_other_picture():
    """Files differ then, and nobody sees it."""
    before = np.asarray(drawn(1))
    after = before.copy()
    after[100, 100] = 255 - after[100, 100]
    assert difference(look_at(Image.fromarray(before)), look_at(Image.fromarray(after))).one_picture


def test_pictures_of_nearly_one_colour_that_show_nothing_alike_are_not_laid_over_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("kit.images.copies.difference", lambda one, other: pytest.fail("takes milliseconds"))
    rng = np.random.default_rng(0)
    noise = [Image.fromarray(rng.integers(120, 136, (64, 64, 3), np.uint8)) for _ in range(6)]
    assert same_pictures({str(number): look_at(one) for number, one in enumerate(noise)}) == {}


def test_of_many_pictures_that_are_nearly_alike_each_is_laid_over_the_nearest_few(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(0)
    looks = {}
    for number in range(40):
        picture = drawn(1)
        picture.paste("black", (left := int(rng.integers(200)), 90, left + 40, 130))
        looks[str(number)] = look_at(picture)
        if number == 7:
            looks_again = look_at(again(picture, 80))
    looks["again"] = looks_again
    laid: list[Look] = []

    def counted(one: Look, other: Look) -> Difference:
        laid.append(other)
        return difference(one, other) if other is looks_again else Difference(9, 9)

    monkeypatch.setattr("kit.images.copies.difference", counted)
    assert same_pictures(looks) == {"again": "7"}
    assert 41 < len(laid) <= 8 * 41
