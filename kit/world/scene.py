"""What a scene of the drawn world is made of, and how one is drawn by lot.

A scene is data: everything that can be seen follows from it and its seed, so that a picture, its masks and
its captions always agree.
"""

import hashlib
import random
from dataclasses import dataclass, replace
from typing import Literal, get_args

Kind = Literal["girl", "boy", "youth", "woman", "man", "kitten", "dog", "rabbit", "dragon"]
Colour = Literal[
    "black", "white", "grey", "brown", "blond", "red", "orange", "yellow", "green", "blue", "purple", "pink"
]
HairLength = Literal["short", "long"]
Pose = Literal[
    "stand", "sit", "sleep", "run", "wave", "crouch", "sing", "read", "eat", "bathe", "wish", "hug", "door",
    "hold",
]  # fmt: skip
Expression = Literal["smile", "laugh", "sad", "surprised"]
Prop = Literal["flowers", "balloon", "gift", "umbrella", "lantern"]
Place = Literal[
    "living", "bedroom", "doorway", "bathroom", "kitchen", "classroom", "practice", "dressing", "stage",
    "audience", "park", "street", "beach", "forest", "mountain", "snow", "cafe", "stars",
]  # fmt: skip
Time = Literal["day", "dusk", "night"]
Framing = Literal["full", "close", "far"]
Style = Literal["flat", "ink", "watercolour", "cyberpunk", "pixel", "papercut"]
Degradation = Literal["ugly", "deformed", "noisy", "blurred", "low-contrast"]

