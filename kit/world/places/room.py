"""What all rooms share: light by time of day, walls and floors, windows, lamps and plants."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TypeVar

import numpy as np
from PIL import Image

from kit.world.canvas import OUTLINE, SIDE, Ink, Paint, Pen, Point, sector, shade
from kit.world.places.setting import View
from kit.world.scene import Time

T = TypeVar("T")

FLOOR = 180.0
"""Height at which walls meet the floor."""
EDGE = 60.0
"""How far walls and floors reach beyond the picture."""
WHITE: Paint = (255, 250, 240)
GOLD: Paint = (246, 196, 84)
WOOD: Paint = (181, 118, 70)
LEAF: Paint = (96, 164, 92)
BULB: Paint = (255, 226, 140)

SKIES: dict[Time, tuple[Paint, ...]] = {
    "day": ((122, 196, 244), (150, 212, 248), (182, 227, 250), (212, 240, 252)),
    "dusk": ((226, 104, 104), (244, 134, 84), (252, 168, 84), (255, 204, 116)),
    "night": ((22, 28, 84), (28, 36, 98), (36, 46, 114), (48, 60, 132)),
}
Light = tuple[float, float, float]
LIGHTS: dict[Time, tuple[Light, Light]] = {
    "day": ((1.0, 1.0, 1.0), (1.0, 1.0, 1.0)),
    "dusk": ((1.0, 0.87, 0.78), (1.0, 0.94, 0.89)),
    "night": ((0.70, 0.63, 0.79), (0.87, 0.83, 0.93)),
}
"""What the light leaves of red, green and blue: of walls and floors, and of things."""
LAMPLIGHT: Paint = (255, 206, 112)


def mix(paint: Paint, other: Paint, share: float) -> Paint:
    """Return the paint with a share of another one."""
    r, g, b = (round(p + (q - p) * share) for p, q in zip(paint[:3], other[:3], strict=True))
    return (r, g, b)


def _lit(paint: Paint, light: Light) -> Paint:
    r, g, b = (round(p * share) for p, share in zip(paint[:3], light, strict=True))
    return (r, g, b)


@dataclass(frozen=True, slots=True)
class Brush(Pen):
    """A pen that outlines closed round shapes by a larger shape beneath, which is quicker than a line."""

    @classmethod
    def of(cls, pen: Pen) -> "Brush":
        """Return a brush that draws where the pen does."""
        return cls(pen.canvas, pen.origin, pen.scale, pen.turn, pen.mirrored)

    def ellipse(self, centre: Point, radii: Point, fill: Paint | None, ink: Ink | None = None) -> None:
        """Draw an ellipse."""
        if ink is not None and fill is None:
            Pen.ellipse(self, centre, radii, None, ink)
            return
        more = ink.width / 2 if ink is not None else 0.0
        if ink is not None:
            self.polygon(_oval(centre, (radii[0] + more, radii[1] + more)), ink.paint)
        self.polygon(_oval(centre, (radii[0] - more, radii[1] - more)), fill)

    def box(
        self, corner: Point, size: Point, fill: Paint | None, ink: Ink | None = None, radius: float = 0
    ) -> None:
        """Draw a box of `size` whose upper left is `corner`, with rounded corners where `radius` is given."""
        if fill is None:
            Pen.box(self, corner, size, None, ink, radius)
            return
        more = ink.width / 2 if ink is not None else 0.0
        if ink is not None:
            self.polygon(_rounded(corner, size, radius, more), ink.paint)
        self.polygon(_rounded(corner, size, radius, -more), fill)


RINGS = {count: tuple(sector((0, 0), (1, 1), 0, 360, count)) for count in (20, 36)}
QUARTERS = tuple(tuple(sector((0, 0), (1, 1), start, start + 90, 6)) for start in (-90, 0, 90, 180))
"""Arcs of radius 1, kept since drawing needs them hundreds of times a picture."""


def _oval(centre: Point, radii: Point) -> list[Point]:
    (x, y), (w, h) = centre, radii
    return [(x + w * a, y + h * b) for a, b in RINGS[20 if w < 9 else 36]]


def _rounded(corner: Point, size: Point, radius: float, more: float) -> list[Point]:
    x0, y0 = corner[0] - more, corner[1] - more
    x1, y1 = x0 + size[0] + 2 * more, y0 + size[1] + 2 * more
    if not radius:
        return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    r = max(0.0, min(radius + more, (x1 - x0) / 2, (y1 - y0) / 2))
    centres = ((x1 - r, y0 + r), (x1 - r, y1 - r), (x0 + r, y1 - r), (x0 + r, y0 + r))
    arcs = zip(centres, QUARTERS, strict=True)
    return [(x + r * a, y + r * b) for (x, y), arc in arcs for a, b in arc]


@dataclass(frozen=True, slots=True)
class Room:
    """A place while it is drawn: pens, light and chance."""

    pen: Pen
    front: Pen
    time: Time
    rng: random.Random
    mirrored: bool

    @classmethod
    def of(cls, view: View, *, mirror: bool = True) -> "Room":
        """Return the room of a view; half of the rooms that may be mirrored are."""
        mirrored = view.rng.random() < 0.5 and mirror
        back, front = Brush.of(view.back), Brush.of(view.front)
        if mirrored:
            back, front = (Brush.of(pen.at((SIDE, 0), mirrored=True)) for pen in (back, front))
        return cls(back, front, view.time, view.rng, mirrored)

    def wall(self, paint: Paint) -> Paint:
        """Return the paint of a wall or floor in this light."""
        return _lit(paint, LIGHTS[self.time][0])

    def thing(self, paint: Paint) -> Paint:
        """Return the paint of a piece of furniture in this light: it changes less than walls do."""
        return _lit(paint, LIGHTS[self.time][1])

    def lamp(self) -> Paint:
        """Return the paint of lamp glass: warm from dusk on."""
        return WHITE if self.time == "day" else (255, 236, 156)

    def spot(self, x: float, y: float) -> Point:
        """Return where a point of the room is in the picture."""
        return (SIDE - x if self.mirrored else x, y)

    def pick(self, options: Sequence[T]) -> T:
        """Return one of the options by lot."""
        return self.rng.choice(options)


def backdrop(room: Room, wall: Paint, floor: Paint, skirting: Paint | None = None) -> None:
    """Draw wall, floor and the skirting board between them."""
    pen, wide = room.pen, SIDE + 2 * EDGE
    pen.box((-EDGE, -EDGE), (wide, FLOOR + EDGE), room.wall(wall))
    pen.box((-EDGE, FLOOR), (wide, SIDE + EDGE - FLOOR), room.wall(floor))
    pen.box((-EDGE, FLOOR), (wide, 7), room.wall(shade(floor, 0.88)))
    board = shade(wall, 0.8) if skirting is None else skirting
    pen.box((-EDGE, FLOOR - 9), (wide, 9), room.wall(board), OUTLINE)


def stripes(room: Room, paint: Paint, step: float = 34) -> None:
    """Draw broad stripes of wallpaper."""
    x = -EDGE
    while x < SIDE + EDGE:
        room.pen.box((x, -EDGE), (step / 2, FLOOR + EDGE - 10), room.wall(paint))
        x += step


def planks(room: Room, floor: Paint) -> None:
    """Draw the joints of floor boards running towards the viewer."""
    joint = room.wall(shade(floor, 0.86))
    for i in range(-7, 8):
        near, far = 128 + 24 * i, 128 + 46 * i
        ends = [(near - 1, FLOOR), (near + 1, FLOOR), (far + 1.4, SIDE + EDGE), (far - 1.4, SIDE + EDGE)]
        room.pen.polygon(ends, joint)


def checker(room: Room, paint: Paint) -> None:
    """Draw every other tile of a floor seen in perspective."""
    rows = (FLOOR + 1, 192, 209, 233, 266, 316)
    for row, (top, bottom) in enumerate(pairwise(rows)):
        a, b = (20 + (y - FLOOR) * 0.28 for y in (top, bottom))
        for i in range(-8 + row % 2, 8, 2):
            upper, lower = (128 + a * i, 128 + a * (i + 1)), (128 + b * i, 128 + b * (i + 1))
            tile = [(upper[0], top), (upper[1], top), (lower[1], bottom), (lower[0], bottom)]
            room.pen.polygon(tile, room.wall(paint))


def window(room: Room, corner: Point, size: Point, frame: Paint, curtain: Paint | None = None) -> None:
    """Draw a window with the time of day in it, and curtains where they have a colour."""
    pen, (x, y), (w, h) = room.pen, corner, size
    pen.box((x - 5, y - 5), (w + 10, h + 10), room.thing(frame), OUTLINE, radius=4)
    bands = SKIES[room.time]
    for i, paint in enumerate(bands):
        pen.box((x, y + h * i / len(bands)), (w, h / len(bands)), paint)
    sky(room, pen.at(corner, min(w, h) / 60), (w * 60 / min(w, h), h * 60 / min(w, h)))
    pen.box((x, y), size, None, OUTLINE)
    pen.box((x + w / 2 - 2, y), (4, h), room.thing(frame))
    pen.box((x, y + h * 0.56), (w, 4), room.thing(frame))
    pen.box((x - 9, y + h + 4), (w + 18, 7), room.thing(shade(frame, 0.9)), OUTLINE, radius=3)
    if curtain is not None:
        _curtains(room, corner, size, curtain)


def _curtains(room: Room, corner: Point, size: Point, paint: Paint) -> None:
    (x, y), (w, h) = corner, size
    for side in (-1, 1):
        pen = room.pen.at((x + w / 2, y - 8), mirrored=side < 0)
        edge = w / 2
        inner, outer = (edge * 0.86, h * 0.56), (edge + 13, h + 10)
        drape = [(edge * 0.5, 0), (edge + 12, 0), outer, (edge - 2, h + 12), inner]
        pen.polygon(drape, room.thing(paint), OUTLINE)
        pen.stroke([(edge * 0.94, 6), (edge + 5, h + 6)], Ink(room.thing(shade(paint, 0.84)), 2.5))
    room.pen.box((x - 17, y - 14), (w + 34, 7), room.thing(WOOD), OUTLINE, radius=3.5)


def sky(room: Room, pen: Pen, size: Point) -> None:
    """Draw sun and cloud, the setting sun, or moon and stars into a field of `size`, at least 60 by 60."""
    w, h = size
    if room.time == "day":
        pen.ellipse((w * 0.74, h * 0.27), (11, 11), (255, 218, 84))
        cloud(pen.at((w * 0.3, h * 0.74)))
    elif room.time == "dusk":
        pen.polygon(sector((w / 2, h), (24, 24), 180, 360), (255, 236, 150))
        pen.polygon(sector((w / 2, h), (16, 16), 180, 360), (232, 76, 60))
        pen.box((w * 0.12, h * 0.3), (w * 0.3, 5), (255, 190, 150), radius=2.5)
    else:
        pen.at((w * 0.74, h * 0.29), 12, 25).polygon(crescent(), (255, 240, 180))
        for sx, sy in ((0.16, 0.2), (0.36, 0.42), (0.2, 0.8), (0.7, 0.84)):
            star(pen, (w * sx, h * sy), 4.2, (255, 240, 180))


def crescent() -> list[Point]:
    """Return a moon of radius 1."""
    return sector((0, 0), (1, 1), 60, 300, 20) + sector((0.5, 0), (0.5, 0.866), 270, 90, 20)


def cloud(pen: Pen, paint: Paint = (255, 255, 255)) -> None:
    """Draw a small cloud around the origin, 30 wide."""
    for x, y, r in ((-8, 2, 6), (0, -2, 8.5), (9, 2, 6)):
        pen.ellipse((x, y), (r, r), paint)
    pen.box((-9, 1), (19, 7), paint, radius=3.5)


def star(pen: Pen, centre: Point, radius: float, paint: Paint, ink: Ink | None = None) -> None:
    """Draw a five-pointed star."""
    outer = sector((0, 0), (radius, radius), -90, 270, 5)[:5]
    inner = sector((0, 0), (radius * 0.5, radius * 0.5), -54, 306, 5)[:5]
    pen.at(centre).polygon([p for pair in zip(outer, inner, strict=True) for p in pair], paint, ink)


def pendant(room: Room, centre: Point, paint: Paint, size: float = 1.0) -> None:
    """Draw a lamp hanging from the ceiling; it shines from dusk on."""
    pen = room.pen.at(centre, size)
    pen.stroke([(0, -140), (0, -12)], Ink(OUTLINE.paint, 2.4))
    shine(room, (centre[0], centre[1] + 8 * size), 46 * size)
    pen.ellipse((0, 7), (6.5, 6.5), room.lamp(), OUTLINE)
    dome = [*sector((0, 6), (22, 20), 180, 360, 18)]
    pen.polygon(dome, room.thing(paint), OUTLINE)
    pen.polygon([*sector((0, 4), (16, 14), 190, 255, 8), (-9, 2)], room.thing(shade(paint, 1.3)))


def shine(room: Room, centre: Point, radius: float) -> None:
    """Draw the glow around a lamp: none by day."""
    strength = {"day": 0, "dusk": 110, "night": 190}[room.time]
    if not strength:
        return
    pen = room.pen.at(centre)
    sprite = _halo(round(radius * pen.scale * pen.canvas.pixels), strength)
    x, y = (round(c * pen.canvas.pixels) - sprite.width // 2 for c in pen.origin)
    if x > -sprite.width and y > -sprite.width:
        pen.canvas.layer.alpha_composite(sprite, (max(0, x), max(0, y)), (max(0, -x), max(0, -y)))


@lru_cache(maxsize=64)
def _halo(radius: int, strength: int) -> Image.Image:
    axis = np.linspace(-1, 1, 2 * radius + 1)
    near = np.clip(1 - np.hypot(axis[:, None], axis[None, :]), 0, 1)
    halo = Image.new("RGBA", near.shape, LAMPLIGHT)
    halo.putalpha(Image.fromarray((strength * near**1.4).astype(np.uint8)))
    return halo


def pot_plant(room: Room, base: Point, pot: Paint, size: float = 1.0) -> None:
    """Draw a round bush in a pot that stands at `base`."""
    pen = room.pen.at(base, size)
    leaf = room.thing(LEAF)
    pen.blob([(-20, -34), (-17, -52), (0, -62), (17, -52), (20, -34), (10, -22), (-10, -22)], leaf, OUTLINE)
    pen.blob([(-13, -42), (-8, -53), (3, -56), (2, -46), (-6, -38)], room.thing(shade(LEAF, 1.25)))
    pen.polygon([(-14, -24), (14, -24), (10, 0), (-10, 0)], room.thing(pot), OUTLINE)
    pen.box((-16, -28), (32, 8), room.thing(shade(pot, 1.15)), OUTLINE, radius=3)


def shadow(room: Room, centre: Point, radii: Point, floor: Paint) -> None:
    """Draw the shadow that furniture casts on a floor of this paint."""
    room.pen.ellipse(centre, radii, room.wall(shade(floor, 0.8)))
