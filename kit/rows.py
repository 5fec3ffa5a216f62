"""Rows of a user's table, each read on its own, so that a bad one spoils no other."""

import csv
import json
import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

from kit.errors import InputError

PictureRow = tuple[str, str] | None
"""A picture's file and its caption; None where a row is not of that form."""
_SURROGATE = re.compile("[\ud800-\udfff]")


def decoded(data: bytes) -> str:
    """Return text in UTF-8, a byte order mark dropped; bytes that are none stay as lone surrogates."""
    return data.decode("utf-8-sig", "surrogateescape")


def shown(text: str) -> str:
    """Return text that can be printed and written as UTF-8.

    >>> shown("a" + chr(0xdcff))
    'a�'
    """
    return _SURROGATE.sub("�", text)


def said(text: str, place: str) -> dict[str, str]:
    """Return a caption in one line as Found's fields, or why it is none.

    Args:
        text: as it was decoded.
        place: where it stands, such as "metadata.csv line 3".
    """
    if _SURROGATE.search(text):
        return {"silent": f"its caption must be UTF-8 text, {place} is not"}
    line = " ".join(text.split())
    return {"caption": line} if line else {"silent": f"has no caption: {place} is empty"}


def json_rows(path: Path) -> Iterator[tuple[int, dict[str, object] | None]]:
    """Yield the number and the object of each line of a .jsonl file that is not empty; None for no object."""
    for number, line in enumerate(decoded(_bytes_of(path)).split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        yield number, row if isinstance(row, dict) else None


def picture_rows(path: Path) -> Iterator[tuple[int, PictureRow]]:
    """Yield the number of each row of a .csv or .jsonl file and its file_name and text."""
    return _csv_rows(path) if path.suffix == ".csv" else _jsonl_rows(path)


def _csv_rows(path: Path) -> Iterator[tuple[int, PictureRow]]:
    table = csv.DictReader(StringIO(decoded(_bytes_of(path))))
    try:
        if not {"file_name", "text"} <= set(table.fieldnames or ()):
            raise InputError(str(path), [f"must have the columns file_name and text, got {table.fieldnames}"])
        for row in table:
            yield table.line_num, (row["file_name"] or "", row["text"] or "")
    except csv.Error as error:
        raise InputError(str(path), [f"line {table.line_num + 1}: is not CSV: {error}"]) from error


def _jsonl_rows(path: Path) -> Iterator[tuple[int, PictureRow]]:
    for number, row in json_rows(path):
        name, text = (row or {}).get("file_name"), (row or {}).get("text")
        yield number, (name, text) if isinstance(name, str) and isinstance(text, str) else None


def _bytes_of(path: Path) -> bytes:
    """Return the bytes of a table or raise InputError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(str(path), [f"cannot be read: {error.strerror or error}"]) from error
