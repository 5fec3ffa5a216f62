"""A park, and a sky full of stars."""

from kit.world.canvas import OUTLINE, Ink, Paint, Pen, Point, shade
from kit.world.places.landscape import (
    TOP,
    accent,
    bush,
    flower,
    land,
    lit,
    sky,
    star,
    star5,
    tree,
    tuft,
    waves,
)
from kit.world.places.setting import Spots, View
from kit.world.scene import Time


def park(view: View) -> Spots:
    """Draw a park: a bench at a path, round trees, bushes and flowers."""
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
