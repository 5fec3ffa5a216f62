"""The same bytes for the same content: JSON, CSV, zip, sha256."""

import csv
import hashlib
import io
import json
import re
import stat
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import JsonValue

from kit.errors import RunError

Piece = bytes | memoryview
"""A part of a file that is never put together in memory."""
_FIRST_DAY = 33
"""1 January 1980, the first that a zip can hold; the time is midnight."""
_VERSION, _UNIX, _UTF_8 = 20, 3, 0x800
_LOCAL = struct.Struct("<4s5H3L2H")
_LISTED = struct.Struct("<4sBB5H3L5H2L")
_END = struct.Struct("<4s4H2LH")


class ZipEntry(NamedTuple):
    """A file of a zip in which nothing is compressed."""

    name: str
    size_bytes: int
    crc: int

    @property
    def head(self) -> bytes:
        """Return what stands before the file's own bytes."""
        name, flags = self._name
        sizes = (self.crc, self.size_bytes, self.size_bytes)
        return _LOCAL.pack(b"PK\3\4", _VERSION, flags, 0, 0, _FIRST_DAY, *sizes, len(name), 0) + name

    def listed(self, start: int) -> bytes:
        """Return the file's line in the zip's list; it starts at this byte."""
        name, flags = self._name
        facts = (
            _VERSION,
            _UNIX,
            _VERSION,
            flags,
            0,
            0,
            _FIRST_DAY,
            self.crc,
            self.size_bytes,
            self.size_bytes,
        )
        mode = (stat.S_IFREG | 0o644) << 16
        return _LISTED.pack(b"PK\1\2", *facts, len(name), 0, 0, 0, 0, mode, start) + name

    @property
    def _name(self) -> tuple[bytes, int]:
        return self.name.encode(), 0 if self.name.isascii() else _UTF_8


def zip_end(entries: Sequence[ZipEntry]) -> bytes:
    """Return what stands behind the last file of a zip: the list of its files, and where it begins."""
    lines, start = [], 0
    for entry in entries:
        lines.append(entry.listed(start))
        start += len(entry.head) + entry.size_bytes
    listed = b"".join(lines)
    return listed + _END.pack(b"PK\5\6", 0, 0, len(lines), len(lines), len(listed), start, 0)


def zip_pieces(files: Mapping[str, Piece]) -> Iterator[Piece]:
    """Yield a zip of these files in pieces, in their order; the same files give the same bytes everywhere.

    Nothing is compressed: pictures and weights gain nothing by it, and another zlib packs otherwise. The
    form is that of Python's zipfile, for fewer than 65,536 files and 4 GiB.
    """
    entries = [ZipEntry(name, len(data), zlib.crc32(data)) for name, data in files.items()]
    for entry, data in zip(entries, files.values(), strict=True):
        yield entry.head
        yield data
    yield zip_end(entries)


def zip_bytes(files: Mapping[str, Piece]) -> bytes:
    """Return the zip that `zip_pieces` yields."""
    return b"".join(zip_pieces(files))


def sha256_bytes(data: bytes) -> str:
    """Return the sha256 of the data, 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file, 64 hex digits; raises RunError when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror or error}") from error


def canonical_json(value: object) -> bytes:
    """Return the one JSON text of a value: sorted keys, no spaces, UTF-8; NaN is a ValueError.

    >>> canonical_json({"b": 1, "a": [True, None]})
    b'{"a":[true,null],"b":1}'
    """
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode()


def json_bytes(value: object) -> bytes:
    """Return a value as JSON to be read by people: indented, UTF-8, the same bytes for the same value."""
    return (json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2) + "\n").encode()


def csv_bytes(columns: tuple[str, ...], rows: list[dict[str, JsonValue]]) -> bytes:
    """Return rows as a CSV in utf-8-sig with line feeds; what a row does not say is an empty cell."""
    import pandas as pd

    table = pd.DataFrame(rows, columns=list(columns), dtype=object)
    return table.to_csv(index=False, lineterminator="\n").encode("utf-8-sig")


def csv_rows(data: bytes) -> list[dict[str, str]]:
    """Return the rows of a CSV in utf-8-sig; strict, as pandas is not, for it may be a stranger's.

    Raises:
        ValueError: it is no UTF-8 or no CSV, or a row has more or fewer cells than the header.
    """
    reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
    try:
        rows = list(reader)
    except csv.Error as error:
        raise ValueError(f"is no CSV: {error}") from error
    if any(None in row or None in row.values() for row in rows):
        raise ValueError("has a row with more or fewer cells than its header")
    return rows


def printable(text: str) -> str:
    r"""Return a stranger's text as one line that a terminal shows and does not obey.

    >>> printable("red \x1b[31m\n")
    'red \\x1b[31m\\n'
    """
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def without_surrogates(text: str) -> str:
    """Return text that can be written as UTF-8.

    >>> without_surrogates("a" + chr(0xdcff))
    'a�'
    """
    return re.sub("[\ud800-\udfff]", "�", text)
