"""Panels as data URIs: small enough for one page, large enough to look at."""

import base64
import io
import math
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from kit.images.decode import PANEL_FORMATS, PictureError, open_picture, picture_size

LARGE_BUDGET = 60_000_000
"""Pixels of all large views together: 56 panels at 1024 px, about 10 MB of WebP."""
SMALL_BUDGET = 36_000_000
"""Pixels of all small views together: 240 panels at 384 px, about 5 MB of WebP."""
SMALL_SIDE = 384
"""Side of a small view: sharp at the size of the contact sheet, recognisable when opened."""
THUMB_SIDE = 240
"""Side of a picture that stands beside text."""
QUALITY = 85
"""WebP quality at which drawn lines show no rings."""


class Picture(NamedTuple):
    """A picture in the page: its data URI, and width and height in pixels of what is embedded."""

    uri: str
    width: int
    height: int


def side_within(budget: int, count: int, most: int) -> int:
    """Return the largest side, at most `most` px, at which `count` squares stay within a pixel budget.

    >>> side_within(60_000_000, 48, 1024), side_within(60_000_000, 240, 1024)
    (1024, 500)
    """
    return min(most, math.isqrt(budget // max(count, 1)))


def largest_side(path: Path) -> int | None:
    """Return the longer side of a picture file in pixels, None where it is missing or no picture."""
    try:
        return max(picture_size(path, PANEL_FORMATS))
    except PictureError:
        return None


def embed(path: Path, side: int) -> Picture | None:
    """Return a picture file as WebP, reduced to fit a square of `side` px; None where it cannot be read."""
    try:
        picture = open_picture(path, PANEL_FORMATS).convert("RGB")
    except PictureError:
        return None
    picture.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return Picture(webp_uri(picture, QUALITY), picture.width, picture.height)


def webp_uri(picture: Image.Image, quality: int) -> str:
    """Return a picture as the data URI of a WebP."""
    data = io.BytesIO()
    picture.save(data, "WEBP", quality=quality)
    return f"data:image/webp;base64,{base64.b64encode(data.getvalue()).decode('ascii')}"
