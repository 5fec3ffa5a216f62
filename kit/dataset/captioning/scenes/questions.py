"""What the embedded captioner is asked of a picture, and the scene that its answers make."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar, cast, get_args

import numpy as np
from numpy.typing import NDArray

from kit.world.scene import (
    ALWAYS_NIGHT,
    ANIMAL_POSES,
    CLOTHES,
    FUR,
    HAIR,
    PEOPLE,
    PLACES,
    STYLES,
    Character,
    Colour,
    Expression,
    Framing,
    HairLength,
    Kind,
    Place,
    Pose,
    Prop,
    Scene,
    Style,
    Time,
)

KINDS, POSES = get_args(Kind), get_args(Pose)
SCENE: Mapping[str, Sequence[str]] = {
    "count": ("1", "2"),
    "place": PLACES,
    "time": get_args(Time),
    "style": STYLES,
    "framing": get_args(Framing),
}
"""Questions about the whole picture, and their answers."""
FIGURE: Mapping[str, Sequence[str]] = {
    "kind": KINDS,
    "colour": get_args(Colour),
    "hair": get_args(Colour),
    "hair_length": get_args(HairLength),
    "pose": POSES,
    "expression": get_args(Expression),
    "prop": get_args(Prop),
}
"""Questions about each of at most two figures, from left to right, and their answers."""
UNSEEN = -1
"""Instead of an answer, where a picture does not show it."""

Answer = TypeVar("Answer", bound=str)
Probabilities = NDArray[np.float64]


class Answers(NamedTuple):
    """What is thought of a picture."""

    scene: Mapping[str, Probabilities]
    """One for each answer, by question."""
    figures: Sequence[Mapping[str, Probabilities]]
    """The same of each of two figures, the left one first; where there is one alone the first counts."""


def labels_of(scene: Scene) -> tuple[list[int], list[list[int]]]:
    """Return the number of the true answer to each question: of the picture, and of each of two figures."""
    whole = {
        "count": str(len(scene.characters)),
        "place": scene.place,
        "time": None if scene.place in ALWAYS_NIGHT else scene.time,
        "style": scene.style,
        "framing": scene.framing,
    }
    figures: list[Character | None] = [*scene.characters, None][:2]
    return _numbers(SCENE, whole), [_numbers(FIGURE, _shown(figure)) for figure in figures]


def _shown(figure: Character | None) -> Mapping[str, str | None]:
    """Return what can be seen of a figure: no clothes in a tub, no face that sleeps, wishes or sings."""
    told = {name: getattr(figure, name) if figure else None for name in FIGURE}
    if figure and figure.pose == "bathe" and figure.kind in PEOPLE:
        told["colour"] = None
    if figure and figure.pose in ("sleep", "wish", "sing"):
        told["expression"] = None
    return told


def _numbers(questions: Mapping[str, Sequence[str]], told: Mapping[str, str | None]) -> list[int]:
    answers = ((questions[name], told[name]) for name in questions)
    return [UNSEEN if answer is None else list(known).index(answer) for known, answer in answers]


def scene_of(answers: Answers) -> Scene:
    """Return the likeliest scene that the world can draw: two are of two kinds, and tubs are in bathrooms."""
    place = _best(cast(Sequence[Place], PLACES), answers.scene["place"])
    count = int(_best(SCENE["count"], answers.scene["count"]))
    kinds = _kinds([figure["kind"] for figure in answers.figures[:count]])
    characters = tuple(
        _character(kind, figure, place, alone=count == 1)
        for kind, figure in zip(kinds, answers.figures, strict=False)
    )
    return Scene(
        characters=characters,
        place=place,
        time="night" if place in ALWAYS_NIGHT else _best(get_args(Time), answers.scene["time"]),
        framing=_best(get_args(Framing), answers.scene["framing"]),
        style=_best(cast(Sequence[Style], STYLES), answers.scene["style"]),
    )


def _kinds(probabilities: Sequence[Probabilities]) -> list[Kind]:
    """Return the likeliest kinds of one or two figures, of whom no two are of one kind."""
    if len(probabilities) == 1:
        return [_best(KINDS, probabilities[0])]
    both = np.outer(probabilities[0], probabilities[1])
    np.fill_diagonal(both, -1.0)
    left, right = np.unravel_index(both.argmax(), both.shape)
    return [KINDS[left], KINDS[right]]


def _character(kind: Kind, figure: Mapping[str, Probabilities], place: Place, *, alone: bool) -> Character:
    person = kind in PEOPLE

    def can(pose: Pose) -> bool:
        """Return whether a figure of this kind can do this here."""
        there = pose not in ("bathe", "door") or place == {"bathe": "bathroom", "door": "doorway"}[pose]
        return there and (pose != "hug" or not alone) and (person or pose in ANIMAL_POSES)

    pose = _best(POSES, figure["pose"], can)
    long_hair = kind in ("girl", "woman")
    return Character(
        kind=kind,
        colour=_best(get_args(Colour), figure["colour"], (CLOTHES if person else FUR[kind]).__contains__),
        hair=_best(get_args(Colour), figure["hair"], HAIR.__contains__) if person else None,
        hair_length=(_best(get_args(HairLength), figure["hair_length"]) if long_hair else "short")
        if person
        else None,
        pose=pose,
        expression=_best(get_args(Expression), figure["expression"]),
        prop=_best(get_args(Prop), figure["prop"]) if pose == "hold" else None,
    )


def _best(
    known: Sequence[Answer], probabilities: Probabilities, can_be: Callable[[Answer], bool] = lambda _: True
) -> Answer:
    """Return the likeliest answer of those that can be."""
    numbers = [number for number, answer in enumerate(known) if can_be(answer)]
    return known[max(numbers, key=lambda number: float(probabilities[number]))]
