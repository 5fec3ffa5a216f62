"""The beach."""

import math
import random

from kit.world.canvas import OUTLINE, Ink, Paint, Pen, Point, sector, shade
from kit.world.places.landscape import LEFT, accent, land, lit, sky
from kit.world.places.setting import Spots, View
from kit.world.scene import Time


def beach(view: View) -> Spots:
    """Draw a beach: the sea with a sailboat, a palm or a sunshade, a sand castle."""
    pen, rng, time = view.back, view.rng, view.time
    sky(view, 128)
    sand: Paint = (146, 132, 134) if time == "night" else lit(time, (252, 220, 150))
    deep, shallow = lit(time, (34, 132, 190)), lit(time, (96, 214, 212))
    pen.gradient(124, 186, (deep, shallow))
    side = rng.choice((-1, 1))
    near = pen.at((128, 0), mirrored=side < 0)
    _glitter(pen.at((128 + side * 66, 130)), time)
    _sailboat(near.at((82, 138), 0.95), time, rng)
    for x, y in ((-96, 142), (-20, 150), (40, 160), (104, 156), (-70, 164)):
        near.arc((x, y + 5), (11, 7), (200, 340), Ink(shade(shallow, 1.3), 2.6))
    scallops = [(LEFT + 28 * i, 184.0 + (7 if i % 2 else 0) + rng.uniform(-1, 1)) for i in range(13)]
    land(pen, scallops, lit(time, (240, 252, 252)))
    land(pen, [(x, y + 7) for x, y in scallops], shade(sand, 0.84))
    land(pen, [(x, y + 12) for x, y in scallops], sand)
    for x, y in ((-60, 226), (20, 250), (70, 216), (-10, 214)):
        near.stroke([(x, y), (x + 9, y + 3), (x + 18, y)], Ink(shade(sand, 0.86), 2.4), curved=True)
    _holiday(near, time, rng)
    near.at((-66, 252), turn=14).polygon(_starfish(), accent(time, (240, 112, 100)), OUTLINE)
    return Spots()


def _glitter(pen: Pen, time: Time) -> None:
    """Draw the light of the low sun or the moon on the sea: none by day."""
    if time == "day":
        return
    shine: Paint = (255, 206, 140) if time == "dusk" else (206, 214, 250)
    for i, width in enumerate((46, 34, 24)):
        pen.box((-width / 2, 9 * i), (width, 3.4), shine, radius=1.7)


def _holiday(near: Pen, time: Time, rng: random.Random) -> None:
    """Draw a palm and a sand castle, or a sunshade in the place of either."""
    kind = rng.randrange(3)
    if kind != 1:
        _palm(near.at((-104, 232)), time)
    else:
        _umbrella(near.at((-80, 238)), time, rng)
    if kind == 2:
        _umbrella(near.at((88, 240), 0.85, mirrored=True), time, rng)
    else:
        _castle(near.at((102, 240)), time)


def _starfish() -> list[Point]:
    rays = [(math.pi * i / 5, 9.5 if i % 2 == 0 else 4.5) for i in range(10)]
    return [(r * math.sin(a), -r * math.cos(a)) for a, r in rays]


def _sailboat(pen: Pen, time: Time, rng: random.Random) -> None:
    sail = accent(time, rng.choice(((255, 250, 240), (255, 150, 130), (255, 214, 110))))
    pen.polygon([(-2, -6), (-2, -40), (-20, -8)], sail, OUTLINE)
    pen.polygon([(3, -7), (3, -36), (18, -9)], lit(time, (255, 244, 226)), OUTLINE)
    pen.polygon([(-22, -5), (22, -5), (14, 5), (-14, 5)], lit(time, (214, 84, 74)), OUTLINE)


_LEAF = ((0, -3), (20, -13), (42, -6), (56, 12), (38, 4), (20, 2))


def _palm(pen: Pen, time: Time) -> None:
    bark, leaf = lit(time, (178, 124, 78)), lit(time, (56, 164, 96))
    pen.limb([(-4, 0), (-7, -46), (2, -94), (16, -130)], bark, 11)
    for x, y in ((-6, -20), (-7, -42), (-4, -64), (1, -86), (8, -106)):
        pen.stroke([(x - 5, y), (x + 5, y - 2)], Ink(shade(bark, 0.76), 2.4))
    top = pen.at((16, -134))
    for turn, size in ((8, 0.95), (-44, 1.05), (30, 0.85)):
        for left in (False, True):
            blade = top.at((0, 0), size, -turn if left else turn, mirrored=left)
            blade.blob(_LEAF, shade(leaf, 1.08 if size > 1 else 1), OUTLINE)
    top.at((0, 0), 0.8, -88).blob(_LEAF, leaf, OUTLINE)
    for x, y in ((-5, 4), (6, 5)):
        top.ellipse((x, y), (6, 6), lit(time, (132, 84, 60)), OUTLINE)


def _umbrella(pen: Pen, time: Time, rng: random.Random) -> None:
    red = accent(time, rng.choice(((238, 84, 90), (64, 150, 200), (250, 160, 60))))
    pale = accent(time, (255, 248, 232))
    tilted = pen.at((0, 0), turn=-9)
    tilted.box((-2.5, -112), (5, 114), lit(time, (250, 236, 214)), OUTLINE)
    dome = sector((0, -76), (60, 50), 180, 360, 48)
    hem = [(60 - 24 * i, -76.0) for i in range(6)]
    tilted.polygon(dome, pale, OUTLINE)
    for i in (0, 2, 4):
        a, b = hem[i + 1][0], hem[i][0]
        rim = [p for p in dome if a * 0.98 <= p[0] <= b * 0.98] if i in (0, 4) else []
        tilted.polygon([(a, -76), *rim, (b, -76), (0, -126)] if rim else [(a, -76), (b, -76), (0, -126)], red)
    tilted.polygon(dome, None, OUTLINE)
    tilted.ellipse((0, -128), (4, 4), red, OUTLINE)
    pen.blob([(-14, 2), (0, -6), (14, 2), (0, 5)], lit(time, (226, 186, 120)))


def _castle(pen: Pen, time: Time) -> None:
    sand = lit(time, (236, 182, 104))
    for x, h in ((-18, 26), (0, 38), (18, 26)):
        pen.box((x - 9, -h), (18, h), sand, OUTLINE, 2)
        for dx in (-6, 4):
            pen.box((x + dx - 1.5, -h - 4), (5, 6), sand, OUTLINE)
    pen.polygon([(-6, 0), *sector((0, -7), (6, 7), 180, 360, 10), (6, 0)], shade(sand, 0.66))
    pen.stroke([(1, -40), (1, -56)], Ink(OUTLINE.paint, 2))
    pen.polygon([(1, -57), (15, -52), (1, -46)], lit(time, (238, 84, 90)), OUTLINE)
