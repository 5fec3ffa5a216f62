"""An experiment that is being written: what its form holds, and the document that the form makes of a file.

Keys that the form does not know, and values that no field can show, stay as they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kit.files.documents import PlacedFault, told_place
from kit.files.text.unknown_keys import Loc
from kit.messages import tr
from kit.writing.experiment_fields import CANDIDATE_FIELDS, FIELDS
from kit.writing.form_fields import ExperimentField

Document = Mapping[str, object]
MOST_CANDIDATES = 50
"""Candidates of a file that a form shows."""
KEYS = (
    *(one.key for one in FIELDS if not one.table),
    *("controlnets", "annotators", "ip_adapter", "draft", "score", "words", "compare", "candidate"),
    *(one.key for one in CANDIDATE_FIELDS),
    *(one.key for one in FIELDS if one.table),
)
"""The keys of an experiment in the order in which new ones are written."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DraftCandidate:
    """A candidate as its form says it."""

    said: Mapping[str, str] = field(default_factory=dict)
    """Texts by the names of fields; a field without one is empty, or cannot show what the file holds."""
    was: int | None = None
    """Which candidate of the file it was, from 0."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExperimentDraft:
    """An experiment as its form says it."""

    said: Mapping[str, str] = field(default_factory=dict)
    """Texts by the names of fields."""
    candidates: tuple[DraftCandidate, ...] = ()


def experiment_draft_of(document: Document) -> ExperimentDraft:
    """Return what a form shows of a file."""
    listed = document.get("candidate")
    tables = listed[:MOST_CANDIDATES] if isinstance(listed, list) else []
    said: dict[str, str] = {}
    for one in FIELDS:
        table = document.get(one.table) if one.table else document
        said |= _shown(one, table)
    return ExperimentDraft(
        said=said, candidates=tuple(_candidate(table, at) for at, table in enumerate(tables))
    )


def _candidate(table: object, at: int) -> DraftCandidate:
    said: dict[str, str] = {}
    for one in CANDIDATE_FIELDS:
        said |= _shown(one, table)
    return DraftCandidate(said=said, was=at)


def _shown(one: ExperimentField, table: object) -> dict[str, str]:
    """Return the text of a field; nothing where its key is not there or cannot be shown."""
    value = table.get(one.key) if isinstance(table, Mapping) else None
    text = one.text_of(value) if value is not None else None
    return {one.name: text} if text is not None else {}


def hidden_in(document: Document) -> list[str]:
    """Return the places of what no field of the form can show, and which it keeps."""
    tables = {one.table for one in FIELDS if one.table}
    top = {one.key: one for one in FIELDS if not one.table}
    found = _hidden({key: one for key, one in document.items() if key not in tables | {"candidate"}}, top, ())
    for name in sorted(tables):
        known = {one.key: one for one in FIELDS if one.table == name}
        found += _hidden(document.get(name), known, (name,))
    listed = document.get("candidate")
    for at, table in enumerate(listed if isinstance(listed, list) else ()):
        found += _hidden(table, {one.key: one for one in CANDIDATE_FIELDS}, ("candidate", at))
    return [told_place(place) for place in found]


def _hidden(table: object, known: Mapping[str, ExperimentField], above: Loc) -> list[Loc]:
    if not isinstance(table, Mapping):
        return [] if table is None else [above]
    return [
        (*above, key) for key, value in table.items() if key not in known or known[key].text_of(value) is None
    ]


def experiment_document_of(
    draft: ExperimentDraft, before: Document
) -> tuple[dict[str, Any], list[PlacedFault]]:
    """Return the document that a draft makes of a file's, and texts of fields that mean nothing.

    Whatever the draft does not change stays as it was, also what no form knows.
    """
    made: dict[str, Any] = dict(before)
    faults: list[PlacedFault] = []
    for one in FIELDS:
        if not one.table:
            faults += _put(made, one, draft.said, ())
            continue
        old = made.get(one.table)
        if old is None or isinstance(old, Mapping):
            table = dict(old or {})
            faults += _put(table, one, draft.said, (one.table,))
            if table or old is not None:
                made[one.table] = table
    if draft.candidates or "candidate" in before:
        made["candidate"], more = _candidates(draft.candidates, before.get("candidate"))
        faults += more
    return made, faults


def _candidates(drafts: Sequence[DraftCandidate], before: object) -> tuple[list[object], list[PlacedFault]]:
    """Return the tables of candidates, each made of the one that it was."""
    old = before if isinstance(before, list) else []
    made: list[object] = []
    faults: list[PlacedFault] = []
    for at, draft in enumerate(drafts):
        was = old[draft.was] if draft.was is not None and draft.was < len(old) else {}
        if not isinstance(was, Mapping):
            made.append(was)
            continue
        table = dict(was)
        for one in CANDIDATE_FIELDS:
            faults += _put(table, one, draft.said, ("candidate", at))
        made.append(table)
    return made + old[MOST_CANDIDATES:], faults


def _put(
    table: dict[str, Any], one: ExperimentField, said: Mapping[str, str], above: Loc
) -> list[PlacedFault]:
    """Put what a field says under its key, unless that is what it showed or it could show nothing."""
    shown, text = _shown(one, table).get(one.name), said.get(one.name)
    if one.key in table and shown is None:
        return []
    if not one.empty_says:
        shown, text = shown or None, text or None
    if text == shown:
        return []
    if text is None:
        del table[one.key]
        return []
    try:
        table[one.key] = one.value_of(text)
    except ValueError as error:
        place = (*above, one.key)
        told = tr("{place}: {told}", place=told_place(place), told=str(error))
        return [PlacedFault(place, told, str(error))]
    return []
