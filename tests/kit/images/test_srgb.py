from pathlib import Path

import numpy as np
import pytest
from photos import exif, photo, saved
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


@pytest.mark.parametrize(
    ("mode", "profile"), [("RGB", b"no profile"), ("CMYK", swapped_profile())], ids=["torn", "for RGB"]
)
def test_a_profile_that_cannot_be_used_is_a_reason(tmp_path, mode, profile):
    path = saved(tmp_path, Image.new(mode, (4, 4)), "jpg", icc_profile=profile)
    with pytest.raises(InputError, match="its colour profile"):
        decode_picture(path)


def test_values_without_a_known_white_are_refused(tmp_path):
    path = saved(tmp_path, Image.fromarray(np.ones((4, 4), np.float32)), "tif")
    with pytest.raises(InputError, match="32-bit values is white is not known"):
        decode_picture(path)


TURNS = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
"""The transposition that gives the pixels as such a camera stores them, by its note."""


@pytest.mark.parametrize("orientation", TURNS)
def test_every_turn_that_a_camera_notes_gives_the_same_upright_picture(tmp_path, orientation):
    upright = photo().resize((24, 16))
    stored = upright if TURNS[orientation] is None else upright.transpose(TURNS[orientation])
    path = saved(tmp_path, stored, "png", exif=exif(orientation))
    assert decode_picture(path).picture.tobytes() == upright.tobytes()


@pytest.mark.parametrize(
    "notes", [b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0nonsense", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"]
)
def test_notes_that_are_damaged_spoil_no_picture(tmp_path, notes):
    path = saved(tmp_path, photo(), "jpg", exif=notes)
    assert decode_picture(path).picture.size == (64, 64)


def test_a_large_picture_is_converted_row_by_row_as_a_small_one(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (700, 3, 4), dtype=np.uint8)
    whole = decode_picture(saved(tmp_path, Image.fromarray(pixels, "RGBA"), "png")).picture
    for top in (0, 255, 256, 511, 512, 699):
        row = saved(tmp_path, Image.fromarray(pixels[top : top + 1], "RGBA"), "png")
        assert np.array_equal(np.asarray(whole)[top], np.asarray(decode_picture(row).picture)[0])
