"""A story that is being written: what its form holds, and the document that the form makes of a file.

A draft need not be a story yet. Whatever of a file the form cannot show stays in the file as it is.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from kit.files.documents import PlacedFault, told_place
from kit.messages import tr
from kit.story.story import PANELS

Document = Mapping[str, object]
Says = Literal["text", "character", "place"]
MOST_PANELS = 24
"""Panels of a file that a form shows; a story has eight."""
KEYS = (
    *("title", "language", "negative", "characters", "places", "panel"),
    *("caption", "place", "control", "prompt", "clauses", "role", "text", "character", "anchor", "reference"),
    *("kind", "picture", "weight", "until", "low", "high"),
)
"""The keys of a story in the order in which they are written."""
_CONTROL = re.compile(r"[\0-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SAYS: tuple[Says, ...] = ("character", "place", "text")


@dataclass(frozen=True, kw_only=True, slots=True)
class DraftClause:
    """A clause as its row of the form says it."""

    role: str = "unknown"
    says: Says = "text"
    """What `words` are: plain words, or the name of a character or place."""
    words: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class DraftPanel:
    """A panel as its form says it."""

    caption: str = ""
    place: str = ""
    is_plain: bool = True
    """Whether it is one plain prompt; else clauses."""
    prompt: str = ""
    clauses: tuple[DraftClause, ...] = ()
    was: int | None = None
    """Which panel of the file it was, from 0."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DraftName:
    """A character or a place as its form says it."""

    name: str = ""
    text: str = ""
    anchor: str = ""
    """Of a character: "panel 1" to "panel 8"."""
    reference: str = ""
    """Of a character: the file of its picture, seen from the story's folder."""
    was: str = ""
    """Its name in the file; clauses that still say it follow a new one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoryDraft:
    """A story as its form says it."""

    title: str = ""
    language: str = "zh"
    negative: str = ""
    characters: tuple[DraftName, ...] = ()
    places: tuple[DraftName, ...] = ()
    panels: tuple[DraftPanel, ...] = ()


def draft_of(document: Document) -> StoryDraft:
    """Return what a form shows of a file; eight panels at least, what it cannot show is left out."""
    listed = document.get("panel")
    tables = [(at, one) for at, one in enumerate(listed if isinstance(listed, list) else ())]
    shown = [_panel(one, at) for at, one in tables[:MOST_PANELS]]
    empty = [DraftPanel()] * (PANELS - len(shown))
    return StoryDraft(
        title=line(document.get("title")),
        language=line(document.get("language")) or "zh",
        negative=lines(document.get("negative")),
        characters=_names(document.get("characters")),
        places=_names(document.get("places")),
        panels=(*shown, *empty),
    )


def line(value: object) -> str:
    """Return a value as a field of one line has it; one that is no text is not shown."""
    return lines(value).replace("\n", "")


def lines(value: object) -> str:
    r"""Return a value as a field of several lines has it.

    >>> lines("a\r\nb")
    'a\nb'
    """
    return shown_text(value) if isinstance(value, str) else ""


def shown_text(text: str) -> str:
    r"""Return a text as a browser shows and sends it: line ends of \n, no controls."""
    return _CONTROL.sub("", re.sub(r"\r\n?", "\n", text))


def _names(table: object) -> tuple[DraftName, ...]:
    return tuple(
        DraftName(
            name=line(name),
            text=lines(one.get("text")),
            anchor=line(one.get("anchor")),
            reference=line(one.get("reference")),
            was=line(name),
        )
        for name, one in (table.items() if isinstance(table, Mapping) else ())
        if isinstance(one, Mapping)
    )


def _panel(table: object, at: int) -> DraftPanel:
    if not isinstance(table, Mapping):
        return DraftPanel(was=at)
    clauses = table.get("clauses")
    return DraftPanel(
        caption=line(table.get("caption")),
        place=line(table.get("place")),
        is_plain="clauses" not in table,
        prompt=lines(table.get("prompt")),
        clauses=tuple(map(_clause, clauses)) if isinstance(clauses, list) else (),
        was=at,
    )


def _clause(table: object) -> DraftClause:
    if not isinstance(table, Mapping):
        return DraftClause()
    says: Says = next((key for key in _SAYS if key in table), "text")
    return DraftClause(role=line(table.get("role")), says=says, words=line(table.get(says)))


def document_of(draft: StoryDraft, before: Document) -> tuple[dict[str, Any], list[PlacedFault]]:
    """Return the document that a draft makes of a file's, and what of the draft no file can hold.

    Whatever the draft does not change stays as it was, also what no form knows.
    """
    draft = _followed(draft)
    made: dict[str, Any] = dict(before)
    shown = draft_of(before)
    _set(made, "title", draft.title, shown.title, keep_empty=True)
    _set(made, "language", draft.language, shown.language)
    _set(made, "negative", draft.negative, shown.negative)
    faults: list[PlacedFault] = []
    for key, names in (("characters", draft.characters), ("places", draft.places)):
        faults += _name_faults(key, names)
        _set_names(made, key, names)
    listed = before.get("panel")
    old = listed if isinstance(listed, list) else []
    made["panel"] = [
        _panel_made(one, old[one.was] if one.was is not None and one.was < len(old) else None)
        for one in draft.panels
    ] + old[MOST_PANELS:]
    return made, faults


def _set(table: dict[str, Any], key: str, said: str, shown: str, *, keep_empty: bool = False) -> None:
    """Put what a field says under a key, unless that is what the field showed."""
    if said == shown and (key in table or not keep_empty):
        return
    if said or keep_empty:
        table[key] = said
    else:
        table.pop(key, None)


def _followed(draft: StoryDraft) -> StoryDraft:
    """Return a draft in which clauses and places follow names that were changed."""
    people, places = _renamed(draft.characters), _renamed(draft.places)
    if not people and not places:
        return draft
    new: dict[str, Callable[[str], str]] = {
        "character": lambda name: people.get(name, name),
        "place": lambda name: places.get(name, name),
        "text": lambda words: words,
    }
    return replace(
        draft,
        panels=tuple(
            replace(
                panel,
                place=new["place"](panel.place),
                clauses=tuple(replace(one, words=new[one.says](one.words)) for one in panel.clauses),
            )
            for panel in draft.panels
        ),
    )


def _renamed(names: Sequence[DraftName]) -> dict[str, str]:
    """Return the new names by the old ones that nobody has any more."""
    now = {one.name for one in names}
    return {one.was: one.name for one in names if one.was and one.name and one.was not in now}


def _name_faults(key: str, names: Sequence[DraftName]) -> Iterator[PlacedFault]:
    seen: set[str] = set()
    for at, one in enumerate(names):
        problem = ""
        if not one.name.strip():
            problem = tr("has no name: give it one, by which clauses call it")
        elif one.name in seen:
            problem = tr("{name} is there already: give it another name", name=one.name)
        seen.add(one.name)
        if problem:
            place = (key, at)
            yield PlacedFault(place, tr("{place}: {told}", place=told_place(place), told=problem), problem)


def _set_names(made: dict[str, Any], key: str, names: Sequence[DraftName]) -> None:
    before = made.get(key)
    old = before if isinstance(before, Mapping) else {}
    hidden = {name: one for name, one in old.items() if not isinstance(one, Mapping)}
    keys = {line(name): name for name in old}
    now = {
        keys.get(one.name, one.name) if one.name == one.was else one.name: _name_made(
            one, old.get(keys.get(one.was)) if one.was else None
        )
        for one in names
        if one.name
    }
    if now | hidden:
        made[key] = now | hidden
    elif isinstance(before, Mapping) and before:
        del made[key]


def _name_made(draft: DraftName, old: object) -> dict[str, Any]:
    table: dict[str, Any] = dict(old) if isinstance(old, Mapping) else {}
    _set(table, "text", draft.text, lines(table.get("text")), keep_empty=True)
    _set(table, "anchor", draft.anchor, line(table.get("anchor")))
    _set(table, "reference", draft.reference, line(table.get("reference")))
    return table


def _panel_made(draft: DraftPanel, old: object) -> object:
    """Return the table of a panel; one that nobody touched is what it was."""
    if old is not None and draft == _panel(old, draft.was or 0):
        return old
    table: dict[str, Any] = dict(old) if isinstance(old, Mapping) else {}
    _set(table, "caption", draft.caption, line(table.get("caption")))
    _set(table, "place", draft.place, line(table.get("place")))
    if draft.is_plain:
        table.pop("clauses", None)
        _set(table, "prompt", draft.prompt, lines(table.get("prompt")), keep_empty=True)
    else:
        table.pop("prompt", None)
        listed = table.get("clauses")
        table["clauses"] = _clauses_made(draft.clauses, listed if isinstance(listed, list) else [])
    return table


def _clauses_made(drafts: Sequence[DraftClause], old: Sequence[object]) -> list[object]:
    """Return the tables of clauses; those that nobody touched are what they were, wherever they stand now."""
    free = [(_clause(one), one) for one in old]
    made: list[object] = []
    for draft in drafts:
        same = next((pair for pair in free if pair[0] == draft), None)
        if same:
            free.remove(same)
        made.append(same[1] if same else {"role": draft.role, draft.says: draft.words})
    return made
