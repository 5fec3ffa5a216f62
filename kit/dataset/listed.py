"""Pictures that a folder has or a file lists: where they are, their captions, why one must not be opened."""

import os
import re
import stat
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PureWindowsPath
from typing import NamedTuple

from kit.errors import InputError
from kit.files.encodings import without_surrogates
from kit.files.text.library_words import reason_of
from kit.messages import Message, mark, tr

MOST_CAPTION_BYTES = 2**16
"""More than any caption; a text beyond it is something else."""
BACKUP = re.compile(r"captions-before-[1-9][0-9]*\.csv")
"""Where captions are kept that gave way to others; no picture's, and not listed."""
_SYSTEM = ("__MACOSX", "Thumbs.db", "desktop.ini")
"""What systems leave in folders and archives; names that begin with a dot are left out, too."""


PLACE = mark("{file} line {line}")
"""Where a picture is listed."""


class Caption(NamedTuple):
    """What a source says of a picture."""

    text: str
    """In one line; empty where there is none."""
    fault: str = ""
    """Why there is none."""
    encoding: str = ""
    """What it was read as where that is not UTF-8."""
    refused: bool = False
    """Whether there are words all the same, which cannot be used."""


NO_CAPTION = Caption("")


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundPicture:
    """A picture that a source has or lists, not opened yet."""

    name: str
    """What the source calls it."""
    path: Path
    sample: int
    """Pictures of one sample are kept or dropped together by size and ratio."""
    caption: Caption = NO_CAPTION
    fault: str = ""
    """Why it must not be opened."""
    place: Message | None = None
    """Where it is listed, such as "metadata.csv line 3"; a `PLACE`."""
    is_picture: bool = True
    """Whether it is listed or called as a picture; what else lies in a folder is named with its fault."""
    unopened: str = ""
    """Which kind of picture its name says that is not opened here, as "a HEIC picture"."""
    copy_of: str = ""
    """The picture that it is a changed copy of, where a prepared dataset says so."""


class ListedFolder:
    """A folder whose files are listed by whoever wrote a table, on whatever system."""

    def __init__(self, root: Path) -> None:
        """Take the folder that paths are relative to."""
        self.root = root

    def picture(self, listed: str, sample: int, place: Message, caption: Caption) -> FoundPicture:
        """Return a picture that a file lists.

        Args:
            listed: its path as it is written.
            sample: the sample that it belongs to.
            place: where it stands, such as "metadata.csv line 3".
            caption: what is said of it.
        """
        name = without_surrogates(listed.strip()) or place
        path, fault = resolve_listed(
            self.root, self._as_on_disk(listed) if name == listed.strip() else listed
        )
        return FoundPicture(name=name, path=path, sample=sample, caption=caption, fault=fault, place=place)

    def _as_on_disk(self, listed: str) -> str:
        r"""Return the path that is meant, whatever its blanks, case and accents; \ is / and ~ the home."""
        plain = listed.strip()
        for written in (listed, plain, plain.replace("\\", "/")):
            if not written.strip() or os.path.lexists(self.root / written):
                return written
        if plain.startswith("~"):
            return os.path.expanduser(plain)
        alike = self._by_key.get(_key(plain), [])
        return alike[0] if len(alike) == 1 else plain

    @cached_property
    def _by_key(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for path in files_of(self.root):
            name = path.relative_to(self.root).as_posix()
            found.setdefault(_key(name), []).append(name)
        return found


def _key(name: str) -> str:
    plain = os.path.normpath(name.replace("\\", "/"))
    return unicodedata.normalize("NFC", plain).casefold()


def resolve_listed(root: Path, listed: str) -> tuple[Path, str]:
    """Return the path of a listed file and why it must not be opened, empty if it may.

    A path must not leave the root, itself or through a link; the root of an absolute one is its own folder.
    """
    path = root / listed
    if not listed.strip() or "\0" in listed:
        return root, tr("names no file")
    if listed != without_surrogates(listed):
        return root, tr("cannot be reached: its name is no text")
    home = path.parent if Path(listed).is_absolute() else root
    try:
        real = path.resolve(strict=True)
        kind = real.stat().st_mode
    except FileNotFoundError:
        drive = PureWindowsPath(listed).drive
        return (
            path,
            tr("lies on {drive} of a Windows machine: write its path from the folder", drive=drive)
            if drive
            else tr("does not exist"),
        )
    except (OSError, RuntimeError, ValueError) as error:
        return path, tr("cannot be reached: {reason}", reason=reason_of(error))
    if not real.is_relative_to(home.resolve()):
        return path, tr("leads out of the folder")
    return path, "" if stat.S_ISREG(kind) else tr("is no file")


def caption_of(text: str, place: str, encoding: str = "") -> Caption:
    """Return a caption in one line, or why it is none.

    Args:
        text: as it was decoded.
        place: where it stands, such as "metadata.csv line 3".
        encoding: what it was read as where that is not UTF-8.
    """
    if without_surrogates(text) != text:
        told = tr("its caption must be UTF-8 text, {place} is not", place=place)
        return Caption("", told, refused=True)
    if len(text.encode()) > MOST_CAPTION_BYTES:
        fault = tr("has more than {most} bytes", most=MOST_CAPTION_BYTES)
        return Caption("", tr("has no caption: {place} {fault}", place=place, fault=fault), refused=True)
    line = " ".join(text.split())
    if not any(letter.isprintable() and letter != " " for letter in line):
        return Caption("", tr("has no caption: {place} is empty", place=place))
    control = next((letter for letter in line if unicodedata.category(letter) == "Cc"), None)
    if control is not None:
        told = tr("has no caption: {place} holds a control sign, {sign!a}", place=place, sign=control)
        return Caption("", told, refused=True)
    return Caption(line, "", encoding)


def files_of(folder: Path) -> Iterator[Path]:
    """Yield what lies in a folder and its folders in the order of the names, hidden and systems' files apart.

    Links to folders are yielded and not entered.
    """
    for place, folders, names in os.walk(folder, onerror=_cannot_list):
        folders[:] = sorted(name for name in folders if _is_shown(name))
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        yield from (Path(place) / name for name in sorted([*names, *links]) if _is_shown(name))


def name_in(folder: Path, path: Path) -> str:
    """Return what a folder calls a file of it."""
    return without_surrogates(path.relative_to(folder).as_posix())


def _is_shown(name: str) -> bool:
    return not (name.startswith(".") or name in _SYSTEM or BACKUP.fullmatch(name))


def _cannot_list(error: OSError) -> None:
    raise InputError(str(error.filename), [tr("cannot be read: {reason}", reason=reason_of(error))])
