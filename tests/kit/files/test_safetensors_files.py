import json
import struct

import pytest

from kit.files.safetensors_files import read_safetensors


def header(document: object, body: bytes = b"") -> bytes:
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    return struct.pack("<Q", len(text)) + text + body


def spot(shape: list[int], offsets: list[int], dtype: str = "F32") -> dict[str, object]:
    return {"a": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "has 0 bytes, its header would end beyond them"),
        (struct.pack("<Q", 2**63) + b"{}", "its header would end beyond them"),
        (
            header(b"[" * 100_000),
            "is refused by safetensors: Error while deserializing: invalid JSON in header",
        ),
        (header([]), "invalid JSON in header"),
        (header({"a": {"b": "c"}}), "invalid JSON in header: missing field `dtype`"),
        (
            header({"__metadata__": {"dtype": "F32", "shape": [], "data_offsets": [0, 0]}}),
            "invalid JSON in header",
        ),
        (header(spot([1], [0, 4])), "incomplete metadata, file not fully covered"),
        (header(spot([1], [-4, 0]), b"1234"), "invalid JSON in header: invalid value: integer `-4`"),
        (header(spot([1], [4, 0]), b"1234"), "invalid offset for tensor `a`"),
        (header(spot([2], [0, 4]), b"1234"), "invalid shape, data type, or offset for tensor"),
        (header(spot([1], [0, 2], "F16"), b"1234"), "incomplete metadata, file not fully covered"),
        (header(spot([1], [2, 4], "F16"), b"1234"), "invalid offset for tensor `a`"),
        (header(spot([2**31, 0], [0, 0])), r"has a with sides \(2147483648, 0\), which are too long"),
        (header({"a": ["F32", [], [0, 4]]}, b"1234"), "its header must hold tables"),
        (header(spot([0, 2**30, 4], [0, 0])), "which are too long"),
        (
            header({"__metadata__": {"a": "b" * (1 << 20)}}),
            "has a header of 1048611 bytes, 1048576 are the most",
        ),
    ],
)
def test_a_header_that_lies_is_one_clear_error(data, fault):
    with pytest.raises(ValueError, match=fault):
        read_safetensors(data)
