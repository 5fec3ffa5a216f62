"""Numbers of pictures kept by content: what was measured once with the same weights is not measured again."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eval.scorer import Stamp
from kit.errors import RunError

_TABLE = (
    "CREATE TABLE IF NOT EXISTS numbers (stamp TEXT, picture TEXT, row BLOB, PRIMARY KEY (stamp, picture))"
)


def key_of(kind: str, stamp: Stamp) -> str:
    """Return what a number depends on beside its picture."""
    return f"{kind} {stamp.weights_sha256} {stamp.preprocessing}"


class Cache:
    """A file of rows of numbers, by stamp and by the sha256 of a picture.

    What is `put` is on disk when that returns, so a stopped scoring goes on where it stopped.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Keep a connection; `open` is the usual way in."""
        self._connection = connection

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[Self]:
        """Give the cache in a file, which is made if it is missing; deleting the file only costs time."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"{path.parent} cannot be made: {error.strerror or error}") from error
        try:
            with closing(sqlite3.connect(path)) as connection:
                connection.execute(_TABLE)
                yield cls(connection)
        except sqlite3.Error as error:
            raise RunError(f"{path} is no usable cache: {error}; delete it to measure again") from error

    def get(self, stamp: str, pictures: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Return the rows that are known of these pictures, by their sha256."""
        query = "SELECT row FROM numbers WHERE stamp = ? AND picture = ?"
        found = {name: self._connection.execute(query, (stamp, name)).fetchone() for name in set(pictures)}
        return {name: np.frombuffer(row[0], dtype="<f4") for name, row in found.items() if row}

    def put(self, stamp: str, rows: Mapping[str, ArrayLike]) -> None:
        """Keep rows of numbers by the sha256 of their picture."""
        values = [(stamp, name, np.asarray(row, dtype="<f4").tobytes()) for name, row in rows.items()]
        with self._connection:
            self._connection.executemany("INSERT OR REPLACE INTO numbers VALUES (?, ?, ?)", values)
