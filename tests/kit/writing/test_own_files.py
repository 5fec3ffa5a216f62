"""A file that was changed meanwhile is not written over; names are those that any system takes."""

import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.errors import InputError, RunError
from kit.experiment.out_folder import MARK
from kit.writing.own_files import (
    MOST_BYTES,
    Conflict,
    Saved,
    difference,
    free_name,
    read_own,
    save_new,
    save_over,
    version_of,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rain.toml"
    path.write_bytes(b'title = "a"\n')
    return path


def test_what_was_seen_is_written_over(file: Path) -> None:
    saved = save_over(file, 'title = "b"\n', read_own(file).version)
    assert saved == Saved(version_of(file.read_bytes()))
    assert file.read_bytes() == b'title = "b"\n'
    assert os.listdir(file.parent) == [file.name]


def test_what_was_changed_meanwhile_stays_and_is_told(file: Path) -> None:
    seen = read_own(file).version
    file.write_bytes(b'title = "theirs"\n')
    told = save_over(file, 'title = "mine"\n', seen)
    assert isinstance(told, Conflict)
    assert told.there is not None
    assert told.there.text == 'title = "theirs"\n'
    assert file.read_bytes() == b'title = "theirs"\n'
    assert isinstance(save_over(file, 'title = "mine"\n', told.there.version), Saved)


def test_a_file_that_is_gone_is_not_made_anew_unasked(file: Path) -> None:
    seen = read_own(file).version
    file.unlink()
    assert save_over(file, "x = 1\n", seen) == Conflict(None)
    assert not file.exists()


def test_of_two_at_once_one_wins_and_the_other_is_told(file: Path) -> None:
    seen, found = read_own(file).version, []

    def save(number: int) -> None:
        found.append(save_over(file, f"x = {number}\n", seen))

    both = [threading.Thread(target=save, args=(number,)) for number in range(4)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert sorted(type(one).__name__ for one in found) == ["Conflict"] * 3 + ["Saved"]


@pytest.mark.parametrize(
    ("there", "kept"),
    [
        (b"a = 1\r\nb = 2\r\n", b"a = 1\r\nb = 3\r\n"),
        (b"\xef\xbb\xbfa = 1\nb = 2\n", b"\xef\xbb\xbfa = 1\nb = 3\n"),
        (b"a = 1\nb = 2", b"a = 1\nb = 3"),
    ],
)
def test_line_ends_and_marks_of_a_file_stay(file: Path, there: bytes, kept: bytes) -> None:
    file.write_bytes(there)
    own = read_own(file)
    save_over(file, own.text, own.version)
    assert file.read_bytes() == there
    save_over(file, own.text.replace("2", "3").replace("\n", "\r\n"), own.version)  # as a browser sends it
    assert file.read_bytes() == kept


def test_text_of_chinese_windows_is_read_and_becomes_utf8(file: Path) -> None:
    file.write_bytes('title = "雨天的小猫"\n'.encode("gbk"))
    own = read_own(file)
    assert (own.text, own.encoding) == ('title = "雨天的小猫"\n', "GB18030 (GBK)")
    save_over(file, own.text, own.version)
    assert file.read_text(encoding="utf-8") == own.text


@pytest.mark.parametrize("data", [b"x" * (MOST_BYTES + 1), b"PK\3\4zip", b"a\0b", b"\xff\xfe\xff"])
def test_what_is_no_text_for_a_form_is_told(file: Path, data: bytes) -> None:
    file.write_bytes(data)
    with pytest.raises(InputError):
        read_own(file)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            " ",
            ".",
            "..",
            "../rain",
            "a/b",
            "a\\b",
            "/etc/x",
            "C:x",
            "a:b",
            "~",
            ".hidden",
            "a\0b",
            "a\nb",
        ),
        *(
            "con",
            "NUL",
            "Com1",
            "lpt9",
            "aux.story",
            "a?",
            "a*",
            'a"b',
            "<a>",
            "a|b",
            "a.",
            "RAIN",
            "rain.toml",
        ),
        *("x" * 200, "雨" * 50, ".hidden", "rain.toml", "\u202etoml"),
    ],
)
def test_a_name_that_some_system_cannot_take_or_that_is_taken_writes_nothing(file: Path, name: str) -> None:
    with pytest.raises(RunError):
        save_new(file.parent, name, "x = 1\n")
    assert os.listdir(file.parent) == ["rain.toml"]


@pytest.mark.parametrize("name", ["snow", "雨天", "my story 2", "a.b-c_d", "Ö", "console"])
def test_a_plain_name_is_written(tmp_path: Path, name: str) -> None:
    path, _ = save_new(tmp_path, name, "x = 1\r\n")
    assert path == tmp_path / f"{name}.toml"
    assert path.read_bytes() == b"x = 1\n"


def test_a_free_name_has_a_number_behind_it(file: Path) -> None:
    assert free_name(file.parent, "Rain") == "Rain-2"
    assert free_name(file.parent, "snow") == "snow"


def test_nothing_is_written_among_what_was_drawn(tmp_path: Path) -> None:
    (tmp_path / "experiment.toml").write_text(MARK, encoding="utf-8")
    (tmp_path / "stories").mkdir()
    drawn = tmp_path / "stories" / "rain.toml"
    drawn.write_text("x = 1\n", encoding="utf-8")
    with pytest.raises(RunError, match="is a run"):
        save_over(drawn, "x = 2\n", read_own(drawn).version)
    for folder in (tmp_path, tmp_path / "stories"):
        with pytest.raises(RunError, match="is a run"):
            save_new(folder, "snow", "x = 1\n")


def test_a_link_stays_a_link(file: Path) -> None:
    link = file.with_name("link.toml")
    link.symlink_to(file.name)
    save_over(link, "x = 1\n", read_own(link).version)
    assert link.is_symlink()
    assert file.read_bytes() == b"x = 1\n"


@given(st.text("ab\n", max_size=40), st.text("ab\n", max_size=40))
def test_a_difference_holds_every_line_that_is_not_shared(mine: str, theirs: str) -> None:
    lines = difference(mine, theirs)
    added, gone = ([one.text for one in lines if one.kind == kind] for kind in ("theirs", "mine"))
    assert sorted([*mine.splitlines(), *added]) == sorted([*theirs.splitlines(), *gone])
