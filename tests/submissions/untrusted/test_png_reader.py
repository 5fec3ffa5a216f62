import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
import pytest
from bundles import faults_told
from entries import repack
from hostile import chunk
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from kit.images.png_metadata import QUICK, USUAL, encoded
from submissions.untrusted.png_reader import form_problem, picture_texts, read_picture


def _png(width: int, height: int) -> bytes:
    """Return a PNG that states a size and holds next to nothing."""
    head = struct.pack(">2L5B", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b""))
    made = (struct.pack(">L", len(d)) + n + d + struct.pack(">L", zlib.crc32(n + d)) for n, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(made)


def test_a_huge_picture_is_a_fault_and_not_decoded(bundle):
    repack(bundle, lambda files: files.update({"panels/1.png": _png(60_000, 60_000)}))
    assert "panels/1.png: has 60000 x 60000 pixels, 16777216 are the most" in faults_told(bundle)


def test_a_picture_with_too_little_in_it_is_a_fault(bundle):
    repack(bundle, lambda files: files.update({"panels/1.png": _png(32, 32)}))
    assert "panels/1.png: is a damaged picture" in faults_told(bundle)


def test_another_kind_of_picture_under_a_png_name_is_a_fault(bundle):
    file = io.BytesIO()
    Image.new("RGB", (32, 32)).save(file, "JPEG")
    repack(bundle, lambda files: files.update({"panels/1.png": file.getvalue()}))
    assert "panels/1.png: is not a PNG picture" in faults_told(bundle)


TEXTS = {"storykit": '{"key":"abc"}', "parameters": "墨韵，一只黑猫\nSteps: 50"}


def photo(side: int = 96) -> Image.Image:
    """Return a picture with soft and noisy parts, so that all of PNG's filters are at work."""
    rng = np.random.default_rng(0)
    soft = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)).resize((side, side))
    return Image.fromarray((np.asarray(soft) * 0.9 + rng.integers(0, 25, (side, side, 3))).astype(np.uint8))


SOUND = encoded(photo(), TEXTS)


def problem_of(data: bytes) -> str:
    """Return the first thing that is wrong with a PNG that may say TEXTS, empty when nothing is."""
    picture, faults = read_picture("1.png", data)
    return str(faults[0]) if picture is None else form_problem(data, picture, TEXTS)


