"""Scenes with one figure, and sampled ones."""

import random
from collections.abc import Iterable
from dataclasses import replace
from typing import get_args

from kit.world.scene import (
    ANIMAL_POSES,
    ANIMALS,
    FUR,
    PEOPLE,
    Character,
    Place,
    Pose,
    Prop,
    Scene,
    Time,
    sample_scene,
)

POSES = get_args(Pose)


GIRL = Character(kind="girl", colour="pink", hair="black", hair_length="long")


def sampled(seed: int) -> Scene:
    return sample_scene(random.Random(seed))


def alone(character: Character, place: Place = "park", time: Time = "day") -> Scene:
    return Scene(characters=(character,), place=place, time=time, seed=11)


def all_figures() -> Iterable[Character]:
    for kind in PEOPLE:
        for pose in POSES:
            prop: Prop | None = "gift" if pose == "hold" else None
            yield replace(GIRL, kind=kind, pose=pose, prop=prop)
    for kind in ANIMALS:
        for pose in ANIMAL_POSES:
            yield Character(kind=kind, colour=FUR[kind][0], pose=pose)
