"""A table as it was found in a file: names of columns, rows with their places, and the panels in them."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from kit.messages import joined, tr
from kit.story.importing.columns import MARKS, choose, no_prompts, plain_name
from kit.story.importing.foreign_story import ForeignPanel, NoStory, check_rows, one_line, unquoted
from kit.story.story import PANELS


class ForeignTable(NamedTuple):
    """A table as it was found."""

    line: int
    """Where its headers stand, from 1."""
    headers: Sequence[str]
    rows: Sequence[tuple[str, Sequence[str]]]
    """Where each stands, in words, and its cells."""

    def panels(self) -> list[ForeignPanel]:
        """Return the rows that say anything, by the table's own columns; raises NoStory without prompts."""
        chosen = choose(self.headers)
        if chosen is None:
            raise NoStory(tr("line {line}: {fault}", line=self.line, fault=no_prompts(self.headers)))
        filled = [
            (at, cells)
            for at, cells in self.rows
            if any(cell.strip() for cell in cells) and list(cells) != list(self.headers)
        ]
        texts = [list(self._texts(filled, column)) for column in chosen[:3]]
        prompts, captions, negatives = unquoted(texts[0]), texts[1], unquoted(texts[2])
        return [
            ForeignPanel(at=at, prompt=prompts[row], caption=captions[row], negative=negatives[row])
            for row, (at, _) in enumerate(filled)
        ]

    def _texts(self, rows: Sequence[tuple[str, Sequence[str]]], column: int | None) -> Iterator[str]:
        for at, cells in rows:
            more = any(cell.strip() for cell in cells[len(self.headers) :])
            if more or len(cells) < _width(self.headers):
                raise NoStory(tr("{place}: {fault}", place=at, fault=self._not_as_many(len(cells))))
            yield one_line(cells[column]) if column is not None and column < len(cells) else ""

    def _not_as_many(self, cells: int) -> str:
        if cells < _width(self.headers):
            return tr(
                "has {got} cells where the headers are {wanted}; put the missing mark between two cells, or "
                "an empty cell",
                got=cells,
                wanted=len(self.headers),
            )
        return tr(
            "has {got} cells where the headers are {wanted}; write a | within a text as \\|, and a text with "
            "the file's own commas in quotes",
            got=cells,
            wanted=len(self.headers),
        )

    def notes(self) -> list[str]:
        """Return which columns are left out."""
        chosen = choose(self.headers)
        left = [one_line(MARKS.sub("", one) or one) for one in chosen.left_out] if chosen else []
        return [tr("left out: the column {names}", names=joined(left, tr(", ")))] if left else []

    def turned(self) -> "ForeignTable":
        """Return the table with a panel a column, its names in the first one; empty where cells lack."""
        if any(len(cells) != len(self.headers) for _, cells in self.rows):
            return ForeignTable(self.line, (), ())
        columns = [
            (tr("column {number}", number=at), [cells[at] for _, cells in self.rows])
            for at in range(1, len(self.headers))
        ]
        return ForeignTable(self.line, [cells[0] for _, cells in self.rows], columns)


def _width(headers: Sequence[str]) -> int:
    """Return how many columns have a name, those without one at the end apart."""
    return max((at for at, header in enumerate(headers, 1) if header.strip()), default=0)


def best_table(tables: Sequence[ForeignTable]) -> ForeignTable:
    """Return the one table with prompts of eight panels; raises NoStory where there is none, or several.

    A table may have its panels in columns, and its rows in two parts that follow each other.
    """
    with_prompts = with_prompts_in(tables)
    if not with_prompts:
        first = tables[0]
        raise NoStory(tr("line {line}: {fault}", line=first.line, fault=no_prompts(first.headers)))
    eight = [table for table in with_prompts if len(table.panels()) == PANELS]
    if len(eight) > 1:
        lines = joined([str(table.line) for table in eight], tr(" and "))
        raise NoStory(
            tr(
                "holds {got} tables of eight prompts, in lines {lines}; keep one of them",
                got=len(eight),
                lines=lines,
            )
        )
    if eight:
        return eight[0]
    whole = _joined(with_prompts)
    if len(whole.panels()) != PANELS:
        whole = max(with_prompts, key=lambda table: len(table.rows))
    check_rows(whole.panels())
    return whole


def with_prompts_in(tables: Sequence[ForeignTable]) -> list[ForeignTable]:
    """Return the tables that have prompts, by rows or else by columns."""
    ways = [next((way for way in (one, one.turned()) if choose(way.headers)), None) for one in tables]
    return [way for way in ways if way is not None]


def _joined(tables: Sequence[ForeignTable]) -> ForeignTable:
    """Return the rows of the tables whose columns are named as those of the first."""
    first = tables[0]
    names = [plain_name(header) for header in first.headers]
    alike = [table for table in tables if [plain_name(header) for header in table.headers] == names]
    return ForeignTable(first.line, first.headers, [row for table in alike for row in table.rows])