def parts(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 8
    while place < len(data):
        length, kind = struct.unpack_from(">L4s", data, place)
        yield kind, data[place + 8 : place + 8 + length]
        place += 12 + length


def joined(*chunks: bytes) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


HEAD, RECIPE, PARAMETERS, *IDATS, END = [chunk(kind, data) for kind, data in parts(SOUND)]
STREAM = b"".join(data for kind, data in parts(SOUND) if kind == b"IDAT")
ROWS = zlib.decompress(STREAM)
SECRET = b"hf_" + b"Zq3" * 12


def streamed(stream: bytes) -> bytes:
    """Return the picture with another stream, cut as Pillow cuts it."""
    cut = [chunk(b"IDAT", stream[at : at + 65_536]) for at in range(0, len(stream), 65_536)]
    return joined(HEAD, RECIPE, PARAMETERS, *cut, END)


def with_chunk(kind: bytes, data: bytes) -> bytes:
    return joined(HEAD, chunk(kind, data), RECIPE, PARAMETERS, *IDATS, END)


def packed(rows: bytes, level: int = 6, strategy: int = zlib.Z_FILTERED, memory: int = 9) -> bytes:
    packer = zlib.compressobj(level, zlib.DEFLATED, 15, memory, strategy)
    return packer.compress(rows) + packer.flush()


def adler(stream: bytes, more: bytes) -> bytes:
    """Return a stream with whole blocks put between its head and its first block."""
    return stream[:2] + more + stream[2:]


def refiltered() -> bytes:
    """Return the rows of the same pixels, none of them filtered."""
    pixels = np.asarray(photo())
    return b"".join(b"\0" + row.tobytes() for row in pixels)


EMPTY_BLOCK = b"\0\0\0\xff\xff"
HIDDEN = {
    "a tEXt": with_chunk(b"tEXt", b"a\0" + SECRET),
    "a zTXt": with_chunk(b"zTXt", b"a\0\0" + zlib.compress(SECRET)),
    "an iTXt of its own": with_chunk(b"iTXt", b"a\0\0\0\0\0" + SECRET),
    "an iTXt's language": with_chunk(b"iTXt", b"a\0\0\0" + SECRET + b"\0\0x"),
    "an iTXt's translated name": with_chunk(b"iTXt", b"a\0\0\0\0" + SECRET + b"\0x"),
    "a compressed iTXt": with_chunk(b"iTXt", b"a\0\1\0\0\0" + zlib.compress(SECRET)),
    "an iTXt in two methods": with_chunk(b"iTXt", b"a\0\1\7\0\0" + SECRET),
    "an iTXt without a name": with_chunk(b"iTXt", b"\0\0\0\0\0" + SECRET),
    "an iTXt that is no UTF-8": with_chunk(b"iTXt", b"a\0\0\0\0\0\xff" + SECRET),
    "an iTXt without an end of its name": with_chunk(b"iTXt", SECRET),
    "a text twice": joined(HEAD, RECIPE, RECIPE, PARAMETERS, *IDATS, END),
    "texts in another order": joined(HEAD, PARAMETERS, RECIPE, *IDATS, END),
    "a text behind the pixels": joined(HEAD, RECIPE, *IDATS, PARAMETERS, END),
    "a text less": joined(HEAD, RECIPE, *IDATS, END),
    "a tIME": with_chunk(b"tIME", SECRET[:7]),
    "a pHYs": with_chunk(b"pHYs", bytes(9)),
    "a gAMA": with_chunk(b"gAMA", struct.pack(">L", 45455)),
    "a cHRM": with_chunk(b"cHRM", bytes(32)),
    "an sRGB": with_chunk(b"sRGB", b"\0"),
    "an iCCP": with_chunk(b"iCCP", b"icc\0\0" + zlib.compress(SECRET)),
    "an eXIf": with_chunk(b"eXIf", b"MM\0*" + SECRET),
    "a palette in an RGB picture": with_chunk(b"PLTE", SECRET[:30]),
    "a transparent colour": with_chunk(b"tRNS", bytes(6)),
    "a private chunk": with_chunk(b"prVt", SECRET),
    "data in the end": joined(HEAD, RECIPE, PARAMETERS, *IDATS, chunk(b"IEND", SECRET)),
    "bytes behind the end": SOUND + SECRET,
    "a second picture": SOUND + SOUND,
    "a second head": joined(HEAD, HEAD, RECIPE, PARAMETERS, *IDATS, END),
    "an empty IDAT": joined(HEAD, RECIPE, PARAMETERS, chunk(b"IDAT", b""), *IDATS, END),
    "an empty IDAT at the end": joined(HEAD, RECIPE, PARAMETERS, *IDATS, chunk(b"IDAT", b""), END),
    "pixels cut in another place": joined(
        HEAD, RECIPE, PARAMETERS, chunk(b"IDAT", STREAM[:99]), chunk(b"IDAT", STREAM[99:]), END
    ),
    "bytes behind the stream": streamed(STREAM + SECRET),
    "a stream behind the stream": streamed(STREAM + zlib.compress(SECRET)),
    "rows too many": streamed(packed(ROWS + SECRET)),
    "a row too few": streamed(packed(ROWS[: -1 - 96 * 3])),
    "another level in the stream's head": streamed(b"\x78\xda" + STREAM[2:]),
    "a smaller window in the stream's head": streamed(b"\x68\x81" + STREAM[2:]),
    "many empty blocks": streamed(adler(STREAM, EMPTY_BLOCK * 2000)),
    "rows that are not compressed": streamed(b"\x78\x9c" + packed(ROWS, 0)[2:]),
    "rows filtered in another way": streamed(packed(refiltered())),
}


@pytest.mark.parametrize("place", HIDDEN)
def test_nothing_hides_in_a_picture(place):
    assert problem_of(HIDDEN[place])


@pytest.mark.parametrize("wrong", [b"\x08\x02\x00\x00\x01", b"\x10\x02\x00\x00\x00", b"\x08\x06\x00\x00\x00"])
def test_a_picture_of_another_kind_is_named_before_it_is_unpacked(wrong):
    head = chunk(b"IHDR", struct.pack(">2L", 96, 96) + wrong)
    assert "must be an RGB picture, got RGB" in problem_of(joined(head, RECIPE, PARAMETERS, *IDATS, END))


def test_no_bit_of_a_picture_can_be_turned_unseen():
    small = encoded(photo(8), {"storykit": "{}"})
    unseen = []
    for place in range(len(small) * 8):
        turned = bytearray(small)
        turned[place // 8] ^= 1 << place % 8
        picture, _ = read_picture("1.png", bytes(turned))
        if picture is not None and not form_problem(bytes(turned), picture, {"storykit": "{}"}):
            unseen.append(place)
    assert unseen == []


def test_the_picture_that_storykit_wrote_is_sound_and_says_its_texts():
    assert problem_of(SOUND) == ""
    assert picture_texts(SOUND) == TEXTS


@pytest.mark.parametrize(("level", "memory"), [(USUAL, 8), (USUAL, 9), (QUICK, 8), (QUICK, 9)])
@pytest.mark.parametrize("side", [1, 96, 300])
def test_the_same_rows_packed_by_another_zlib_are_sound(side, level, memory):
    sound = encoded(photo(side), TEXTS, level)
    assert problem_of(sound) == ""
    rows = zlib.decompress(b"".join(data for kind, data in parts(sound) if kind == b"IDAT"))
    stream = packed(rows, level, memory=memory)
    cut = [chunk(b"IDAT", stream[at : at + 65_536]) for at in range(0, len(stream), 65_536)]
    head = chunk(*next(parts(sound)))
    assert problem_of(joined(head, RECIPE, PARAMETERS, *cut, END)) == ""


def test_what_other_programs_write_of_the_same_pixels_is_not_storykits():
    texts = PngInfo()
    for name, text in TEXTS.items():
        texts.add_itxt(name, text)
    file = io.BytesIO()
    photo().save(file, "PNG", pnginfo=texts, compress_level=9)
    assert problem_of(file.getvalue()) == "is not compressed as storykit compresses pictures"
