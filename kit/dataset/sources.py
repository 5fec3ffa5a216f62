"""Where pictures and captions come from: a folder, its text files or its table.

Tables are read with csv and json, not with pandas: each fault names its line, and a row that is no UTF-8 or
no JSON is a fault of that row alone.
"""

import csv
import json
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import NamedTuple

from kit.dataset.read import COLUMNS
from kit.errors import InputError
from kit.files.documents import read_text
from kit.files.encodings import unguarded, without_surrogates

TABLES = ("metadata.csv", "metadata.jsonl")
"""Where a folder may list its pictures and their captions."""
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")
"""What a picture's file is called, in small or large letters."""
MOST_CAPTION_BYTES = 2**16
"""More than any caption; a text file beyond it is something else."""
LENIENT = "surrogateescape"
"""How text is decoded: bytes that are no UTF-8 stay as lone surrogates."""


class Caption(NamedTuple):
    """What a source says of a picture."""

    text: str
    """In one line; empty where there is none."""
    fault: str = ""
    """Why there is none."""


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


def find_pictures(folder: Path) -> list[FoundPicture]:
    """Return the pictures of a folder: those that its table lists, else every one with the .txt beside it.

    Raises InputError when the folder or its table cannot be read as a whole.
    """
    tables = [name for name in TABLES if (folder / name).is_file()]
    if len(tables) > 1:
        raise InputError(str(folder), [f"must have one table, got {' and '.join(tables)}"])
    if not tables:
        return [_with_text(folder, path, number) for number, path in enumerate(_files(folder))]
    _, fault = resolve_listed(folder, tables[0])
    if fault:
        raise InputError(str(folder / tables[0]), [fault])
    return _in_table(folder, tables[0])


def resolve_listed(root: Path, listed: str) -> tuple[Path, str]:
    """Return the path of a listed file and why it must not be opened, empty if it may.

    A path must not leave the root, itself or through a link; the root of an absolute one is its own folder.
    """
    path = root / listed
    if not listed.strip() or "\0" in listed:
        return root, "names no file"
    home = path.parent if Path(listed).is_absolute() else root
    try:
        real = path.resolve(strict=True)
        kind = real.stat().st_mode
    except FileNotFoundError:
        return path, "does not exist"
    except (OSError, RuntimeError, ValueError) as error:
        return path, f"cannot be reached: {getattr(error, 'strerror', None) or error}"
    if not real.is_relative_to(home.resolve()):
        return path, "leads out of the folder"
    return path, "" if stat.S_ISREG(kind) else "is no file"


def listed_picture(root: Path, listed: str, sample: int, place: str, caption: Caption) -> FoundPicture:
    """Return a picture that a file lists.

    Args:
        root: the folder that it must lie in, unless its path is absolute.
        listed: its path as it is written.
        sample: the sample that it belongs to.
        place: where it stands, such as "metadata.csv line 3".
        caption: what is said of it.
    """
    path, fault = resolve_listed(root, listed)
    name = without_surrogates(listed) or place
    return FoundPicture(name=name, path=path, sample=sample, caption=caption, fault=fault)


def caption_of(text: str, place: str) -> Caption:
    """Return a caption in one line, or why it is none.

    Args:
        text: as it was decoded.
        place: where it stands, such as "metadata.csv line 3".
    """
    if without_surrogates(text) != text:
        return Caption("", f"its caption must be UTF-8 text, {place} is not")
    line = " ".join(text.split())
    return Caption(line, "" if line else f"has no caption: {place} is empty")


def _in_table(folder: Path, table: str) -> list[FoundPicture]:
    """Return the pictures of a table, and those beside it that it does not list, as faults."""
    rows = _csv_rows(folder / table) if table.endswith(".csv") else json_rows(folder / table)
    found = [_of_row(folder, f"{table} line {line}", number, row) for number, (line, row) in enumerate(rows)]
    known = {one.path.resolve() for one in found}
    rest = (path for path in _files(folder) if path.name != table and path.resolve() not in known)
    return found + [
        FoundPicture(name=_name(folder, path), path=path, sample=number, fault=f"is not listed in {table}")
        for number, path in enumerate(rest, len(found))
    ]


def _of_row(folder: Path, place: str, number: int, row: Mapping[str, object]) -> FoundPicture:
    name, text = (row.get(column) for column in COLUMNS)
    if not isinstance(name, str) or not isinstance(text, str):
        return FoundPicture(name=place, path=folder, sample=number, fault="must have file_name and text")
    return listed_picture(folder, name, number, place, caption_of(text, place))


def _with_text(folder: Path, path: Path, number: int) -> FoundPicture:
    """Return a file of a folder with the caption beside it."""
    name = _name(folder, path)
    if path.suffix.lower() not in SUFFIXES:
        fault = "is a caption without a picture" if path.suffix == ".txt" else "is not called a picture"
        return FoundPicture(name=name, path=path, sample=number, fault=fault)
    caption = _caption_beside(folder, path.with_suffix(".txt"))
    return listed_picture(folder, str(path.relative_to(folder)), number, name, caption)


def _files(folder: Path) -> Iterator[Path]:
    """Yield what lies in a folder and its folders in the order of the names, captions and hidden files apart.

    Links to folders are yielded and not entered; a caption is left out only where its picture is there.
    """
    for place, folders, names in os.walk(folder, onerror=_cannot_list):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        stems = {Path(name).stem for name in names if Path(name).suffix.lower() in SUFFIXES}
        for name in sorted([*names, *links]):
            is_caption = name.endswith(".txt") and Path(name).stem in stems
            if not name.startswith(".") and not is_caption:
                yield Path(place) / name


def _cannot_list(error: OSError) -> None:
    raise InputError(str(error.filename), [f"cannot be read: {error.strerror}"])


def _caption_beside(folder: Path, path: Path) -> Caption:
    """Return the caption in a text file beside a picture, or why there is none."""
    place = without_surrogates(path.name)
    _, fault = resolve_listed(folder, str(path.relative_to(folder)))
    if not fault and path.stat().st_size > MOST_CAPTION_BYTES:
        fault = f"has more than {MOST_CAPTION_BYTES} bytes"
    if not fault:
        try:
            return caption_of(read_text(path, LENIENT), place)
        except InputError as error:
            fault = error.faults[0]
    return Caption("", f"has no caption: {place} {fault}")


def _name(folder: Path, path: Path) -> str:
    return without_surrogates(path.relative_to(folder).as_posix())


def json_rows(path: Path) -> Iterator[tuple[int, Mapping[str, object]]]:
    """Yield the number and the object of each line of a .jsonl file that is not empty, {} for no object."""
    for number, line in enumerate(read_text(path, LENIENT).split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        yield number, row if isinstance(row, dict) else {}


def _plain(cell: object) -> object:
    """Return a cell without the guard that our own tables put before what looks like a formula."""
    return unguarded(cell) if isinstance(cell, str) else cell


def _csv_rows(path: Path) -> Iterator[tuple[int, Mapping[str, object]]]:
    """Yield the number and the cells of each row, a missing one empty."""
    table = csv.DictReader(StringIO(read_text(path, LENIENT)), restval="")
    try:
        if not set(COLUMNS) <= set(table.fieldnames or ()):
            raise InputError(str(path), [f"must have the columns file_name and text, got {table.fieldnames}"])
        for row in table:
            yield table.line_num, {column: _plain(cell) for column, cell in row.items()}
    except csv.Error as error:
        raise InputError(str(path), [f"line {table.line_num + 1}: is not CSV: {error}"]) from error
