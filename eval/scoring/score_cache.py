"""The cache of what was measured: rows of numbers by picture and weights, each with its checksum."""

import hashlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kit.files.text.library_words import reason_of

_COLUMNS = "stamp TEXT, picture TEXT, row BLOB, PRIMARY KEY (stamp, picture)"
_CHECKSUM = 8
"""Bytes behind a row's numbers."""
_PATIENCE_S = 1.0
"""With another program that holds the file."""


class ScoreCache:
    """A file of rows of numbers, by stamp and by the sha256 of a picture.

    What is `put` is on disk when that returns, so a stopped scoring goes on where it stopped. A row whose
    checksum is not that of its numbers counts as none. A file that cannot be used is left as it is; then
    nothing is known or kept, and `trouble` says why.
    """

    def __init__(self, connection: sqlite3.Connection | None, trouble: str = "") -> None:
        """Keep a connection; `open` is the usual way in."""
        self._connection, self.trouble = connection, trouble

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[Self]:
        """Give the cache in a file, which is made if it is missing; deleting the file only costs time."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(path, timeout=_PATIENCE_S)
        except (OSError, sqlite3.Error) as error:
            yield cls(None, str(error))
            return
        with closing(connection):
            connection.text_factory = bytes  # damaged text is no UTF-8
            cache = cls(connection)
            try:
                connection.execute(f"CREATE TABLE IF NOT EXISTS numbers ({_COLUMNS})")
                connection.execute("SELECT stamp, picture, row FROM numbers LIMIT 1").fetchone()
            except sqlite3.Error as error:
                cache._give_up(error)
            yield cache

    def get(self, stamp: str, pictures: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Return the rows that are known of these pictures, by their sha256."""
        query = "SELECT row FROM numbers WHERE stamp = ? AND picture = ?"
        found: dict[str, NDArray[np.float32]] = {}
        if self._connection is None:
            return found
        try:
            for name in set(pictures):
                row = self._connection.execute(query, (stamp, name)).fetchone()
                if row is not None and (numbers := _numbers(stamp, name, row[0])) is not None:
                    found[name] = numbers
        except sqlite3.Error as error:
            self._give_up(error)
        return found

    def put(self, stamp: str, rows: Mapping[str, ArrayLike]) -> None:
        """Keep rows of numbers by the sha256 of their picture."""
        if self._connection is None:
            return
        values = [(stamp, name, _sealed(stamp, name, row)) for name, row in rows.items()]
        try:
            with self._connection:
                self._connection.executemany("INSERT OR REPLACE INTO numbers VALUES (?, ?, ?)", values)
        except sqlite3.Error as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        self._connection, self.trouble = None, reason_of(error)


def _sealed(stamp: str, picture: str, row: ArrayLike) -> bytes:
    data = np.asarray(row, dtype="<f4").tobytes()
    return data + _checksum(stamp, picture, data)


def _checksum(stamp: str, picture: str, data: bytes) -> bytes:
    """Return what binds numbers to their picture and to what measured them."""
    return hashlib.sha256(f"{stamp}\n{picture}\n".encode() + data).digest()[:_CHECKSUM]


def _numbers(stamp: str, picture: str, row: object) -> NDArray[np.float32] | None:
    """Return the numbers of a row; None where they are not as they were put."""
    if not isinstance(row, bytes):
        return None
    data, checksum = row[:-_CHECKSUM], row[-_CHECKSUM:]
    return np.frombuffer(data, dtype="<f4") if checksum == _checksum(stamp, picture, data) else None
