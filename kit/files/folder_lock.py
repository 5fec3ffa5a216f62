"""One writer at a time in a folder: a lock that the dead never hold, and a note of who has it.

The lock is the kernel's (flock), so it ends with its process, however that ends. Where a file system knows no
locks, or nothing may be written, nobody is kept out: whoever writes there then hears of it from the system.
"""

import json
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from kit.errors import RunError
from kit.messages import in_english, mark, tr

LOCK = ".storykit.lock"
_DOINGS = {
    "drawn": mark("being drawn"),
    "drawn again": mark("being drawn again"),
    "scored": mark("being scored"),
    "compared": mark("being compared"),
    "cast": mark("being cast"),
    "reported": mark("being reported"),
    "packed": mark("being packed"),
    "trained": mark("being trained"),
    "prepared": mark("being prepared"),
    "captioned": mark("being captioned"),
    "filled": mark("being filled"),
    "written": mark("being written"),
    "repaired": mark("being repaired"),
    "gathered": mark("being gathered"),
}
"""What is done to folders; a note that says something else is told as it is."""
_held: set[tuple[int, int, Path]] = set()
"""What this process has locked: process, thread, folder."""


@contextmanager
def lock_folder(folder: Path, doing: str) -> Iterator[None]:
    """Be the only one who writes in a folder, which is made if it is not there.

    Locks of one thread may lie in each other.

    Args:
        folder: that is to be written in; one that was made and stayed empty is removed.
        doing: what others are told is done to it, such as "drawn"; one of _DOINGS.

    Raises:
        RunError: another process is at it; the message says which and since when.
    """
    mine = (os.getpid(), threading.get_ident(), Path(os.path.realpath(folder)))
    if mine in _held:
        yield
        return
    made = not folder.exists()
    lock = _lock(folder / LOCK, folder)
    _held.add(mine)
    try:
        if lock is not None:
            _write_note(lock, doing)
        yield
    finally:
        _held.discard(mine)
        if lock is not None:
            _unlock(folder / LOCK, lock)
        if made:
            with suppress(OSError):
                folder.rmdir()


@contextmanager
def lock_file(path: Path, doing: str, patience_s: float) -> Iterator[None]:
    """Be the only one who changes a file, for the moment that takes: whoever comes second waits.

    It keeps nobody out of the folder, which another may have locked as a whole.

    Args:
        path: the file; its lock lies beside it.
        doing: what others are told is done to it, one of _DOINGS.
        patience_s: how long to wait.

    Raises:
        RunError: another process held it all the while.
    """
    beside = path.with_name(f".{path.name}.lock")
    until = time.monotonic() + patience_s
    while True:
        try:
            lock = _lock(beside, path)
            break
        except RunError:
            if time.monotonic() >= until:
                raise
            time.sleep(0.01)
    try:
        if lock is not None:
            _write_note(lock, doing)
        yield
    finally:
        if lock is not None:
            _unlock(beside, lock)


def hold(file: int) -> bool:
    """Lock an open file for as long as it, or a copy of its number, is open; return whether nobody else has.

    Raises OSError where the file system knows no locks.
    """
    if sys.platform == "win32":
        raise OSError("no flock")
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_held(file: int) -> bool:
    """Return whether somebody holds an open file, as `hold` does; whoever asks keeps nobody out for long.

    Raises OSError where the file system knows no locks.
    """
    if sys.platform == "win32":
        raise OSError("no flock")
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(file, fcntl.LOCK_UN)
    return False


def was_locked(folder: Path) -> bool:
    """Return whether somebody is at work in a folder, or was killed there."""
    return (folder / LOCK).exists()


def _lock(path: Path, locked: Path) -> int | None:
    """Return the open lock at a path, of a folder or a file; None where there can be no lock."""
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = _open(path)
        except OSError:
            return None
        try:
            alone = hold(lock)
        except OSError:  # a file system without locks: a file there would tell of nobody
            _unlock(path, lock)
            return None
        if not alone:
            note = _read_note(lock)
            os.close(lock)
            raise RunError(tr("{folder} is {doing}: wait for it or stop it", folder=locked, doing=note))
        if _is_at(path, lock):
            return lock
        os.close(lock)  # whoever had it has removed the file since


def _open(path: Path) -> int:
    """Open the lock's file, which is made if it is missing; another user's only to read who has it."""
    guarded = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | guarded, 0o644)
    except PermissionError:
        return os.open(path, os.O_RDONLY | guarded)


def _unlock(path: Path, lock: int) -> None:
    """Remove the lock's file, unless the folder has been replaced and it is another's by now."""
    if _is_at(path, lock):
        with suppress(OSError):
            path.unlink()
    os.close(lock)


def _is_at(path: Path, lock: int) -> bool:
    try:
        return os.path.samestat(path.stat(follow_symlinks=False), os.fstat(lock))
    except OSError:
        return False


def _write_note(lock: int, doing: str) -> None:
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    note = {"doing": in_english(doing), "process": os.getpid(), "host": socket.gethostname(), "since": now}
    with suppress(OSError):  # the lock holds without it
        os.ftruncate(lock, 0)
        os.pwrite(lock, json.dumps(note).encode() + b"\n", 0)


def _read_note(lock: int) -> str:
    """Return who does what since when, in words."""
    try:
        note = json.loads(os.pread(lock, 4096, 0))
        since = datetime.fromisoformat(note["since"]).astimezone()
        doing, process, host = str(note["doing"]), int(note["process"]), str(note["host"])
    except (OSError, ValueError, KeyError, TypeError):
        return tr("being written by another process")
    today = since.date() == datetime.now().astimezone().date()
    at = since.strftime("%H:%M" if today else "%Y-%m-%d %H:%M")
    template = _DOINGS.get(doing, mark("being {doing}"))
    told = tr(template, doing=doing)
    if host == socket.gethostname():
        return tr("{doing} by process {process} since {at}", doing=told, process=process, at=at)
    return tr(
        "{doing} by process {process} on {host} since {at}", doing=told, process=process, host=host, at=at
    )
