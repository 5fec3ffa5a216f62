"""The street."""

import random

from kit.world.canvas import OUTLINE, Ink, Paint, Pen, Point, shade
from kit.world.places.landscape import GLOW, LEFT, RIGHT, accent, lit, sky
from kit.world.places.setting import Spots, View
from kit.world.scene import Time


def street(view: View) -> Spots:
    """Draw a street: gabled city houses, a road, a lamp post."""
    pen, rng, time = view.back, view.rng, view.time
    sky(view, 180, low_sun=112)
    far = lit(time, (168, 188, 216))
    x = LEFT
    while x < RIGHT:
        width = rng.uniform(22, 34)
        pen.box((x, rng.uniform(74, 104)), (width, 110), far)
        x += width
    colours: list[Paint] = [(242, 172, 140), (250, 210, 130), (150, 200, 204), (238, 158, 164),
                            (206, 178, 214)]  # fmt: skip
    rng.shuffle(colours)
    x = -38 - rng.uniform(0, 16)
    heights = [rng.uniform(96, 110), rng.uniform(66, 84), rng.uniform(100, 120), rng.uniform(70, 84),
               rng.uniform(94, 112)]  # fmt: skip
    for colour, height in zip(colours, heights, strict=True):
        _house(pen.at((x, 186)), view, colour, (68, height))
        x += 69
    pen.box((LEFT, 184), (336, 7), lit(time, (226, 216, 206)), OUTLINE)
    pen.box((LEFT, 191), (336, 27), lit(time, (112, 112, 130)))
    for dash in range(-34, 296, 40):
        pen.box((dash, 202), (22, 4), lit(time, (255, 244, 214)))
    pen.box((LEFT, 217), (336, 80), lit(time, (226, 208, 190)))
    pen.box((LEFT, 217), (336, 6), lit(time, (246, 234, 216)), OUTLINE)
    joint = lit(time, (196, 174, 158))
    for slab in range(-168, 192, 42):
        pen.stroke([(128 + slab * 0.9, 224), (128 + slab * 1.3, 296)], Ink(joint, 2))
    pen.box((LEFT, 243), (336, 2), joint)
    side = rng.choice((-1, 1))
    if rng.random() < 0.6:
        _car(pen.at((128 - side * 92, 210), mirrored=side > 0), time, rng)
    _lamp(pen.at((128 + side * 96, 240)), time)
    return Spots()


def _house(pen: Pen, view: View, wall: Paint, size: Point) -> None:
    rng, time, (w, h) = view.rng, view.time, size
    roof = lit(time, rng.choice(((190, 86, 74), (110, 92, 130), (74, 122, 140))))
    _gable(
        pen.at((0, -h)), w, rng.randrange(3), (roof, lit(time, shade(wall, 0.86)), lit(time, (176, 100, 86)))
    )
    pen.box((0, -h), (w, h), lit(time, wall), OUTLINE)
    y = -h + 9
    while y < -42:
        for x in (8.0, 27.5, 47.0):
            _window(pen.at((x, y)), view)
        y += 25
    _ground_floor(pen, time, rng, roof)


def _gable(pen: Pen, w: float, shape: int, paints: tuple[Paint, Paint, Paint]) -> None:
    """Draw a pointed roof, a stepped gable or a flat roof with a chimney above (0, 0)."""
    roof, wall, chimney = paints
    if shape == 0:
        pen.polygon([(-3, 0), (w / 2, -32), (w + 3, 0)], roof, OUTLINE)
    elif shape == 1:
        steps = [(0.0, 0.0), (0, -10), (12, -10), (12, -20), (24, -20), (24, -30)]
        pen.polygon([*steps, *[(w - a, b) for a, b in reversed(steps)]], wall, OUTLINE)
    else:
        pen.box((w * 0.64, -34), (11, 24), chimney, OUTLINE)
        pen.polygon([(-2, 0), (8, -22), (w - 8, -22), (w + 2, 0)], roof, OUTLINE)


def _ground_floor(pen: Pen, time: Time, rng: random.Random, roof: Paint) -> None:
    """Draw a shop window and a door, some under an awning."""
    awning = rng.random() < 0.5
    glass: Paint = GLOW if time != "day" else (214, 236, 240)
    pen.box((6, -28), (30, 28), glass, OUTLINE)
    pen.box((43, -30), (17, 30), lit(time, shade(roof, 0.9) if time == "day" else (150, 80, 80)), OUTLINE, 3)
    if not awning:
        return
    red = lit(time, rng.choice(((226, 84, 84), (70, 150, 150))))
    for i in range(5):
        pen.box((3 + i * 7.2, -38), (7.2, 13), red if i % 2 == 0 else lit(time, (255, 250, 240)))
    pen.box((3, -38), (36, 13), None, OUTLINE)


def _window(pen: Pen, view: View) -> None:
    """Draw a house window whose upper left is (0, 0); the later it is, the more often it is lit."""
    shine = {"day": 0.0, "dusk": 0.45, "night": 0.72}[view.time]
    glass: Paint = (255, 216, 120) if view.rng.random() < shine else lit(view.time, (128, 176, 206))
    pen.box((0, 0), (13, 16), lit(view.time, (255, 250, 240)), OUTLINE)
    pen.box((2.4, 2.4), (8.2, 11.2), glass)


def _car(pen: Pen, time: Time, rng: random.Random) -> None:
    """Draw a small round car that stands on (0, 0) and looks to the right."""
    body = accent(time, rng.choice(((232, 88, 80), (250, 200, 80), (90, 176, 160))))
    pen.blob([(-30, -22), (-16, -40), (14, -40), (26, -24), (26, -14), (-30, -14)], body, OUTLINE)
    pen.box((-17, -35), (14, 13), lit(time, (204, 232, 240)), OUTLINE, 4)
    pen.box((1, -35), (14, 13), lit(time, (204, 232, 240)), OUTLINE, 4)
    pen.box((-40, -23), (80, 18), body, OUTLINE, 8)
    pen.ellipse((36, -15), (4, 4), (255, 236, 150), OUTLINE)
    for x in (-22, 22):
        pen.ellipse((x, -5), (9, 9), (70, 66, 84), OUTLINE)
        pen.ellipse((x, -5), (4, 4), lit(time, (226, 226, 230)))


def _lamp(pen: Pen, time: Time) -> None:
    """Draw a street lamp that stands on (0, 0), 168 high; it shines from dusk on."""
    iron = lit(time, (74, 82, 104))
    if time != "day":
        pen.glow((0, -146), 44, GLOW, 0.6)
    pen.box((-9, -7), (18, 8), iron, OUTLINE, 2)
    pen.box((-3.5, -128), (7, 124), iron, OUTLINE)
    pen.box((-10, -131), (20, 5), iron, OUTLINE, 2)
    bulb: Paint = (255, 246, 214) if time == "day" else (255, 232, 130)
    pen.polygon([(-8, -131), (-13, -155), (13, -155), (8, -131)], bulb, OUTLINE)
    pen.polygon([(-16, -155), (0, -168), (16, -155)], iron, OUTLINE)
