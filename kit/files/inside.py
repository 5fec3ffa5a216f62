"""Folders that may come from strangers: nothing in them leads out of them, and only files are opened."""

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from io import BufferedReader
from pathlib import Path

from kit.errors import RunError
from kit.messages import tr


def open_file(path: Path) -> BufferedReader:
    """Return a file, opened to be read; raises OSError, also for a pipe or a device, which may never end.

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


def refuse_links_out(folder: Path, names: Iterable[str]) -> None:
    """Raise RunError where one of these names in a folder, or what lies below it, leads out of the folder.

    Through such a link a command would read or write what is no part of it. The folder itself may be a link,
    and links may lead from one place inside to another. Pipes and devices, which never end, are refused, too.
    """
    inside = folder.resolve()
    for path, mode in _found(folder / name for name in names):
        if stat.S_ISLNK(mode) and not _leads(path).is_relative_to(inside):
            raise RunError(
                tr(
                    "{path} is a link that leads out of {folder}: put what it points at in its place,"
                    " or make {folder} itself the link",
                    path=path,
                    folder=folder,
                )
            )
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)):
            raise RunError(tr("{path} is neither a file nor a folder: remove it", path=path))


def _leads(link: Path) -> Path:
    """Return where a link leads; one that leads to itself leads nowhere inside."""
    try:
        place = link.resolve()
    except (OSError, RuntimeError):  # as Python before 3.13 says it
        return Path(link.anchor)
    return Path(link.anchor) if place.is_symlink() else place


def _found(paths: Iterable[Path]) -> Iterator[tuple[Path, int]]:
    """Yield each path that is there and all below it, with its mode; links are not followed."""
    for path in paths:
        mode = _mode(path)
        if mode is None:
            continue
        yield path, mode
        if stat.S_ISDIR(mode):
            for parent, folders, files in os.walk(path):
                for below in (Path(parent) / name for name in (*folders, *files)):
                    if (its := _mode(below)) is not None:
                        yield below, its


def _mode(path: Path) -> int | None:
    """Return the mode of what is there; None where nothing is, by now: others may write meanwhile."""
    try:
        return path.lstat().st_mode
    except OSError:
        return None
