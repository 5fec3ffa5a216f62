"""Rows of strokes that stand like the letters of a word: a plain test on pixels, no network.

Thin parts much lighter or darker than what is around them (a top-hat, Serra 1982) are taken as glyphs where
their size is a letter's, and glyphs of one height and shade that follow each other on a line as a word. It
reads nothing, sees capitals with a rim rather than small letters and words of few signs, and was measured on
the drawn world alone (docs/repair.md).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

SIDE = 256
"""Larger pictures are looked at in this size."""
STROKE = 9
"""A stroke is narrower than so many pixels."""
CONTRAST = 110
"""Of 255, by which a stroke is lighter or darker than its surroundings."""
LEAST_GLYPHS = 6
"""In a row that counts as letters."""
SHADE = 40
"""Of 255, by which two letters of a word differ at most."""
TALLER, GAP, FEET = 1.3, 0.5, 0.2
"""In heights of the taller one of two: how much taller, how far apart, how far below the other one's foot."""
_HEIGHTS, _FILLED = (7, 64), (0.12, 0.95)


class LetterRow(NamedTuple):
    """A row of glyphs in a picture."""

    glyphs: int
    box: tuple[int, int, int, int]
    """Left, top, right, bottom in pixels of the picture."""


class _Glyph(NamedTuple):
    left: int
    top: int
    width: int
    height: int
    level: float
    """Mean grey value, 0 to 255."""


def letter_row(picture: Image.Image) -> LetterRow | None:
    """Return the longest row of glyphs of a picture of any mode; None where none is long enough."""
    grey = picture.convert("L")
    scale = max(1.0, max(grey.size) / SIDE)
    grey.thumbnail((SIDE, SIDE))
    levels = np.asarray(grey, dtype=np.int16)
    row = max((_longest(_glyphs(one)) for one in (levels, 255 - levels)), key=len)
    if len(row) < LEAST_GLYPHS:
        return None
    edges = (
        min(one.left for one in row),
        min(one.top for one in row),
        max(one.left + one.width for one in row),
        max(one.top + one.height for one in row),
    )
    left, top, right, bottom = (round(edge * scale) for edge in edges)
    return LetterRow(len(row), (left, top, min(right, picture.width), min(bottom, picture.height)))


def _glyphs(levels: NDArray[np.int16]) -> list[_Glyph]:
    """Return what is thin, lighter than its surroundings, and as large as letters are, from the left."""
    strokes = levels - ndimage.grey_opening(levels, size=(STROKE, STROKE)) > CONTRAST
    labels, _ = ndimage.label(strokes, structure=np.ones((3, 3)))
    found = []
    for number, (rows, columns) in enumerate(ndimage.find_objects(labels), 1):
        height, width = rows.stop - rows.start, columns.stop - columns.start
        inside = labels[rows, columns] == number
        filled = float(inside.mean())
        tall = _HEIGHTS[0] <= height <= _HEIGHTS[1] and 2 <= width <= 1.6 * height
        if tall and _FILLED[0] <= filled <= _FILLED[1]:
            level = float(levels[rows, columns][inside].mean())
            found.append(_Glyph(columns.start, rows.start, width, height, level))
    return sorted(found)


def _longest(glyphs: Sequence[_Glyph]) -> list[_Glyph]:
    """Return the longest row that glyphs, sorted from the left, stand in."""
    rows: list[list[_Glyph]] = []
    for glyph in glyphs:
        row = next((row for row in rows if _follows(row[-1], glyph)), None)
        if row is None:
            rows.append([glyph])
        else:
            row.append(glyph)
    return max(rows, key=len, default=[])


def _follows(before: _Glyph, glyph: _Glyph) -> bool:
    """Return whether a glyph can be the next of a word: as high, on the line, close by."""
    high, low = max(before.height, glyph.height), min(before.height, glyph.height)
    gap = glyph.left - before.left - before.width
    feet = abs(before.top + before.height - glyph.top - glyph.height)
    alike = abs(before.level - glyph.level) <= SHADE and high <= TALLER * low
    return alike and -0.1 * high <= gap <= GAP * high and feet <= FEET * high
