import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.errors import RunError
from kit.files.encodings import canonical_json, sha256_bytes, sha256_of


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
    for place in (tmp_path, tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(RunError, match="cannot be read: it is no file"):
            sha256_of(place)
