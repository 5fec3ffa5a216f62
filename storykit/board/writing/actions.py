"""The buttons of a form that change its rows: another clause, one less, one up, a panel in clauses."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from kit.writing.experiment_draft import DraftCandidate, ExperimentDraft
from kit.writing.panel_forms import as_prompt, in_clauses
from kit.writing.story_draft import DraftClause, DraftName, DraftPanel, StoryDraft

T = TypeVar("T")
_DO = re.compile(
    r"(add|drop|up|copy|plain|clauses)-(character|place|clause|panel|candidate)((?:-[0-9]{1,4})*)"
)


def acted(draft: StoryDraft | ExperimentDraft, do: str) -> tuple[StoryDraft | ExperimentDraft, str]:
    """Return a draft after a button, and the name of the field that is looked at next; else as it was."""
    found = _DO.fullmatch(do)
    if found is None:
        return draft, ""
    verb, what = found[1], found[2]
    numbers = [int(one) for one in re.findall(r"[0-9]+", found[3])]
    if isinstance(draft, ExperimentDraft):
        return _candidates(draft, verb, numbers) if what == "candidate" else (draft, "")
    if what == "character":
        names, focus = _rows(draft.characters, verb, numbers, DraftName())
        return replace(draft, characters=names), _focus("character", focus, "name")
    if what == "place":
        names, focus = _rows(draft.places, verb, numbers, DraftName())
        return replace(draft, places=names), _focus("place", focus, "name")
    return _panels(draft, verb, what, numbers)


def _focus(what: str, number: int | None, key: str) -> str:
    return "" if number is None else f"{what}-{number}-{key}"


def _rows(rows: Sequence[T], verb: str, numbers: Sequence[int], new: T) -> tuple[tuple[T, ...], int | None]:
    """Return rows after a button of one of them, and which row is looked at next."""
    made = list(rows)
    at = numbers[0] if numbers else len(made)
    if verb == "add":
        return (*made, new), len(made)
    if at >= len(made):
        return tuple(made), None
    if verb == "drop":
        del made[at]
        return tuple(made), min(at, len(made) - 1) if made else None
    if verb == "up" and at:
        made[at - 1], made[at] = made[at], made[at - 1]
        return tuple(made), at - 1
    if verb == "copy":
        made.insert(at + 1, made[at])
        return tuple(made), at + 1
    return tuple(made), at


def _panels(draft: StoryDraft, verb: str, what: str, numbers: Sequence[int]) -> tuple[StoryDraft, str]:
    if what == "panel" and verb in ("up", "drop"):
        moved, focus = _rows(draft.panels, verb, numbers, DraftPanel())
        return replace(draft, panels=moved), _focus("panel", focus, "caption")
    if not numbers or numbers[0] >= len(draft.panels):
        return draft, ""
    at, panels = numbers[0], list(draft.panels)
    panel, key = panels[at], "caption"
    if what == "clause":
        clauses, focus = _rows(panel.clauses, verb, numbers[1:], DraftClause())
        panels[at] = replace(panel, clauses=clauses)
        key = "add" if focus is None else f"clause-{focus}-role"
    elif verb == "clauses":
        panels[at], key = in_clauses(draft, panel), "clause-0-role"
    elif verb == "plain":
        panels[at], key = as_prompt(draft, panel), "prompt"
    return replace(draft, panels=tuple(panels)), f"panel-{at}-{key}"


def _candidates(draft: ExperimentDraft, verb: str, numbers: Sequence[int]) -> tuple[ExperimentDraft, str]:
    rows, focus = _rows(draft.candidates, verb, numbers, DraftCandidate())
    if verb == "copy" and focus is not None:
        rows = (*rows[:focus], replace(rows[focus], was=None), *rows[focus + 1 :])
    return replace(draft, candidates=rows), _focus("candidate", focus, "name")
