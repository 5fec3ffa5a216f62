import random
from dataclasses import replace
from typing import get_args

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import POSES, all_figures, alone, sampled

from kit.world.scene import (
    ALWAYS_NIGHT,
    ANIMAL_POSES,
    ANIMALS,
    CLOTHES,
    FUR,
    PEOPLE,
    PLACES,
    STYLES,
    Prop,
    is_held_out,
    sample_scene,
)

PROPS = get_args(Prop)


seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=200, deadline=None)
@given(seeds)
def test_sampled_scenes_make_sense(seed: int) -> None:
    scene = sampled(seed)
    kinds = [c.kind for c in scene.characters]
    poses = [c.pose for c in scene.characters]
    assert len(set(kinds)) == len(kinds) in (1, 2)
    assert ("bathe" in poses) <= (scene.place == "bathroom")
    assert ("door" in poses) <= (scene.place == "doorway")
    assert (scene.place in ALWAYS_NIGHT) <= (scene.time == "night")
    for character in scene.characters:
        person = character.kind in PEOPLE
        assert (character.pose == "hold") == (character.prop is not None)
        assert (character.hair is not None) == (character.hair_length is not None) == person
        assert character.colour in (CLOTHES if person else FUR[character.kind])
        assert person or character.pose in ANIMAL_POSES
    if "hug" in poses:
        assert len(kinds) == 2
        assert all(c.pose == ("hug" if c.kind in PEOPLE else "sit") for c in scene.characters)


def test_all_that_a_scene_can_be_made_of_is_sampled() -> None:
    scenes = [sample_scene(random.Random(seed), STYLES[seed % 6]) for seed in range(3000)]
    figures = [c for scene in scenes for c in scene.characters]
    assert {scene.place for scene in scenes} == set(PLACES)
    assert {c.kind for c in figures} == {*PEOPLE, *ANIMALS}
    assert {c.pose for c in figures} == set(POSES)
    assert {c.prop for c in figures} == {*PROPS, None}
    assert {(c.kind, c.colour) for c in figures if c.kind in ANIMALS} == {
        (kind, colour) for kind in ANIMALS for colour in FUR[kind]
    }
    assert 0.4 < sum(len(scene.characters) == 2 for scene in scenes) / 3000 < 0.5


def test_one_combination_in_twelve_is_held_out_whatever_else_the_scene_is() -> None:
    combinations = [alone(figure, place) for figure in all_figures() for place in PLACES]
    held_out = [is_held_out(scene) for scene in combinations]
    assert 1 / 15 < np.mean(held_out) < 1 / 10
    other = [replace(scene, time="night", style="ink", seed=5) for scene in combinations]
    assert [is_held_out(scene) for scene in other] == held_out
