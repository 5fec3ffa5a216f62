"""The places under the open sky, with the stage and its audience among them."""

import math
import random
from collections.abc import Callable

from kit.world.canvas import OUTLINE, Ink, Paint, Pen, Point, sector, shade
from kit.world.outdoors_more import audience, snow, stage, stars, street
from kit.world.outdoors_parts import (
    GLOW,
    LEFT,
    RIGHT,
    TOP,
    accent,
    bush,
    dot,
    fir,
    flower,
    land,
    lit,
    puffy,
    sky,
    tree,
    tuft,
    waves,
)
from kit.world.scene import Place, Time
from kit.world.setting import Spots, View


def _park(view: View) -> Spots:
    pen, rng, time = view.back, view.rng, view.time
    sky(view, 160, (18, 44), 44)
    land(pen, waves(rng, 132, 8), lit(time, (138, 202, 150)))
    land(pen, waves(rng, 150, 6), lit(time, (112, 190, 104)))
    side = rng.choice((-1, 1))
    near = pen.at((128, 0), mirrored=side < 0)
    tree(near.at((-88, 178), 1.12), time, rng)
    tree(near.at((98, 172)), time, rng)
    tree(near.at((34, 154), 0.52), time, rng)
    land(pen, waves(rng, 172, 3), lit(time, (140, 208, 92)), Ink(lit(time, (92, 168, 80)), 2))
    path = [(20.0, 172.0), (31, 172), (26, 190), (36, 212), (92, 300), (-84, 300), (-30, 222), (6, 192)]
    near.blob(path, lit(time, (250, 222, 168)), Ink(lit(time, (206, 164, 112)), 2))
    seat = (128 - side * 54.0, 203.0)
    for x in (-84.0, 92.0):
        bush(near.at((x, 196)), (24, 14), lit(time, (84, 168, 92)))
    _bench(pen.at(seat), time, rng.choice(((214, 92, 72), (196, 122, 66), (70, 130, 180))))
    colours: list[Paint] = [(255, 108, 130), (255, 246, 240), (186, 118, 220), (255, 176, 60)]
    stem = lit(time, (70, 140, 70))
    spots = ((-118, 242), (-98, 250), (-124, 216), (84, 230), (104, 246), (122, 226), (118, 258), (-80, 262))
    for x, y in spots:
        tint = rng.choice(colours)
        root = (x + rng.uniform(-4, 4), y)
        flower(near.at(root, 1.15), accent(time, tint), accent(time, (255, 214, 80)), stem)
    return Spots(seat=seat)


def _bench(pen: Pen, time: Time, wood: Paint) -> None:
    paint, iron = accent(time, wood), lit(time, (84, 84, 104))
    for x in (-40, 40):
        pen.box((x - 3, -34), (6, 60), iron, OUTLINE, 2)
    for y in (-38, -24):
        pen.box((-50, y), (100, 10), paint, OUTLINE, 3)
    pen.polygon([(-47, -9), (47, -9), (52, 0), (-52, 0)], shade(paint, 1.2), OUTLINE)
    pen.box((-52, 0), (104, 6), paint, OUTLINE, 2)


def _beach(view: View) -> Spots:
    pen, rng, time = view.back, view.rng, view.time
    sky(view, 128)
    sand: Paint = (146, 132, 134) if time == "night" else lit(time, (252, 220, 150))
    deep, shallow = lit(time, (34, 132, 190)), lit(time, (96, 214, 212))
    pen.gradient(124, 186, (deep, shallow))
    side = rng.choice((-1, 1))
    near = pen.at((128, 0), mirrored=side < 0)
    if time != "day":
        for i, w in enumerate((46, 34, 24)):
            shine = (255, 206, 140) if time == "dusk" else (206, 214, 250)
            pen.box((128 + side * 66 - w / 2, 130 + 9 * i), (w, 3.4), shine, radius=1.7)
    _sailboat(near.at((82, 138), 0.95), time, rng)
    foam = lit(time, (240, 252, 252))
    for x, y in ((-96, 142), (-20, 150), (40, 160), (104, 156), (-70, 164)):
        near.arc((x, y + 5), (11, 7), (200, 340), Ink(shade(shallow, 1.3), 2.6))
    scallops = [(LEFT + 28 * i, 184.0 + (7 if i % 2 else 0) + rng.uniform(-1, 1)) for i in range(13)]
    land(pen, scallops, foam)
    land(pen, [(x, y + 7) for x, y in scallops], shade(sand, 0.84))
    land(pen, [(x, y + 12) for x, y in scallops], sand)
    for x, y in ((-60, 226), (20, 250), (70, 216), (-10, 214)):
        near.stroke([(x, y), (x + 9, y + 3), (x + 18, y)], Ink(shade(sand, 0.86), 2.4), curved=True)
    kind = rng.randrange(3)
    if kind != 1:
        _palm(near.at((-104, 232)), time)
    else:
        _umbrella(near.at((-80, 238)), time, rng)
    if kind == 2:
        _umbrella(near.at((88, 240), 0.85, mirrored=True), time, rng)
    else:
        _castle(near.at((102, 240)), time)
    near.at((-66, 252), turn=14).polygon(_starfish(), accent(time, (240, 112, 100)), OUTLINE)
    return Spots()


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


