"""Picture files that hold pixels alone: no EXIF, place, preview, comment or profile goes along."""

import re
import struct
from io import BytesIO

from PIL import Image

from kit.images.decode import DecodedPicture, PictureError, open_picture

_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
_TOLD = frozenset({*range(0xE0, 0xF0), 0xFE})
"""Segments of applications, and comments: what decoding does not need."""
_JFIF = b"\xff\xe0\x00\x10JFIF\0"
"""How the density begins when no preview goes with it."""
_ADOBE = b"\xff\xee\x00\x0eAdobe"
"""How the note begins that says how colours are coded."""
_MARK = re.compile(rb"\xff[^\x00\xd0-\xd7]", re.DOTALL)
"""What ends a scan: neither a stuffed 0xFF nor a restart."""


def strip_metadata(opened: DecodedPicture) -> tuple[str, bytes]:
    """Return the suffix and the bytes of a picture's file: its own JPEG if that can be bared, else PNG.

    So no picture is compressed a second time.
    """
    jpeg = None if opened.jpeg is None else strip_jpeg_metadata(opened.jpeg)
    if jpeg is not None and _same(jpeg, opened.picture):
        return ".jpg", jpeg
    buffer = BytesIO()
    opened.picture.save(buffer, "PNG", compress_level=6)
    return ".png", buffer.getvalue()


def strip_jpeg_metadata(data: bytes) -> bytes | None:
    """Return a JPEG up to its end mark without the segments that decoding does not need.

    None if it is not laid out as the standard says.
    """
    if data[:2] != bytes((0xFF, _START)):
        return None
    parts, place = [data[:2]], 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        kind = data[place + 1]
        if kind == _END:
            return b"".join([*parts, data[place : place + 2]])
        if kind == 0xFF:
            place += 1
            continue
        end = place + 2 + struct.unpack(">H", data[place + 2 : place + 4])[0]
        if kind == _SCAN:
            mark = _MARK.search(data, end)
            end = mark.start() if mark else len(data)
        if kind not in _TOLD or data.startswith((_JFIF, _ADOBE), place):
            parts.append(data[place:end])
        place = end
    ended = data[place : place + 2] == bytes((0xFF, _END))
    return b"".join([*parts, data[place : place + 2]]) if ended else None


def _same(jpeg: bytes, picture: Image.Image) -> bool:
    """Return whether a JPEG decodes to a picture's very pixels."""
    try:
        bare = open_picture(jpeg, ("JPEG",))
    except PictureError:
        return False
    return bare.mode == "RGB" and bare.size == picture.size and bare.tobytes() == picture.tobytes()
