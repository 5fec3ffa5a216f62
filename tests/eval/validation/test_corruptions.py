import random
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from PIL import Image

from eval.validation.corruptions import CHANGES, DAMAGES, SWAPPED, resized
from kit.world.render import render
from kit.world.scene import Scene
from kit.world.tale import sample_tale

pictured = cache(lambda scene: render(scene).picture)
"""Each scene is rendered once; that it would look the same again is tested where it is drawn."""


def rendered(scenes: Sequence[Scene]) -> list[Image.Image]:
    return [pictured(scene) for scene in scenes]


def pixels(pictures: list) -> np.ndarray:
    return np.stack([np.asarray(picture).astype(int) for picture in pictures])


@pytest.fixture(scope="module")
def clean():
    tale = sample_tale(3)
    return tale, rendered(tale.scenes)


@pytest.mark.parametrize("name", [name for name in DAMAGES if name != SWAPPED])
def test_a_damage_changes_every_panel_the_same_way_each_time(clean, name):
    tale, pictures = clean
    damaged = DAMAGES[name].twins(tale, pictures, random.Random(5), rendered)
    again = DAMAGES[name].twins(tale, pictures, random.Random(5), rendered)
    assert [picture.size for picture in damaged] == [(256, 256)] * 8
    assert np.array_equal(pixels(damaged), pixels(again))
    changed = np.abs(pixels(damaged) - pixels(pictures)).max(axis=(1, 2, 3)) > 0
    assert changed.sum() >= 7, "a copy may be of the panel itself"


def test_strangers_share_a_room_and_are_all_different(clean):
    tale, pictures = clean
    damaged = pixels(DAMAGES["strangers"].twins(tale, pictures, random.Random(5), rendered))
    corner = damaged[:, :12, :12]
    assert np.ptp(corner, axis=0).max() == 0, "the same room"
    assert len({panel.tobytes() for panel in damaged}) == 8


def test_a_missing_hero_leaves_the_place(clean):
    tale, pictures = clean
    empty = rendered([replace(scene, characters=()) for scene in tale.scenes])
    damaged = DAMAGES["missing"].twins(tale, pictures, random.Random(5), rendered)
    alone = [k for k, scene in enumerate(tale.scenes) if len(scene.characters) == 1]
    assert alone
    assert np.array_equal(pixels(damaged)[alone], pixels(empty)[alone])


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_keeps_the_hero_and_the_style(name):
    for seed in range(8):
        tale = sample_tale(seed)
        other = CHANGES[name](tale, random.Random(seed))
        assert (other.hero.kind, other.hero.colour, other.hero.hair) == (
            tale.hero.kind,
            tale.hero.colour,
            tale.hero.hair,
        )
        assert {scene.style for scene in other.scenes} == {tale.scenes[0].style}
        assert len(other.scenes) == 8


def test_a_resized_picture_is_hardly_another(clean):
    _, pictures = clean
    small = resized(pictures[0])
    assert small.size == pictures[0].size
    assert np.abs(pixels([small]) - pixels(pictures[:1])).mean() < 4