def _forest(view: View) -> Spots:
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


def _mountain(view: View) -> Spots:
    pen, rng, time = view.back, view.rng, view.time
    sky(view, 170, (0, 12), 116)
    side = rng.choice((-1, 1))
    near = pen.at((128, 0), mirrored=side < 0)
    far = lit(time, (168, 178, 216))
    for x, y, w in ((-10, 62, 74), (124, 78, 70)):
        _peak(near.at((x, y)), (w, 180 - y), far, lit(time, (236, 240, 252)))
    rock = lit(time, rng.choice(((124, 124, 168), (134, 118, 158), (112, 130, 160))))
    for x, y, w in ((62, 40, 96), (-82, 22, 108)):
        top = (x + rng.uniform(-5, 5), y + rng.uniform(-5, 5))
        _peak(near.at(top), (w, 190 - y), rock, lit(time, (255, 255, 255)))
    land(pen, waves(rng, 168, 5), lit(time, (74, 136, 112)))
    for i in range(9):
        root = (-24 + 38 * i + rng.uniform(-6, 6), 178)
        fir(pen.at(root), rng.uniform(26, 40), lit(time, (52, 116, 100)), ink=None)
    land(pen, waves(rng, 176, 4), lit(time, (170, 208, 84)))
    land(pen, waves(rng, 196, 4), lit(time, (146, 196, 72)), Ink(lit(time, (112, 164, 62)), 2))
    if rng.random() < 0.5:
        _chalet(near.at((90, 196)), time)
    else:
        fir(near.at((104, 206)), 92, lit(time, (56, 128, 100)))
        fir(near.at((78, 200)), 60, lit(time, (64, 140, 104)))
    fir(near.at((-110, 208)), 74, lit(time, (56, 128, 100)))
    stem = lit(time, (96, 146, 60))
    colours: list[Paint] = [(96, 104, 226), (255, 255, 255), (255, 220, 80)]
    spots = ((-118, 240), (-94, 250), (-70, 226), (80, 224), (96, 248), (118, 234), (60, 256), (-44, 258))
    for x, y in spots:
        tuft(near.at((x + 9, y + 2)), stem)
        flower(near.at((x, y), 0.95), accent(time, rng.choice(colours)), accent(time, (255, 200, 70)), stem)
    return Spots()


def _peak(pen: Pen, size: Point, rock: Paint, snow: Paint) -> None:
    w, h = size
    pen.polygon([(0, 0), (w * 0.5, h * 0.46), (w, h), (-w, h), (-w * 0.46, h * 0.5)], rock, OUTLINE)
    shadow = [(0, 0), (w * 0.5, h * 0.46), (w, h), (w * 0.1, h), (-w * 0.12, h * 0.62), (w * 0.1, h * 0.4)]
    pen.polygon(shadow, shade(rock, 0.82))
    cap = [(0.0, 0.0), (w * 0.43, h * 0.4), (w * 0.24, h * 0.34), (w * 0.14, h * 0.47), (w * 0.01, h * 0.33),
           (-w * 0.14, h * 0.46), (-w * 0.24, h * 0.34), (-w * 0.39, h * 0.42)]  # fmt: skip
    pen.polygon(cap, snow)
    pen.polygon([cap[0], cap[1], cap[2], cap[3], (w * 0.1, h * 0.3)], shade(snow, 0.86))
    pen.stroke([cap[-1], cap[0], cap[1]], OUTLINE)


def _chalet(pen: Pen, time: Time) -> None:
    wood = lit(time, (178, 112, 70))
    pen.box((-28, -20), (56, 22), lit(time, (250, 240, 224)), OUTLINE)
    pen.polygon([(-30, -20), (-30, -38), (0, -60), (30, -38), (30, -20)], wood, OUTLINE)
    roof = [(0, -68), (42, -38), (37, -31), (0, -57), (-37, -31), (-42, -38)]
    pen.polygon(roof, lit(time, (200, 80, 70)), OUTLINE)
    pane = GLOW if time != "day" else (190, 226, 240)
    for x in (-20, 4):
        pen.box((x, -38), (15, 13), pane, OUTLINE)
    pen.box((-7, -17), (13, 19), shade(wood, 0.72), OUTLINE)


OUTDOORS: dict[Place, Callable[[View], Spots]] = {
    "stage": stage, "audience": audience, "park": _park, "street": street, "beach": _beach,
    "forest": _forest, "mountain": _mountain, "snow": snow, "stars": stars,
}  # fmt: skip
"""How each open-air or stage place is drawn."""
