"""Pens, colours and shades that every drawing of the world is made with."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from kit.world.scene import Colour

SIDE = 256
"""Side of a finished picture in pixels, unless it is enlarged; what all coordinates count in."""
OVERSAMPLING = 2

Point = tuple[float, float]
Paint = tuple[int, int, int] | tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Ink:
    """An outline."""

    paint: Paint = (58, 44, 56)
    width: float = 1.7


OUTLINE = Ink()


class Canvas:
    """A transparent or painted layer of the picture."""

    def __init__(self, paint: Paint = (0, 0, 0, 0), enlargement: int = 1) -> None:
        """Start a layer filled with one paint, for a picture so many times larger than usual."""
        self.enlargement = enlargement
        self.pixels = OVERSAMPLING * enlargement
        """Of the layer, to one unit of the coordinates."""
        self.layer = Image.new("RGBA", (SIDE * self.pixels, SIDE * self.pixels), paint)
        self.draw = ImageDraw.Draw(self.layer)

    def pen(self) -> "Pen":
        """Return a pen that draws in picture coordinates: (0, 0) is the upper left, y grows downwards."""
        return Pen(self)

    def over(self, below: "Canvas") -> None:
        """Put this layer on top of another one."""
        below.layer.alpha_composite(self.layer)

    def coverage(self) -> NDArray[np.float32]:
        """Return a value in [0, 1] for each pixel of the picture: how much of it the layer covers."""
        return np.asarray(self.layer.getchannel("A").reduce(OVERSAMPLING), np.float32) / np.float32(255)

    def picture(self) -> Image.Image:
        """Return the finished RGB picture, (256, 256) unless it is enlarged."""
        return self.layer.convert("RGB").reduce(OVERSAMPLING)


@dataclass(frozen=True, slots=True)
class Pen:
    """Draws on a canvas through a similarity transform: scale, turn, mirror, move."""

    canvas: Canvas
    origin: Point = (0.0, 0.0)
    scale: float = 1.0
    turn: float = 0.0
    """Degrees, clockwise on the picture."""
    mirrored: bool = False

    def at(self, origin: Point, scale: float = 1.0, turn: float = 0.0, *, mirrored: bool = False) -> "Pen":
        """Return a pen whose (0, 0) lies at `origin` of this one, scaled, turned and mirrored around it."""
        return replace(
            self,
            origin=self._map([origin])[0],
            scale=self.scale * scale,
            turn=self.turn + (-turn if self.mirrored else turn),
            mirrored=self.mirrored != mirrored,
        )

    def _map(self, points: Sequence[Point], pixels: int = 1) -> list[Point]:
        """Return where the points are in the picture, in units of 1 / `pixels`."""
        scale = self.scale * pixels
        c, s = math.cos(math.radians(self.turn)) * scale, math.sin(math.radians(self.turn)) * scale
        m = -1.0 if self.mirrored else 1.0
        ox, oy, mc, ms = self.origin[0] * pixels, self.origin[1] * pixels, m * c, m * s
        return [(ox + mc * x - s * y, oy + ms * x + c * y) for x, y in points]

    def _pixels(self, points: Sequence[Point]) -> list[Point]:
        return self._map(points, self.canvas.pixels)

    def polygon(self, points: Sequence[Point], fill: Paint | None, ink: Ink | None = None) -> None:
        """Draw a filled polygon, with an outline where `ink` is given. Translucent fills blend."""
        pixels = self._pixels(points)
        if fill is not None and len(fill) == 4 and fill[3] < 255:
            self._blend(pixels, fill)
        elif fill is not None:
            self.canvas.draw.polygon(pixels, fill=fill)
        if ink is not None:
            self._line([*pixels, pixels[0], pixels[1]], ink)

    def _blend(self, pixels: list[Point], fill: Paint) -> None:
        xs, ys = [p[0] for p in pixels], [p[1] for p in pixels]
        side = SIDE * self.canvas.pixels
        x0, y0 = max(0, math.floor(min(xs))), max(0, math.floor(min(ys)))
        x1, y1 = min(side, math.ceil(max(xs)) + 1), min(side, math.ceil(max(ys)) + 1)
        if x1 <= x0 or y1 <= y0:
            return
        patch = Image.new("RGBA", (x1 - x0, y1 - y0), (*fill[:3], 0))
        ImageDraw.Draw(patch).polygon([(x - x0, y - y0) for x, y in pixels], fill=fill)
        self.canvas.layer.alpha_composite(patch, (x0, y0))

    def _line(self, pixels: list[Point], ink: Ink) -> None:
        width = max(1, round(ink.width * self.scale * self.canvas.pixels))
        self.canvas.draw.line(pixels, fill=ink.paint, width=width, joint="curve")

    def ellipse(self, centre: Point, radii: Point, fill: Paint | None, ink: Ink | None = None) -> None:
        """Draw an ellipse."""
        self.polygon(sector(centre, radii), fill, ink)

    def box(
        self, corner: Point, size: Point, fill: Paint | None, ink: Ink | None = None, radius: float = 0
    ) -> None:
        """Draw a box of `size` whose upper left is `corner`, with rounded corners where `radius` is given."""
        (x, y), (w, h) = corner, size
        if not radius:
            self.polygon([(x, y), (x + w, y), (x + w, y + h), (x, y + h)], fill, ink)
            return
        r = min(radius, abs(w) / 2, abs(h) / 2)
        turns = (
            (x + w - r, y + r, -90),
            (x + w - r, y + h - r, 0),
            (x + r, y + h - r, 90),
            (x + r, y + r, 180),
        )
        self.polygon([p for cx, cy, a in turns for p in sector((cx, cy), (r, r), a, a + 90, 6)], fill, ink)

    def blob(self, points: Sequence[Point], fill: Paint | None, ink: Ink | None = None) -> None:
        """Draw a smooth closed shape through the points."""
        self.polygon(smooth(points, closed=True), fill, ink)

    def stroke(self, points: Sequence[Point], ink: Ink, *, curved: bool = False) -> None:
        """Draw a line with round ends through the points."""
        path = smooth(points, closed=False) if curved and len(points) > 2 else list(points)
        self._line(self._pixels(path), ink)
        r = ink.width / 2
        if r * self.scale * self.canvas.pixels >= 1.5:
            for end in (path[0], path[-1]):
                self.polygon(sector(end, (r, r), count=12), ink.paint)

    def limb(self, points: Sequence[Point], fill: Paint, width: float, ink: Ink = OUTLINE) -> None:
        """Draw an arm, leg or tail: a thick smooth line with an outline."""
        self.stroke(points, Ink(ink.paint, width + 2 * ink.width), curved=True)
        self.stroke(points, Ink(fill, width), curved=True)

    def arc(self, centre: Point, radii: Point, angles: Point, ink: Ink) -> None:
        """Draw an open arc between two angles in degrees; 0 is to the right, 90 is below."""
        self.stroke(sector(centre, radii, angles[0], angles[1], 16), ink)

    def gradient(self, top: float, bottom: float, colours: tuple[Paint, Paint]) -> None:
        """Fill the whole width between two heights with a vertical gradient."""
        steps = 32
        a, b = (np.asarray(c[:3], float) for c in colours)
        for i in range(steps):
            y0, y1 = (top + (bottom - top) * k / steps for k in (i, i + 1))
            r, g, blue = (a + (b - a) * i / (steps - 1)).round().astype(int).tolist()
            self.box((-SIDE, y0), (3 * SIDE, y1 - y0 + 1), (r, g, blue))

    def glow(self, centre: Point, radius: float, paint: Paint, strength: float = 0.5) -> None:
        """Draw a soft light: translucent discs on top of each other."""
        alpha = round(255 * (1 - (1 - strength) ** (1 / 5)))
        for i in range(5):
            r = radius * (5 - i) / 5
            self.ellipse(centre, (r, r), (*paint[:3], alpha))


def sector(centre: Point, radii: Point, start: float = 0, end: float = 360, count: int = 36) -> list[Point]:
    """Return points along an ellipse between two angles in degrees; 0 is to the right, 90 is below."""
    (x, y), (w, h) = centre, radii
    return [(x + w * c, y + h * s) for c, s in _arc(start, end, count)]


@lru_cache(maxsize=256)
def _arc(start: float, end: float, count: int) -> tuple[Point, ...]:
    """Return cosine and sine of `count` + 1 angles; a picture needs the same ones a hundred times."""
    angles = np.radians(np.linspace(start, end, count + 1))
    return tuple(zip(np.cos(angles).tolist(), np.sin(angles).tolist(), strict=True))


def smooth(points: Sequence[Point], *, closed: bool) -> list[Point]:
    """Return a uniform Catmull-Rom curve through the points, eight steps a span."""
    return list(_curve(tuple(points), closed))


@lru_cache(maxsize=1024)
def _curve(points: tuple[Point, ...], closed: bool) -> tuple[Point, ...]:
    p = np.asarray(points, float)
    ring = np.concatenate([p[-1:], p, p[:2]]) if closed else np.concatenate([p[:1], p, p[-1:]])
    t = np.linspace(0, 1, 8, endpoint=False)[None, :, None]
    a, b, c, d = (ring[i : len(ring) - 3 + i][:, None] for i in range(4))
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    flat = curve.reshape(-1, 2)
    if not closed:
        flat = np.concatenate([flat, p[-1:]])
    return tuple((float(x), float(y)) for x, y in flat)


def shade(paint: Paint, factor: float) -> Paint:
    """Return the paint darker (factor < 1) or lighter (factor > 1, towards white)."""
    if factor <= 1:
        r, g, b = (round(c * factor) for c in paint[:3])
    else:
        r, g, b = (round(c + (255 - c) * min(1.0, factor - 1)) for c in paint[:3])
    return (r, g, b)


INK: Paint = (58, 44, 56)
SKIN: Paint = (255, 224, 200)
SKIN_SHADE: Paint = (246, 196, 172)
BLUSH: Paint = (255, 158, 150, 150)
WHITE: Paint = (255, 255, 255)
GOLD: Paint = (255, 206, 84)
CHALK: Paint = (244, 244, 226)

HAIR_PAINT: dict[Colour, Paint] = {
    "black": (52, 46, 60),
    "brown": (138, 84, 50),
    "blond": (250, 208, 96),
    "purple": (158, 96, 206),
    "blue": (72, 136, 228),
    "red": (206, 74, 58),
}
CLOTHES_PAINT: dict[Colour, Paint] = {
    "red": (224, 62, 66),
    "pink": (252, 150, 186),
    "white": (250, 248, 244),
    "black": (66, 62, 76),
    "blue": (66, 122, 216),
    "yellow": (252, 206, 74),
    "green": (86, 172, 98),
}
FUR_PAINT: dict[Colour, Paint] = {
    "grey": (158, 162, 174),
    "orange": (246, 158, 72),
    "white": (252, 248, 240),
    "black": (78, 72, 84),
    "brown": (170, 116, 74),
    "yellow": (244, 206, 124),
    "pink": (250, 184, 196),
    "green": (110, 196, 116),
    "red": (228, 88, 80),
    "blue": (96, 160, 232),
    "purple": (170, 126, 222),
}
