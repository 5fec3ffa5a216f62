"""The stage and its audience."""

import random

from kit.world.canvas import OUTLINE, Ink, Paint, Pen, Point, sector, shade, smooth
from kit.world.places.landscape import BOTTOM, GLOW, GOLD, LEFT, RIGHT, TOP, star5
from kit.world.places.setting import Spots, View

STICKS: tuple[Paint, ...] = ((255, 92, 168), (84, 232, 244), (255, 224, 92), (140, 244, 136))


def stage(view: View) -> Spots:
    """Draw a theatre stage: red curtains, spotlights, a wooden floor with footlights."""
    pen, rng = view.back, view.rng
    top, low = rng.choice((((46, 20, 78), (150, 54, 130)), ((30, 26, 88), (104, 70, 168)),
                           ((70, 18, 60), (196, 74, 104))))  # fmt: skip
    pen.gradient(TOP, 190, (top, low))
    _scenery(pen, rng, shade(low, 1.22))
    pen.gradient(186, BOTTOM, ((214, 140, 80), (160, 88, 56)))
    seam: Paint = (150, 84, 54)
    for i in range(-5, 6):
        top_x, low_x = 128.0 + i * 26, 128.0 + i * 52
        pen.polygon([(top_x - 1, 188), (top_x + 1, 188), (low_x + 2, BOTTOM), (low_x - 2, BOTTOM)], seam)
    pen.box((LEFT, 184), (336, 5), (112, 58, 52))
    colours: list[Paint] = [(255, 236, 170, 64), (255, 170, 210, 60), (170, 214, 255, 60)]
    rng.shuffle(colours)
    for x, foot, paint in zip((66, 128, 190), (150, 128, 106), colours, strict=True):
        _beam(pen, (x, 30), (foot, 232), 40, paint)
    pen.ellipse((128, 234), (88, 16), (255, 242, 196, 130))
    for x in (66, 128, 190):
        pen.box((x - 8, 26), (16, 13), (70, 60, 84), OUTLINE, 4)
        pen.ellipse((x, 40), (8, 4), (255, 244, 190), OUTLINE)
    red = rng.choice(((200, 38, 60), (186, 30, 72), (212, 52, 48)))
    _curtain(pen, red)
    _curtain(pen.at((256, 0), mirrored=True), red)
    _valance(pen, red)
    shell = [(-9, 6), *sector((0, 0), (8, 7), 180, 360, 10), (9, 6)]
    for x in range(-30, 300, 28):
        pen.at((x, 256)).polygon(shell, GLOW, OUTLINE)
    pen.box((LEFT, 256), (336, 40), (120, 62, 56), OUTLINE)
    return Spots()


def _beam(pen: Pen, source: Point, foot: Point, width: float, paint: Paint) -> None:
    (x, y), (end, low) = source, foot
    pen.polygon([(x - 5, y), (x + 5, y), (end + width, low), (end - width, low)], paint)


def _scenery(pen: Pen, rng: random.Random, paint: Paint) -> None:
    motif = rng.randrange(3)
    if motif == 0:
        for x, y, r in ((74, 92, 15), (184, 84, 18), (128, 70, 12), (70, 148, 9), (190, 142, 9)):
            pen.at((x, y), turn=rng.uniform(-15, 15)).polygon(star5(r), GOLD)
    elif motif == 1:
        pen.ellipse((128, 122), (76, 76), paint)
        pen.ellipse((128, 122), (62, 62), shade(paint, 1.16))
    else:
        for i in range(7):
            pen.polygon([(128, 190), *sector((128, 190), (190, 190), 184 + 26 * i, 196 + 26 * i, 4)], paint)


def _curtain(pen: Pen, red: Paint) -> None:
    """Draw the left half of a theatre curtain, gathered by a golden band."""
    body = [(-46, 0), (62, 0), (60, 50), (48, 104), (27, 150), (33, 190), (46, 238), (40, 246), (-46, 248)]
    pen.polygon([*smooth(body, closed=False), (-46, 248)], red, OUTLINE)
    for x, knot, foot in ((-2, 2, -8), (22, 12, 12), (44, 21, 32)):
        fold = [(x - 5, 10), (x - 7, 80), (knot - 2, 150), (foot - 5, 244), (foot + 4, 244), (knot + 2, 150),
                (x + 6, 80), (x + 5, 10)]  # fmt: skip
        pen.polygon(fold, shade(red, 0.76))
    pen.stroke([(-40, 140), (4, 154), (29, 150)], Ink(OUTLINE.paint, 10), curved=True)
    pen.stroke([(-40, 140), (4, 154), (28, 150)], Ink(GOLD, 7), curved=True)
    pen.ellipse((27, 151), (6, 6), GOLD, OUTLINE)


