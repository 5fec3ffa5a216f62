import csv
import io
import json
import os
import re
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.errors import RunError
from kit.files.encodings import (
    canonical_json,
    csv_bytes,
    csv_rows,
    guarded,
    sha256_bytes,
    sha256_of,
    shown_path,
    unguarded,
    zip_bytes,
    zip_pieces,
)


def test_the_sha256_is_the_published_one_of_abc(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_bytes(b"abc") == known
    assert sha256_of(tmp_path / "abc") == known


def test_canonical_json_ignores_the_order_of_keys_and_keeps_chinese() -> None:
    assert canonical_json({"b": [1.5], "a": "雪"}) == canonical_json({"a": "雪", "b": [1.5]})
    assert canonical_json({"a": "雪"}) == '{"a":"雪"}'.encode()


def test_canonical_json_refuses_nan() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"score": float("nan")})


readable = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | readable,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(readable, inner, max_size=3),
    max_leaves=10,
)


@given(json_values)
def test_canonical_json_reads_back_as_the_same_value(value: object) -> None:
    assert json.loads(canonical_json(value)) == value


def test_a_folder_or_a_pipe_has_no_sha256_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(RunError, match="cannot be read: it is neither a file nor a folder"):
            sha256_of(place)
    with pytest.raises(RunError, match="cannot be read: Is a directory"):
        sha256_of(tmp_path)


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"a.txt": b"", "folder/b.txt": b"b" * 100_000},
        {"b.txt": b"1", "a.txt": memoryview(b"2")},
        {"图/墨.png": b"name beyond ASCII"},
    ],
)
def test_a_zip_is_to_the_byte_what_zipfile_writes_of_files_that_are_not_compressed(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            archive.writestr(entry, data)
    assert zip_bytes(files) == b"".join(zip_pieces(files)) == buffer.getvalue()


FORMULAS = (
    "=1+1", "+1", "-1", "@SUM(A1)", "＝1", "＋1", "－1", "−1", "﹦1", "⁼1", " =1", "\u3000=1",
    "\u200b=1", "\ufeff=1",
    "'=1", '"=1', "a;=cmd|' /C calc'!A0", 'a;"=1', "a\t=1", "a|=1", "a\n=1", "a; ;=1",
)  # fmt: skip


@pytest.mark.parametrize("text", FORMULAS)
def test_no_reader_of_a_table_finds_a_formula_in_a_strangers_words(text):
    data = csv_bytes(("rank", "words", "last"), [{"rank": 1, "words": text, "last": -0.5}])
    lines = data.decode("utf-8-sig")
    for separator in ",;\t|":
        for row in csv.reader(io.StringIO(lines, newline=""), delimiter=separator):
            for cell in row:
                assert not cell.lstrip(' "\u3000\u200b\ufeff').startswith(tuple("=+@－−＝＋﹦⁼"))
                assert not re.match(r"-(?!0\.5)", cell)
    (row,) = csv_rows(data)
    assert row == {"rank": "1", "words": text, "last": "-0.5"}


@pytest.mark.parametrize("text", ["a-b", "雨夜", "a; b", "1girl, solo, -", "a = b", "'tis", ""])
def test_other_words_stay_as_they_are_in_a_table(text):
    assert guarded(text) == text


def test_a_strangers_table_with_a_formula_is_refused():
    with pytest.raises(ValueError, match="a cell that a spreadsheet would run"):
        csv_rows(b"panel,prompt\n1,=1+1\n")


@given(st.text("a=;'\t \"+|-\n,＝", max_size=12))
def test_what_was_guarded_is_read_as_it_was(text):
    assert unguarded(guarded(text)) == text


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("封面.zip".encode(), "封面.zip"),
        ("封面.zip".encode("gbk"), "封面.zip"),
        (b"\xff\xfe.zip", r"\xff\xfe.zip"),
        (b"\x1b[2J.zip", r"\x1b[2J.zip"),
        ("a\u202egpj.zip".encode(), r"a\u202egpj.zip"),
    ],
)
def test_a_files_name_is_shown_whatever_bytes_it_has(name, shown):
    assert shown_path(Path(os.fsdecode(name))) == shown
