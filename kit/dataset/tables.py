"""Tables of pictures and captions: metadata.csv and metadata.jsonl, wherever they were saved.

They are read row by row, not with pandas: each fault names its line, and a bad row spoils no other.
"""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from kit.dataset.augmentation.changes import KINDS
from kit.dataset.listed import PLACE, FoundPicture, ListedFolder, caption_of, resolve_listed
from kit.errors import InputError
from kit.files.encodings import without_surrogates
from kit.files.regular_files import read_file
from kit.files.text.delimited_text import Row, rows_of
from kit.files.text.library_words import reason_of
from kit.files.text.text_encodings import DecodedText, decode_text
from kit.files.user_paths import missing_file
from kit.messages import joined, tr

METADATA = "metadata.csv"
TABLES = (METADATA, "metadata.jsonl")
"""Where a folder may list its pictures and their captions, in small or large letters."""
COLUMNS = ("file_name", "text")
COPY_COLUMNS = ("source", "change")
"""Of a changed copy: the picture of the same table that it is made of, and how; empty for any other."""
SUFFIXES = (
    *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp"),
    *(".gif", ".bmp", ".tif", ".tiff"),
)
"""What a picture's file is called, in small or large letters."""
_DELIMITERS = (",", ";", "\t", "，")
"""What may stand between cells: a comma, what Excel writes in some countries, a tab, a Chinese comma."""
_LINE_END = re.compile(r"\r\n|\r|\n")


def table_of(folder: Path) -> Path | None:
    """Return the one table of a folder, else of a folder in it, None where there is none.

    Raises InputError where there are several, or where the one leads out of the folder.
    """
    tables = _tables_in(folder)
    if not tables and not _holds_files(folder):
        below = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
        tables = [table for place in below if not place.is_symlink() for table in _tables_in(place)]
    if len(tables) > 1:
        names = [table.relative_to(folder).as_posix() for table in tables]
        problem = tr(
            "must have one table, got {names}; give the folder of one, or remove one",
            names=joined(names, tr(" and ")),
        )
        raise InputError(str(folder), [problem])
    for table in tables:
        _, fault = resolve_listed(folder, str(table.relative_to(folder)))
        if fault:
            raise InputError(str(table), [fault])
    return tables[0] if tables else None


def pictures_in_table(table: Path) -> list[FoundPicture]:
    """Return the pictures that a table lists, in its order; raises InputError when it is no such table."""
    decoded = decoded_text(table)
    rows = _json_cells(decoded.text) if table.suffix.lower() == ".jsonl" else _csv_cells(table, decoded.text)
    folder, found = ListedFolder(table.parent), []
    for number, row in enumerate(rows):
        place = tr(PLACE, file=table.name, line=row.line)
        if row.fault:
            spoiled = FoundPicture(name=place, path=table.parent, sample=number, fault=row.fault, place=place)
            found.append(spoiled)
        else:
            caption = caption_of(row.text, place, decoded.encoding)
            one = folder.picture(row.name, number, place, caption)
            found.append(replace(one, copy_of=without_surrogates(row.copy_of)))
    return found


def decoded_text(path: Path) -> DecodedText:
    """Return a text file of unknown encoding; raises InputError with the reason."""
    try:
        return decode_text(read_file(path))
    except FileNotFoundError as error:
        raise InputError(str(path), [missing_file(path)]) from error
    except OSError as error:
        raise InputError(str(path), [tr("cannot be read: {reason}", reason=reason_of(error))]) from error
    except ValueError as error:
        raise InputError(str(path), [str(error)]) from error


