import json
import os
from pathlib import Path

import pytest
from fakes import fake_picture
from hypothesis import given
from hypothesis import strategies as st

from kit.dataset.data_juicer import read_result
from kit.dataset.sources import FoundPicture, find_pictures
from kit.errors import InputError


def put(folder: Path, **files: str | bytes | None) -> Path:
    """Write files; None is a picture. A double underscore in a name stands for the dot."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / name.replace("__", ".")
        if content is None:
            fake_picture(name, 32).save(path)
        else:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def result(folder: Path, *rows: object) -> list[FoundPicture]:
    folder.mkdir(exist_ok=True)
    path = folder / "result.jsonl"
    lines = (row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows)
    path.write_text("\n".join(lines), encoding="utf-8")
    return read_result(path)


def told(found: list[FoundPicture]) -> list[tuple[str, str]]:
    """Return each picture's name and its caption, else why it has none."""
    return [(one.name, one.caption.text or one.fault or one.caption.fault) for one in found]


def test_captions_are_the_texts_beside_the_pictures(tmp_path):
    put(tmp_path, b__png=None, a__JPG=None, a__txt="小猫\n在公园", b__txt="\ufeffa dog", notes__md="x")
    put(tmp_path / "sub", c__png=None, c__txt="")
    assert told(find_pictures(tmp_path)) == [
        ("a.JPG", "小猫 在公园"),
        ("b.png", "a dog"),
        ("notes.md", "is not called a picture"),
        ("sub/c.png", "has no caption: c.txt is empty"),
    ]


def test_a_caption_that_cannot_be_read_is_a_reason(tmp_path):
    put(tmp_path, a__png=None, b__png=None, c__png=None, d__txt="alone")
    put(tmp_path, b__txt="二次元".encode("gbk"), c__txt="x" * 70000)
    assert told(find_pictures(tmp_path)) == [
        ("a.png", "has no caption: a.txt does not exist"),
        ("b.png", "its caption must be UTF-8 text, b.txt is not"),
        ("c.png", "has no caption: c.txt has more than 65536 bytes"),
        ("d.txt", "is a caption without a picture"),
    ]


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_table_tells_the_captions(tmp_path, mark):
    table = f'{mark}file_name,text\r\nb.png,"小猫，睡觉"\r\na.png,\r\n'
    put(tmp_path, a__png=None, b__png=None, c__png=None, metadata__csv=table)
    assert told(find_pictures(tmp_path)) == [
        ("b.png", "小猫，睡觉"),
        ("a.png", "has no caption: metadata.csv line 3 is empty"),
        ("c.png", "is not listed in metadata.csv"),
    ]


def test_a_row_that_is_not_utf8_is_a_reason_for_that_row(tmp_path):
    table = b"file_name,text\na.png," + "二次元".encode("gbk") + b"\nb.png,a dog\n"
    put(tmp_path, a__png=None, b__png=None, metadata__csv=table)
    assert told(find_pictures(tmp_path)) == [
        ("a.png", "its caption must be UTF-8 text, metadata.csv line 2 is not"),
        ("b.png", "a dog"),
    ]


def test_a_table_of_json_lines_tells_the_captions(tmp_path):
    rows = [
        '{"file_name": "a.png", "text": "小猫\u2028睡觉"}',
        "",
        "[" * 9999,
        '{"file_name": 3, "text": "x"}',
    ]
    put(tmp_path, a__png=None, metadata__jsonl="\n".join(rows))
    assert told(find_pictures(tmp_path)) == [
        ("a.png", "小猫 睡觉"),
        ("metadata.jsonl line 3", "must have file_name and text"),
        ("metadata.jsonl line 4", "must have file_name and text"),
    ]


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        ({"metadata__csv": "file,text\n"}, "must have the columns file_name and text"),
        ({"metadata__csv": b"\xff\xfe\x00"}, "must have the columns file_name and text"),
        ({"metadata__csv": f'file_name,text\na,"{"x" * 200000}"\n'}, "line 2: is not CSV"),
        ({"metadata__csv": "file_name,text\n", "metadata__jsonl": ""}, "must have one table"),
    ],
)
def test_a_table_that_cannot_be_read_as_a_whole_is_refused(tmp_path, files, fault):
    with pytest.raises(InputError, match=fault):
        find_pictures(put(tmp_path, **files))


