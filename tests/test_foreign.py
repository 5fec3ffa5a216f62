import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from fakes import fake_picture
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms, PngImagePlugin

from kit.errors import InputError
from kit.images.decode import decode_picture
from kit.images.near_duplicates import NEAR, near_duplicates, perceptual_hash
from kit.images.strip_metadata import strip_jpeg_metadata, strip_metadata

SECRET = b"SECRET-PLACE"


def photo(size: int = 64) -> Image.Image:
    return fake_picture("photo", size)


def saved(folder: Path, picture: Image.Image, kind: str, **options: object) -> Path:
    path = folder / f"picture.{kind}"
    picture.save(path, **options)
    return path


def jpeg(**options: object) -> bytes:
    file = BytesIO()
    photo().save(file, "JPEG", quality=90, **options)
    return file.getvalue()


def exif(orientation: int) -> Image.Exif:
    told = Image.Exif()
    told[0x0112], told[0x010E] = orientation, SECRET.decode()
    told.get_ifd(0x8825)[1] = "N"
    return told


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


@pytest.mark.parametrize("orientation", [1, 0, 9])
def test_a_jpeg_is_copied_without_its_exif_and_without_a_changed_pixel(tmp_path, orientation):
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(exif=exif(orientation), comment=SECRET) + SECRET)
    opened = decode_picture(path)
    suffix, data = strip_metadata(opened)
    assert suffix == (".jpg" if orientation == 1 else ".png")
    assert SECRET not in data
    assert b"Exif" not in data
    assert Image.open(BytesIO(data)).convert("RGB").tobytes() == opened.picture.tobytes()


@pytest.mark.parametrize("options", [{"progressive": True}, {"restart_marker_rows": 1}, {"subsampling": 0}])
def test_every_kind_of_jpeg_is_copied(tmp_path, options):
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(**options))
    assert strip_metadata(decode_picture(path)) == (".jpg", jpeg(**options))


def test_a_grey_jpeg_becomes_a_png_and_an_adobe_one_keeps_its_colours(tmp_path):
    assert strip_metadata(decode_picture(saved(tmp_path, photo().convert("L"), "jpg")))[0] == ".png"
    path = saved(tmp_path, photo(), "jpg", keep_rgb=True)
    opened = decode_picture(path)
    assert Image.open(BytesIO(strip_metadata(opened)[1])).convert("RGB").tobytes() == opened.picture.tobytes()


def test_a_png_loses_its_texts_and_no_pixel(tmp_path):
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Author", SECRET.decode())
    opened = decode_picture(saved(tmp_path, photo(), "png", pnginfo=notes, exif=exif(1), dpi=(72, 72)))
    suffix, data = strip_metadata(opened)
    assert (suffix, SECRET in data, b"eXIf" in data) == (".png", False, False)
    assert Image.open(BytesIO(data)).tobytes() == photo().tobytes()


@given(st.binary(max_size=400))
def test_whatever_follows_a_jpegs_start_is_walked_to_an_end(tail):
    bare = strip_jpeg_metadata(b"\xff\xd8" + tail)
    assert bare is None or bare.endswith(b"\xff\xd9")


@given(st.integers(0, 900), st.integers(0, 255))
def test_a_damaged_picture_is_refused_or_read_and_never_a_crash(tmp_path_factory, place, value):
    data = bytearray(jpeg(exif=exif(6)))
    data[place % len(data)] = value
    path = tmp_path_factory.mktemp("damaged") / "a.jpg"
    path.write_bytes(data)
    try:
        strip_metadata(decode_picture(path))
    except InputError as error:
        reason = error.faults[0]
    else:
        reason = "cannot be used: not so"
    assert reason.startswith(("cannot be used: ", "is not a picture of a known format"))


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


# near duplicates


def differing(one: Image.Image, other: Image.Image) -> int:
    return int((perceptual_hash(one) != perceptual_hash(other)).sum())


def test_a_smaller_or_compressed_or_brighter_copy_is_near(tmp_path):
    large = fake_picture("a", 256).resize((300, 200), Image.Resampling.BICUBIC)
    path = tmp_path / "a.jpg"
    large.save(path, quality=40)
    assert differing(large, large.resize((150, 100), Image.Resampling.LANCZOS)) <= NEAR
    assert differing(large, Image.open(path)) <= NEAR
    assert differing(large, large.point(lambda value: value * 0.9)) <= NEAR


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_two_other_pictures_are_not_near(one, other):
    near = differing(fake_picture(f"a{one}", 64), fake_picture(f"a{other}", 64)) <= NEAR
    assert near == (one == other)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 5)), min_size=1, max_size=9))
def test_of_near_duplicates_the_largest_stays_and_of_equal_ones_the_first(pictures):
    kinds = [np.arange(256) // 64 == kind for kind, _ in pictures]
    found = near_duplicates(kinds, [area for _, area in pictures])
    for kind in {kind for kind, _ in pictures}:
        group = [n for n, picture in enumerate(pictures) if picture[0] == kind]
        best = max(group, key=lambda n: (pictures[n][1], -n))
        assert {n: found.get(n) for n in group} == {n: None if n == best else best for n in group}
