"""Heads of people: hair by kind, length and colour; faces by expression."""

from collections.abc import Sequence

from kit.world.canvas import (
    BLUSH,
    CLOTHES_PAINT,
    HAIR_PAINT,
    INK,
    OUTLINE,
    SKIN,
    WHITE,
    Ink,
    Paint,
    Pen,
    Point,
    sector,
    shade,
    smooth,
)
from kit.world.scene import Character, Colour

RADIUS = 26.0
"""Half width of a head, in the head's own units; its middle is (0, 0)."""


def hair_paint(character: Character) -> Paint:
    """Return the paint of a person's hair."""
    colour: Colour = character.hair or "black"
    return HAIR_PAINT[colour]


def draw_hair_behind(pen: Pen, character: Character) -> None:
    """Draw the hair that falls behind the body; comes before the body."""
    paint = hair_paint(character)
    dark = shade(paint, 0.86)
    if character.hair_length != "long":
        if character.kind in ("girl", "woman"):
            pen.blob(
                [(-29, -8), (-31, 14), (-24, 27), (0, 29), (24, 27), (31, 14), (29, -8), (0, -30)],
                dark,
                OUTLINE,
            )
        return
    if character.kind == "girl":
        for side in (-1, 1):
            tail = [(24, -12), (40, -14), (48, 8), (46, 36), (37, 52), (33, 34), (28, 14), (22, 4)]
            pen.blob([(side * x, y) for x, y in tail], paint, OUTLINE)
        return
    right = [(28, -12), (33, 20), (36, 52), (30, 72), (12, 76)]
    pen.blob([*((-x, y) for x, y in right), (0, 70), *reversed(right), (0, -30)], dark, OUTLINE)


def draw_head(pen: Pen, character: Character, *, asleep: bool) -> None:
    """Draw the head with face and hair, and what marks the kind: a bow, earrings, a beard."""
    for side in (-1, 1):
        pen.ellipse((side * 25, 5), (5, 6), SKIN, OUTLINE)
    right = [(15, 23), (25, 12), (26, -4), (18, -22)]
    left = [(-x, y) for x, y in reversed(right)]
    pen.blob([*left[1:], (0, 26), *right, (0, -27), left[0]], SKIN, OUTLINE)
    if character.kind == "man":
        beard = smooth([(-25, 6), (-22, 18), (-12, 26), (0, 28.5), (12, 26), (22, 18), (25, 6)], closed=False)
        pen.polygon([*beard, (15, 12), (0, 13), (-15, 12)], hair_paint(character))
    draw_face(pen, character, asleep=asleep)
    _FRINGES[character.kind](pen, character)


def draw_face(pen: Pen, character: Character, *, asleep: bool) -> None:
    """Draw eyes, brows, cheeks and mouth."""
    mood = character.expression
    for side in (-1, 1):
        pen.ellipse((side * 15.5, 12), (5, 3.2), BLUSH)
        _draw_eye(pen, side, mood, asleep=asleep)
    if character.pose == "sing":
        pen.ellipse((0, 16), (5, 6), (150, 48, 58), Ink(INK, 1.3))
        pen.ellipse((0, 19), (3.2, 2.2), (240, 120, 120))
    elif asleep:
        pen.arc((0, 14), (3.5, 2.5), (20, 160), Ink((176, 84, 84), 1.9))
    elif mood == "laugh":
        pen.polygon(sector((0, 12), (8, 9), 0, 180), (150, 48, 58), Ink(INK, 1.3))
        pen.polygon(sector((0, 18), (4.6, 3)), (246, 124, 124))
    elif mood == "sad":
        pen.arc((0, 20), (5.5, 4.5), (205, 335), Ink((150, 70, 76), 2.2))
        pen.blob([(13.5, 8), (17, 14), (13.5, 18), (10, 14)], (120, 190, 250), Ink((80, 140, 210), 1))
    elif mood == "surprised":
        pen.ellipse((0, 16.5), (4, 5), (150, 48, 58), Ink(INK, 1.3))
    else:
        lips = (206, 52, 84) if character.kind == "woman" else (176, 74, 78)
        pen.arc((0, 11.5), (6.5, 5.5), (20, 160), Ink(lips, 2.2))


