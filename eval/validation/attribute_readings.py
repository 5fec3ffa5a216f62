"""Whether told attributes are found to be missing where they are, and nowhere else.

Pictures of other words are held against what a tale tells: their scenes say what they truly show.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eval.metrics.attributes import ATTRIBUTES, choice_rows, margins, told_attributes
from eval.scorers.calibration import AttributeName
from eval.scorers.protocols import Encoder
from eval.validation.corruptions import (
    Draw,
    Picture,
    Twins,
    attribute,
    identity_far,
    identity_near,
    place_break,
)
from kit.story.story import Panel, Story
from kit.world.scene import HairLength, Scene
from kit.world.tale import Tale, posed

PRECISE, FOUND = 0.9, 0.8
"""Marks: so many of the attributes that are said to be missing are, and so many of the missing are found."""
CHOSEN = 0.92
"""The same of those that a threshold is chosen on, as it does a little worse on others."""


class AttributeReading(NamedTuple):
    """One told attribute held against one picture."""

    name: AttributeName
    margin: float
    shown: bool
    """Whether the words of the picture tell it, too."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AttributeRow:
    """How one attribute is read at one threshold."""

    attribute: AttributeName
    threshold: float
    missing: int
    """Readings in which it is."""
    shown: int
    """Readings in which it is not."""
    precision: float
    """Of those that are said to be missing; 1 where none is."""
    recall: float
    false_alarms: float
    """Share of those that are shown."""


def other_deed(tale: Tale, _: Sequence[Picture], rng: random.Random, draw: Draw) -> list[Picture]:
    """Let the hero do something else, a person with hair of the other length."""
    other: Mapping[HairLength | None, HairLength | None] = {"long": "short", "short": "long", None: None}
    scenes = []
    for scene in tale.scenes:
        hero = before = scene.characters[0]
        while (hero.pose, hero.prop) == (before.pose, before.prop):
            hero = posed(rng, before, scene.place)
        hero = replace(hero, hair_length=other[hero.hair_length])
        scenes.append(replace(scene, characters=(hero, *scene.characters[1:])))
    return draw(scenes)


OTHER_DEED = "other-deed"
SWAPS: Mapping[str, Twins] = {
    "identity-far": identity_far,
    "identity-near": identity_near,
    "attribute": attribute,
    "place-break": place_break,
    OTHER_DEED: other_deed,
}
"""Pictures that do not show all that is told; all but the last are damages, too."""


class ShownScenes(NamedTuple):
    """Eight pictures: what they truly show, and their rows."""

    scenes: Sequence[Scene]
    rows: NDArray[np.float32]


class NotingDraw:
    """Draws scenes and remembers those of the last time."""

    def __init__(self, draw: Draw) -> None:
        """Take what draws."""
        self._draw = draw
        self.last: Sequence[Scene] = ()

    def __call__(self, scenes: Sequence[Scene]) -> list[Picture]:
        """Return the pictures of scenes."""
        self.last = scenes
        return self._draw(scenes)


def attribute_readings(
    tale: Tale, texts: Sequence[str], shown: Sequence[ShownScenes], encoder: Encoder
) -> list[AttributeReading]:
    """Return what is told of a tale's eight panels, in Chinese, held against several eight pictures."""
    told = told_attributes(Story(title="tale", panel=tuple(Panel(prompt=text) for text in texts)))
    choices = choice_rows(told, encoder)
    readings = []
    for scenes, rows in shown:
        for one, margin in zip(told, margins(rows, told, choices), strict=True):
            seen = _shown(one.name, tale.scenes[one.panel], scenes[one.panel])
            if seen is not None:
                readings.append(AttributeReading(one.name, margin, seen))
    return readings


def _shown(name: AttributeName, told: Scene, seen: Scene) -> bool | None:
    """Return whether what is told is seen; None where nobody can say, as of the clothes of another kind."""
    if name == "place":
        return told.place == seen.place
    hero, other = told.characters[0], seen.characters[0]
    if name == "figure":
        return hero.kind == other.kind
    if name == "action":
        return (hero.pose, hero.prop) == (other.pose, other.prop)
    if hero.kind != other.kind:
        return None
    match name:
        case "hair":
            return hero.hair == other.hair
        case "hair length":
            return hero.hair_length == other.hair_length
        case "clothes" | "fur":
            return hero.colour == other.colour


def thresholds_of(readings: Sequence[AttributeReading]) -> dict[AttributeName, float]:
    """Return by attribute the highest margin, at most 0, up to which most of what is missing is.

    Attributes of which less than FOUND is found up to there are left out: they cannot be told.
    """
    found = {}
    for name in ATTRIBUTES:
        of = sorted((one for one in readings if one.name == name), key=lambda one: one.margin)
        missing = np.array([not one.shown for one in of], dtype=bool)
        precise = np.cumsum(missing) >= CHOSEN * np.arange(1, len(of) + 1)
        fit = [place for place in np.flatnonzero(precise) if of[place].margin <= 0]
        if fit and missing[: fit[-1] + 1].sum() >= FOUND * missing.sum():
            found[name] = round(of[fit[-1]].margin, 4)
    return found


def attribute_rows(
    readings: Sequence[AttributeReading], thresholds: Mapping[AttributeName, float]
) -> tuple[AttributeRow, ...]:
    """Return how each attribute that has a threshold is read."""
    rows = []
    for name, threshold in thresholds.items():
        of = [one for one in readings if one.name == name]
        said = [one for one in of if one.margin <= threshold]
        shown = sum(one.shown for one in of)
        right = sum(not one.shown for one in said)
        rows.append(
            AttributeRow(
                attribute=name,
                threshold=threshold,
                missing=len(of) - shown,
                shown=shown,
                precision=right / len(said) if said else 1.0,
                recall=right / (len(of) - shown) if len(of) > shown else float("nan"),
                false_alarms=(len(said) - right) / shown if shown else float("nan"),
            )
        )
    return tuple(rows)
