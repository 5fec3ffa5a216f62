"""What the judge saw, counted against what was asked for."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from kit.world.scene import ALWAYS_NIGHT, PEOPLE, Character, Scene

Z95 = 1.959963984540054
"""Standard normal quantile of .975."""
ROWS = (
    "place", "time", "figures", "kind", "hair", "clothes", "fur", "colours", "pose", "both kinds",
    "both with colours",
)  # fmt: skip
"""What is counted. A picture: place, time (where it was said), figures (their number), both (two were asked
for). A figure: kind, pose; colours are hair, clothes (but in the bath) and fur together."""
TARGETS = {
    "place": 0.97,
    "kind": 0.97,
    "colours": 0.93,
    "pose": 0.88,
    "both kinds": 0.85,
    "both with colours": 0.85,
}


class Figure(NamedTuple):
    """One figure as the judge sees it."""

    kind: str
    colour: str
    hair: str
    pose: str


class Seen(NamedTuple):
    """One picture as the judge sees it."""

    place: str
    time: str
    style: str
    figures: tuple[Figure, ...]
    """From left to right; as many as the judge counts."""


class Share(NamedTuple):
    """How many of how many were right."""

    right: int
    total: int

    @property
    def share(self) -> float:
        """The observed share, in [0, 1]; higher is better."""
        return self.right / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the share."""
        return wilson(self.right, self.total)


def wilson(right: int, count: int) -> tuple[float, float]:
    """Return Wilson's 95 % score interval (1927) of a share, without continuity correction; count >= 1.

    >>> [round(end, 3) for end in wilson(9, 10)]
    [0.596, 0.982]
    """
    if not 0 <= right <= count or count < 1:
        raise ValueError(f"a share needs 0 <= right <= count and count >= 1, got {right} of {count}")
    share, spread = right / count, Z95**2 / count
    middle = share + spread / 2
    reach = math.sqrt(spread * (share * (1 - share) + spread / 4))
    low, high = (middle - reach) / (1 + spread), (middle + reach) / (1 + spread)
    return (0.0 if right == 0 else low, 1.0 if right == count else high)


def read_verdicts(heads: Mapping[str, Sequence[str]]) -> list[Seen]:
    """Return the judge's answers by picture instead of by head."""
    return [
        Seen(
            place=heads["place"][k],
            time=heads["time"][k],
            style=heads["style"][k],
            figures=tuple(
                Figure(*(heads[f"{side} {name}"][k] for name in Figure._fields))
                for side in ("left", "right")[: int(number)]
            ),
        )
        for k, number in enumerate(heads["count"])
    ]


def meet(wanted: Sequence[Character], figures: Sequence[Figure]) -> list[Figure | None]:
    """Return for each wanted figure the one that stands for it, None where the picture has too few.

    The prompt does not say who stands left, so one of the wanted kind goes first; the others follow in order.
    """
    left = list(figures)
    met: list[Figure | None] = []
    for character in wanted:
        same = next((figure for figure in left if figure.kind == character.kind), None)
        met.append(same)
        if same is not None:
            left.remove(same)
    return [figure or (left.pop(0) if left else None) for figure in met]


def kinds_right(scene: Scene, seen: Seen) -> bool:
    """Return whether exactly the wanted kinds are there, on whichever side."""
    return sorted(c.kind for c in scene.characters) == sorted(figure.kind for figure in seen.figures)


def content_right(scene: Scene, seen: Seen) -> bool:
    """Return whether place and kinds are right: what a style must not change."""
    return seen.place == scene.place and kinds_right(scene, seen)


def hits(scene: Scene, seen: Seen) -> Iterator[tuple[str, bool]]:
    """Yield each row that this picture counts in, and whether it is right."""
    yield "place", seen.place == scene.place
    if scene.place not in ALWAYS_NIGHT:
        yield "time", seen.time == scene.time
    yield "figures", len(seen.figures) == len(scene.characters)
    colours: list[bool] = []
    for wanted, figure in zip(scene.characters, meet(scene.characters, seen.figures), strict=True):
        yield "kind", figure is not None and figure.kind == wanted.kind
        yield "pose", figure is not None and figure.pose == wanted.pose
        for row, right in colour_hits(wanted, figure):
            yield row, right
            yield "colours", right
            colours.append(right)
    if len(scene.characters) == 2:
        kinds = kinds_right(scene, seen)
        yield "both kinds", kinds
        yield "both with colours", kinds and all(colours)


def colour_hits(wanted: Character, figure: Figure | None) -> Iterator[tuple[str, bool]]:
    """Yield the colours that were asked for: fur, or hair and, but in the bath, clothes."""
    if wanted.kind not in PEOPLE:
        yield "fur", figure is not None and figure.colour == wanted.colour
        return
    yield "hair", figure is not None and figure.hair == wanted.hair
    if wanted.pose != "bathe":
        yield "clothes", figure is not None and figure.colour == wanted.colour


def tally(scenes: Sequence[Scene], seen: Sequence[Seen]) -> dict[str, Share]:
    """Return the share of right answers by row; rows that nothing counts in are left out."""
    found = [hit for scene, picture in zip(scenes, seen, strict=True) for hit in hits(scene, picture)]
    return {row: share_of(right for name, right in found if name == row) for row in ROWS
            if any(name == row for name, _ in found)}  # fmt: skip


def share_of(answers: Iterable[bool]) -> Share:
    """Return how many of the answers are right."""
    row = list(answers)
    return Share(sum(row), len(row))