def _valance(pen: Pen, red: Paint) -> None:
    hems = ((23, 33, GOLD, OUTLINE), (23, 28, shade(red, 0.9), None), (12, 19, shade(red, 1.1), None))
    swags = [([(-wide, TOP), *sector((0, 0), (wide, deep), 180, 0, 12), (wide, TOP)], paint, ink)
             for wide, deep, paint, ink in hems]  # fmt: skip
    for x in range(-23, 296, 46):
        for swag, paint, ink in swags:
            pen.at((x, 0)).polygon(swag, paint, ink)


def audience(view: View) -> Spots:
    """Draw a concert seen from the crowd: a far bright screen, rows of dark heads with light sticks."""
    pen, rng = view.back, view.rng
    hue = rng.choice(((66, 214, 236), (120, 160, 255), (90, 236, 190)))
    pen.gradient(TOP, 200, ((10, 14, 46), (40, 38, 112)))
    pen.gradient(198, BOTTOM, ((58, 52, 124), (34, 28, 84)))
    for x, foot in ((48, -30), (84, 40), (172, 216), (208, 286)):
        pen.polygon([(x - 3, 100), (x + 3, 100), (foot + 16, TOP), (foot - 16, TOP)], (*hue[:3], 70))
    pen.ellipse((128, 62), (98, 60), (*hue[:3], 50))
    pen.box((62, 22), (132, 76), (30, 28, 74), OUTLINE, 5)
    pen.box((67, 27), (122, 66), shade(hue, 1.5), radius=3)
    _show(pen.at((128, 60)), rng, hue)
    for x in (22, 204):
        pen.box((x, 58), (30, 46), (34, 30, 80), Ink((92, 88, 170), 1.7), 4)
        pen.ellipse((x + 15, 71), (7, 7), (92, 88, 170))
        pen.ellipse((x + 15, 90), (10, 10), (92, 88, 170))
    pen.box((LEFT, 100), (336, 12), shade(hue, 1.3))
    pen.box((LEFT, 110), (336, 5), shade(hue, 0.5))
    for row, (y, r, gap) in enumerate(((124.0, 9.0, 25), (147, 11.0, 31), (176, 14.0, 39))):
        _crowd(pen, rng, (y, r, gap), shade((98, 80, 172), 0.86 - 0.2 * row))
    _crowd(view.front, rng, (247, 11.0, 38), (24, 18, 54))
    return Spots()


def _show(pen: Pen, rng: random.Random, hue: Paint) -> None:
    motif, paint = rng.randrange(3), rng.choice(((255, 84, 156), (255, 120, 96), (156, 92, 244)))
    if motif == 0:
        for x in (-12, 12):
            pen.ellipse((x, -9), (14, 14), paint)
        pen.polygon([(-24, -2), (0, -12), (24, -2), (0, 27)], paint)
    elif motif == 1:
        pen.polygon(star5(29), paint)
    else:
        pen.ellipse((0, -12), (11, 11), paint)
        pen.polygon([(0, -2), (16, 4), (22, 33), (-22, 33), (-16, 4)], paint)
        pen.limb([(12, 6), (24, -4), (28, -20)], paint, 6, Ink(paint, 0.5))
    for x in (-48, 48):
        pen.polygon([(x - 8, 33), (x - 8, 4), (x + 8, -8), (x + 8, 33)], hue)


_BUST = ((-1.5, 3.0), *sector((0, 2.0), (1.5, 1.15), 180, 360, 12), (1.5, 3.0))
_HEAD = tuple(sector((0, 0), (1, 1.05), count=22))
_RIM = (*sector((0, 0), (1, 1.05), 195, 320, 9), *sector((0.1, 0.16), (0.86, 0.92), 320, 195, 9))
_STICK = ((-0.16, 0.0), *sector((0, -1.5), (0.16, 0.16), 180, 360, 5), (0.16, 0.0))


def _crowd(pen: Pen, rng: random.Random, row: tuple[float, float, float], paint: Paint) -> None:
    y, r, gap = row
    pen.box((LEFT, y + r * 2), (336, r * 1.4), paint)
    x = LEFT + rng.uniform(0, gap)
    while x < RIGHT:
        one = pen.at((x, y), r)
        if rng.random() < 0.66:
            stick = rng.choice(STICKS)
            arm = one.at((1.3, -0.1), turn=rng.uniform(-20, 20))
            arm.polygon([(-0.24, 2.2), (-0.24, -0.2), (0.24, -0.2), (0.24, 2.2)], paint)
            arm.at((0, 0.12), 1.16).polygon([(px * 2, py) for px, py in _STICK], shade(stick, 0.5))
            arm.polygon(_STICK, stick)
        one.polygon(_BUST, paint)
        one.polygon(_HEAD, paint)
        one.polygon(_RIM, shade(paint, 1.24))
        x += gap * rng.uniform(0.9, 1.1)
