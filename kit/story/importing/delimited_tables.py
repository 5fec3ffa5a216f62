"""Tables as spreadsheets save them: commas, semicolons or tabs between the cells."""

from itertools import islice

from kit.files.text.delimited_text import Row, rows_of
from kit.messages import tr
from kit.story.importing.columns import choose, no_prompts
from kit.story.importing.foreign_story import NoStory
from kit.story.importing.foreign_tables import ForeignTable

DELIMITERS = (",", "\t", ";", "，", "；")
"""Marks between cells, the usual ones first."""
_FORMULA = "="
_FIRST_ROWS = 4
"""Rows in which the names of columns may stand: above them a title, or Excel's `sep=;`."""


def delimited_table(text: str) -> ForeignTable:
    """Return a table whose first rows name its columns; raises NoStory where none of them holds prompts."""
    firsts = {mark: list(islice(rows_of(text, mark), _FIRST_ROWS)) for mark in DELIMITERS}
    named = [
        (mark, row)
        for mark, rows in firsts.items()
        for at, row in enumerate(rows)
        if choose(row.cells) and (at == 0 or len(row.cells) > 1)
    ]
    if named:
        return _table(text, *max(named, key=lambda one: len(one[1].cells)))
    rows = [row for rows in firsts.values() for row in rows[:1]]
    if not rows:
        raise NoStory(tr("is empty; it must hold the story's eight panels"))
    widest = max(rows, key=lambda row: len(row.cells))
    told = tr("line {line}: {fault}", line=widest.line, fault=no_prompts(widest.cells))
    raise NoStory(widest.fault or told)


def _table(text: str, delimiter: str, first: Row) -> ForeignTable:
    rows = []
    for row in rows_of(text, delimiter):
        if row.fault:
            raise NoStory(tr("line {line}: {fault}", line=row.line, fault=row.fault))
        if row.line <= first.line:
            continue
        if any(cell.lstrip().startswith(_FORMULA) for cell in row.cells):
            raise NoStory(
                tr(
                    "line {line}: a cell begins with = as a formula does; save the words that it shows",
                    line=row.line,
                )
            )
        if any(
            cell.count('"') % 2 and not quoted for cell, quoted in zip(row.cells, row.quoted, strict=True)
        ):
            raise NoStory(
                tr(
                    "line {line}: a quote has no partner in its cell; a mark between two cells is missing "
                    "there",
                    line=row.line,
                )
            )
        rows.append((tr("line {line}", line=row.line), row.cells))
    return ForeignTable(line=first.line, headers=first.cells, rows=rows)
