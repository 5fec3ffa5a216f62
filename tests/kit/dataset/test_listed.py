from pathlib import Path

import pytest
from source_folders import put_files

from kit.dataset.listed import NO_CAPTION, ListedFolder, caption_of, files_of


def test_hidden_files_and_what_systems_leave_are_not_listed(tmp_path):
    put_files(tmp_path, a__png=None, b__txt="x", **{"__hidden": "x", "Thumbs__db": "x", "desktop__ini": "x"})
    for folder in ("__MACOSX", ".git", "sub"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "c.png").touch()
    assert [path.relative_to(tmp_path).as_posix() for path in files_of(tmp_path)] == [
        "a.png",
        "b.txt",
        "sub/c.png",
    ]


@pytest.mark.parametrize(
    "listed", ["", " ", "\t", "\0", "a\0.png", "~", "~nobody/a.png", "\\", "//", ".", "\ud800", "x" * 5000]
)
def test_a_name_that_means_no_picture_is_a_fault_and_never_a_crash(tmp_path, listed):
    found = ListedFolder(tmp_path).picture(listed, 0, "metadata.csv line 2", NO_CAPTION)
    assert found.fault
    found.name.encode()


def test_a_name_that_could_be_either_of_two_is_neither(tmp_path):
    put_files(tmp_path, **{"A__png": None, "a__PNG": None})
    assert ListedFolder(tmp_path).picture("a.png", 0, "x", NO_CAPTION).fault == "does not exist"
    assert ListedFolder(tmp_path).picture("A.png", 0, "x", NO_CAPTION).path == Path(tmp_path / "A.png")


@pytest.mark.parametrize("sign", ["\0", "\x1b", "\x08", "\x7f", "\x9b"])
def test_a_sign_that_steers_a_terminal_is_no_part_of_a_caption(sign):
    assert (
        caption_of(f"a {sign} cat", "a.txt").fault == f"has no caption: a.txt holds a control sign, {sign!a}"
    )


@pytest.mark.parametrize("text", ["a cat 🐱", "👩‍👧 and \u200b", "قطة", "e\u0301", "小猫"])
def test_every_letter_that_people_write_is(text):
    assert caption_of(text, "a.txt").text == text
