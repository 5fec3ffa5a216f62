"""The same bytes for the same content: JSON, CSV, zip, sha256."""

import contextlib
import csv
import hashlib
import io
import json
import math
import os
import re
import stat
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import JsonValue

from kit.errors import RunError
from kit.errors import printable as printable
from kit.files.regular_files import open_file
from kit.files.text.library_words import reason_of
from kit.messages import tr

_LEVELS = 50
"""Tables and lists in each other: none of ours has as many."""
Piece = bytes | memoryview
"""A part of a file that is never put together in memory."""
_SPLIT = r"[;|\t\r\n]"
_FORMULA = r"(?:[^\S\t\r\n]|[\"'\u200b-\u200f\u2060\ufeff])*[=+@\-＝＋－＠﹦⁼﹢⁺﹣⁻−﹫]"
"""How a cell begins that a spreadsheet runs, once it has left out spaces, quotes and invisible marks."""
_NUMBER = re.compile(r"[+-]?[0-9.]{1,40}(?:e[+-]?[0-9]{1,4})?")
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
        with open_file(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise RunError(tr("{path} cannot be read: {reason}", path=path, reason=reason_of(error))) from error


def canonical_json(value: object) -> bytes:
    """Return the one JSON text of a value: sorted keys, no spaces, UTF-8; NaN is a ValueError.

    >>> canonical_json({"b": 1, "a": [True, None]})
    b'{"a":[true,null],"b":1}'
    """
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode()


def finite_json(text: str | bytes) -> Any:
    """Return what a JSON text says; raises ValueError where it is none, or none that can be worked with.

    A number that is not finite, or tables in tables beyond all reason, would only fail later.

    >>> finite_json("[1, 2.5]")
    [1, 2.5]
    """
    try:
        value = json.loads(text, parse_constant=_finite, parse_float=_finite)
    except RecursionError as error:
        raise ValueError(tr("is nested too deeply")) from error
    level: list[Any] = [[value]]
    for _ in range(_LEVELS):
        inner = (one.values() if isinstance(one, dict) else one for one in level)
        level = [one for many in inner for one in many if isinstance(one, dict | list)]
    if level:
        raise ValueError(tr("is nested more than {most} deep", most=_LEVELS))
    return value


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(tr("holds a number that is not finite: {number}", number=text[:20]))
    return number


def json_bytes(value: object) -> bytes:
    """Return a value as JSON to be read by people: indented, UTF-8, the same bytes for the same value."""
    return (json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2) + "\n").encode()


def csv_bytes(columns: tuple[str, ...], rows: list[dict[str, JsonValue]]) -> bytes:
    """Return rows as a CSV in utf-8-sig with line feeds; what a row does not say is an empty cell.

    Texts are guarded, so that no spreadsheet runs them; numbers stay numbers.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        told = (row.get(column) for column in columns)
        writer.writerow(guarded(one) if isinstance(one, str) else "" if one != one else one for one in told)
    return text.getvalue().encode("utf-8-sig")


def csv_rows(data: bytes, most: int | None = None) -> list[dict[str, str]]:
    """Return the rows of a CSV in utf-8-sig; strict, as pandas is not, for it may be a stranger's.

    Texts are given without their guard.

    Args:
        data: the table.
        most: rows that it may have.

    Raises:
        ValueError: it is no UTF-8 or no CSV, has too many rows, a row has more or fewer cells than the
            header, or a spreadsheet would run a cell.
    """
    reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
    try:
        rows = list(reader if most is None else islice(reader, most + 1))
    except csv.Error as error:
        raise ValueError(tr("is no CSV: {reason}", reason=reason_of(error))) from error
    if most is not None and len(rows) > most:
        raise ValueError(tr("has more than {most} rows", most=most))
    if any(None in row or None in row.values() for row in rows):
        raise ValueError(tr("has a row with more or fewer cells than its header"))
    plain = [{column: unguarded(cell) for column, cell in row.items()} for row in rows]
    for row, told in zip(rows, plain, strict=True):
        for column, cell in row.items():
            if cell != guarded(told[column]) and not _NUMBER.fullmatch(cell):
                raise ValueError(tr("has a cell that a spreadsheet would run: {cell!r}", cell=cell[:20]))
    return plain


def shown_path(path: Path) -> str:
    """Return a path for people: as UTF-8, else as GBK, as Chinese Windows names files, else with escapes."""
    name = os.fsencode(path)
    for encoding in ("utf-8", "gb18030"):
        with contextlib.suppress(UnicodeDecodeError):
            return printable(name.decode(encoding))
    return printable(name.decode(errors="backslashreplace"))


def guarded(text: str) -> str:
    """Return a text as a cell that no spreadsheet runs: an apostrophe stands before what may be a formula.

    A cell may also begin in the middle, for a reader that splits at semicolons, tabs or line ends.

    >>> guarded("=1+1"), guarded("a;=1"), guarded("a-b")
    ("'=1+1", "a;'=1", 'a-b')
    """
    return re.sub(rf"(\A|{_SPLIT})(?={_FORMULA})", r"\1'", text)


def unguarded(text: str) -> str:
    """Return the text that was guarded.

    >>> unguarded("'=1+1"), unguarded("'tis")
    ('=1+1', "'tis")
    """
    return re.sub(rf"(\A|{_SPLIT})'(?={_FORMULA})", r"\1", text)


def without_surrogates(text: str) -> str:
    """Return text that can be written as UTF-8.

    >>> without_surrogates("a" + chr(0xdcff))
    'a�'
    """
    return re.sub("[\ud800-\udfff]", "�", text)
