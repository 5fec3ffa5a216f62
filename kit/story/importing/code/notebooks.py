"""The story that a notebook or a script draws; its code is read, never run."""

import ast
import json
import re
import warnings
from collections.abc import Iterator, Sequence
from textwrap import dedent

from kit.files.text.library_words import reason_of
from kit.messages import joined, tr
from kit.story.importing.code.code_reader import CodeCell, CodeReader
from kit.story.importing.code.drawing_calls import rows_of_pictures
from kit.story.importing.foreign_story import ForeignPanel, ForeignStory, NoStory, check_rows
from kit.story.story import PANELS

MOST_NOTEBOOK_BYTES = 2**26
"""The largest notebook; one with its pictures has some ten million bytes."""
MOST_CODE = 2**18
"""Letters of code; a notebook that trains and draws has some ten thousand."""
_BRACE = 16
"""Letters that a brace counts as: Python reads a text with many in the square of their number."""
_MOST_MARKS = 10**6
"""Commas and brackets of a notebook; pictures in it have none."""
_MAGIC = re.compile(r"^([ \t]*)(?:[!%?].*|[\w.]+\?{1,2}[ \t]*)$", re.MULTILINE)
"""Lines that are the notebook's, not Python's."""
_FENCED = re.compile(r"^[ \t>]*```[ \t]*(?:python|py|ipython)?[ \t]*\r?\n(.*?)^[ \t>]*```", re.M | re.S)
_INDENTED = re.compile(r"((?:^(?:\t| {4}).*\n|^[ \t]*\n)+)", re.M)
_WHOLE = re.compile(r"(\A.*\Z)", re.S)
_CALLS = re.compile(r"^[ \t]*(?:[\w.]{1,60} {0,4}= {0,4})?\w{0,30}pipe\w{0,30} ?\(", re.M)
_DRAWS = re.compile(r"\bprompt\s*=|\bpipe\w*\s*\(", re.IGNORECASE)


def is_notebook(text: str) -> bool:
    """Return whether a text begins as a notebook does."""
    return text.lstrip()[:1] == "{" and '"cells"' in text


def story_of_notebook(text: str) -> ForeignStory:
    """Return the story that a notebook draws; raises NoStory where it draws none."""
    if text.count("[") + text.count("{") + text.count(",") > _MOST_MARKS:
        raise NoStory(tr("is too large for a notebook; copy the cells that draw into a .py file"))
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = reason_of(error) if isinstance(error, ValueError) else tr("it is nested too deep")
        raise NoStory(tr("is no notebook, {reason}; save it again in Jupyter", reason=reason)) from error
    return _story_of_cells(list(_cells(document)))


def _cells(document: object) -> Iterator[CodeCell]:
    cells = document.get("cells") if isinstance(document, dict) else None
    for number, cell in enumerate(cells if isinstance(cells, list) else [], 1):
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        source = cell.get("source", "")
        lines = source if isinstance(source, list) else [source]
        code = "".join(line for line in lines if isinstance(line, str))
        yield CodeCell(at=tr("cell {number}", number=number), code=code)


def story_of_script(text: str) -> ForeignStory:
    """Return the story that a Python file draws; raises NoStory where it draws none."""
    return _story_of_cells([CodeCell(at="", code=text)])


def story_of_code_in(text: str) -> ForeignStory | None:
    """Return the story that the code in a text draws; None where no code there draws."""
    cells = [
        CodeCell(at=tr("code at line {line}", line=_line_of(text, found)), code=dedent(found[1]))
        for found in _code_in(text)
    ]
    return _story_of_cells(cells) if cells else None


def _line_of(text: str, found: re.Match[str]) -> int:
    return text.count("\n", 0, found.start()) + 1


def without_code(text: str) -> str:
    """Return a text whose lines of code that draws are empty."""
    for found in reversed(_code_in(text)):
        text = f"{text[: found.start()]}{chr(10) * found[0].count(chr(10))}{text[found.end() :]}"
    return text


def _code_in(text: str) -> list[re.Match[str]]:
    """Return the code that draws in a text: between fences, else indented, else the whole text."""
    for pattern in (_FENCED, _INDENTED, _WHOLE):
        if cells := [found for found in pattern.finditer(text) if _CALLS.search(found[1])]:
            return cells
    return []


def _story_of_cells(cells: Sequence[CodeCell]) -> ForeignStory:
    if sum(len(cell.code) + _BRACE * cell.code.count("{") for cell in cells) > MOST_CODE:
        raise NoStory(
            tr("must hold at most {most:,} letters of code; keep the part that draws", most=MOST_CODE)
        )
    reader = CodeReader()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the code that is read
        for cell in cells:
            _read(reader, cell)
    rows, notes = rows_of_pictures(reader.drawn) if reader.drawn else reader.listed()
    if not rows:
        raise NoStory(tr("holds no call that draws, such as pipe(prompt=…); give the notebook that draws"))
    if len(rows) != PANELS:
        raise NoStory(
            tr(
                "must draw exactly {wanted} pictures, draws {got} ({places}); {mend}",
                wanted=PANELS,
                got=len(rows),
                places=joined([row.at for row in rows[: PANELS + 1]], tr(", ")),
                mend=_mend(rows),
            )
        )
    return ForeignStory(rows=check_rows(rows), notes=notes)


def _mend(rows: Sequence[ForeignPanel]) -> str:
    fewer = len(rows) < PANELS
    return tr("save their eight prompts as lines of text") if fewer else tr("keep those of the story")


def _read(reader: CodeReader, cell: CodeCell) -> None:
    """Read a cell; one that is no Python and draws is refused, another one is left out."""
    if cell.code.lstrip().startswith("%%"):
        return
    code = cell.code if _is_python(cell.code) else _MAGIC.sub(r"\1pass", cell.code)
    try:
        reader.read(CodeCell(at=cell.at, code=code))
    except (SyntaxError, RecursionError, MemoryError, ValueError) as error:
        if isinstance(error, NoStory):
            raise
        if _DRAWS.search(code):
            place = cell.line(getattr(error, "lineno", None) or 1)
            raise NoStory(
                tr("{place}: is not Python that can be read; mend it, or delete it", place=place)
            ) from error


def _is_python(code: str) -> bool:
    try:
        ast.parse(code)
    except (SyntaxError, RecursionError, MemoryError, ValueError):
        return False
    return True
