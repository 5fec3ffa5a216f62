"""Small files of a folder that a stranger may have filled: bounded, no links, no pipes."""

import json
import os
import stat
from contextlib import suppress
from pathlib import Path

MOST_BYTES = 64 * 1024
_GUARDED = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


def open_guarded(path: Path, flags: int = os.O_RDONLY) -> int:
    """Return the number of an open file; raises OSError for a link and for whatever is no plain file."""
    file = os.open(path, flags | _GUARDED, 0o644)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OSError("no plain file")
    return file


def read_json(path: Path) -> dict[str, object]:
    """Return the table in a JSON file; an empty one where there is none, it is torn or far too long."""
    with suppress(OSError, ValueError, RecursionError):
        file = open_guarded(path)
        try:
            told = json.loads(os.pread(file, MOST_BYTES, 0))
        finally:
            os.close(file)
        if isinstance(told, dict):
            return told
    return {}


def is_own_folder(path: Path) -> bool:
    """Return whether a path is a folder and no link to one."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False
