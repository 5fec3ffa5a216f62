"""Tables in Markdown, as a chat model's answer holds them between its sentences."""

import html
import re
from collections.abc import Iterator, Sequence

from kit.messages import tr
from kit.story.importing.foreign_story import one_line
from kit.story.importing.foreign_tables import ForeignTable

_RULE = re.compile(r"[:：]?[-—–─=]+[:：]?")
"""A cell of the line under the headers."""
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_STRESS = re.compile(r"(\*{1,3}|~~)(?=\S)([^*~\n]{1,4000}?)(?<=\S)\1")
_CODE = re.compile(r"(`{1,3})([^`\n]+)\1")
_ESCAPED = re.compile(r"\\([|*_#`~<>-])")
_QUOTED = re.compile(r"^\s*(?:>\s*)+")


def plain_cell(text: str) -> str:
    r"""Return the words of Markdown: no stars, code marks, line breaks or escapes.

    >>> plain_cell("**小猫**，`在睡觉`<br>\\| 夜晚")
    '小猫，在睡觉 | 夜晚'
    """
    bare = _BREAK.sub(" ", text)
    bare = _STRESS.sub(r"\2", bare)
    bare = _CODE.sub(r"\2", bare)
    return one_line(html.unescape(_ESCAPED.sub(r"\1", bare)))


def markdown_tables(text: str) -> list[ForeignTable]:
    """Return the tables of a text as they follow, with or without pipes at the edges, in a fence or not."""
    lines = [_QUOTED.sub("", line).strip() for line in re.split(r"\r\n|\r|\n", text)]
    cells = [_cells(line) for line in lines]
    return [table for first, last in _runs(cells) if (table := _table(lines, cells, first, last))]


def _cells(line: str) -> list[str]:
    """Return the cells of a line; fewer than two where it belongs to no table."""
    if "|" not in line and line.count("｜") > 1:
        line = line.replace("｜", "|")
    elif line.startswith("｜"):
        line = re.sub(r"(?<!\\)｜", "|", line)
    if "|" not in line:
        return []
    edged = re.sub(r"^\||(?<!\\)\|$", "", line)
    return re.split(r"(?<!\\)\|", edged)


def _runs(cells: Sequence[Sequence[str]]) -> Iterator[tuple[int, int]]:
    """Yield the first line of each run of table lines, and the line behind its last."""
    first = None
    for at, found in enumerate([*cells, []]):
        if found and first is None:
            first = at
        elif not found and first is not None:
            yield first, at
            first = None


def _table(
    lines: Sequence[str], cells: Sequence[Sequence[str]], first: int, last: int
) -> ForeignTable | None:
    """Return the table in some lines; None where they have neither a rule nor edges."""
    rules = [at for at in range(first, last) if all(_RULE.fullmatch(cell.strip()) for cell in cells[at])]
    if not rules and not all(line[:1] in "|｜" for line in lines[first:last]):
        return None
    header = rules[0] - 1 if rules and rules[0] > first else first
    rows = [
        (tr("line {line}", line=at + 1), [plain_cell(cell) for cell in cells[at]])
        for at in range(header + 1, last)
        if at not in rules
    ]
    headers = [plain_cell(cell) for cell in cells[header]]
    return ForeignTable(line=header + 1, headers=headers, rows=rows) if rows else None
