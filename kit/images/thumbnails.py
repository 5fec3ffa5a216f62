"""Small copies of a run's pictures, kept by content in its cache; deleting them only costs time."""

import io
from contextlib import suppress
from pathlib import Path

from PIL import Image

from kit.errors import StorykitError
from kit.files.atomic_write import write_atomic

SHEET_SIDE = 320
"""Side in pixels of those that a sheet of many pictures shows."""
QUALITY = 88
"""JPEG quality at which drawn lines show no rings at that size; WebP takes ten times as long to write."""


def thumbnail_path(run_folder: Path, sha256: str, side: int) -> Path:
    """Return where the small copy of a picture is kept, by the sha256 of its file."""
    return run_folder / "cache" / "thumbnails" / f"{sha256}-{side}.jpg"


def keep_thumbnail(path: Path, picture: Image.Image, side: int) -> bytes:
    """Write a picture, reduced to fit a square of `side` pixels, as JPEG, and return that.

    Where it cannot be written it is only made.
    """
    small = picture if picture.mode == "RGB" else picture.convert("RGB")
    scale = min(1.0, side / max(small.size))
    if scale < 1:
        width, height = (max(1, round(scale * length)) for length in small.size)
        small = small.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=1.0)
    data = io.BytesIO()
    small.save(data, "JPEG", quality=QUALITY)
    with suppress(OSError, StorykitError):
        write_atomic(path, data.getvalue())
    return data.getvalue()