PLACES: tuple[Place, ...] = get_args(Place)
STYLES: tuple[Style, ...] = get_args(Style)
DEGRADATIONS: tuple[Degradation, ...] = get_args(Degradation)
PEOPLE: tuple[Kind, ...] = ("girl", "boy", "youth", "woman", "man")
ANIMALS: tuple[Kind, ...] = ("kitten", "dog", "rabbit", "dragon")
HAIR: tuple[Colour, ...] = ("black", "brown", "blond", "purple", "blue", "red")
CLOTHES: tuple[Colour, ...] = ("red", "pink", "white", "black", "blue", "yellow", "green")
FUR: dict[Kind, tuple[Colour, ...]] = {
    "kitten": ("grey", "orange", "white", "black"),
    "dog": ("brown", "yellow", "white", "black"),
    "rabbit": ("white", "grey", "brown", "pink"),
    "dragon": ("green", "red", "blue", "purple"),
}
ANIMAL_POSES: tuple[Pose, ...] = ("stand", "sit", "sleep", "run", "eat", "bathe", "wave")
INDOORS: frozenset[Place] = frozenset(
    {"living", "bedroom", "bathroom", "kitchen", "classroom", "practice", "dressing", "cafe"}
)
"""Places whose time of day shows in a window only."""
ALWAYS_NIGHT: frozenset[Place] = frozenset({"stage", "audience", "stars"})
"""Places that have one light, whatever the clock says."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Character:
    """One figure: people have hair and clothes, animals have fur; all have a pose and an expression."""

    kind: Kind
    colour: Colour
    """Clothes of a person, fur of an animal."""
    hair: Colour | None = None
    hair_length: HairLength | None = None
    pose: Pose = "stand"
    expression: Expression = "smile"
    prop: Prop | None = None
    """What a figure holds; only with pose "hold"."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """One picture as data; `seed` decides what the words leave open, such as where a tree stands."""

    characters: tuple[Character, ...]
    """At most two, from left to right."""
    place: Place
    time: Time = "day"
    framing: Framing = "full"
    style: Style = "flat"
    degradations: tuple[Degradation, ...] = ()
    seed: int = 0


def is_held_out(scene: Scene) -> bool:
    """Return whether the scene's combination of who, where and what is kept from all training.

    One combination in twelve is; the judge's prompts are made of these alone.
    """
    return any(
        int(hashlib.sha256(f"{c.kind} {scene.place} {c.pose}".encode()).hexdigest(), 16) % 12 == 0
        for c in scene.characters
    )


def sample_scene(rng: random.Random, style: Style = "flat") -> Scene:
    """Return a scene drawn by lot: two figures in 45 % of all, poses as often as they are hard to draw."""
    place = rng.choice(PLACES)
    characters = _sample_figures(rng, place)
    lying = any(c.pose == "sleep" and c.kind in PEOPLE for c in characters)
    framing: Framing = rng.choices(("full", "close", "far"), (0.7, 0.2, 0.1))[0]
    return Scene(
        characters=characters,
        place=place,
        time="night" if place in ALWAYS_NIGHT else rng.choices(("day", "dusk", "night"), (0.5, 0.2, 0.3))[0],
        framing="full" if lying else framing,
        style=style,
        seed=rng.getrandbits(32),
    )


def _sample_figures(rng: random.Random, place: Place) -> tuple[Character, ...]:
    alone = rng.random() >= 0.45
    first = sample_character(rng, place, alone=alone)
    if alone:
        return (first,)
    second = _companion(rng, place, first)
    if second.pose == "hug" and first.pose != "hug":
        first = replace(first, pose="hug", prop=None)
    pair = [first, second]
    rng.shuffle(pair)
    return tuple(pair)


def sample_character(rng: random.Random, place: Place, *, alone: bool) -> Character:
    """Return a figure drawn by lot that can do what it does at this place."""
    kind: Kind = rng.choice(PEOPLE) if rng.random() < 0.6 else rng.choice(ANIMALS)
    pose = _pose(rng, kind, place, alone=alone)
    expression: Expression = rng.choices(("smile", "laugh", "sad", "surprised"), (0.5, 0.2, 0.15, 0.15))[0]
    if kind in ANIMALS:
        return Character(kind=kind, colour=rng.choice(FUR[kind]), pose=pose, expression=expression)
    prop: Prop | None = (
        rng.choice(("flowers", "balloon", "gift", "umbrella", "lantern")) if pose == "hold" else None
    )
    return Character(
        kind=kind,
        colour=rng.choice(CLOTHES),
        hair=rng.choice(HAIR),
        hair_length=rng.choice(("short", "long")) if kind in ("girl", "woman") else "short",
        pose=pose,
        expression=expression,
        prop=prop,
    )


def _companion(rng: random.Random, place: Place, first: Character) -> Character:
    """Return another kind of figure; whoever is hugged by a person hugs back, or sits still if an animal."""
    while True:
        other = sample_character(rng, place, alone=False)
        if other.kind == first.kind or (other.pose == "hug" and first.kind in ANIMALS):
            continue
        if first.pose == "hug":
            return replace(other, pose="hug" if other.kind in PEOPLE else "sit", prop=None)
        return other


def _pose(rng: random.Random, kind: Kind, place: Place, *, alone: bool) -> Pose:
    weights = _animal_weights() if kind in ANIMALS else _person_weights(place, alone=alone)
    weights["bathe"] = 6.0 if place == "bathroom" else 0.0
    if place == "bedroom":
        weights["sleep"] *= 2
    return rng.choices(list(weights), list(weights.values()))[0]


def _animal_weights() -> dict[Pose, float]:
    more: dict[Pose, float] = {"stand": 1.4, "sit": 1.4, "sleep": 1.6, "run": 1.4}
    return dict.fromkeys(ANIMAL_POSES, 1.0) | more


def _person_weights(place: Place, *, alone: bool) -> dict[Pose, float]:
    return {
        "stand": 1.2,
        "sit": 1.0,
        "run": 1.0,
        "wave": 1.0,
        "crouch": 1.0,
        "sing": 3.0 if place == "stage" else 1.0,
        "read": 1.0,
        "eat": 1.0,
        "wish": 1.0,
        "hold": 1.0,
        "sleep": 1.5,
        "bathe": 0.0,
        "door": 6.0 if place == "doorway" else 0.0,
        "hug": 0.0 if alone else 3.0,
    }
