import json
from pathlib import Path

import pytest
from source_folders import put_files

from kit.dataset.captioning.caption_places import caption_places
from kit.dataset.sources import find_pictures
from kit.errors import InputError


def written(folder: Path, captions: dict[int, str]) -> dict[str, str]:
    """Write captions and return each picture's as the product reads it."""
    caption_places(folder).write(captions)
    return {one.name: one.caption.text for one in find_pictures(folder) if one.is_picture}


def test_a_caption_goes_into_the_file_that_holds_it_else_into_a_new_one(tmp_path: Path) -> None:
    put_files(tmp_path, a__png=None, a__caption="old", b__png=None, b__png__txt="old", c__png=None)
    assert written(tmp_path, {0: "one", 1: "two", 2: "three"}) == {
        "a.png": "one",
        "b.png": "two",
        "c.png": "three",
    }
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix != ".png") == [
        "a.caption", "b.png.txt", "c.txt"
    ]  # fmt: skip


def test_pictures_of_one_name_get_a_caption_each(tmp_path: Path) -> None:
    put_files(tmp_path, a__png=None, a__jpg=None)
    assert written(tmp_path, {0: "of the jpg", 1: "of the png"}) == {
        "a.jpg": "of the jpg",
        "a.png": "of the png",
    }


def test_names_that_differ_in_their_letters_case_alone_share_no_caption(tmp_path: Path) -> None:
    put_files(tmp_path, a__png=None, A__jpg=None)
    assert written(tmp_path, {0: "of the jpg", 1: "of the png"}) == {
        "A.jpg": "of the jpg",
        "a.png": "of the png",
    }


def test_a_table_keeps_its_other_columns_rows_and_delimiter(tmp_path: Path) -> None:
    table = 'sep=;\nid;file_name;text;who\n1;a.png;"old; words";"me ""x"""\n2;b.png;;\n'
    put_files(tmp_path, a__png=None, b__png=None, metadata__csv=table.encode("utf-8-sig"))
    assert written(tmp_path, {1: "a dog, sitting; 小猫"}) == {
        "a.png": "old; words",
        "b.png": "a dog, sitting; 小猫",
    }
    text = (tmp_path / "metadata.csv").read_text("utf-8-sig")
    assert text.splitlines()[:2] == ["sep=;", "id;file_name;text;who"]
    assert '1;a.png;"old; words";"me ""x"""' in text


def test_a_table_in_gbk_comes_back_in_utf_8(tmp_path: Path) -> None:
    table = "file_name,text\na.png,一只橙色的小猫在公园里奔跑，白天\nb.png,\n".encode("gbk")
    put_files(tmp_path, a__png=None, b__png=None, metadata__csv=table)
    told = written(tmp_path, {1: "小狗"})
    assert told == {"a.png": "一只橙色的小猫在公园里奔跑，白天", "b.png": "小狗"}


def test_a_table_of_json_lines_keeps_what_else_it_says(tmp_path: Path) -> None:
    table = '{"file_name": "a.png", "text": "", "seed": 3}\n\n{"file_name": "b.png", "text": "old"}\n'
    put_files(tmp_path, a__png=None, b__png=None, metadata__jsonl=table)
    assert written(tmp_path, {0: "小猫"}) == {"a.png": "小猫", "b.png": "old"}
    assert '"seed": 3' in (tmp_path / "metadata.jsonl").read_text("utf-8")


def test_half_a_surrogate_in_another_column_stays_as_it_is(tmp_path: Path) -> None:
    table = '{"file_name": "a.png", "text": "", "who": "\\ud83d 猫"}\n{"file_name": "b.png", "text": "狗"}\n'
    put_files(tmp_path, a__png=None, b__png=None, metadata__jsonl=table)
    assert written(tmp_path, {0: "小猫"}) == {"a.png": "小猫", "b.png": "狗"}
    first, second = (tmp_path / "metadata.jsonl").read_text("utf-8").splitlines()
    assert json.loads(first)["who"] == "\ud83d 猫"
    assert '"狗"' in second


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({}, "has no picture in it"),
        ({"notes__txt": "x"}, "has no picture in it"),
        ({"metadata__csv": "file_name,text\n"}, "has no picture in it"),
        ({"a__png": None, "metadata__csv": 'file_name,text\na.png,"x\n'}, "line 2: a quote opens"),
    ],
)
def test_folders_without_pictures_and_spoiled_tables_are_refused(
    tmp_path: Path, files: dict[str, str | None], told: str
) -> None:
    with pytest.raises(InputError, match=told):
        caption_places(put_files(tmp_path, **files))


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="gone"):
        caption_places(tmp_path / "gone")
