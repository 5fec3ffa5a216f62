import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from photos import exif, jpeg, photo, saved
from PIL import Image, ImageCms

from kit.errors import InputError
from kit.images.decode import decode_picture
from kit.images.strip_metadata import strip_metadata


def pixel(path: Path) -> tuple[int, ...]:
    opened = decode_picture(path).picture
    assert opened.mode == "RGB"
    return opened.getpixel((0, 0))


@pytest.mark.parametrize("colour", [(0, 0, 0, 0), (255, 0, 0, 0)])
def test_what_is_transparent_becomes_white(tmp_path, colour):
    assert pixel(saved(tmp_path, Image.new("RGBA", (4, 4), colour), "png")) == (255, 255, 255)


def test_half_transparent_is_half_white(tmp_path):
    assert pixel(saved(tmp_path, Image.new("RGBA", (4, 4), (0, 0, 0, 128)), "png")) == (127, 127, 127)


def test_a_palettes_transparent_colour_becomes_white(tmp_path):
    picture = Image.new("P", (4, 4), 1)
    picture.putpalette([0, 0, 0, 200, 0, 0])
    assert pixel(saved(tmp_path, picture, "png", transparency=1)) == (255, 255, 255)
    assert pixel(saved(tmp_path, picture, "gif")) == (200, 0, 0)


@pytest.mark.parametrize(("value", "grey"), [(0, 0), (65535, 255), (32896, 128), (300, 1)])
def test_sixteen_bit_become_eight(tmp_path, value, grey):
    picture = Image.fromarray(np.full((4, 4), value, np.uint16))
    assert pixel(saved(tmp_path, picture, "png")) == (grey, grey, grey)


@pytest.mark.parametrize("mode", ["L", "1", "LA", "CMYK"])
def test_every_other_mode_becomes_rgb(tmp_path, mode):
    picture = photo().convert(mode)
    assert decode_picture(saved(tmp_path, picture, "tif" if mode == "CMYK" else "png")).picture.mode == "RGB"


def test_the_first_of_several_frames_is_taken(tmp_path):
    first, second = (Image.new("RGB", (4, 4), colour) for colour in ("red", "blue"))
    assert pixel(saved(tmp_path, first, "gif", save_all=True, append_images=[second])) == (255, 0, 0)
    lossless = saved(tmp_path, first, "webp", save_all=True, append_images=[second], lossless=True)
    assert pixel(lossless) == (255, 0, 0)


def test_a_picture_stands_as_its_camera_noted(tmp_path):
    path = saved(tmp_path, photo().resize((64, 32)), "jpg", exif=exif(6))
    opened = decode_picture(path)
    assert opened.picture.size == (32, 64)
    assert strip_metadata(opened)[0] == ".png"


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def swapped_profile() -> bytes:
    """Return a profile that calls green what sRGB calls red."""
    named = srgb_profile().replace("sRGB".encode("utf-16-be"), "test".encode("utf-16-be"))
    return named.replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")


def test_colours_are_converted_by_the_files_own_profile(tmp_path):
    red = Image.new("RGB", (8, 8), (250, 10, 10))
    assert pixel(saved(tmp_path, red, "png", icc_profile=srgb_profile())) == (250, 10, 10)
    r, g, _ = pixel(saved(tmp_path, red, "png", icc_profile=swapped_profile()))
    assert g > 200 > 100 > r
    opened = decode_picture(saved(tmp_path, red, "jpg", icc_profile=swapped_profile()))
    assert strip_metadata(opened)[0] == ".png"
    opened = decode_picture(saved(tmp_path, red, "jpg", icc_profile=srgb_profile()))
    assert strip_metadata(opened)[0] == ".jpg"


@pytest.mark.parametrize(("mode", "profile"), [("RGB", b"no profile"), ("CMYK", swapped_profile())])
def test_a_profile_that_cannot_be_used_is_a_reason(tmp_path, mode, profile):
    path = saved(tmp_path, Image.new(mode, (4, 4)), "jpg", icc_profile=profile)
    with pytest.raises(InputError, match="its colour profile"):
        decode_picture(path)


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
        (b"", "is not a picture of a known format"),
        (b"no picture", "is not a picture of a known format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is not a picture of a known format"),
        (jpeg()[:400], "cannot be used: Truncated"),
        (bomb(12000), "cannot be used: has 12000 x 12000 pixels, 134217728 are the most"),
        (bomb(60000), "cannot be used: .*pixels"),
    ],
)
def test_what_is_no_whole_picture_is_refused_with_the_reason(tmp_path, data, reason):
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(InputError, match=reason):
        decode_picture(tmp_path / "a.png")


def test_values_without_a_known_white_are_refused(tmp_path):
    path = saved(tmp_path, Image.fromarray(np.ones((4, 4), np.float32)), "tif")
    with pytest.raises(InputError, match="32-bit values is white is not known"):
        decode_picture(path)
