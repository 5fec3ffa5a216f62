"""PNG files of foreign origin, held against the one form that storykit writes: nothing hides in one.

A picture consists of its size, texts, pixels and nothing else: 8-bit RGB, iTXt chunks that are not
compressed, one stream of rows that ends where the picture ends. All of it is looked at before Pillow sees
it; a picture of 4096 x 4096 unpacks to 48 MiB, and none to more.

`form_problem` encodes pixels and texts again. Where Pillow has the zlib that the file was written with, the
bytes must be equal, so nothing can be hidden but in pixels and texts. Another zlib finds other matches: then
all but those must be equal, rows and their filters too, and the stream may be a sixteenth longer or shorter
at most (zlib-ng 2.3 and zlib 1.2 differ by up to 4.4 %). What the choice of matches could tell is bounded
by that, and not seen. It costs 0.1 to 0.5 s of CPU a megapixel.
"""

import struct
import zlib
from collections.abc import Mapping
from typing import NamedTuple

from PIL import Image

from kit.files.text.library_words import reason_of
from kit.images.decode import PictureError, open_picture
from kit.images.png_metadata import QUICK, USUAL, encoded
from kit.messages import joined, mark, tr
from submissions.faults import Fault

MAX_PIXELS = 4096 * 4096
"""More than any panel or mosaic has; a picture beyond it is not decoded."""
MAX_CHUNKS = 10_000
"""A picture of 32 MiB in pieces of 8 KiB has 4096."""
BLOCK_BYTES = 65_536
"""What Pillow puts into each IDAT chunk but the last; more for rows of more than 16,384 pixels."""

_CHUNK = struct.Struct(">L4s")
_FRAME_BYTES = 12
"""What a chunk takes beside its data."""
_HEAD = struct.Struct(">8s4x4s2L5B")
_MARK = b"\x89PNG\r\n\x1a\n"
_PLAIN = (8, 2, 0, 0, 0)
"""Bits, colours, compression, filters, interlace: the one way in which storykit writes."""
_COLOURS = {0: mark("grey"), 2: "RGB", 3: mark("palette"), 4: mark("grey with alpha"), 6: "RGBA"}
_UNKNOWN = mark("unknown colours")
_TEXT_FRAME = b"\0\0\0\0\0"
"""Between an iTXt's name and its text: not compressed, no language, no translated name."""
_LEVELS = {b"\x78\x01": QUICK, b"\x78\x9c": USUAL}
"""What a stream begins with, by how hard zlib tried."""
_SLACK = 64
"""Bytes by which two zlibs may differ on the smallest picture."""


class Chunk(NamedTuple):
    """A part of a PNG."""

    kind: bytes
    data: bytes


def read_picture(place: str, data: bytes) -> tuple[Image.Image | None, list[Fault]]:
    """Return a PNG decoded, or None and why not."""
    size = stated_size(data)
    if size is None:
        return None, [Fault(place, tr("is not a PNG picture"))]
    problem: str = tr(
        "has {width} x {height} pixels, {most} are the most",
        width=size[0],
        height=size[1],
        most=MAX_PIXELS,
    )
    if size[0] * size[1] <= MAX_PIXELS:
        problem = _structure_problem(data, *size)
    if problem:
        return None, [Fault(place, problem)]
    try:
        return open_picture(data, ("PNG",)), []
    except PictureError as error:
        return None, [Fault(place, tr("is a damaged picture: it {error}", error=error))]


def square_faults(place: str, picture: Image.Image, side: int | None) -> list[Fault]:
    """Return a fault unless a picture is a square of this side in pixels; none where no side is known."""
    if side is None or picture.size == (side, side):
        return []
    return [
        Fault(
            place,
            tr(
                "must be {side} x {side} pixels, got {width} x {height}",
                side=side,
                width=picture.width,
                height=picture.height,
            ),
        )
    ]


def picture_texts(data: bytes) -> dict[str, str]:
    """Return every text that a PNG which `read_picture` decoded carries beside its pixels, in its order."""
    texts = (chunk.data.partition(b"\0") for chunk in _chunks(data) if chunk.kind == b"iTXt")
    return {name.decode("latin-1"): text[len(_TEXT_FRAME) - 1 :].decode() for name, _, text in texts}


def stated_size(data: bytes) -> tuple[int, int] | None:
    """Return the width and height in a PNG's first chunk, or None if it has none."""
    if len(data) < _HEAD.size:
        return None
    magic, chunk, width, height, *_ = _HEAD.unpack_from(data)
    return (width, height) if magic == _MARK and chunk == b"IHDR" and width and height else None


