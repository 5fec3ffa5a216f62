"""Animals and the little dragon: one body in six poses, ears, tails and wings by kind."""

from collections.abc import Callable, Sequence

from kit.world.canvas import (
    BLUSH,
    FUR_PAINT,
    GOLD,
    INK,
    OUTLINE,
    WHITE,
    Ink,
    Paint,
    Pen,
    Point,
    sector,
    shade,
)
from kit.world.figures import props
from kit.world.scene import Character, Expression, Pose

MUZZLE: Paint = (255, 246, 234)


def draw_animal(pen: Pen, character: Character) -> None:
    """Draw an animal that stands at the pen's (0, 0), looking to the right; about 84 units tall sitting."""
    _BODIES.get(character.pose, _sitting)(pen, character, FUR_PAINT[character.colour])


def _sitting(pen: Pen, character: Character, paint: Paint) -> None:
    _tail(pen, character, [(20, -8), (38, -12), (42, -34)])
    if character.kind == "dragon":
        _wings(pen, paint, (0, -34), 1.0)
    pen.blob([(-17, -42), (17, -42), (26, -16), (20, 0), (-20, 0), (-26, -16)], paint, OUTLINE)
    _belly(pen, character, (0, -17), (14, 16))
    for side in (-1, 1):
        pen.ellipse((side * 11, -3), (9, 6), paint, OUTLINE)
    if character.pose == "wave":
        pen.limb([(17, -30), (30, -40), (33, -54)], paint, 9)
    else:
        for side in (-1, 1):
            pen.limb([(side * 7, -26), (side * 6, -6)], paint, 7)
    _head(pen.at((0, -60)), character)
    if character.pose == "eat":
        props.draw_bowl(pen.at((0, -16), 0.9))


def _standing(pen: Pen, character: Character, paint: Paint) -> None:
    _tail(pen, character, [(-32, -36), (-48, -42), (-52, -60)])
    legs = [[(x, -28), (x, -5)] for x in (-26, -12, 12, 26)]
    _four_legs(pen, character, paint, legs)
    _head(pen.at((32, -60)), character)


def _running(pen: Pen, character: Character, paint: Paint) -> None:
    _tail(pen, character, [(-34, -38), (-52, -46), (-66, -44)])
    legs = [[(-24, -30), (-38, -24), (-50, -12)], [(-18, -30), (-30, -18), (-36, -5)],
            [(18, -30), (34, -22), (44, -8)], [(24, -32), (42, -28), (56, -20)]]  # fmt: skip
    _four_legs(pen, character, paint, legs)
    _head(pen.at((36, -58), turn=-6), character)


def _four_legs(pen: Pen, character: Character, paint: Paint, legs: Sequence[Sequence[Point]]) -> None:
    for leg in legs[::2]:
        pen.limb(leg, shade(paint, 0.84), 9)
    if character.kind == "dragon":
        _wings(pen, paint, (-4, -46), 0.85)
    pen.blob(
        [(-36, -40), (0, -46), (34, -44), (40, -30), (26, -18), (0, -17), (-28, -18), (-40, -28)],
        paint,
        OUTLINE,
    )
    for leg in legs[1::2]:
        pen.limb(leg, paint, 9)


def _asleep(pen: Pen, character: Character, paint: Paint) -> None:
    if character.kind == "dragon":
        _wings(pen, paint, (8, -28), 0.8)
    pen.blob(
        [(-40, -8), (-34, -28), (-8, -38), (24, -36), (44, -18), (40, -2), (0, 2), (-34, 0)], paint, OUTLINE
    )
    _tail(pen, character, [(40, -10), (32, 0), (4, -1)])
    _head(pen.at((-27, -19), 0.92, -8), character)
    props.draw_sleep(pen, (2, -44))


def _bathing(pen: Pen, character: Character, paint: Paint) -> None:
    pen.blob([(-17, -42), (17, -42), (25, -16), (20, 0), (-20, 0), (-25, -16)], paint, OUTLINE)
    _head(pen.at((0, -58)), character)
    for x, y, r in ((-9, -84, 8), (3, -88, 9), (13, -83, 6)):
        pen.ellipse((x, y), (r, r), (240, 250, 255), Ink((150, 190, 214), 1.2))


_BODIES: dict[Pose, Callable[[Pen, Character, Paint], None]] = {
    "sleep": _asleep,
    "stand": _standing,
    "run": _running,
    "bathe": _bathing,
}
"""All other poses are those of a sitting animal."""


def _belly(pen: Pen, character: Character, centre: Point, radii: Point) -> None:
    paint = (255, 240, 190) if character.kind == "dragon" else shade(FUR_PAINT[character.colour], 1.5)
    pen.ellipse(centre, radii, paint)