def json_rows(text: str) -> Iterator[tuple[int, Mapping[str, object]]]:
    """Yield the number and the object of each line that is not empty, {} for no object."""
    for number, line in enumerate(_LINE_END.split(text), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        yield number, row if isinstance(row, dict) else {}


class _ListedRow(NamedTuple):
    """What a row of a table says."""

    line: int
    name: str = ""
    text: str = ""
    fault: str = ""
    """Why it cannot be used."""
    copy_of: str = ""


def _json_cells(text: str) -> Iterator[_ListedRow]:
    for line, row in json_rows(text):
        name, told = (row.get(column) for column in COLUMNS)
        if isinstance(name, str) and isinstance(told, str):
            source, change = (str(row.get(column) or "") for column in COPY_COLUMNS)
            yield _ListedRow(line, name, told, copy_of=_copied(source, change))
        else:
            yield _ListedRow(line, fault=tr("must be a JSON object with file_name and text"))


def table_with(table: Path, captions: Mapping[int, str]) -> bytes:
    """Return a table with other captions, in UTF-8; all else that it says stays.

    Args:
        table: as `pictures_in_table` reads it, without a row that cannot be used.
        captions: by the row's number, from 0.
    """
    text = decoded_text(table).text
    if table.suffix.lower() == ".jsonl":
        rows = [
            {**row, "text": captions.get(n, row.get("text"))} for n, (_, row) in enumerate(json_rows(text))
        ]
        return b"".join(_json_line(row) for row in rows)
    return _csv_with(table, text, captions)


def _json_line(row: Mapping[str, object]) -> bytes:
    """Return a row as it reads best; with half of a surrogate pair in it, which UTF-8 knows not, in ASCII."""
    try:
        return f"{json.dumps(row, ensure_ascii=False)}\n".encode()
    except UnicodeEncodeError:
        return f"{json.dumps(row)}\n".encode()


def _csv_with(table: Path, text: str, captions: Mapping[int, str]) -> bytes:
    """Return a table as it was delimited, with the byte order mark that Excel needs."""
    delimiter, header = _header(table, text)
    written = io.StringIO(newline="")
    rows, number = csv.writer(written, delimiter=delimiter, lineterminator="\r\n"), -1
    for row in rows_of(text, delimiter):
        if number < 0:  # the header, perhaps behind a hint
            number += not _is_hint(row)
            rows.writerow(row.cells)
            continue
        cells = list(_whole_row(row, header, delimiter).cells)
        cells[header.index(COLUMNS[1])] = captions.get(number, cells[header.index(COLUMNS[1])])
        rows.writerow(cells)
        number += 1
    return written.getvalue().encode("utf-8-sig")


def _csv_cells(table: Path, text: str) -> Iterator[_ListedRow]:
    delimiter, header = _header(table, text)
    rows = rows_of(text, delimiter)
    next(row for row in rows if not _is_hint(row))
    for row in rows:
        yield _listed_row(_whole_row(row, header, delimiter), header)


def _copied(source: str, change: str) -> str:
    """Return the picture that a row is a changed copy of; empty where these columns say something else."""
    return source.strip() if change.strip().partition(" ")[0] in KINDS else ""


def _header(table: Path, text: str) -> tuple[str, list[str]]:
    """Return what stands between a table's cells, and the names of its columns."""
    for delimiter in _DELIMITERS:
        first = next((row for row in rows_of(text, delimiter) if not _is_hint(row)), Row(1, (), ()))
        names = [re.sub(r"[\s-]+", "_", cell.strip().lower()) for cell in first.cells]
        while names and not names[-1]:
            names.pop()
        if set(COLUMNS) <= set(names):
            if twice := [name for name in COLUMNS if names.count(name) > 1]:
                raise InputError(str(table), [tr("must have the column {name} once", name=twice[0])])
            return delimiter, names
    line = without_surrogates(_LINE_END.split(text.lstrip(), maxsplit=1)[0][:80])
    problem = tr(
        "must have the columns file_name and text, got {got!r}; put file_name,text into the first line",
        got=line,
    )
    raise InputError(str(table), [problem])


def _is_hint(row: Row) -> bool:
    """Return whether a row only tells Excel what stands between the cells."""
    return bool(row.cells) and row.cells[0].strip().lower().startswith("sep=")


def _whole_row(row: Row, header: Sequence[str], delimiter: str) -> Row:
    """Return a row with a cell a column; where the text is the last one, a comma in it may stand unquoted."""
    if row.fault:
        return row
    cells, columns, text_at = list(row.cells), len(header), header.index(COLUMNS[1])
    while len(cells) > columns and not cells[-1].strip():
        cells.pop()
    if len(cells) > columns:
        if text_at != columns - 1 or any(row.quoted[text_at : len(cells)]):
            told = tr(
                "has {got} cells, the header has {wanted}: put the text in quotes",
                got=len(cells),
                wanted=columns,
            )
            return Row(row.line, (), (), told)
        cells[text_at:] = [delimiter.join(cells[text_at:])]
    cells += [""] * (columns - len(cells))
    return Row(row.line, tuple(cells), row.quoted)


def _listed_row(row: Row, header: Sequence[str]) -> _ListedRow:
    """Return what a row with a cell a column says."""
    if row.fault:
        return _ListedRow(row.line, fault=row.fault)
    said = dict(zip(header, row.cells, strict=True))
    name, text = (said[column] for column in COLUMNS)
    source, change = (said.get(column, "") for column in COPY_COLUMNS)
    return _ListedRow(row.line, name, text, copy_of=_copied(source, change))


def _tables_in(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.name.lower() in TABLES and path.is_file())
    except OSError as error:
        raise InputError(str(folder), [tr("cannot be read: {reason}", reason=reason_of(error))]) from error


def _holds_files(folder: Path) -> bool:
    """Return whether files lie directly in a folder that may be pictures."""
    return any(path.suffix.lower() in SUFFIXES for path in folder.iterdir())
