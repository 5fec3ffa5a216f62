from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from photos import SECRET_PLACE, exif, jpeg, photo, saved
from PIL import Image, PngImagePlugin

from kit.errors import InputError
from kit.images.decode import decode_picture
from kit.images.strip_metadata import strip_jpeg_metadata, strip_metadata


@pytest.mark.parametrize("orientation", [1, 0, 9])
def test_a_jpeg_is_copied_without_its_exif_and_without_a_changed_pixel(tmp_path, orientation):
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(exif=exif(orientation), comment=SECRET_PLACE) + SECRET_PLACE)
    opened = decode_picture(path)
    suffix, data = strip_metadata(opened)
    assert suffix == ".jpg"
    assert SECRET_PLACE not in data
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
    notes.add_text("Author", SECRET_PLACE.decode())
    opened = decode_picture(saved(tmp_path, photo(), "png", pnginfo=notes, exif=exif(1), dpi=(72, 72)))
    suffix, data = strip_metadata(opened)
    assert (suffix, SECRET_PLACE in data, b"eXIf" in data) == (".png", False, False)
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
        reason = "is damaged: not so"
    assert reason.startswith(("is damaged", "has ", "is not a picture of a known format"))
