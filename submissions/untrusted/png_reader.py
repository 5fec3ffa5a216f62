"""PNG files of foreign origin: their size before they are decoded, their faults, the text they carry."""

import struct
from collections.abc import Iterator

from PIL import Image

from kit.images.decode import PictureError, open_picture
from submissions.faults import Fault

MAX_PIXELS = 4096 * 4096
"""More than any panel or mosaic has; a picture beyond it is not decoded."""

MAX_CHUNKS = 10_000
"""A picture of 32 MiB in pieces of 8 KiB has 4096."""

CHUNKS = frozenset(b"IHDR PLTE IDAT IEND tEXt zTXt iTXt pHYs gAMA cHRM sRGB tIME".split())
"""What a picture may consist of; an animation or anything private is not among it."""

_CHUNK = struct.Struct(">L4s")
_FRAME_BYTES = 12
"""What a chunk takes beside its data."""
_HEAD = struct.Struct(">8s4x4s2L")
_MARK = b"\x89PNG\r\n\x1a\n"


def read_picture(place: str, data: bytes) -> tuple[Image.Image | None, list[Fault]]:
    """Return a PNG decoded, or None and why not."""
    size = stated_size(data)
    if size is None:
        return None, [Fault(place, "is not a PNG picture")]
    problem = f"has {size[0]} x {size[1]} pixels, {MAX_PIXELS} are the most"
    if size[0] * size[1] <= MAX_PIXELS:
        problem = _chunk_problem(data)
    if problem:
        return None, [Fault(place, problem)]
    try:
        return open_picture(data, ("PNG",)), []
    except PictureError as error:
        return None, [Fault(place, f"is a damaged picture: it {error}")]


def square_faults(place: str, picture: Image.Image, side: int | None) -> list[Fault]:
    """Return a fault unless a picture is a square of this side in pixels; none where no side is known."""
    if side is None or picture.size == (side, side):
        return []
    return [Fault(place, f"must be {side} x {side} pixels, got {picture.width} x {picture.height}")]


def picture_texts(picture: Image.Image) -> Iterator[str]:
    """Yield every text a decoded PNG carries beside its pixels: chunks, their names, EXIF, XMP."""
    for name, value in picture.info.items():
        if isinstance(value, bytes):
            yield f"{name}\n{value.decode('latin-1')}"
        elif isinstance(value, str):
            yield f"{name}\n{value}"


def stated_size(data: bytes) -> tuple[int, int] | None:
    """Return the width and height in a PNG's first chunk, or None if it has none."""
    if len(data) < _HEAD.size:
        return None
    mark, chunk, width, height = _HEAD.unpack(data[: _HEAD.size])
    return (width, height) if mark == _MARK and chunk == b"IHDR" and width and height else None


def _chunk_problem(data: bytes) -> str:
    """Return what is wrong with the row of chunks that a PNG is; empty when nothing is."""
    place = len(_MARK)
    for _ in range(MAX_CHUNKS):
        if place + _FRAME_BYTES > len(data):
            return "is a damaged picture: it breaks off"
        length, kind = _CHUNK.unpack_from(data, place)
        place += _FRAME_BYTES + length
        if kind not in CHUNKS:
            return f"holds a chunk {ascii(kind)[2:-1]}, which no picture here needs"
        if kind == b"IEND":
            return f"has {len(data) - place} bytes behind its end" if place != len(data) else ""
    return f"has more than {MAX_CHUNKS} chunks"
