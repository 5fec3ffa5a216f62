"""The forest."""

import random

from kit.world.canvas import OUTLINE, Ink, Paint, Pen, sector, shade
from kit.world.places.landscape import LEFT, RIGHT, TOP, accent, dot, land, lit, puffy, waves
from kit.world.places.setting import Spots, View
from kit.world.scene import Time


def forest(view: View) -> Spots:
    """Draw a forest: trunks before a haze, ferns and mushrooms, glow-worms by night."""
    pen, rng, time = view.back, view.rng, view.time
    hazes: dict[Time, tuple[Paint, Paint]] = {
        "day": ((222, 236, 150), (128, 186, 116)), "dusk": ((250, 150, 90), (255, 206, 120)),
        "night": ((40, 60, 110), (70, 112, 140)),
    }  # fmt: skip
    pen.gradient(TOP, 200, hazes[time])
    _far_trunks(pen, time, rng)
    land(pen, waves(rng, 182, 4), lit(time, (84, 140, 84)))
    for x in (-20.0, 76.0, 190.0):
        shine: Paint = (150, 190, 255, 40) if time == "night" else (255, 248, 180, 76)
        pen.polygon([(x + 56, TOP), (x + 84, TOP), (x + 20, 214), (x - 30, 214)], shine)
    land(pen, waves(rng, 198, 4), lit(time, (66, 116, 66)), Ink(lit(time, (44, 88, 58)), 2))
    for x, y, width in ((-4, 228, 34.0), (50, 212, 21.0), (206, 212, 22.0), (256, 228, 36.0)):
        bark = lit(time, rng.choice(((132, 86, 64), (120, 82, 72))))
        _trunk(pen.at((x + rng.uniform(-6, 6), y)), width, bark)
    pen.box((LEFT, TOP), (336, 44), lit(time, (46, 98, 60)))
    for row, (height, leaves) in enumerate(((22, (70, 128, 66)), (2, (46, 98, 60)))):
        for i in range(7):
            centre = (LEFT + 50 * i + 22 * row, height + rng.uniform(-6, 6))
            pen.polygon(puffy(centre, (36, 28), 8), lit(time, leaves))
    _undergrowth(pen, time, rng)
    return Spots()


def _far_trunks(pen: Pen, time: Time, rng: random.Random) -> None:
    for fill, width, gap in (((138, 158, 112), 9, 25), ((110, 112, 88), 15, 44)):
        x = LEFT + rng.uniform(0, gap)
        while x < RIGHT:
            pen.box((x, TOP), (width * rng.uniform(0.8, 1.2), 250), lit(time, fill))
            x += gap * rng.uniform(0.8, 1.2)


def _undergrowth(pen: Pen, time: Time, rng: random.Random) -> None:
    for x, y, size in ((14, 250, 1.2), (80, 212, 0.7), (182, 211, 0.7), (236, 252, 1.1)):
        _fern(pen.at((x, y), size), lit(time, (96, 172, 76)))
    for x, y, size in ((40, 248, 1.3), (64, 254, 0.85), (218, 246, 1.15), (196, 255, 0.8)):
        _mushroom(pen.at((x + rng.uniform(-3, 3), y), size), time)
    if time == "night":
        for _ in range(12):
            spot = (rng.uniform(4, 252), rng.uniform(90, 216))
            dot(pen, spot, 5, (250, 240, 130, 80))
            dot(pen, spot, 2.2, (255, 246, 160))


def _trunk(pen: Pen, width: float, bark: Paint) -> None:
    w = width / 2
    pen.polygon([(-w * 0.86, -270), (w * 0.86, -270), (w, -30), (w * 1.2, -8), (w * 1.7, 2), (0, 5),
                 (-w * 1.7, 2), (-w * 1.2, -8), (-w, -30)], bark, OUTLINE)  # fmt: skip
    shadow = [(w * 0.3, -270), (w * 0.8, -270), (w * 0.9, -30), (w * 1.1, -2), (w * 0.35, 0)]
    pen.polygon(shadow, shade(bark, 0.8))
    pen.ellipse((-w * 0.2, -112), (w * 0.3, w * 0.44), shade(bark, 0.66))
    pen.stroke([(-w * 0.4, -66), (-w * 0.4, -42)], Ink(shade(bark, 0.72), 2.4))


_FROND = ((-3, 0), (-7, -12), (-6, -24), (0, -36), (12, -44), (6, -32), (6, -18), (3, 0))


def _fern(pen: Pen, fill: Paint) -> None:
    for mirrored in (False, True):
        for turn, paint in ((78, shade(fill, 0.8)), (46, fill), (12, shade(fill, 1.16))):
            leaf = pen.at((0, 2), turn=-turn if mirrored else turn, mirrored=mirrored)
            leaf.polygon(_FROND, paint)
            leaf.stroke([(0, -3), (0, -24), (4, -34)], Ink(shade(paint, 0.72), 1.6))


def _mushroom(pen: Pen, time: Time) -> None:
    cap = accent(time, (232, 66, 60))
    pen.box((-5, -15), (10, 16), lit(time, (255, 240, 216)), OUTLINE, 4)
    pen.polygon(sector((0, -13), (16, 16), 180, 360, 18), cap, OUTLINE)
    for x, y, r in ((-7, -18, 3), (2, -24, 3), (9, -17, 2.4)):
        pen.ellipse((x, y), (r, r), accent(time, (255, 246, 236)))