def test_nothing_outside_the_folder_is_followed(tmp_path):
    outside = put(tmp_path / "outside", secret__png=None, secret__txt="secret")
    folder = put(tmp_path / "in", a__png=None, b__png=None, b__txt="fine")
    (folder / "a.txt").symlink_to(outside / "secret.txt")
    (folder / "c.png").symlink_to(outside / "secret.png")
    (folder / "d").symlink_to(outside)
    (folder / "e.png").symlink_to(folder / "e.png")
    (folder / "f.png").symlink_to(folder / "b.png")
    (folder / "g.png").mkdir()
    os.mkfifo(folder / "h.png")
    found = dict(told(find_pictures(folder)))
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
    outside = put(tmp_path / "outside", metadata__csv="file_name,text\na.png,secret\n")
    (put(tmp_path / "in", a__png=None) / "metadata.csv").symlink_to(outside / "metadata.csv")
    with pytest.raises(InputError, match=r"metadata\.csv: leads out of the folder"):
        find_pictures(tmp_path / "in")


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("../outside/secret.png", "leads out of the folder"),
        ("none.png", "does not exist"),
        ("", "names no file"),
        (".", "is no file"),
        ("a\0b", "names no file"),
        ("x" * 5000, "cannot be reached"),
        ("\ud800.png", "cannot be reached"),
    ],
)
def test_a_listed_path_that_is_no_picture_of_the_folder_is_a_fault(tmp_path, name, fault):
    put(tmp_path / "outside", secret__png=None)
    [found] = result(tmp_path / "in", json.dumps({"images": [name], "text": "x"}))
    assert found.fault.startswith(fault)
    found.name.encode()


def test_a_juicers_result_tells_each_pictures_caption_and_sample(tmp_path):
    put(tmp_path, a__png=None, b__png=None)
    chunks = "<__dj__image> a cat <|__dj__eoc|> <__dj__image> a dog <|__dj__eoc|>"
    found = result(
        tmp_path,
        {"images": ["a.png", str(tmp_path / "b.png")], "text": chunks, "__dj__stats__": {}},
        {"image": ["a.png"], "text": "二次元"},
        {"images": "b.png", "text": "one"},
    )
    assert [(one.path.name, one.sample, one.caption.text, one.fault) for one in found] == [
        ("a.png", 0, "a cat", ""),
        ("b.png", 0, "a dog", ""),
        ("a.png", 1, "二次元", ""),
        ("b.png", 2, "one", ""),
    ]


def test_a_line_of_a_result_that_cannot_be_used_is_a_fault_of_that_line(tmp_path):
    put(tmp_path, a__png=None)
    must = "must be an object with a list of pictures in images"
    assert told(
        result(tmp_path, "no json", {"text": "x"}, {"images": [3], "text": "x"}, {"images": ["a.png"]})
        + result(tmp_path, {"images": ["a.png"], "text": "<__dj__image><__dj__image>"})
    ) == [
        ("result.jsonl line 1", must),
        ("result.jsonl line 2", must),
        ("result.jsonl line 3", must),
        ("a.png", "has no caption: result.jsonl line 4 has no text"),
        ("a.png", "has no caption: result.jsonl line 1 marks 2 pictures and lists 1"),
    ]


def test_a_link_beside_an_absolute_path_must_not_lead_out_of_its_folder(tmp_path):
    outside = put(tmp_path / "outside", secret__png=None)
    (put(tmp_path / "in") / "a.png").symlink_to(outside / "secret.png")
    [found] = result(tmp_path, {"images": [str(tmp_path / "in" / "a.png")], "text": "x"})
    assert found.fault == "leads out of the folder"


@given(st.binary(max_size=300))
def test_no_table_is_a_crash(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("table")
    (folder / "result.jsonl").write_bytes(data)
    read_result(folder / "result.jsonl")
    (folder / "metadata.csv").write_bytes(b"file_name,text\n" + data)
    try:
        found = find_pictures(folder)
    except InputError:
        found = []
    assert all(one.fault or one.path.is_file() for one in found)
