"""Files written whole or not at all, alone or several that belong together, and lines added whole.

Each is written beside its place under a name of its own. Who is killed leaves that behind; the next process
that writes into the folder sweeps it.
"""

import errno
import os
import re
import secrets
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from kit.errors import RunError
from kit.files.folder_lock import hold
from kit.files.regular_files import open_file
from kit.files.text.library_words import reason_of
from kit.messages import mark, tr

_PART = re.compile(r"\.[0-9a-f]{16}\.part")
_MOST_HELD = 16
"""Files that are kept open while those that belong to them are written; who writes more locks the folder."""
_swept: set[tuple[int, Path]] = set()
"""Folders in which this process has looked for leftovers."""
_AGAIN = mark("make room there and run the same command again")
_ELSEWHERE = mark("choose another place, or copy the folder to where you may write")
_REMEDIES = {
    errno.ENOSPC: _AGAIN,
    errno.EDQUOT: _AGAIN,
    errno.EROFS: _ELSEWHERE,
    errno.EACCES: _ELSEWHERE,
    errno.EPERM: _ELSEWHERE,
    errno.ENAMETOOLONG: mark("choose a shorter name"),
}
"""What mends it, by what the system says."""


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file so that it holds either all of the data or what it held before.

    Folders on the way are made. Raises RunError when the system refuses: no space, no permission.
    """
    with _replacing(path) as file:
        file.write(data)


def write_new(path: Path, data: bytes) -> None:
    """Write a file where nothing is yet, whole or not at all; raises RunError where anything is there."""
    with _said_of(path), _part_of(path) as (part, file):
        file.write(data)
        _close(file)
        try:
            os.link(part, path)
        except FileExistsError as error:
            raise RunError(tr("{path} is there already: choose another name", path=path)) from error
        except OSError:  # a file system without links
            if os.path.lexists(path):
                raise RunError(tr("{path} is there already: choose another name", path=path)) from None
            part.rename(path)


def copy_atomic(source: Path, path: Path) -> None:
    """Copy a file of any size so that the copy is whole or what was there before."""
    try:
        original = open_file(source)
    except OSError as error:
        reason = reason_of(error)
        raise RunError(tr("{path} cannot be read: {reason}", path=source, reason=reason)) from error
    with original, _replacing(path) as file:
        shutil.copyfileobj(original, file)


@contextmanager
def drafted(path: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """Yield a new file beside `path`, with its own path, that takes its place when the block ends well.

    Folders on the way are made, and go again if they stay empty.
    """
    made = [folder for folder in path.absolute().parents if not folder.exists()]
    try:
        with _said_of(path), _part_of(path) as (part, file):
            yield part, file
            _close(file)
            part.replace(path)
    finally:
        for folder in made:
            with suppress(OSError):
                folder.rmdir()


@contextmanager
def replaced_folder(out: Path) -> Iterator[Path]:
    """Yield a new folder beside `out` that takes its place at the end, and never stays behind.

    Only one process at a time may do so. Raises RunError when the system refuses to write in it.
    """
    begin, end = f".{out.name}.", ".part"
    # of `data`, and not of `data.2`
    leftover = re.compile(rf"{re.escape(begin)}[^.]+{re.escape(end)}")
    with _said_of(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        for path in out.parent.iterdir():
            if leftover.fullmatch(path.name) and path.is_dir():
                shutil.rmtree(path, ignore_errors=True)  # of one who was killed: `out` is ours alone
        beside = TemporaryDirectory(end, begin, out.parent, ignore_cleanup_errors=True)
    with _said_of(out), beside as scratch:
        part, old = Path(scratch) / "new", Path(scratch) / "old"
        part.mkdir()
        try:
            yield part
            if out.exists():
                out.rename(old)
            part.rename(out)
        finally:
            if old.exists() and not out.exists():
                old.rename(out)


def write_together(files: Mapping[Path, bytes], made_of_them: Sequence[Path] = ()) -> None:
    """Write files that belong together: all, or, when the system refuses, none.

    A kill in between leaves neither old beside new nor the last one, which stands for all. Where every file
    holds its data already, nothing is touched.

    Args:
        files: their data.
        made_of_them: what tells of the old ones, such as a page; it is removed before they change.
    """
    if all(_holds(path, data) for path, data in files.items()):
        return
    with ExitStack() as stack:
        held = len(files) <= _MOST_HELD
        parts = {path: stack.enter_context(_written_beside(path, data, held)) for path, data in files.items()}
        for path in (*made_of_them, list(files)[-1]):
            with _said_of(path):
                path.unlink(missing_ok=True)
        for path, part in parts.items():
            with _said_of(path):
                part.replace(path)


def append_line(path: Path, line: bytes) -> None:
    """Add a line to a file, which is made if it is not there; it is on disk when this returns.

    A last line that was torn by a crash is closed first. Several processes may append at once. Raises
    RunError when the system refuses; then nothing was added.
    """
    with _said_of(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            _wait_for(file)
            size = os.fstat(file).st_size
            torn = size > 0 and os.pread(file, 1, size - 1) != b"\n"
            try:
                _write_all(file, (b"\n" if torn else b"") + line + b"\n")
                os.fsync(file)
            except OSError:
                os.ftruncate(file, size)
                raise
        finally:
            os.close(file)


def _wait_for(file: int) -> None:
    """Wait until nobody else appends; where the file system knows no locks, nobody is waited for."""
    if sys.platform != "win32":
        import fcntl

        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)


def _write_all(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]


def remove_partial_files(folder: Path) -> None:
    """Remove what writers that were killed left anywhere in a folder; what is being written stays."""
    for parent, _, names in os.walk(folder):
        for name in names:
            _sweep(Path(parent) / name)


def _sweep(part: Path) -> None:
    if not _PART.fullmatch(part.name):
        return
    with suppress(OSError):
        file = os.open(part, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        try:
            if hold(file):
                part.unlink(missing_ok=True)
        finally:
            os.close(file)


def _holds(path: Path, data: bytes) -> bool:
    try:
        return not path.is_symlink() and path.stat().st_size == len(data) and path.read_bytes() == data
    except OSError:
        return False


def _sweep_once(folder: Path) -> None:
    """Sweep a folder, not those in it, unless this process has done so; a file system may refuse."""
    mine = (os.getpid(), folder.absolute())
    if mine in _swept:
        return
    _swept.add(mine)
    with suppress(OSError):
        for name in os.listdir(folder):
            _sweep(folder / name)


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """Yield a new file beside `path` that takes its place once all is on disk, and never stays behind."""
    with drafted(path) as (_, file):
        yield file


@contextmanager
def _written_beside(path: Path, data: bytes, held: bool) -> Iterator[Path]:
    """Yield a file beside `path` with the data, on disk; it does not stay unless it is moved."""
    with _said_of(path), _part_of(path, held=held) as (part, file):
        file.write(data)
        _close(file)
        yield part


@contextmanager
def _part_of(path: Path, *, held: bool = True) -> Iterator[tuple[Path, BinaryIO]]:
    """Yield a new file beside `path`; one that is held is none for a sweep even when it is closed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep_once(path.parent)
    with ExitStack() as stack:
        part, file = _new_part(path.parent)
        stack.callback(part.unlink, missing_ok=True)
        stack.enter_context(file)
        if held and sys.platform != "win32":  # as long as the copy is open, nobody takes it for a leftover
            stack.callback(os.close, os.dup(file.fileno()))
        yield part, file


def _new_part(folder: Path) -> tuple[Path, BinaryIO]:
    """Return a new file that no sweep takes."""
    while True:
        part = folder / f".{secrets.token_hex(8)}.part"
        file = part.open("xb")
        try:
            if hold(file.fileno()) and part.exists():
                return part, file
        except OSError:  # a file system without locks
            return part, file
        file.close()  # a sweep was faster


def _close(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
    file.close()


@contextmanager
def _said_of(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        told = tr(
            "{path} cannot be written: {reason}; what was there before is unchanged",
            path=path,
            reason=reason_of(error),
        )
        raise RunError(with_remedy(told, error)) from error


def with_remedy(told: str, error: OSError) -> str:
    """Return what is told of an error of the system, with what mends it where that is known."""
    remedy = _REMEDIES.get(error.errno or 0)
    return tr("{problem}; {remedy}", problem=told, remedy=tr(remedy)) if remedy else told
