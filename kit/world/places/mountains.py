"""The mountains, green and in snow."""

import random

from kit.world.canvas import OUTLINE, Ink, Paint, Pen, Point, shade
from kit.world.places.landscape import GLOW, TOP, accent, dot, fir, flower, land, lit, sky, tuft, waves
from kit.world.places.setting import Spots, View
from kit.world.scene import Time


def mountain(view: View) -> Spots:
    """Draw mountains: snowy peaks behind firs, a meadow with flowers."""
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


def snow(view: View) -> Spots:
    """Draw a snow field: snow-covered firs, a snowman, falling flakes."""
    pen, rng, time = view.back, view.rng, view.time
    skies: dict[Time, tuple[Paint, Paint]] = {
        "day": ((168, 196, 224), (228, 238, 248)), "dusk": ((166, 128, 184), (255, 196, 186)),
        "night": ((26, 32, 84), (92, 112, 176)),
    }  # fmt: skip
    pen.gradient(TOP, 180, skies[time])
    white, shadow = lit(time, (250, 253, 255)), lit(time, (206, 224, 244))
    green = lit(time, (66, 130, 132))
    for i in range(10):
        fir(pen.at((-30 + 36 * i + rng.uniform(-8, 8), 164)), rng.uniform(44, 66), lit(time, (136, 172, 190)),
            shadow, ink=None)  # fmt: skip
    land(pen, waves(rng, 156, 6), shadow)
    side = rng.choice((-1, 1))
    near = pen.at((128, 0), mirrored=side < 0)
    fir(near.at((-64, 184)), 92, green, white)
    fir(near.at((62, 178)), 78, green, white)
    fir(near.at((-108, 204)), 150, green, white)
    land(pen, waves(rng, 180, 5), shade(shadow, 1.3), Ink(shadow, 2.4))
    land(pen, waves(rng, 198, 5), white, Ink(shadow, 2.4))
    for x, y in ((-70, 230), (10, 250), (-110, 252), (46, 216)):
        near.stroke([(x, y), (x + 14, y + 3), (x + 30, y)], Ink(shadow, 3), curved=True)
    _snowman(near.at((98, 236), 1.05), time, rng)
    for i in range(30):
        spot = (-24 + 304 * ((i * 0.618) % 1) + rng.uniform(-7, 7), -20 + 7.4 * i + rng.uniform(-7, 7))
        dot(pen, spot, (2.0, 2.6, 3.4)[i % 3], (255, 255, 255))
    return Spots()


def _snowman(pen: Pen, time: Time, rng: random.Random) -> None:
    """Draw a snowman that stands on (0, 0), about 82 high."""
    white = lit(time, (255, 255, 255)) if time != "night" else (178, 196, 236)
    scarf = accent(time, rng.choice(((228, 62, 72), (250, 160, 50), (70, 150, 90))))
    for side in (-1, 1):
        pen.stroke([(side * 14, -34), (side * 28, -46)], Ink(lit(time, (120, 82, 70)), 3))
    pen.ellipse((0, -16), (22, 20), white, OUTLINE)
    pen.ellipse((0, -48), (16, 16), white, OUTLINE)
    for y in (-22, -12):
        pen.ellipse((0, y), (2.2, 2.2), OUTLINE.paint)
    pen.limb([(-13, -36), (0, -32), (13, -36)], scarf, 6)
    pen.limb([(9, -34), (12, -22)], scarf, 6)
    for x in (-6, 6):
        pen.ellipse((x, -52), (2.2, 2.6), OUTLINE.paint)
    pen.polygon([(-1, -49), (-15, -45), (-1, -43)], accent(time, (250, 140, 50)), OUTLINE)
    hat = lit(time, (76, 74, 100))
    pen.box((-16, -65), (32, 5), hat, OUTLINE, 2)
    pen.box((-10, -82), (20, 18), hat, OUTLINE, 2)
    pen.box((-10, -70), (20, 5), scarf)
