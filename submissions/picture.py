"""PNG files of foreign origin: their size before they are decoded, their faults, the text they carry."""

import io
import struct
import warnings
import zlib
from collections.abc import Iterator

from PIL import Image

from submissions.fault import Fault

MAX_PIXELS = 4096 * 4096
"""More than any panel or mosaic has; a picture beyond it is not decoded."""

_HEAD = struct.Struct(">8s4x4s2L")
_MARK = b"\x89PNG\r\n\x1a\n"
_PILLOW_TROUBLE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    OverflowError,
    IndexError,
    KeyError,
    TypeError,
    AttributeError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
"""What Pillow raises on damaged or hostile pictures."""


def read_picture(place: str, data: bytes, side: int | None = None) -> tuple[Image.Image | None, list[Fault]]:
    """Return a PNG decoded, or None and why not; with a side also a fault unless it is that square."""
    size = _stated_size(data)
    if size is None:
        return None, [Fault(place=place, problem="is not a PNG picture")]
    if size[0] * size[1] > MAX_PIXELS:
        problem = f"has {size[0]} x {size[1]} pixels, {MAX_PIXELS} are the most"
        return None, [Fault(place=place, problem=problem)]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            picture = Image.open(io.BytesIO(data), formats=["PNG"])
            picture.load()
    except _PILLOW_TROUBLE as error:
        return None, [Fault(place=place, problem=f"is a damaged picture: {error}")]
    if side is not None and picture.size != (side, side):
        problem = f"must be {side} x {side} pixels, got {picture.width} x {picture.height}"
        return picture, [Fault(place=place, problem=problem)]
    return picture, []


def picture_texts(picture: Image.Image) -> Iterator[str]:
    """Yield every text a decoded PNG carries beside its pixels: chunks, their names, EXIF, XMP."""
    for name, value in picture.info.items():
        if isinstance(value, bytes):
            yield f"{name}\n{value.decode('latin-1')}"
        elif isinstance(value, str):
            yield f"{name}\n{value}"


def _stated_size(data: bytes) -> tuple[int, int] | None:
    """Return the width and height in a PNG's first chunk, or None if it has none."""
    if len(data) < _HEAD.size:
        return None
    mark, chunk, width, height = _HEAD.unpack(data[: _HEAD.size])
    return (width, height) if mark == _MARK and chunk == b"IHDR" and width and height else None
