import os
import struct
import subprocess
import sys
import zlib
from io import BytesIO
from pathlib import Path

import pytest
from photos import exif, jpeg, photo, saved
from PIL import Image

from kit.errors import InputError
from kit.images.decode import (
    MOST_BYTES,
    MOST_SIDE,
    PANEL_FORMATS,
    PictureError,
    decode_picture,
    open_picture,
    picture_size,
)


def pixel(path: Path) -> tuple[int, ...]:
    opened = decode_picture(path).picture
    assert opened.mode == "RGB"
    return opened.getpixel((0, 0))


def test_the_first_of_several_frames_is_taken(tmp_path):
    first, second = (Image.new("RGB", (4, 4), colour) for colour in ("red", "blue"))
    assert pixel(saved(tmp_path, first, "gif", save_all=True, append_images=[second])) == (255, 0, 0)
    lossless = saved(tmp_path, first, "webp", save_all=True, append_images=[second], lossless=True)
    assert pixel(lossless) == (255, 0, 0)


def bomb(side: int) -> bytes:
    """Return a small PNG that says it is a square of so many pixels a side."""
    file = BytesIO()
    Image.new("RGB", (4, 4)).save(file, "PNG")
    data = bytearray(file.getvalue())
    data[16:24] = struct.pack(">2I", side, side)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is an empty file"),
        (b"no picture", "is not a picture of a known format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is an EPS picture, which is not opened here"),
        (jpeg()[:400], "is damaged: Truncated"),
        (bomb(12000), "has 12000 x 12000 pixels, 67108864 are the most: save it smaller"),
        (bomb(60000), "has too many pixels"),
    ],
)
def test_what_is_no_whole_picture_is_refused_with_the_reason(tmp_path, data, reason):
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(InputError, match=reason):
        decode_picture(tmp_path / "a.png")


def chunked(kind: bytes, data: bytes) -> bytes:
    """Return a PNG with a chunk of this kind behind its header."""
    file = BytesIO()
    photo(16).save(file, "PNG")
    png = file.getvalue()
    chunk = struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return png[:33] + chunk + png[33:]


OTHERS = {
    "an AVIF called .jpg": (
        b"\0\0\0\x20ftypavif",
        "is an AVIF picture, which is not opened here: save it as PNG or JPEG",
    ),
    "a phone's HEIC": (
        b"\0\0\0\x18ftypheic",
        "is a HEIC picture, which is not opened here: save it as PNG or JPEG",
    ),
    "a film": (b"\0\0\0\x18ftypisom", "is a film, no picture"),
    "JPEG 2000": (b"\0\0\0\x0cjP  \r\n\x87\n", "is a JPEG 2000 picture, which is not opened here"),
    "JPEG XL": (b"\xff\x0a\0\0", "is a JPEG XL picture, which is not opened here"),
    "EPS": (b"%!PS-Adobe-3.0 EPSF-3.0", "is an EPS picture, which is not opened here"),
    "EPS with a preview": (b"\xc5\xd0\xd3\xc6\x20\0\0\0", "is an EPS picture, which is not opened here"),
    "PDF": (b"%PDF-1.7", "is a PDF, no picture: save it as PNG or JPEG"),
    "Photoshop": (b"8BPS\0\1", r"is a Photoshop picture \(PSD\), which is not opened here"),
    "SVG": (b"<svg xmlns='http://www.w3.org/2000/svg'>", "is an SVG picture, which is not opened here"),
    "a web page": (b"\n<!DOCTYPE html><html>", "is a web page, no picture: log in"),
    "a Git LFS pointer": (
        b"version https://git-lfs.github.com/spec/v1\n",
        "is a Git LFS pointer, no picture: fetch",
    ),
    "a Mac's note": (b"\0\5\x16\7\0\2\0\0Mac OS X", "is a Mac's note about another file, no picture: leave"),
    "a zip": (b"PK\3\4", "is a zip archive, no picture: take out the pictures"),
    "a begun PNG": (b"\x89PNG\r\n\x1a\n", "is damaged"),
    "text": (b"a cat on a mat", "is not a picture of a known format"),
}


@pytest.mark.parametrize(("data", "reason"), OTHERS.values(), ids=OTHERS)
def test_a_file_that_is_no_picture_here_is_named_as_what_it_is(tmp_path, data, reason):
    (tmp_path / "a.jpg").write_bytes(data)
    for look in (open_picture, picture_size):
        with pytest.raises(PictureError, match=f"^{reason}"):
            look(tmp_path / "a.jpg")


