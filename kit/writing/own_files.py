"""The files that a user writes: read with their version, saved only over what was seen.

The file on disk wins: who saves over another version than the one that was read is told of it first.
"""

import codecs
import hashlib
import os
import re
import threading
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Literal, NamedTuple

from kit.errors import InputError, RunError
from kit.experiment.config import faults_of_names
from kit.experiment.fields import MOST_OF_NAME
from kit.experiment.out_folder import MARK
from kit.files.atomic_write import write_atomic, write_new
from kit.files.documents import read_bytes
from kit.files.folder_lock import lock_folder
from kit.files.path_contents import kind_at
from kit.files.regular_files import read_file
from kit.files.text.text_encodings import decode_text
from kit.messages import tr

MOST_BYTES = 2**16
"""The largest file that is written in a form; a story has some thousand bytes."""
NEW = ""
"""The version of a file that is not there."""
_RESERVED = re.compile(r"(?i)(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?")
"""Names that Windows keeps for devices."""
_RUNS = ("run", "emptied run")
_SHOWN_AROUND = 2
"""Lines that stay the same which a difference shows around those that do not."""
_saving = threading.Lock()


class OwnFile(NamedTuple):
    """A text file as it was read."""

    text: str
    """With line ends of \\n."""
    version: str
    encoding: str = ""
    """What it was in where that was not UTF-8; it is saved as UTF-8."""


class Conflict(NamedTuple):
    """A file that is another one than was seen; nothing was written."""

    there: OwnFile | None
    """What is there now; None where it is gone."""


class Saved(NamedTuple):
    """A file that was written."""

    version: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DiffLine:
    """A line of two texts that are compared."""

    kind: Literal["same", "mine", "theirs", "gap"]
    text: str


def read_own(path: Path) -> OwnFile:
    """Return a file and its version; raises InputError for one that is too large or no text."""
    data = read_bytes(path, MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        told = tr("has more than {most:,} bytes, too much for a form: use an editor", most=MOST_BYTES)
        raise InputError(str(path), [told])
    try:
        decoded = decode_text(data)
    except ValueError as error:
        raise InputError(str(path), [str(error)]) from error
    return OwnFile(with_plain_ends(decoded.text), version_of(data), decoded.encoding)


def version_of(data: bytes) -> str:
    """Return what tells one content of a file from every other."""
    return hashlib.sha256(data).hexdigest()


def with_plain_ends(text: str) -> str:
    r"""Return a text with line ends of \n, whatever a browser or a system made of them."""
    return re.sub(r"\r\n?", "\n", text)


def save_over(path: Path, text: str, seen: str) -> Saved | Conflict:
    """Write a file if it still is what was seen; else say what it is now.

    A byte order mark and the line ends of the file stay.

    Args:
        path: the file; of a link, what it leads to is written.
        text: what it shall hold.
        seen: the version that was read.
    """
    path = path.resolve()
    _refuse_drawn(path)
    with _saving, lock_folder(path.parent, "written"):
        there = path.read_bytes() if path.is_file() else None
        if there is None or version_of(there) != seen:
            return Conflict(read_own(path) if there is not None else None)
        data = _as_there(text, there)
        if data != there:
            write_atomic(path, data)
        return Saved(version_of(data))


def _as_there(text: str, there: bytes) -> bytes:
    """Return a text in the bytes of a file that it replaces."""
    text = with_plain_ends(text)
    if there.count(b"\r\n") * 2 > there.count(b"\n"):
        text = text.replace("\n", "\r\n")
    return (codecs.BOM_UTF8 if there.startswith(codecs.BOM_UTF8) else b"") + text.encode()


def save_new(folder: Path, name: str, text: str) -> tuple[Path, Saved]:
    """Write a new .toml file of this name and return where it is.

    Raises RunError where the name cannot be a file's, or is taken, or the folder is a run's.
    """
    name = unicodedata.normalize("NFC", name.strip()).removesuffix(".toml")
    if fault := fault_of_name(name):
        raise RunError(fault)
    _refuse_drawn(folder)
    path, data = folder / f"{name}.toml", with_plain_ends(text).encode()
    with _saving:
        if taken := _alike(folder, path.name):
            raise RunError(tr("{path} is there already: choose another name", path=folder / taken))
        write_new(path, data)
    return path, Saved(version_of(data))


def fault_of_name(name: str) -> str:
    """Return why a name, without .toml, cannot be one of a new file; empty where it can.

    >>> fault_of_name("雨天"), fault_of_name("../rain") != "", fault_of_name("con") != ""
    ('', True, True)
    """
    if not name:
        return tr("a file needs a name")
    if faults_of_names([name]):
        return tr("a file's name holds letters, digits, space, dot, dash or _, got {name!r}", name=name)
    if _RESERVED.fullmatch(name):
        return tr("{name} is the name of a device on Windows: choose another", name=name)
    if len(name.encode()) > MOST_OF_NAME:
        return tr("must be at most {most} bytes, got {size}", most=MOST_OF_NAME, size=len(name.encode()))
    return ""


def free_name(folder: Path, name: str) -> str:
    """Return a name, without .toml, that no file of a folder has: this one, or with a number behind it."""
    tried = [name, *(f"{name}-{number}" for number in range(2, 1000))]
    return next((one for one in tried if not _alike(folder, f"{one}.toml")), name)


def _alike(folder: Path, name: str) -> str:
    """Return the name of a file that a system which knows no small letters takes for this one."""
    wanted = unicodedata.normalize("NFC", name).casefold()
    try:
        names = os.listdir(folder)
    except OSError:
        return ""
    return next((one for one in names if unicodedata.normalize("NFC", one).casefold() == wanted), "")


def _refuse_drawn(path: Path) -> None:
    if (run := run_around(path)) is not None:
        told = tr("{folder} is a run: what was drawn is not changed, save under another name", folder=run)
        raise RunError(told)


def run_around(path: Path) -> Path | None:
    """Return the folder of the run in which a path lies, whose files tell what was drawn."""
    around = next((one for one in (path, *path.parents) if kind_at(one) in _RUNS), None)
    if around is None and path.is_file():
        return path.parent if read_file(path, len(MARK.encode())) == MARK.encode() else None
    return around


def difference(mine: str, theirs: str) -> list[DiffLine]:
    """Return the lines that two texts do not share, with a few around them."""
    left, right = mine.splitlines(), theirs.splitlines()
    return list(_different(left, right))


def _different(left: list[str], right: list[str]) -> Iterator[DiffLine]:
    groups = SequenceMatcher(None, left, right, False).get_grouped_opcodes(_SHOWN_AROUND)
    for number, group in enumerate(groups):
        if number:
            yield DiffLine(kind="gap", text="")
        for tag, start, end, other, last in group:
            if tag == "equal":
                yield from (DiffLine(kind="same", text=text) for text in left[start:end])
                continue
            yield from (DiffLine(kind="mine", text=text) for text in left[start:end])
            yield from (DiffLine(kind="theirs", text=text) for text in right[other:last])
