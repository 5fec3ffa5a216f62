"""Panels as JSON, as programs and chat models write them: a list of objects, wherever it stands."""

import json
import re
from collections.abc import Iterator

from kit.files.text.library_words import reason_of
from kit.messages import mark, tr
from kit.story.importing.foreign_story import ForeignStory, NoStory, check_rows, one_line
from kit.story.importing.foreign_tables import ForeignTable, best_table

_FENCED = re.compile(r"^[ \t]*```[ \t]*json[^\n]*\n(.*?)^[ \t]*```", re.M | re.S | re.I)
_DEEPEST = 8
"""Levels that are looked at."""
_MOST_MARKS = 10**5
"""Brackets and commas; eight panels have some hundred."""
_OBJECTS = mark("must have exactly {wanted} objects, one a panel, got {got}; {mend}")


def json_in(text: str) -> str:
    """Return the JSON that a text is, or holds between fences; empty where it holds none."""
    fenced = _FENCED.search(text)
    bare = (fenced[1] if fenced else text).strip()
    return bare if bare[:1] in ("[", "{") and re.match(r'[\[{]\s*["{\[]', bare) else ""


def story_of_json(text: str) -> ForeignStory:
    """Return the story in a JSON text, or one with an object a line; raises NoStory where there is none."""
    if sum(map(text.count, "[{,")) > _MOST_MARKS:
        raise NoStory(tr("is too large; keep the part with the story"))
    document = _read(text)
    tables = list(_tables(document, 0))
    if not tables:
        raise NoStory(tr("holds no list of panels: write a list of objects, each with a prompt"))
    table = best_table(tables)
    title = document.get("title") or document.get("标题") if isinstance(document, dict) else None
    named = one_line(title) if isinstance(title, str) else ""
    return ForeignStory(rows=check_rows(table.panels(), _OBJECTS), title=named, notes=table.notes())


def _read(text: str) -> object:
    try:
        return json.loads(text)
    except RecursionError as error:
        raise NoStory(tr("is nested too deep; keep the part with the story")) from error
    except ValueError as error:
        lines = [line.strip().rstrip(",") for line in text.splitlines() if line.strip()]
        try:
            return [json.loads(line) for line in lines] if len(lines) > 1 else _none(error)
        except (ValueError, RecursionError):
            return _none(error)


def _none(error: ValueError) -> object:
    raise NoStory(
        tr(
            "looks like JSON and is none, {reason}; mend it, or save the prompts as eight lines",
            reason=reason_of(error),
        )
    ) from error


def _tables(value: object, depth: int) -> Iterator[ForeignTable]:
    """Yield the lists of objects in a document, outer ones first."""
    if depth == _DEEPEST:
        return
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        headers = list(dict.fromkeys(str(key) for item in value for key in item))
        rows = [
            (tr("object {number}", number=at), [_text(item.get(header)) for header in headers])
            for at, item in enumerate(value, 1)
        ]
        yield ForeignTable(line=1, headers=headers, rows=rows)
    elif isinstance(value, list) and len(value) > 1 and all(isinstance(item, str) for item in value):
        rows = [(tr("text {number}", number=at), [item]) for at, item in enumerate(value, 1)]
        yield ForeignTable(1, ["prompt"], rows)
    elif isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _tables(item, depth + 1)


def _text(value: object) -> str:
    """Return a value as the text of a cell: a list of words with commas between."""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return str(value) if isinstance(value, str | int | float) else ""
