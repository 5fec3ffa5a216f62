import io
import json
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.files.encodings import canonical_json, sha256_bytes, sha256_of, zip_bytes, zip_pieces


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
