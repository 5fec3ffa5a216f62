"""The stage, its audience, the starry night, the street and the snow."""

import random

from kit.world.canvas import OUTLINE, Ink, Paint, Pen, Point, sector, shade
from kit.world.outdoors_parts import (
    BOTTOM,
    GLOW,
    GOLD,
    LEFT,
    RIGHT,
    TOP,
    car,
    curtain,
    dot,
    fir,
    lamp,
    land,
    lit,
    sky,
    snowman,
    star,
    star5,
    tuft,
    waves,
    window,
)
from kit.world.scene import Time
from kit.world.setting import Spots, View

STICKS: tuple[Paint, ...] = ((255, 92, 168), (84, 232, 244), (255, 224, 92), (140, 244, 136))


def _beam(pen: Pen, source: Point, foot: Point, width: float, paint: Paint) -> None:
    (x, y), (end, low) = source, foot
    pen.polygon([(x - 5, y), (x + 5, y), (end + width, low), (end - width, low)], paint)


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
    curtain(pen, red)
    curtain(pen.at((256, 0), mirrored=True), red)
    _valance(pen, red)
    shell = [(-9, 6), *sector((0, 0), (8, 7), 180, 360, 10), (9, 6)]
    for x in range(-30, 300, 28):
        pen.at((x, 256)).polygon(shell, GLOW, OUTLINE)
    pen.box((LEFT, 256), (336, 40), (120, 62, 56), OUTLINE)
    return Spots()


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


def stars(view: View) -> Spots:
    """Draw a night full of shooting stars over a dark grassy hill."""
    pen, rng = view.back, view.rng
    skies: tuple[tuple[Paint, Paint, Paint], ...] = (
        ((18, 10, 60), (74, 36, 130), (222, 104, 160)),
        ((10, 18, 66), (38, 60, 140), (72, 176, 186)),
        ((24, 8, 62), (58, 44, 150), (150, 130, 226)),
    )
    top, middle, low = rng.choice(skies)
    pen.gradient(TOP, 96, (top, middle))
    pen.gradient(96, 206, (middle, low))
    side = rng.choice((-1, 1))
    sky_pen = pen.at((128, 0), mirrored=side < 0)
    band: list[Point] = [(-180, 190), (-70, 96), (30, 44), (190, -50), (190, 16), (60, 78), (-50, 138),
                         (-150, 214)]  # fmt: skip
    sky_pen.blob(band, (236, 200, 255, 44))
    for i in range(38):
        along = (i * 0.618) % 1
        spot = (-170 + 340 * along + rng.uniform(-16, 16), 182 - 200 * along + rng.uniform(-24, 24))
        star(sky_pen, spot, (1.3, 1.6, 1.9, 4.6)[i % 4])
    for x, y, length in _METEORS:
        start = (x + rng.uniform(-8, 8), y + rng.uniform(-7, 7))
        _meteor(sky_pen.at(start, turn=rng.uniform(-4, 4)), length)
    lean = rng.choice((-10, 10))
    back: list[Point] = [(0, 196 + lean), (90, 186), (180, 190), (256, 202 - lean)]
    land(pen, back, (44, 52, 104))
    ridge: list[Point] = [(0, 214 - lean), (70, 204), (128, 200), (190, 205), (256, 216 + lean)]
    land(pen, ridge, (26, 50, 74), Ink((70, 112, 128), 2.4))
    for step in range(-150, 160, 23):
        root = 128 + step + rng.uniform(-7, 7)
        tuft(pen.at((root, 208 + 0.0011 * step**2 + rng.uniform(0, 4))), (26, 50, 74), 13)
        tuft(pen.at((root + 9, 250 + rng.uniform(0, 5))), (56, 104, 108), 14)
    return Spots(ground=(224, 244))


_METEORS = (
    (-96, 34, 60), (-26, 14, 56), (46, 30, 64), (96, 62, 54), (-62, 76, 52), (-110, 128, 56), (70, 126, 58),
    (-8, 70, 46), (104, 8, 50),
)  # fmt: skip


def _meteor(pen: Pen, length: float) -> None:
    slope = 0.55
    for share, wide, paint in ((1.0, 1.0, (214, 190, 255, 130)), (0.6, 0.8, (255, 236, 190, 220))):
        end = (length * share, -length * slope * share)
        pen.polygon([(-2 * wide, -3.6 * wide), end, (2 * wide, 3.6 * wide)], paint)
    pen.polygon(star5(7.5), (255, 240, 160))


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
        car(pen.at((128 - side * 92, 210), mirrored=side > 0), time, rng)
    lamp(pen.at((128 + side * 96, 240)), time)
    return Spots()


def _house(pen: Pen, view: View, wall: Paint, size: Point) -> None:
    rng, time, (w, h) = view.rng, view.time, size
    roof = lit(time, rng.choice(((190, 86, 74), (110, 92, 130), (74, 122, 140))))
    shape = rng.randrange(3)
    if shape == 0:
        pen.polygon([(-3, -h), (w / 2, -h - 32), (w + 3, -h)], roof, OUTLINE)
    elif shape == 1:
        steps = [(0.0, -h), (0, -h - 10), (12, -h - 10), (12, -h - 20), (24, -h - 20), (24, -h - 30)]
        gable = [*steps, *[(w - a, b) for a, b in reversed(steps)]]
        pen.polygon(gable, lit(time, shade(wall, 0.86)), OUTLINE)
    else:
        pen.box((w * 0.64, -h - 34), (11, 24), lit(time, (176, 100, 86)), OUTLINE)
        pen.polygon([(-2, -h), (8, -h - 22), (w - 8, -h - 22), (w + 2, -h)], roof, OUTLINE)
    pen.box((0, -h), (w, h), lit(time, wall), OUTLINE)
    y = -h + 9
    while y < -42:
        for x in (8.0, 27.5, 47.0):
            window(pen.at((x, y)), view)
        y += 25
    awning = rng.random() < 0.5
    glass = GLOW if time != "day" else (214, 236, 240)
    pen.box((6, -28), (30, 28), glass, OUTLINE)
    pen.box((43, -30), (17, 30), lit(time, shade(roof, 0.9) if time == "day" else (150, 80, 80)), OUTLINE, 3)
    if awning:
        red = lit(time, rng.choice(((226, 84, 84), (70, 150, 150))))
        for i in range(5):
            stripe = red if i % 2 == 0 else lit(time, (255, 250, 240))
            pen.box((3 + i * 7.2, -38), (7.2, 13), stripe)
        pen.box((3, -38), (36, 13), None, OUTLINE)



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
    snowman(near.at((98, 236), 1.05), time, rng)
    for i in range(30):
        spot = (-24 + 304 * ((i * 0.618) % 1) + rng.uniform(-7, 7), -20 + 7.4 * i + rng.uniform(-7, 7))
        dot(pen, spot, (2.0, 2.6, 3.4)[i % 3], (255, 255, 255))
    return Spots()