def form_problem(data: bytes, picture: Image.Image, texts: Mapping[str, str]) -> str:
    """Return how a PNG that was decoded differs from the one that storykit writes; empty when it does not.

    Args:
        data: The file.
        picture: What it shows.
        texts: What it must say, in this order.
    """
    found = _chunks(data)
    ours = encoded(picture, texts, _LEVELS.get(_stream(found)[:2], USUAL))
    if ours == data:
        return ""
    wanted = _chunks(ours)
    if _beside(wanted) != _beside(found):
        return tr("says something else beside its pixels than it must")
    block = max(BLOCK_BYTES, 4 * picture.width)
    blocks = [len(chunk.data) for chunk in found if chunk.kind == b"IDAT"]
    mine, theirs = _stream(wanted), _stream(found)
    alike = abs(len(mine) - len(theirs)) <= len(mine) // 16 + _SLACK and mine[:2] == theirs[:2]
    if set(blocks[:-1]) - {block} or not 0 < blocks[-1] <= block or not alike:
        return tr("is not compressed as storykit compresses pictures")
    return (
        "" if zlib.decompress(mine) == zlib.decompress(theirs) else tr("has its rows filtered in another way")
    )


def _structure_problem(data: bytes, width: int, height: int) -> str:
    """Return what is wrong with the chunks that a PNG is; empty when nothing is."""
    bits, colours, *ways = _HEAD.unpack_from(data)[4:]
    if (bits, colours, *ways) != _PLAIN:
        got = [tr(_COLOURS.get(colours, _UNKNOWN))]
        if bits != _PLAIN[0]:
            got = [tr("{colours} of {bits} bits", colours=got[0], bits=bits)]
        if any(ways):
            got.append(tr("interlaced"))
        found = joined(got, tr(", "))
        return tr("must be an RGB picture, got {got}: a scorer and a viewer see it differently", got=found)
    if problem := _row_problem(data):
        return problem
    chunks = _chunks(data)
    kinds = [chunk.kind for chunk in chunks]
    texts, blocks = kinds.count(b"iTXt"), kinds.count(b"IDAT")
    if kinds != [b"IHDR", *[b"iTXt"] * texts, *[b"IDAT"] * blocks, b"IEND"] or chunks[-1].data:
        return tr("is a damaged picture: it must have its size, texts, pixels and end, in this order")
    if problem := _text_problem([chunk.data for chunk in chunks if chunk.kind == b"iTXt"]):
        return problem
    return _stream_problem(_stream(chunks), height * (1 + 3 * width))


def _row_problem(data: bytes) -> str:
    """Return what is wrong with the row of chunks by their kinds, lengths and checksums."""
    place, seen = len(_MARK), 0
    while place < len(data):
        if place + _FRAME_BYTES > len(data) or (seen := seen + 1) > MAX_CHUNKS:
            return tr(
                "is a damaged picture: it breaks off, or has more than {most} chunks",
                most=MAX_CHUNKS,
            )
        length, kind = _CHUNK.unpack_from(data, place)
        if kind not in (b"IHDR", b"iTXt", b"IDAT", b"IEND"):
            return tr("holds a chunk {kind}, which no picture here needs", kind=ascii(kind)[2:-1])
        end = place + _FRAME_BYTES + length
        if end > len(data):
            return tr("is a damaged picture: it breaks off")
        if zlib.crc32(memoryview(data)[place + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
            return tr("is a damaged picture: the checksum of its {kind} is wrong", kind=kind.decode())
        if kind == b"IEND" and end != len(data):
            return tr("has {number} bytes behind its end", number=len(data) - end)
        place = end
    return ""


def _text_problem(texts: list[bytes]) -> str:
    """Return what is wrong with the texts by their form."""
    names = [text.partition(b"\0")[0] for text in texts]
    if len(set(names)) != len(names):
        return tr("holds two texts of one name")
    for name, text in zip(names, texts, strict=True):
        try:
            text[len(name) :].decode()
        except UnicodeDecodeError:
            return tr("holds a text that is not UTF-8")
        if not name or not text[len(name) :].startswith(_TEXT_FRAME):
            return tr("holds a text in another form than storykit writes")
    return ""


def _stream_problem(stream: bytes, size: int) -> str:
    """Return what is wrong with the stream of rows; it is unpacked to no more than the rows take."""
    unpacker = zlib.decompressobj()
    try:
        rows = unpacker.decompress(stream, size + 1)
    except zlib.error as error:
        return tr("is a damaged picture: {error}", error=reason_of(error))
    if len(rows) != size or not unpacker.eof:
        return tr("is a damaged picture: its rows are more or fewer than its size says")
    if unpacker.unused_data or unpacker.unconsumed_tail:
        return tr("holds bytes behind its last row")
    return ""


def _chunks(data: bytes) -> list[Chunk]:
    """Return the chunks of a PNG whose row of them is sound."""
    place, found = len(_MARK), list[Chunk]()
    while place < len(data):
        length, kind = _CHUNK.unpack_from(data, place)
        found.append(Chunk(kind, data[place + _CHUNK.size : place + _CHUNK.size + length]))
        place += _FRAME_BYTES + length
    return found


def _beside(chunks: list[Chunk]) -> list[Chunk]:
    return [chunk for chunk in chunks if chunk.kind != b"IDAT"]


def _stream(chunks: list[Chunk]) -> bytes:
    return b"".join(chunk.data for chunk in chunks if chunk.kind == b"IDAT")
