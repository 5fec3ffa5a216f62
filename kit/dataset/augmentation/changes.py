"""How a copy differs from its picture: the numbers of a change give the same pixels every time.

What is rounded is rounded before it is applied, so that the words of a change say all of it.
"""

from dataclasses import asdict, dataclass
from math import asin, atan, ceil, cos, degrees, hypot, radians, sin
from typing import ClassVar, Literal, get_args

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

Size = tuple[int, int]
"""Width and height in pixels, as the picture stands upright."""
Kind = Literal["mirror", "crop", "turn", "colour"]
KINDS: tuple[Kind, ...] = get_args(Kind)
LEAST_KEPT, MOST_KEPT = 0.8, 0.95
"""Of each side, by a crop; more would be the picture again, and a turn keeps no less either."""
_LEAST_DEGREES = 1.0
"""A turn by less is the picture again."""
_LEAST_PART = 1 / 3
"""Of the strength that was asked for, which every turn and every shade has at least."""
_RIM = 1
"""Pixels a side that a turned picture loses beside its corners: there bicubic blends what lies outside."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mirror:
    """Left becomes right."""

    kind: ClassVar[Kind] = "mirror"

    def apply(self, picture: Image.Image) -> Image.Image:
        """Return the picture mirrored."""
        return ImageOps.mirror(picture)


@dataclass(frozen=True, kw_only=True, slots=True)
class Crop:
    """A piece of the picture's own shape, in its pixels."""

    kind: ClassVar[Kind] = "crop"
    left: int
    top: int
    width: int
    height: int

    def apply(self, picture: Image.Image) -> Image.Image:
        """Return the piece."""
        return picture.crop((self.left, self.top, self.left + self.width, self.top + self.height))


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """Turned around the middle, and cropped to the largest piece of its shape that has no empty corner."""

    kind: ClassVar[Kind] = "turn"
    degrees: float
    """Anticlockwise."""

    def apply(self, picture: Image.Image) -> Image.Image:
        """Return the piece inside the turned picture."""
        width, height = _inside(picture.size, self.degrees)
        left, top = (picture.width - width) // 2, (picture.height - height) // 2
        turned = picture.rotate(self.degrees, Image.Resampling.BICUBIC)
        return turned.crop((left, top, left + width, top + height))


@dataclass(frozen=True, kw_only=True, slots=True)
class Recolour:
    """Factors of brightness, contrast and saturation, as Pillow's enhancers take them; 1 changes nothing."""

    kind: ClassVar[Kind] = "colour"
    brightness: float
    contrast: float
    saturation: float

    def apply(self, picture: Image.Image) -> Image.Image:
        """Return the picture in other shades."""
        bright = ImageEnhance.Brightness(picture).enhance(self.brightness)
        return ImageEnhance.Color(ImageEnhance.Contrast(bright).enhance(self.contrast)).enhance(
            self.saturation
        )


Change = Mirror | Crop | Turn | Recolour
"""What makes a copy of a picture; its fields are its numbers."""


def words_of(change: Change) -> str:
    """Return a change in words, its numbers behind it.

    >>> words_of(Turn(degrees=-2.5)), words_of(Mirror())
    ('turn degrees=-2.5', 'mirror')
    """
    return " ".join([change.kind, *(f"{name}={number:g}" for name, number in asdict(change).items())])


def draw_crop(size: Size, kept: float, least: int, rng: np.random.Generator) -> Crop | None:
    """Return a crop by lot; None where no piece is as large as it must be and smaller than the picture.

    Args:
        size: the picture's.
        kept: the least share of each side that stays.
        least: pixels that the shorter side must have left.
        rng: the lot.
    """
    lowest = max(kept, least / min(size))
    if lowest > MOST_KEPT:
        return None
    share = rng.uniform(lowest, MOST_KEPT)
    width, height = (round(side * share) for side in size)
    left, top = (
        int(rng.integers(0, side - piece + 1)) for side, piece in zip(size, (width, height), strict=True)
    )
    return Crop(left=left, top=top, width=width, height=height)


def draw_turn(size: Size, most: float, least: int, rng: np.random.Generator) -> Turn | None:
    """Return a turn by lot, to either side; None where too little of the picture would be left.

    Args:
        size: the picture's.
        most: degrees.
        least: pixels that the shorter side must have left.
        rng: the lot.
    """
    most = min(most, _most_degrees(size, max(least, ceil(LEAST_KEPT * min(size)))))
    if most < _LEAST_DEGREES:
        return None
    by = rng.uniform(max(_LEAST_DEGREES, most * _LEAST_PART), most)
    return Turn(degrees=int(100 * by) / 100 * int(rng.choice((-1, 1))))


def draw_recolour(strength: float, rng: np.random.Generator) -> Recolour:
    """Return factors by lot, each off 1 by at most the strength and at least a third of it."""
    by = rng.uniform(strength * _LEAST_PART, strength, 3) * rng.choice((-1, 1), 3)
    brightness, contrast, saturation = (1 + by).round(3).tolist()
    return Recolour(brightness=brightness, contrast=contrast, saturation=saturation)


def _inside(size: Size, by: float) -> Size:
    """Return the largest size of a picture's shape that lies inside it when it is turned."""
    width, height = size
    rise, run = abs(sin(radians(by))), cos(radians(by))
    share = min(width / (width * run + height * rise), height / (width * rise + height * run))
    return int(width * share) - 2 * _RIM, int(height * share) - 2 * _RIM


def _most_degrees(size: Size, least: int) -> float:
    """Return the degrees by which a picture may be turned until its shorter side has `least` pixels left.

    With a = longer / shorter side the share that is left is 1 / (a sin + cos), and a sin + cos is
    hypot(a, 1) sin(angle + atan(1 / a)).
    """
    shorter, longer = min(size), max(size)
    ratio, wanted = longer / shorter, shorter / (least + 2 * _RIM + 1)
    if wanted <= 1:
        return 0.0
    return degrees(asin(min(1.0, wanted / hypot(ratio, 1))) - atan(1 / ratio))