def _tail(pen: Pen, character: Character, path: list[Point]) -> None:
    paint = FUR_PAINT[character.colour]
    if character.kind == "rabbit":
        start = path[0]
        pen.ellipse((start[0] * 1.15, start[1]), (9, 9), shade(paint, 1.5), OUTLINE)
        return
    pen.limb(path, paint, 9 if character.kind == "dragon" else 7)
    if character.kind == "dragon":
        x, y = path[-1]
        pen.polygon([(x - 9, y + 4), (x, y - 15), (x + 9, y + 4)], GOLD, OUTLINE)
    elif character.kind == "kitten":
        pen.stroke(path[-2:], Ink(shade(paint, 0.75), 4))


def _wings(pen: Pen, paint: Paint, root: Point, scale: float) -> None:
    for side in (-1, 1):
        wing = [(0, 0), (16, -30), (42, -34), (38, -22), (44, -12), (34, -8), (32, 2), (20, -2)]
        points = [(root[0] + side * x * scale, root[1] + y * scale) for x, y in wing]
        pen.polygon(points, shade(paint, 1.35), OUTLINE)


def _head(pen: Pen, character: Character) -> None:
    paint = FUR_PAINT[character.colour]
    _EARS[character.kind](pen, paint)
    outline = [(-27, 2), (-22, 17), (0, 23), (22, 17), (27, 2), (20, -16), (0, -21), (-20, -16)]
    pen.blob(outline, paint, OUTLINE)
    if character.kind == "dog":
        for side in (-1, 1):
            flap = [(19, -15), (29, -12), (33, 6), (28, 18), (22, 10), (20, -2)]
            pen.blob([(side * x, y) for x, y in flap], shade(paint, 0.68), OUTLINE)
        pen.ellipse((0, 11), (13, 9.5), MUZZLE)
    elif character.kind == "dragon":
        pen.ellipse((0, 12), (15, 8.5), (255, 240, 190))
    elif character.kind == "kitten":
        for x in (-7, 0, 7):
            pen.stroke([(x, -20), (x * 0.8, -12)], Ink(shade(paint, 0.72), 3))
    _face(pen, character)


def _ears_kitten(pen: Pen, paint: Paint) -> None:
    for side in (-1, 1):
        pen.polygon([(side * 25, 0), (side * 27, -35), (side * 5, -17)], paint, OUTLINE)
        pen.polygon([(side * 22.5, -6), (side * 23.5, -27), (side * 11, -15)], (255, 170, 176))


def _ears_rabbit(pen: Pen, paint: Paint) -> None:
    for side in (-1, 1):
        ear = pen.at((side * 11, -14), turn=side * 9)
        ear.ellipse((0, -25), (9, 27), paint, OUTLINE)
        ear.ellipse((0, -24), (4.5, 19), (255, 176, 188))


def _horns(pen: Pen, paint: Paint) -> None:
    for side in (-1, 1):
        pen.blob([(side * 8, -16), (side * 19, -36), (side * 24, -37), (side * 20, -12)], GOLD, OUTLINE)
        pen.polygon([(side * 24, -6), (side * 39, -14), (side * 27, 8)], shade(paint, 1.3), OUTLINE)


def _no_ears(_: Pen, __: Paint) -> None:
    """A dog's ears hang over its head and are drawn with it."""


_EARS = {"kitten": _ears_kitten, "dog": _no_ears, "rabbit": _ears_rabbit, "dragon": _horns}


def _face(pen: Pen, character: Character) -> None:
    asleep = character.pose == "sleep"
    for side in (-1, 1):
        pen.ellipse((side * 18, 9), (4.6, 3), BLUSH)
        if asleep:
            pen.arc((side * 11.5, 0), (5, 4), (15, 165), Ink(INK, 2.3))
        else:
            _eye(pen, side, character.expression)
    nose = (4.4, 3.0) if character.kind == "dog" else (3.0, 2.2)
    pen.ellipse((0, 7), nose, INK if character.kind in ("dog", "dragon") else (236, 110, 124))
    if not asleep:
        _mouth(pen, character.expression)


def _eye(pen: Pen, side: int, mood: Expression) -> None:
    x = side * 11.5
    if mood == "laugh":
        pen.arc((x, 3), (5, 5), (195, 345), Ink(INK, 2.4))
        return
    pen.ellipse((x, 0), (4.6, 6.8 if mood == "surprised" else 5.8), INK)
    pen.ellipse((x + 1.4, -2.4), (1.9, 2.2), WHITE)
    if mood == "sad":
        pen.stroke([(x - side * 5, -11), (x + side * 5, -8)], Ink(INK, 1.9))


def _mouth(pen: Pen, mood: Expression) -> None:
    if mood == "laugh":
        pen.blob([(-6, 11), (0, 12), (6, 11), (0, 19)], (170, 60, 66), Ink(INK, 1.2))
        return
    if mood == "surprised":
        pen.ellipse((0, 14), (3, 3.6), (150, 48, 58))
        return
    height, angles = (15, (205.0, 335.0)) if mood == "sad" else (11, (20.0, 160.0))
    for side in (-1, 1):
        pen.arc((side * 3.6, height), (3.6, 3), angles, Ink(INK, 1.6))
    if mood == "sad":
        pen.polygon(sector((14, 10), (2.8, 4.4), count=14), (120, 190, 250))
