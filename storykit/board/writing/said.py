"""What is said of a draft, each line beside the field that it is about."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from eval.metrics.registry import judgeable
from kit.files.documents import PlacedFault
from kit.files.text.unknown_keys import Loc
from kit.messages import joined, mark, tr
from kit.story.lint.finding import Finding, numbers
from kit.writing.experiment_check import check_experiment
from kit.writing.experiment_draft import ExperimentDraft, hidden_in
from kit.writing.experiment_fields import CANDIDATE_FIELDS, FIELDS
from kit.writing.story_check import MOST_READ, OrderedPrompt, check_story
from kit.writing.story_draft import StoryDraft
from storykit.board.served_folder import ServedFolder
from storykit.board.writing.editing import Composed, Editing, place_of

WHOLE = "whole"
"""Where stands what is about no field."""
_NUMBERED = {"panel": mark("Panel {number}"), "candidate": mark("Candidate {number}")}
_KEYS = {
    "caption": mark("Caption"),
    "place": mark("Place"),
    "prompt": mark("Prompt"),
    "clauses": mark("Clauses"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class SaidLine:
    """A line beside a field."""

    kind: Literal["fault", "finding", "note"]
    label: str
    """Which part of the field; empty for all of it."""
    text: str
    instead: str = ""
    """What to write."""
    is_example: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What is said of a draft."""

    lines: Mapping[str, Sequence[SaidLine]]
    """By the field."""
    prompts: Sequence[Sequence[OrderedPrompt]] = ()
    """Of each panel."""
    most_read: int = MOST_READ
    pictures: int | None = None
    """What an experiment draws."""
    hidden: Sequence[str] = ()
    """Places of an experiment's file that the form keeps and cannot show."""
    total: int = 0
    """All faults and findings."""
    is_whole: bool = False
    """Whether it could be drawn as it is."""


def said_of(served: ServedFolder, editing: Editing, composed: Composed) -> Said:
    """Return what is said of what a form makes."""
    lines: dict[str, list[SaidLine]] = defaultdict(list)
    for fault in composed.faults:
        key, label = _field_of(fault.place, composed)
        lines[key].append(SaidLine(kind="fault", label=label, text=fault.problem))
    if composed.problem:
        lines[WHOLE].append(SaidLine(kind="fault", label="", text=composed.problem))
        return Said(lines=lines, total=1)
    if editing.kind == "story":
        said = _of_story(composed, lines)
    else:
        said = _of_experiment(served, editing, composed, lines)
    return replace(said, lines=_in_one_place(said.lines)) if editing.mode == "toml" else said


def _in_one_place(lines: Mapping[str, Sequence[SaidLine]]) -> dict[str, list[SaidLine]]:
    """Return all that is said beside no field, each line with the field that it is about."""
    return {
        WHOLE: [
            replace(line, label=joined([told for told in (_called(key), line.label) if told], tr(", ")))
            for key, own in lines.items()
            for line in own
        ]
    }


def _called(field: str) -> str:
    """Return what a field is called where it is not shown."""
    name, _, number = field.rpartition("-")
    if name in _NUMBERED:
        return tr(_NUMBERED[name], number=int(number) + 1)
    return "" if field == WHOLE else field


def _of_story(composed: Composed, lines: dict[str, list[SaidLine]]) -> Said:
    check = check_story(composed.document)
    _put_faults(check.faults, composed, lines)
    for panel in range(1, 25):
        lines[f"panel-{panel - 1}"] += [_finding(one, panel) for one in check.findings_of(panel)]
    total = len(check.faults) + len(composed.faults) + len(check.findings)
    whole = check.story is not None and not check.faults and not composed.faults
    return Said(lines=lines, prompts=check.panels, total=total, is_whole=whole)


def _finding(one: Finding, panel: int) -> SaidLine:
    others = numbers([other for other in one.panels if other != panel]) if len(one.panels) > 1 else ""
    label = tr("with {panels}", panels=others) if others else ""
    return SaidLine(
        kind="finding", label=label, text=one.what, instead=one.instead, is_example=one.is_example
    )


def _of_experiment(
    served: ServedFolder, editing: Editing, composed: Composed, lines: dict[str, list[SaidLine]]
) -> Said:
    check = check_experiment(composed.document, place_of(served, editing), served.root, judgeable())
    _put_faults(check.faults, composed, lines)
    lines[WHOLE] += [SaidLine(kind="note", label="", text=one) for one in check.notes]
    total = len(check.faults) + len(composed.faults)
    return Said(
        lines=lines,
        pictures=check.pictures,
        hidden=hidden_in(composed.document),
        total=total,
        is_whole=check.experiment is not None and not total,
    )


def _put_faults(faults: Sequence[PlacedFault], composed: Composed, lines: dict[str, list[SaidLine]]) -> None:
    for fault in faults:
        key, label = _field_of(fault.place, composed)
        lines[key].append(SaidLine(kind="fault", label=label, text=fault.problem))


def _field_of(place: Loc, composed: Composed) -> tuple[str, str]:
    """Return beside which field a fault stands, and which part of that it is about."""
    match place:
        case ("title" | "language" | "negative",):
            return str(place[0]), ""
        case ("panel", int(number), *rest):
            return f"panel-{number}", _part(rest)
        case ("candidate", int(number), *rest):
            return f"candidate-{number}", _label(str(rest[0])) if rest else ""
        case ("characters" | "places", *rest):
            return str(place[0]), _name(composed, str(place[0]), rest)
    names = {one.name for one in FIELDS}
    dotted = ".".join(str(part) for part in place if isinstance(part, str))
    if dotted in names:
        position = next((part + 1 for part in place if isinstance(part, int)), None)
        return dotted, str(position) if position else ""
    if place == ("compare",):
        return "compare.baseline", ""
    return WHOLE, ".".join(map(str, place))


def _part(rest: Sequence[int | str]) -> str:
    """Return which part of a panel a fault is about."""
    match rest:
        case ["clauses", int(number), *_]:
            return tr("clause {number}", number=number + 1)
        case [str(key), *_]:
            return tr(_KEYS[key]) if key in _KEYS else key
    return ""


def _label(key: str) -> str:
    return next((tr(one.label) for one in CANDIDATE_FIELDS if one.key == key), key)


def _name(composed: Composed, table: str, rest: Sequence[int | str]) -> str:
    if rest and isinstance(rest[0], int):
        return tr("row {number}", number=rest[0] + 1)
    return ", ".join(map(str, rest[:1]))


def fields_of(draft: StoryDraft | ExperimentDraft) -> list[str]:
    """Return the fields of a draft beside which something can be said."""
    if isinstance(draft, StoryDraft):
        panels = (f"panel-{at}" for at in range(len(draft.panels)))
        return [WHOLE, "title", "language", "negative", "characters", "places", *panels]
    candidates = (f"candidate-{at}" for at in range(len(draft.candidates)))
    return [WHOLE, *(one.name for one in FIELDS), *candidates]
