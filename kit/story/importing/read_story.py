"""The story in a file that was written for people or another program: which form it has, and its rows."""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from kit.errors import InputError
from kit.files.documents import read_bytes
from kit.files.path_contents import kind_at, taken_by
from kit.files.text.invisible_marks import invisible_mark
from kit.files.text.text_encodings import decode_text
from kit.messages import tr
from kit.story.foreign_syntax import foreign_marks
from kit.story.importing.code.notebooks import (
    MOST_NOTEBOOK_BYTES,
    is_notebook,
    story_of_code_in,
    story_of_notebook,
    story_of_script,
    without_code,
)
from kit.story.importing.columns import LONGEST_NAME, choose
from kit.story.importing.delimited_tables import DELIMITERS, delimited_table
from kit.story.importing.foreign_story import ForeignStory, NoStory, check_rows
from kit.story.importing.foreign_tables import ForeignTable, best_table, with_prompts_in
from kit.story.importing.json_tables import json_in, story_of_json
from kit.story.importing.labelled_lists import story_of_list
from kit.story.importing.markdown_tables import markdown_tables
from kit.story.importing.plain_lines import story_of_lines, title_in

MOST_BYTES = 2**20
"""The largest text; a story has some thousand bytes."""
MOST_LINES = 10_000
"""Lines of a text; a long answer has some hundred."""
LONGEST_LINE = 50_000
"""Letters; a table's row has some hundred."""
_WORKBOOKS = (".xlsx", ".xls", ".xlsm", ".ods", ".numbers")
_DOCUMENTS = (".docx", ".doc", ".pdf", ".rtf", ".odt", ".pages", ".pptx")
_OURS = ("experiment", "training", "rules", "lora")
_OBJECTS = (".json", ".jsonl", ".ndjson")
_TABLES = (".csv", ".tsv", ".tab")


def read_foreign_story(path: Path) -> ForeignStory:
    """Return the eight panels that a file holds; raises InputError with what it lacks and what to do."""
    if told := _another_kind(path):
        raise InputError(str(path), [told])
    return foreign_story_in(read_bytes(path, _most_of(path) + 1), path)


def foreign_story_in(data: bytes, path: Path) -> ForeignStory:
    """Return the eight panels in the bytes of a file, which need not be there: its name tells its form.

    Raises InputError with what it lacks and what to do.
    """
    try:
        if told := _no_text(path.suffix.lower()):
            raise NoStory(told)
        if len(data) > _most_of(path):
            most = _most_of(path)
            raise NoStory(tr("must be at most {most:,} bytes; keep the part with the story", most=most))
        if not data.strip():
            raise NoStory(tr("is empty; it must hold the story's eight panels"))
        decoded = decode_text(data)
        story = _reader_of(path, decoded.text)(decoded.text)
    except ValueError as error:
        raise InputError(str(path), [str(error)]) from error
    if faults := list(_faults_of(story)):
        raise InputError(str(path), faults)
    return story


def _most_of(path: Path) -> int:
    return MOST_NOTEBOOK_BYTES if path.suffix.lower() == ".ipynb" else MOST_BYTES


def _no_text(suffix: str) -> str:
    """Return what to do with a file of an office program; empty for others."""
    if suffix in _WORKBOOKS:
        return tr("is a workbook; save the sheet with the story as CSV UTF-8 and give that")
    if suffix in _DOCUMENTS:
        return tr("is a document; copy its table or its lines into a plain text file and give that")
    return ""


def _faults_of(story: ForeignStory) -> Iterator[str]:
    """Yield what in the words of a story would be drawn as words, or what nobody sees."""
    for row in story.rows:
        for at, text in ((row.at, row.prompt), (tr("{place}, negative", place=row.at), row.negative)):
            yield from (tr("{place}: {fault}", place=at, fault=told) for told in foreign_marks(text))
    for at, text in (
        (tr("the title"), story.title),
        *((tr("{place}, caption", place=row.at), row.caption) for row in story.rows),
    ):
        if mark := invisible_mark(text):
            told = tr("holds {mark}; delete it, or type the words anew", mark=mark[1])
            yield tr("{place}: {fault}", place=at, fault=told)


def _another_kind(path: Path) -> str:
    """Return what a path is that can hold no story to import, and what to do; else empty."""
    if path.is_dir():
        return tr("is a folder; give the file in it that holds the story")
    kind = kind_at(path)
    if kind == "story":
        return tr('is a story already: an experiment draws it with stories = ["{name}"]', name=path.name)
    return tr("is no story to import{which}", which=taken_by(path)) if kind in _OURS else ""


def _reader_of(path: Path, text: str) -> Callable[[str], ForeignStory]:
    """Return who reads a file, by its name's end and how it begins."""
    suffix = path.suffix.lower()
    if suffix == ".ipynb" or is_notebook(text):
        return story_of_notebook
    if suffix == ".py":
        return story_of_script
    if suffix in _OBJECTS:
        return story_of_json
    return _story_of_table if suffix in _TABLES else _story_of_text


def _story_of_table(text: str) -> ForeignStory:
    table = delimited_table(text)
    return ForeignStory(rows=check_rows(table.panels()), notes=table.notes())


def _story_of_text(text: str) -> ForeignStory:
    """Return the story of a text of any form: the first form that it has counts."""
    lines = re.split(r"[\r\n]+", text)
    if len(lines) > MOST_LINES:
        raise NoStory(tr("must have at most {most:,} lines; keep the part with the story", most=MOST_LINES))
    if found := json_in(text):
        return story_of_json(found)
    if long := next((at for at, line in enumerate(lines, 1) if len(line) > LONGEST_LINE), None):
        raise NoStory(
            tr(
                "line {line}: has more than {most:,} letters; write each panel in lines of its own",
                line=long,
                most=LONGEST_LINE,
            )
        )
    tables = markdown_tables(text)
    if with_prompts_in(tables):
        table = best_table(tables)
        return ForeignStory(rows=check_rows(table.panels()), title=title_in(text), notes=table.notes())
    if _is_delimited(text):
        return _story_of_table(text)
    try:
        coded = story_of_code_in(text)
    except NoStory:
        if listed := _listed_in(without_code(text)):
            return listed
        raise
    return coded or story_of_list(text) or story_of_lines(_without_tables(text, tables))


def _listed_in(text: str) -> ForeignStory | None:
    """Return the story of a list, None where there is none that is whole."""
    try:
        return story_of_list(text)
    except NoStory:
        return None


def _without_tables(text: str, tables: Sequence[ForeignTable]) -> str:
    """Return a text of lines; raises NoStory for one with a table that says nothing of prompts."""
    if tables and max(len(table.rows) for table in tables) > 1:
        best_table(tables)
    if "<td" in text.casefold():
        raise NoStory(tr("holds a table as HTML; open it in a browser and copy the table into a text file"))
    return text


def _is_delimited(text: str) -> bool:
    """Return whether a text begins with the names of columns, one of them of prompts."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return any(
        len(names) > 1 and choose(names) is not None and all(map(_may_be_name, names))
        for names in (first.split(mark) for mark in DELIMITERS)
    )


def _may_be_name(text: str) -> bool:
    return len(text) <= LONGEST_NAME and not any(mark in text for mark in ":：")