def test_no_program_is_started_for_a_picture(tmp_path, monkeypatch):
    program = tmp_path / "gs"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    (tmp_path / "1.png").write_bytes(
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"
    )
    with pytest.raises(PictureError, match="is an EPS picture"):
        open_picture(tmp_path / "1.png")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("kind", ["gif", "bmp", "tif"])
def test_a_panel_is_a_png_a_jpeg_or_a_webp(tmp_path, kind):
    path = saved(tmp_path, photo(), kind)
    assert open_picture(path).size == (64, 64)
    with pytest.raises(PictureError, match="must be one of PNG, JPEG, WEBP"):
        open_picture(path, PANEL_FORMATS)


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("folder", "is a folder, must be a file"),
        ("pipe", "cannot be read: it is neither a file nor a folder"),
        ("zeros", "cannot be read: it is neither a file nor a folder"),
        ("none", "does not exist"),
        ("loop", "cannot be read: Too many levels of symbolic links"),
        ("empty", "is an empty file"),
        ("long", f"has {MOST_BYTES + 1} bytes, {MOST_BYTES} are the most"),
    ],
)
def test_what_lies_in_a_pictures_place_and_is_none_is_refused_at_once(tmp_path, place, reason):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zeros").symlink_to("/dev/zero")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "empty").touch()
    with (tmp_path / "long").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(PictureError, match=reason):
        open_picture(tmp_path / place)


@pytest.mark.parametrize("size", [(MOST_SIDE + 1, 1), (1, MOST_SIDE + 1)])
def test_a_strip_longer_than_any_scanner_makes_is_refused(tmp_path, size):
    with pytest.raises(PictureError, match=f"sides of 1 to {MOST_SIDE} are taken"):
        open_picture(saved(tmp_path, Image.new("L", size), "png"))


BOMB = zlib.compress(bytes(2**26), 9)
TOO_LARGE = "is damaged: Decompressed data too large"
TEXTS = {
    "zTXt": (b"zTXt", b"note\0\0" + BOMB),
    "iTXt": (b"iTXt", b"note\0\1\0\0\0" + BOMB),
    "iCCP": (b"iCCP", b"note\0\0" + BOMB),
}


@pytest.mark.parametrize(("kind", "data"), TEXTS.values(), ids=TEXTS)
def test_notes_that_unpack_to_more_than_any_note_are_not_unpacked(tmp_path, kind, data):
    (tmp_path / "a.png").write_bytes(chunked(kind, data))
    with pytest.raises(PictureError, match=TOO_LARGE):
        open_picture(tmp_path / "a.png")


def test_a_note_that_says_it_has_more_entries_than_bytes_spoils_no_picture(tmp_path):
    (tmp_path / "a.png").write_bytes(chunked(b"eXIf", b"II*\0\x08\0\0\0\xff\xff" + bytes(2**16)))
    assert decode_picture(tmp_path / "a.png").picture.size == (16, 16)


def test_an_animated_png_shows_its_first_frame_and_a_phones_pair_its_first_picture(tmp_path):
    red, blue = (Image.new("RGB", (8, 8), colour) for colour in ("red", "blue"))
    assert pixel(saved(tmp_path, red, "png", save_all=True, append_images=[blue])) == (255, 0, 0)
    red.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[blue])
    assert pixel(tmp_path / "a.jpg") == (254, 0, 0)


def test_a_huge_exif_is_no_reason_to_refuse(tmp_path):
    notes = exif(6)
    notes[0x9286] = b"x" * 60000
    assert decode_picture(saved(tmp_path, photo().resize((32, 16)), "jpg", exif=notes)).picture.size == (
        16,
        32,
    )


LARGEST = "524946461e000000574542505650384c110000002fffdfff070750e42217b9ff8188e87f0000"
"""A WebP of 8192 x 8192 pixels in 38 bytes; the format that needs most memory."""
WITHIN = """
import resource, sys
from pathlib import Path
from kit.images.decode import decode_picture
memory = 3 << 29
resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
print(decode_picture(Path(sys.argv[1])).picture.size)
"""


def test_the_largest_picture_is_decoded_in_the_memory_that_is_promised(tmp_path):
    (tmp_path / "a.webp").write_bytes(bytes.fromhex(LARGEST))
    call = [sys.executable, "-c", WITHIN, tmp_path / "a.webp"]
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(call, capture_output=True, text=True, env=one_thread, check=False)
    assert (done.stdout, done.stderr) == ("(8192, 8192)\n", "")
