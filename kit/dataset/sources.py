"""Where pictures and captions come from: a folder, its text files or its table."""

import csv
import json
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from kit.errors import InputError

TABLES = ("metadata.csv", "metadata.jsonl")
"""Where a folder may list its pictures and their captions."""
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")
"""What a picture's file is called, in small or large letters."""
MOST_CAPTION_BYTES = 2**16
"""More than any caption; a text file beyond it is something else."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundPicture:
    """A picture that a source has or lists, not opened yet."""

    name: str
    """What the source calls it."""
    path: Path
    sample: int
    """Pictures of one sample are kept or dropped together by size and ratio."""
    caption: str = ""
    """In one line; empty where there is none."""
    silent: str = ""
    """Why there is no caption."""
    fault: str = ""
    """Why it must not be opened."""


def find_pictures(folder: Path) -> list[FoundPicture]:
    """Return the pictures of a folder: those that its table lists, else every one with the .txt beside it.

    Raises InputError when the folder or its table cannot be read as a whole.
    """
    tables = [name for name in TABLES if (folder / name).is_file()]
    if len(tables) > 1:
        raise InputError(str(folder), [f"must have one table, got {' and '.join(tables)}"])
    if tables:
        _, fault = located(folder, tables[0])
        if fault:
            raise InputError(str(folder / tables[0]), [fault])
        return _listed(folder, tables[0])
    return [_with_text(folder, path, number) for number, path in enumerate(_files(folder))]


def located(root: Path, listed: str) -> tuple[Path, str]:
    """Return the path of a listed picture and why it must not be opened, empty if it may.

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


def _listed(folder: Path, table: str) -> list[FoundPicture]:
    """Return the pictures of a table, and those beside it that it does not list, as faults."""
    found = [
        _of_row(folder, table, number, line, row)
        for number, (line, row) in enumerate(picture_rows(folder / table))
    ]
    known = {one.path.resolve() for one in found}
    rest = (path for path in _files(folder) if path.name != table and path.resolve() not in known)
    first = len(found)
    return found + [
        FoundPicture(name=_name(folder, path), path=path, sample=number, fault=f"is not listed in {table}")
        for number, path in enumerate(rest, first)
    ]


PictureRow = tuple[str, str] | None
"""A picture's file and its caption; None where a row is not of that form."""


def _of_row(folder: Path, table: str, number: int, line: int, row: PictureRow) -> FoundPicture:
    place = f"{table} line {line}"
    if row is None:
        return FoundPicture(name=place, path=folder, sample=number, fault="must have file_name and text")
    path, fault = located(folder, row[0])
    return FoundPicture(
        name=without_surrogates(row[0]) or place, path=path, sample=number, fault=fault, **said(row[1], place)
    )


def _files(folder: Path) -> Iterator[Path]:
    """Yield what lies in a folder and its folders in the order of the names, captions and hidden files apart.

    Links to folders are yielded and not entered; a caption is left out only where its picture is there.
    """
    if not folder.is_dir():
        raise InputError(str(folder), ["must be a folder of pictures"])
    for place, folders, names in os.walk(folder, onerror=_cannot_list):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        stems = {Path(name).stem for name in names if Path(name).suffix.lower() in SUFFIXES}
        for name in sorted([*names, *links]):
            told = name.endswith(".txt") and Path(name).stem in stems
            if not name.startswith(".") and not told:
                yield Path(place) / name


def _cannot_list(error: OSError) -> None:
    raise InputError(str(error.filename), [f"cannot be read: {error.strerror}"])


def _with_text(folder: Path, path: Path, number: int) -> FoundPicture:
    """Return a file of a folder with the caption beside it."""
    name = _name(folder, path)
    if path.suffix.lower() not in SUFFIXES:
        fault = "is a caption without a picture" if path.suffix == ".txt" else "is not called a picture"
        return FoundPicture(name=name, path=path, sample=number, fault=fault)
    _, fault = located(folder, str(path.relative_to(folder)))
    return FoundPicture(
        name=name, path=path, sample=number, fault=fault, **_beside(folder, path.with_suffix(".txt"))
    )


def _beside(folder: Path, path: Path) -> dict[str, str]:
    """Return the caption in a text file beside a picture, or why there is none."""
    place = without_surrogates(path.name)
    _, fault = located(folder, str(path.relative_to(folder)))
    if fault:
        return {"silent": f"has no caption: {place} {fault}"}
    try:
        with path.open("rb") as file:
            data = file.read(MOST_CAPTION_BYTES + 1)
    except OSError as error:
        return {"silent": f"has no caption: {place} cannot be read: {error.strerror or error}"}
    if len(data) > MOST_CAPTION_BYTES:
        return {"silent": f"has no caption: {place} has more than {MOST_CAPTION_BYTES} bytes"}
    return said(decoded(data), place)


def _name(folder: Path, path: Path) -> str:
    return without_surrogates(path.relative_to(folder).as_posix())


_SURROGATE = re.compile("[\ud800-\udfff]")


def decoded(data: bytes) -> str:
    """Return text in UTF-8, a byte order mark dropped; bytes that are none stay as lone surrogates."""
    return data.decode("utf-8-sig", "surrogateescape")


def without_surrogates(text: str) -> str:
    """Return text that can be printed and written as UTF-8.

    >>> without_surrogates("a" + chr(0xdcff))
    'a�'
    """
    return _SURROGATE.sub("�", text)


def said(text: str, place: str) -> dict[str, str]:
    """Return a caption in one line as Found's fields, or why it is none.

    Args:
        text: as it was decoded.
        place: where it stands, such as "metadata.csv line 3".
    """
    if _SURROGATE.search(text):
        return {"silent": f"its caption must be UTF-8 text, {place} is not"}
    line = " ".join(text.split())
    return {"caption": line} if line else {"silent": f"has no caption: {place} is empty"}


def json_rows(path: Path) -> Iterator[tuple[int, dict[str, object] | None]]:
    """Yield the number and the object of each line of a .jsonl file that is not empty; None for no object."""
    for number, line in enumerate(decoded(_bytes_of(path)).split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        yield number, row if isinstance(row, dict) else None


def picture_rows(path: Path) -> Iterator[tuple[int, PictureRow]]:
    """Yield the number of each row of a .csv or .jsonl file and its file_name and text."""
    return _csv_rows(path) if path.suffix == ".csv" else _jsonl_rows(path)


def _csv_rows(path: Path) -> Iterator[tuple[int, PictureRow]]:
    table = csv.DictReader(StringIO(decoded(_bytes_of(path))))
    try:
        if not {"file_name", "text"} <= set(table.fieldnames or ()):
            raise InputError(str(path), [f"must have the columns file_name and text, got {table.fieldnames}"])
        for row in table:
            yield table.line_num, (row["file_name"] or "", row["text"] or "")
    except csv.Error as error:
        raise InputError(str(path), [f"line {table.line_num + 1}: is not CSV: {error}"]) from error


def _jsonl_rows(path: Path) -> Iterator[tuple[int, PictureRow]]:
    for number, row in json_rows(path):
        name, text = (row or {}).get("file_name"), (row or {}).get("text")
        yield number, (name, text) if isinstance(name, str) and isinstance(text, str) else None


def _bytes_of(path: Path) -> bytes:
    """Return the bytes of a table or raise InputError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(str(path), [f"cannot be read: {error.strerror or error}"]) from error
