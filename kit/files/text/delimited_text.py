"""Rows of a delimited text (CSV), each with its line and, where its quotes are wrong, its fault.

Python's csv lets an open quote swallow the rows behind it and stops at cells of 128 KiB. Here a row with
wrong quotes is a fault of that row alone: reading goes on in the line behind the one in which it opened.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from kit.messages import tr

_LINE_END = re.compile(r"\r\n|\r|\n")
_ROW_INSIDE = re.compile(
    r"[\r\n][ \t]*\"?[^\"\r\n,;\t，]{1,200}\.(?:png|jpe?g|jfif|webp|gif|bmp|tiff?)\"?[ \t]*[,;\t，]",
    re.IGNORECASE,
)
"""What a quoted cell holds that has swallowed the next row of a table of pictures."""


class Row(NamedTuple):
    """One row; a cell without quotes is as it is written, blanks around it included."""

    line: int
    """Where it begins, from 1; of a faulty one where the quote opens."""
    cells: tuple[str, ...]
    quoted: tuple[bool, ...]
    """Which cells are in quotes."""
    fault: str = ""
    """Why it cannot be used; then it has no cells."""


def rows_of(text: str, delimiter: str) -> Iterator[Row]:
    r"""Yield the rows that are not empty; CR, LF and CRLF end lines, no other sign does.

    >>> [row.cells for row in rows_of('a, "b, c"\n1,2', ",")]
    [('a', 'b, c'), ('1', '2')]
    """
    reader = _Reader(text, delimiter)
    while reader.place < len(text):
        row = reader.row()
        if row.fault or any(cell.strip() for cell in row.cells):
            yield row


class _Reader:
    """Where in a text we are."""

    def __init__(self, text: str, delimiter: str) -> None:
        blanks = "[ ]*" if delimiter == "\t" else "[ \t]*"
        self._text, self._delimiter = text, delimiter
        self._quote = re.compile(f'{blanks}"')
        self._quoted = re.compile(f'([^"]*(?:""[^"]*)*)"{blanks}')
        self._bare = re.compile(f"[^{delimiter}\r\n]*")
        self.place, self._line = 0, 1

    def row(self) -> Row:
        """Return the row that begins here, and go behind it."""
        line, cells, quoted = self._line, list[str](), list[bool]()
        while True:
            opening, opened = self._quote.match(self._text, self.place), self._line
            if opening:
                cell, fault = self._quoted_cell(opening.end())
                if fault:
                    return Row(opened, (), (), fault)
            else:
                cell = self._go_to(self._bare.match(self._text, self.place))
            cells.append(cell)
            quoted.append(opening is not None)
            if not self._text.startswith(self._delimiter, self.place):
                self._end_line()
                return Row(line, tuple(cells), tuple(quoted))
            self.place += 1

    def _quoted_cell(self, start: int) -> tuple[str, str]:
        """Return a cell's text and no fault, or a fault after having gone to the line behind."""
        found = self._quoted.match(self._text, start)
        if found is None:
            fault = tr("a quote opens and is not closed: close it, or leave it out")
        elif self._text[found.end() : found.end() + 1] not in ("", self._delimiter, "\r", "\n"):
            fault = tr("a quote opens and closes before its cell ends; write quotes inside a text twice")
        elif _ROW_INSIDE.search(found[1]):
            fault = tr("a quote opens and is not closed before the next row: close it, or leave it out")
        else:
            self._line += len(_LINE_END.findall(found[1]))
            self.place = found.end()
            return found[1].replace('""', '"'), ""
        self._go_to(re.compile("[^\r\n]*").match(self._text, start))
        self._end_line()
        return "", fault

    def _go_to(self, found: re.Match[str] | None) -> str:
        """Go behind what was found and return it."""
        assert found is not None, "the pattern fits anything"
        self.place = found.end()
        return found[0]

    def _end_line(self) -> None:
        if found := _LINE_END.match(self._text, self.place):
            self.place = found.end()
            self._line += 1
