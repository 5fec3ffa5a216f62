"""What outdoor places share: light, sky, land and plants."""

import math
import random
from collections.abc import Sequence

from kit.world.canvas import OUTLINE, Ink, Paint, Pen, Point, sector, shade, smooth
from kit.world.places.setting import View
from kit.world.scene import Time

LEFT, RIGHT, TOP, BOTTOM = -40.0, 296.0, -40.0, 296.0
"""How far a place reaches, as the camera may move a little."""
WHITE: Paint = (255, 252, 244)
GOLD: Paint = (248, 196, 84)
GLOW: Paint = (255, 226, 150)
ROUND = tuple(sector((0, 0), (1, 1), count=14))
"""A small circle of radius 1 around (0, 0)."""
_SKIES: dict[Time, tuple[Paint, Paint, Paint]] = {
    "day": ((96, 178, 236), (164, 216, 246), (232, 246, 246)),
    "dusk": ((168, 98, 166), (250, 142, 112), (255, 220, 150)),
    "night": ((20, 22, 70), (38, 48, 116), (84, 98, 168)),
}


def lit(time: Time, paint: Paint) -> Paint:
    """Return how a paint of the day looks at a time: warm at dusk, dark and bluish at night."""
    if time == "day":
        return paint
    if time == "dusk":
        factors, light = (0.84, 0.74, 0.70), (42, 24, 28)
    else:
        factors, light = (0.44, 0.49, 0.52), (8, 15, 48)
    r, g, b = (min(255, round(c * f + add)) for c, f, add in zip(paint[:3], factors, light, strict=True))
    return (r, g, b)


def accent(time: Time, paint: Paint) -> Paint:
    """Return how a small bright thing looks at a time: by night it keeps some of its colour."""
    dim = lit(time, paint)
    if time != "night":
        return dim
    r, g, b = (round(0.58 * d + 0.42 * c) for d, c in zip(dim[:3], paint[:3], strict=True))
    return (r, g, b)


def sky(view: View, horizon: float, across: Point = (56, 84), low_sun: float = 24) -> None:
    """Draw the sky of the view's time down to a height: sun and clouds, a low sun, or the moon and stars.

    Args:
        view: Where and when to draw.
        horizon: Height at which the sky ends.
        across: How far from the middle the sun or moon stands, at least and at most.
        low_sun: How far above the horizon the sun of dusk stands.
    """
    pen, rng = view.back, view.rng
    top, middle, low = _SKIES[view.time]
    pen.gradient(TOP, horizon * 0.45, (top, middle))
    pen.gradient(horizon * 0.45, horizon, (middle, low))
    side = rng.choice((-1, 1))
    x = 128 + side * rng.uniform(*across)
    if view.time == "night":
        for i in range(14):
            spot = (-24 + 304 * ((i * 0.618) % 1) + rng.uniform(-9, 9), rng.uniform(-20, horizon * 0.75))
            star(pen, spot, (1.5, 1.9, 4.6)[i % 3])
        moon(pen, (x, rng.uniform(30, 42)), 19, mirrored=side > 0)
        return
    if view.time == "day":
        _sun(pen, (x, rng.uniform(28, 42)), 17, ((255, 214, 84), (255, 240, 170)))
        paints: tuple[Paint, Paint] = ((255, 255, 255), (206, 228, 244))
    else:
        _sun(pen, (x, horizon - low_sun), 26, ((255, 120, 84), (255, 214, 140)))
        paints = ((255, 204, 176), (226, 136, 146))
    for far in (128 - side * 78, x - side * rng.uniform(62, 84)):
        cloud(pen.at((far, rng.uniform(24, 58)), rng.uniform(0.8, 1.1)), paints)


def _sun(pen: Pen, centre: Point, radius: float, paints: tuple[Paint, Paint]) -> None:
    for factor, alpha in ((2.1, 60), (1.55, 90)):
        pen.ellipse(centre, (radius * factor, radius * factor), (*paints[1][:3], alpha))
    pen.ellipse(centre, (radius, radius), paints[0])
    pen.ellipse((centre[0] - 3, centre[1] - 3), (radius * 0.7, radius * 0.7), shade(paints[0], 1.2))


def moon(pen: Pen, centre: Point, radius: float, *, mirrored: bool = False) -> None:
    """Draw a crescent moon with a soft glow."""
    pen.ellipse(centre, (radius * 1.9, radius * 1.9), (190, 200, 255, 34))
    pen.ellipse(centre, (radius * 1.45, radius * 1.45), (210, 214, 255, 44))
    outer = sector((0, 0), (radius, radius), 70, 290)
    inner = sector((radius * 0.42, -radius * 0.1), (radius * 0.76, radius * 0.86), 285, 80)
    pen.at(centre, turn=-18, mirrored=mirrored).polygon(outer + inner, (255, 240, 186))


def star(pen: Pen, centre: Point, radius: float, paint: Paint = (255, 246, 206)) -> None:
    """Draw a dot for a small star, four points for a large one."""
    if radius < 2:
        dot(pen, centre, radius, paint)
        return
    points = [(0.0, -1.0), (0.26, -0.26), (1.0, 0.0), (0.26, 0.26), (0.0, 1.0), (-0.26, 0.26), (-1.0, 0.0),
              (-0.26, -0.26)]  # fmt: skip
    pen.at(centre, radius).polygon(points, paint)


def dot(pen: Pen, centre: Point, radius: float, paint: Paint) -> None:
    """Draw a small disc quickly."""
    pen.at(centre, radius).polygon(ROUND, paint)


def star5(radius: float) -> list[Point]:
    """Return a plump five-pointed star around (0, 0)."""
    rays = [(i, radius if i % 2 == 0 else radius * 0.52) for i in range(10)]
    return [(r * math.sin(math.pi * i / 5), -r * math.cos(math.pi * i / 5)) for i, r in rays]


