"""Stories of the drawn world whose truth is known, for what draws and judges heroes."""

import random
from collections.abc import Sequence
from typing import Literal, NamedTuple

from kit.story.story import PANELS, Story
from kit.world import words
from kit.world.scene import PLACES, Place, Pose

POSES: tuple[Pose, ...] = ("stand", "sit", "run", "wave", "read", "crouch")
TOLD_HAIR = ("黑色长发", "红色短发", "棕色长发", "金色短发")
TOLD_CLOTHES = ("穿着红色衣服", "穿着蓝色衣服", "穿着绿色衣服", "穿着黄色衣服")
NEGATIVE = "模糊"

TaleKind = Literal["one", "told", "two", "bystander"]
"""One hero; one whose looks every prompt tells; two heroes together; one, and a bystander."""


class Tale(NamedTuple):
    """A story and the truth about its panels."""

    story: Story
    number: int
    places: Sequence[Place]
    kinds: Sequence[Sequence[str]]
    """Of the figures of each panel, from the left."""
    poses: Sequence[Pose]


def tale(number: int, kind: TaleKind, different: int = PANELS) -> Tale:
    """Return a story of one hero or two, whose looks no prompt tells unless the kind says so.

    Args:
        number: of the tale.
        kind: who is in it.
        different: how many places it has, 8, 4 or 2; at each something else is done in every panel.
    """
    rng = random.Random(f"{kind} {number}")
    pair = kind in ("two", "bystander")
    cast = rng.sample(("girl", "boy"), 2) if pair else [("girl", "boy")[number % 2]]
    texts = {name: f"一个{words.KINDS['zh'][name][0]}" for name in cast}
    if kind == "told":
        looks = f"，{rng.choice(TOLD_HAIR)}，{rng.choice(TOLD_CLOTHES)}"
        texts = {name: text + looks for name, text in texts.items()}
    heroes = cast[:1] if kind == "bystander" else cast
    shown = [[heroes[0]], [heroes[-1]], *([cast] * (PANELS - 2))]
    places, poses = rng.sample(PLACES, PANELS), rng.choices(POSES, k=PANELS)
    if different < PANELS:
        stay = PANELS // different
        places = [place for place in places[:different] for _ in range(stay)]
        poses = [pose for _ in range(different) for pose in rng.sample(POSES, stay)]
    panels = []
    for panel in range(PANELS):
        clauses: list[dict[str, str]] = []
        for name in shown[panel]:
            who = {"character": name} if name in heroes else {"text": texts[name]}
            clauses += [
                {"role": "subject", **who},
                {"role": "action", "text": words.POSES["zh"][poses[panel]][0]},
            ]
        clauses.append({"role": "place", "text": words.PLACES["zh"][places[panel]][0]})
        panels.append({"clauses": clauses})
    characters = {name: {"text": texts[name]} for name in heroes}
    told = {"title": f"{kind} {number}", "negative": NEGATIVE, "characters": characters, "panel": panels}
    return Tale(Story.model_validate(told), number, places, shown, poses)