def _draw_eye(pen: Pen, side: int, mood: str, *, asleep: bool) -> None:
    x = side * 10.5
    if asleep:
        pen.arc((x, 2), (5, 4), (15, 165), Ink(INK, 2.2))
        return
    if mood == "laugh":
        pen.arc((x, 6), (5, 5.5), (195, 345), Ink(INK, 2.4))
        return
    height = 7.6 if mood == "surprised" else 6.4
    pen.ellipse((x, 3), (4.8, height), INK)
    pen.ellipse((x, 5.5), (3.3, height - 3.6), (112, 84, 92))
    pen.ellipse((x + 1.5, 0.2), (1.9, 2.3), WHITE)
    pen.ellipse((x - 1.6, 6), (1.0, 1.1), WHITE)
    if mood == "sad":
        pen.stroke([(x - side * 5, -9.5), (x + side * 5, -5.5)], Ink(INK, 1.9))
    elif mood == "surprised":
        pen.arc((x, -8), (5, 3.5), (200, 340), Ink(INK, 1.8))


def _cap(pen: Pen, paint: Paint, points: Sequence[Point]) -> None:
    """Draw the hair on the skull: the crown, then down to the given hairline (from right to left)."""
    crown = smooth([(-28, 4), (-29, -14), (-18, -29), (0, -34), (18, -29), (29, -14), (28, 4)], closed=False)
    pen.polygon([*crown, *points], paint, OUTLINE)
    pen.arc((-3, -13), (16, 12), (205, 262), Ink(shade(paint, 1.35), 2.6))


def _girl(pen: Pen, character: Character) -> None:
    paint = hair_paint(character)
    locks = [(23, 6), (20, -6), (13, -1), (8, -9), (0, -2), (-6, -10), (-13, -1), (-19, -7), (-23, 6)]
    if character.hair_length == "short":
        locks = [(29, 20), (23, 18), (21, -4), *locks[2:7], (-21, -4), (-23, 18), (-29, 20)]
    _cap(pen, paint, locks)
    bow = CLOTHES_PAINT["red"] if character.colour != "red" else CLOTHES_PAINT["pink"]
    at = (0.0, -33.0) if character.hair_length == "short" else (0.0, -34.0)
    for side in (-1, 1):
        x, y = at
        pen.blob([(x, y), (x + side * 12, y - 9), (x + side * 15, y), (x + side * 12, y + 8)], bow, OUTLINE)
    pen.ellipse(at, (4, 4), shade(bow, 0.85), OUTLINE)


def _boy(pen: Pen, character: Character) -> None:
    paint = hair_paint(character)
    spikes = [(-29, 2), (-34, -12), (-28, -16), (-31, -27), (-20, -27), (-17, -38), (-6, -32), (4, -41),
              (10, -32), (21, -36), (22, -26), (32, -24), (28, -14), (34, -8), (29, 2)]  # fmt: skip
    line = [(22, -4), (15, -10), (9, -2), (2, -11), (-6, -2), (-13, -10), (-22, -3)]
    pen.polygon([*spikes, *line], paint, OUTLINE)


def _youth(pen: Pen, character: Character) -> None:
    _cap(pen, hair_paint(character), [(27, 8), (22, -4), (16, -10), (2, -14), (-8, -5), (-19, 1), (-25, 10)])


def _woman(pen: Pen, character: Character) -> None:
    paint = hair_paint(character)
    if character.hair_length == "short":
        pen.ellipse((0, -37), (13, 11), paint, OUTLINE)
    _cap(
        pen,
        paint,
        [(30, 16), (25, 18), (22, 0), (14, -11), (-2, -20), (-15, -11), (-22, 0), (-25, 18), (-30, 16)],
    )
    for side in (-1, 1):
        pen.ellipse((side * 27, 15), (3, 4), (255, 206, 84), Ink(INK, 1.2))


def _man(pen: Pen, character: Character) -> None:
    _cap(pen, hair_paint(character), [(25, -2), (22, -13), (-10, -18), (-15, -13), (-22, -12), (-25, -2)])


_FRINGES = {"girl": _girl, "boy": _boy, "youth": _youth, "woman": _woman, "man": _man}
