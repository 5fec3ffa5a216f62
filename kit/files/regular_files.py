"""Only regular files are opened, never a pipe or a device, which may never end."""

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

from kit.messages import tr


def open_file(path: Path) -> BufferedReader:
    """Return a file, opened to be read; raises OSError, also for a folder, a pipe or a device.

    What says that it is empty counts as empty: so do files of the kernel, of which some never end.
    """
    found = path.stat()
    refuse_special(path, found.st_mode)
    nothing = stat.S_ISREG(found.st_mode) and not found.st_size
    return open(os.devnull if nothing else path, "rb")


def read_file(path: Path, most: int = -1) -> bytes:
    """Return a file's bytes, or its first ones where the most are given; raises OSError as `open_file`."""
    with open_file(path) as file:
        return file.read(most)


def refuse_special(path: Path, mode: int | None = None) -> None:
    """Raise OSError for a pipe or a device, before a library opens it and waits for ever.

    Args:
        path: that is to be opened.
        mode: of what is there, where it is known.
    """
    mode = path.stat().st_mode if mode is None else mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise OSError(errno.EINVAL, tr("it is neither a file nor a folder"), str(path))
