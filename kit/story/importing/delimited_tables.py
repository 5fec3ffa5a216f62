"""Tables as spreadsheets save them: commas, semicolons or tabs between the cells."""

from kit.files.text.delimited_text import Row, rows_of
from kit.story.importing.columns import ForeignTable, choose, no_prompts
from kit.story.importing.foreign_story import NoStory

DELIMITERS = (",", "\t", ";", "，", "；")
"""Marks between cells, the usual ones first."""
_FORMULA = ("=",)


def delimited_table(text: str) -> ForeignTable:
    """Return a table whose first row names its columns; raises NoStory where none of them holds prompts."""
    firsts = {
        mark: next((row for row in rows_of(text, mark) if not _is_hint(row)), None) for mark in DELIMITERS
    }
    named = {mark: row for mark, row in firsts.items() if row is not None}
    if not named:
        raise NoStory("is empty; it must hold the story's eight panels")
    with_prompts = {mark: row for mark, row in named.items() if choose(row.cells)}
    mark, first = max((with_prompts or named).items(), key=lambda one: len(one[1].cells))
    if not with_prompts:
        raise NoStory(first.fault or f"line {first.line}: {no_prompts(first.cells)}")
    return _table(text, mark, first)


def _is_hint(row: Row) -> bool:
    """Return whether a row is Excel's `sep=;`."""
    return len(row.cells) < 3 and "".join(row.cells).casefold().startswith("sep=")


def _table(text: str, delimiter: str, first: Row) -> ForeignTable:
    rows = []
    for row in rows_of(text, delimiter):
        at = f"line {row.line}"
        if row.fault:
            raise NoStory(f"{at}: {row.fault}")
        if row.line <= first.line:
            continue
        if any(cell.lstrip().startswith(_FORMULA) for cell in row.cells):
            raise NoStory(f"{at}: a cell begins with = as a formula does; save the words that it shows")
        rows.append((at, row.cells))
    return ForeignTable(line=first.line, headers=first.cells, rows=rows)
