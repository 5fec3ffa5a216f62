"""Is a picture another one, mirrored, turned, cropped, recoloured, brightened or saved again?

A picture is known by its lowest frequencies, each at the root of its strength. The mean of the channels does
not mind their order, the cosine neither brightness nor a negative; mirrored pictures differ in signs alone.
Pieces of a picture are held against other pictures whole; the nearest piece is moved until it fits best.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import dctn

COPY, SURE = 0.965, 0.995
"""Alikeness of two pictures that are probably one, and that are one.

The embedded base draws a plain prompt nearly alike from seed to seed, 0.99 at most; so one picture that is
probably another says little, and two of a set say much.
"""
NEAR = 0.85
"""Alikeness of a piece from the grid above which it is worth moving."""
_SIDE, _FREQUENCIES = 96, 12
_CUTS, _STEPS = (0.95, 0.9, 0.85, 0.8), (0.02, 0.01, 0.005)
"""Sides of the pieces, as parts of the picture's, and by how much a piece is moved and sized."""
_GAIN = 1e-4
"""How much better a piece must fit to be worth another step."""
_MIRRORED = (-1.0) ** np.arange(_FREQUENCIES)

Box = tuple[float, float, float]
"""Left, top and side of a piece, as parts of the picture's side."""


class Look(NamedTuple):
    """What is kept of a picture to know its copies."""

    grey: NDArray[np.uint8]
    """(96, 96) means of the channels."""
    views: NDArray[np.float16]
    """(views, 144) rows of unit length: the picture first, then its pieces, mirrored and turned."""


def _grid() -> list[Box]:
    whole = [(0.0, 0.0, 1.0)]
    return whole + [
        (i * (1 - cut) / 2, j * (1 - cut) / 2, cut) for cut in _CUTS for i in range(3) for j in range(3)
    ]


_BOXES = _grid()


def look_at(picture: Image.Image) -> Look:
    """Return what is kept of an RGB picture; what shows nothing has rows of zeros."""
    grey = np.asarray(picture.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.BOX), np.float32).mean(2)
    pieces = np.stack([_row(grey, box) for box in _BOXES])
    first = pieces[0]
    turned = [one * signs for one in (first, first.T) for signs in (1, _MIRRORED[:, None])]
    turned += [one * _MIRRORED for one in turned]
    views = np.concatenate([pieces, pieces * _MIRRORED, np.stack(turned)])
    return Look(grey.astype(np.uint8), views.reshape(len(views), -1).astype(np.float16))


def alikeness(source: Look, others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how alike each other picture is to a picture or one of its pieces, 0 to 1.

    Args:
        source: the picture.
        others: (pictures, 144), the first views of the others.
    """
    return np.asarray(np.abs(source.views.astype(np.float32) @ others.T).max(axis=0))


def fitted_alikeness(source: Look, other: Look) -> float:
    """Return how alike another picture is to the piece of a picture that fits it best, 0 to 1."""
    wanted = other.views[0].astype(np.float32).reshape(_FREQUENCIES, _FREQUENCIES)
    views = np.abs(source.views[: 2 * len(_BOXES)].astype(np.float32) @ other.views[0].astype(np.float32))
    place = int(views.argmax())
    box, best = _BOXES[place % len(_BOXES)], float(views.max())
    if place >= len(_BOXES):
        wanted = wanted * _MIRRORED
    grey = source.grey.astype(np.float32)
    for step in _STEPS:
        found, nearest = max((_fit(grey, one, wanted), one) for one in _beside(box, step))
        while found > best + _GAIN:
            best, box = found, nearest
            found, nearest = max((_fit(grey, one, wanted), one) for one in _beside(box, step))
    return best


def _beside(box: Box, step: float) -> Iterator[Box]:
    """Yield the pieces that lie a step aside, or are larger or smaller by one."""
    left, top, side = box
    for by in (step, -step):
        yield left + by, top, side
        yield left, top + by, side
        yield left, top, side + by
        yield left - by / 2, top - by / 2, side + by


def _fit(grey: NDArray[np.float32], box: Box, wanted: NDArray[np.float32]) -> float:
    left, top, side = box
    if min(left, top) < 0 or max(left, top) + side > 1 or side < 0.5:
        return 0.0
    return abs(float((_row(grey, box) * wanted).sum()))


def _row(grey: NDArray[np.float32], box: Box) -> NDArray[np.float32]:
    """Return (12, 12) frequencies of a piece, of unit length together; zeros where it shows nothing."""
    left, top, side = (part * _SIDE for part in box)
    piece = Image.fromarray(grey).resize(
        (64, 64), Image.Resampling.BILINEAR, box=(left, top, min(_SIDE, left + side), min(_SIDE, top + side))
    )
    low = dctn(np.asarray(piece), norm="ortho")[:_FREQUENCIES, :_FREQUENCIES].copy()
    low[0, 0] = 0
    low[np.abs(low) < 1] = 0
    low = np.sign(low) * np.sqrt(np.abs(low))
    return np.asarray(low / max(1e-9, float(np.linalg.norm(low))), np.float32)
