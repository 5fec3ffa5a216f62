"""Files written whole or not at all."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from kit.errors import RunError


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file so that it holds either all of the data or what it held before.

    Folders on the way are made. Raises RunError when the system refuses: no space, no permission.
    """
    with _replacing(path) as file:
        file.write(data)


def remove_partial_files(folder: Path) -> None:
    """Remove what writers that were killed left anywhere in a folder; no other process may write there."""
    for part in folder.rglob(".*.part"):
        part.unlink(missing_ok=True)


def copy_atomic(source: Path, path: Path) -> None:
    """Copy a file of any size so that the copy is whole or what was there before."""
    try:
        original = source.open("rb")
    except OSError as error:
        raise RunError(f"{source} cannot be read: {error.strerror or error}") from error
    with original, _replacing(path) as file:
        shutil.copyfileobj(original, file)


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """Yield a new file beside `path` that takes its place once all is on disk, and never stays behind."""
    part = path.parent / f".{secrets.token_hex(8)}.part"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise RunError(
            f"{path} cannot be written: {error.strerror or error}; what was there before is unchanged"
        ) from error
