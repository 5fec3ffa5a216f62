"""What a browser sends of a form, as the draft that it shows."""

import re
from collections.abc import Iterator, Mapping, Sequence

from starlette.datastructures import FormData

from kit.writing.experiment_draft import MOST_CANDIDATES, DraftCandidate, ExperimentDraft
from kit.writing.experiment_fields import CANDIDATE_FIELDS, FIELDS
from kit.writing.form_fields import ExperimentField
from kit.writing.story_draft import MOST_PANELS, DraftClause, DraftName, DraftPanel, Says, StoryDraft, lines

MOST_ROWS = 200
"""Clauses of a panel, characters, places that a form may hold."""
_SAYS: Mapping[str, Says] = {"character": "character", "place": "place"}


def text_in(form: FormData, name: str) -> str:
    r"""Return a text of a form, with line ends of \n and nothing that no file may hold."""
    value = form.get(name)
    return lines(value)


def story_in(form: FormData) -> StoryDraft:
    """Return the story that a form shows."""
    return StoryDraft(
        title=text_in(form, "title"),
        language=text_in(form, "language"),
        negative=text_in(form, "negative"),
        characters=tuple(_names(form, "character")),
        places=tuple(_names(form, "place")),
        panels=tuple(_panel(form, f"panel-{at}") for at in _rows(form, "panel", "caption", MOST_PANELS)),
    )


def _rows(form: FormData, begin: str, key: str, most: int = MOST_ROWS) -> Iterator[int]:
    """Yield the numbers of the rows that a form has, from 0 on."""
    return (at for at in range(most) if f"{begin}-{at}-{key}" in form)


def _names(form: FormData, begin: str) -> Iterator[DraftName]:
    for at in _rows(form, begin, "name"):
        keys = ("name", "text", "anchor", "reference", "was")
        yield DraftName(**{key: text_in(form, f"{begin}-{at}-{key}") for key in keys})


def _panel(form: FormData, begin: str) -> DraftPanel:
    return DraftPanel(
        caption=text_in(form, f"{begin}-caption"),
        place=text_in(form, f"{begin}-place"),
        is_plain=text_in(form, f"{begin}-plain") != "",
        prompt=text_in(form, f"{begin}-prompt"),
        clauses=tuple(_clause(form, f"{begin}-clause-{at}") for at in _rows(form, f"{begin}-clause", "role")),
        was=_was(text_in(form, f"{begin}-was")),
    )


def _clause(form: FormData, begin: str) -> DraftClause:
    kind, _, name = text_in(form, f"{begin}-says").partition(":")
    role, words = text_in(form, f"{begin}-role"), text_in(form, f"{begin}-words")
    says = _SAYS.get(kind)
    return (
        DraftClause(role=role, words=words) if says is None else DraftClause(role=role, says=says, words=name)
    )


def _was(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,4}", text) else None


def experiment_in(form: FormData) -> ExperimentDraft:
    """Return the experiment that a form shows."""
    rows = _rows(form, "candidate", "name", MOST_CANDIDATES)
    return ExperimentDraft(
        said=_said(form, FIELDS, ""),
        candidates=tuple(
            DraftCandidate(
                said=_said(form, CANDIDATE_FIELDS, f"candidate-{at}-"),
                was=_was(text_in(form, f"candidate-{at}-was")),
            )
            for at in rows
        ),
    )


def _said(form: FormData, fields: Sequence[ExperimentField], begin: str) -> dict[str, str]:
    said: dict[str, str] = {}
    for one in fields:
        name = f"{begin}{one.name}"
        if one.kind == "texts":  # boxes that are ticked, and lines
            given = (line.strip() for value in form.getlist(name) for line in lines(value).split("\n"))
            said[one.name] = "\n".join(dict.fromkeys(line for line in given if line))
        elif not one.empty_says or f"{name}-own" in form:
            said[one.name] = text_in(form, name)
    return said