def cloud(pen: Pen, paints: tuple[Paint, Paint]) -> None:
    """Draw a plump cloud around (0, 0), about 60 wide: its light and its shaded side."""
    puffs = ((-19.0, 1.0, 10.0), (-6.0, -6.0, 13.0), (11.0, -2.0, 12.0), (23.0, 2.0, 8.0))
    for paint, lift in ((paints[1], 0), (paints[0], 3.5)):
        for x, y, r in puffs:
            pen.ellipse((x, y - lift * 0.6), (r - lift * 0.3, r - lift * 0.4), paint)
        pen.box((-28, 2 - lift), (58, 9), paint, radius=4.5)


def land(pen: Pen, ridge: Sequence[Point], fill: Paint, ink: Ink | None = None) -> None:
    """Draw land under a smooth ridge, from the left rim to the right one."""
    path = smooth([(LEFT, ridge[0][1]), *ridge, (RIGHT, ridge[-1][1])], closed=False)
    pen.polygon([*path, (RIGHT, BOTTOM), (LEFT, BOTTOM)], fill)
    if ink is not None:
        pen.stroke(path, ink)


def waves(rng: random.Random, height: float, swing: float, count: int = 5) -> list[Point]:
    """Return a ridge with random ups and downs around a height."""
    return [(LEFT + (i + 0.5) * 336 / count, height + rng.uniform(-swing, swing)) for i in range(count)]


def puffy(centre: Point, radii: Point, bumps: int, turn: float = 0) -> list[Point]:
    """Return the round outline of a crown or bush with `bumps` leafy bulges."""
    angles = [2 * math.pi * i / (bumps * 5) for i in range(bumps * 5)]
    sizes = [0.85 + 0.17 * abs(math.sin(a * bumps / 2 + turn)) for a in angles]
    return [
        (centre[0] + radii[0] * s * math.cos(a), centre[1] + radii[1] * s * math.sin(a))
        for a, s in zip(angles, sizes, strict=True)
    ]


def bush(pen: Pen, radii: Point, fill: Paint, ink: Ink | None = OUTLINE) -> None:
    """Draw a leafy round thing around (0, 0) with light from the upper left."""
    pen.polygon(puffy((0, 0), radii, 9), fill, ink)
    light = (-radii[0] * 0.22, -radii[1] * 0.26)
    pen.polygon(puffy(light, (radii[0] * 0.62, radii[1] * 0.58), 7, 1), shade(fill, 1.2))


_TIERS = ((0.12, 0.56, 0.34), (0.34, 0.78, 0.27), (0.56, 1.0, 0.2))


def _cap(base: float, top: float, wide: float) -> list[Point]:
    w, low = wide, -base - 0.10
    return smooth([(0, -top - 0.01), (w * 0.62, low + 0.04), (w * 0.28, low + 0.01), (0, low + 0.07),
                   (-w * 0.3, low), (-w * 0.68, low + 0.05)], closed=True)  # fmt: skip


_CAPS = tuple(_cap(*tier) for tier in _TIERS)


def fir(pen: Pen, height: float, fill: Paint, snow: Paint | None = None, ink: Ink | None = OUTLINE) -> None:
    """Draw a fir that stands on (0, 0), snow-covered where a paint for the snow is given."""
    h = height
    pen.box((-h * 0.06, -h * 0.18), (h * 0.12, h * 0.18), (110, 76, 72), ink)
    for k, ((base, top, wide), cap) in enumerate(zip(_TIERS, _CAPS, strict=True)):
        y, w, sag = -h * base, h * wide, h * 0.05
        hem = [(w, y), (w * 0.5, y + sag), (0, y + sag * 0.5), (-w * 0.5, y + sag), (-w, y)]
        pen.polygon([(0, -h * top), *hem], shade(fill, 1 + 0.06 * k), ink)
        if snow is not None:
            pen.at((0, 0), h).polygon(cap, snow)


def flower(pen: Pen, petals: Paint, heart: Paint, stem: Paint) -> None:
    """Draw a big simple flower that stands on (0, 0), about 16 high."""
    pen.box((-1.2, -10), (2.4, 10), stem)
    pen.polygon([(0, -1), (6, -6), (1, -5)], stem)
    for i in range(5):
        a = math.radians(72 * i - 90)
        dot(pen, (4 * math.cos(a), -12 + 4 * math.sin(a)), 3.4, petals)
    dot(pen, (0, -12), 2.5, heart)


def tuft(pen: Pen, fill: Paint, size: float = 9) -> None:
    """Draw three blades of grass that stand on (0, 0)."""
    for lean in (-0.55, 0.0, 0.55):
        tip = (lean * size, -size * (1.15 - abs(lean) * 0.5))
        pen.polygon([(lean * 3 - 1.8, 0), tip, (lean * 3 + 1.8, 0)], fill)


def tree(pen: Pen, time: Time, rng: random.Random) -> None:
    """Draw a round leafy tree that stands on (0, 0), about 125 high, some with fruit or blossoms."""
    bark = lit(time, (150, 98, 68))
    pen.polygon([(-8, 4), (-5, -50), (5, -50), (8, 4)], bark, OUTLINE)
    leaf = lit(time, rng.choice(((74, 164, 84), (96, 178, 76), (64, 154, 98))))
    bush(pen.at((0, -82), turn=rng.uniform(-12, 12)), (45, 46), leaf)
    fruit = rng.choice(((236, 84, 78), (255, 190, 210), None))
    if fruit is not None:
        for x, y in ((-22, -70), (-8, -100), (14, -78), (24, -98), (2, -56)):
            dot(pen, (x, y), 4.4, accent(time, fruit))
