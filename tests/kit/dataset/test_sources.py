import os
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from source_folders import captions_told, put_files

from kit.dataset.data_juicer import read_result
from kit.dataset.sources import find_pictures
from kit.errors import InputError


def test_captions_are_the_texts_beside_the_pictures(tmp_path):
    put_files(tmp_path, b__png=None, a__JPG=None, a__txt="小猫\n在公园", b__txt="\ufeffa dog", notes__md="x")
    put_files(tmp_path / "sub", c__png=None, c__txt="")
    assert captions_told(find_pictures(tmp_path)) == [
        ("a.JPG", "小猫 在公园"),
        ("b.png", "a dog"),
        ("notes.md", "is not called a picture"),
        ("sub/c.png", "has no caption: c.txt is empty"),
    ]


def test_a_caption_that_cannot_be_read_is_a_reason(tmp_path):
    put_files(tmp_path, a__png=None, b__png=None, c__png=None, d__txt="alone")
    put_files(tmp_path, b__txt="二次元".encode("gbk"), c__txt="x" * 70000)
    assert captions_told(find_pictures(tmp_path)) == [
        ("a.png", "has no caption: a.txt does not exist"),
        ("b.png", "二次元"),
        ("c.png", "has no caption: c.txt has more than 65536 bytes"),
        ("d.txt", "is a caption without a picture"),
    ]


@pytest.mark.parametrize("name", ["p__heic", "p__HEIF", "p__avif", "p__cr2", "p__psd", "p__tga"])
def test_the_caption_of_a_picture_that_is_not_opened_is_no_fault_of_its_own(tmp_path, name):
    put_files(tmp_path, **{name: "x"}, a__png=None, a__txt="a cat", p__txt="a dog", lone__txt="alone")
    told = dict(captions_told(find_pictures(tmp_path)))
    assert told.pop("a.png") == "a cat"
    assert told.pop("lone.txt") == "is a caption without a picture"
    ((_, fault),) = told.items()
    assert fault.endswith("which is not opened here: save it as PNG or JPEG")


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_table_tells_the_captions(tmp_path, mark):
    table = f'{mark}file_name,text\r\nb.png,"小猫，睡觉"\r\na.png,\r\n'
    put_files(tmp_path, a__png=None, b__png=None, c__png=None, metadata__csv=table)
    assert captions_told(find_pictures(tmp_path)) == [
        ("b.png", "小猫，睡觉"),
        ("a.png", "has no caption: metadata.csv line 3 is empty"),
        ("c.png", "is not listed in metadata.csv"),
    ]


def test_a_table_of_json_lines_tells_the_captions(tmp_path):
    rows = [
        '{"file_name": "a.png", "text": "小猫\u2028睡觉"}',
        "",
        "[" * 9999,
        '{"file_name": 3, "text": "x"}',
    ]
    put_files(tmp_path, a__png=None, metadata__jsonl="\n".join(rows))
    assert captions_told(find_pictures(tmp_path)) == [
        ("a.png", "小猫 睡觉"),
        ("metadata.jsonl line 3", "must be a JSON object with file_name and text"),
        ("metadata.jsonl line 4", "must be a JSON object with file_name and text"),
    ]


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        ({"metadata__csv": "file,text\n"}, "must have the columns file_name and text"),
        ({"metadata__csv": b"\xff\xfe\x00"}, "begins as UTF-16 text and is none"),
        ({"metadata__csv": "file_name,text\n", "metadata__jsonl": ""}, "must have one table"),
    ],
)
def test_a_table_that_cannot_be_read_as_a_whole_is_refused(tmp_path, files, fault):
    with pytest.raises(InputError, match=fault):
        find_pictures(put_files(tmp_path, **files))


def test_nothing_outside_the_folder_is_followed(tmp_path):
    outside = put_files(tmp_path / "outside", secret__png=None, secret__txt="secret")
    folder = put_files(tmp_path / "in", a__png=None, b__png=None, b__txt="fine")
    (folder / "a.txt").symlink_to(outside / "secret.txt")
    (folder / "c.png").symlink_to(outside / "secret.png")
    (folder / "d").symlink_to(outside)
    (folder / "e.png").symlink_to(folder / "e.png")
    (folder / "f.png").symlink_to(folder / "b.png")
    (folder / "g.png").mkdir()
    os.mkfifo(folder / "h.png")
    found = dict(captions_told(find_pictures(folder)))
    assert found.pop("e.png").startswith(("cannot be reached", "leads out", "does not exist"))
    assert found == {
        "a.png": "has no caption: a.txt leads out of the folder",
        "b.png": "fine",
        "c.png": "leads out of the folder",
        "d": "is not called a picture",
        "f.png": "has no caption: f.txt does not exist",
        "h.png": "is no file",
    }


def test_a_table_outside_the_folder_is_not_followed(tmp_path):
    outside = put_files(tmp_path / "outside", metadata__csv="file_name,text\na.png,secret\n")
    (put_files(tmp_path / "in", a__png=None) / "metadata.csv").symlink_to(outside / "metadata.csv")
    with pytest.raises(InputError, match=r"metadata\.csv: leads out of the folder"):
        find_pictures(tmp_path / "in")


@given(st.binary(max_size=300))
def test_no_table_is_a_crash(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("table")
    (folder / "result.jsonl").write_bytes(data)
    with suppress(InputError):
        read_result(folder / "result.jsonl")
    (folder / "metadata.csv").write_bytes(b"file_name,text\n" + data)
    try:
        found = find_pictures(folder)
    except InputError:
        found = []
    assert all(one.fault or one.path.is_file() for one in found)
