"""Who and what comes back in several panels, word for word or nearly."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from kit.story.lexicon import FIRST_NAMES, figures_in, simplified
from kit.story.structure.clause_words import clause_words, figure_of
from kit.story.structure.clauses import RoledClause, is_pure, tells_looks

_CHINESE = re.compile(r"[\u3400-\u9fff]")
_FILLERS = re.compile(r"^(?:(?:正)?在|于)|^(?:有)?一?(?:个|只|位|名|条|头|匹)|[的了着]|\s")
_ENGLISH_FILLERS = frozenset(["a", "an", "the", "in", "at", "on", "of", "with", "and", "has", "her", "his"])
_WHERE = re.compile(r"(?:里面|里|中|内|上)$")
_MARKS = " 。.！!？?；;，,"
_NAME = re.compile(r"[\u3400-\u9fff·]{2,4}|[A-Z][\w'-]*(?: [A-Z][\w'-]*){0,2}")

Panels = Sequence[Sequence[RoledClause]]
"""The clauses of eight panels."""


Head = Callable[[str], str]
"""Returns what a wording is about; empty where that is not known."""


class Wording(NamedTuple):
    """What a panel says instead of the words that most panels say."""

    panel: int
    """From 0."""
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Recurrence:
    """A character or a place that comes back."""

    id: str
    clauses: tuple[str, ...]
    """Its words; of a character the clauses behind it that tell its looks, too, where they always follow."""
    panels: tuple[int, ...]
    """That say it word for word, from 0."""
    near: tuple[Wording, ...]
    """Panels that say it otherwise."""

    @property
    def everywhere(self) -> tuple[int, ...]:
        """Return all panels that show it, from 0."""
        return tuple(sorted({*self.panels, *(wording.panel for wording in self.near)}))


def with_names(panels: Panels) -> Panels:
    """Return the panels with names told as subjects, and a first clause that all share as style.

    A name is a short clause of no known words that stands first but for style in two panels at least. It is
    known as a name, or somebody does something right behind it.
    """
    named, doing = Counter[str](), Counter[str]()
    for panel in panels:
        rest = [clause for clause in panel if clause.role != "style"]
        if len(rest) > 1 and rest[0].role == "unknown" and _NAME.fullmatch(rest[0].text):
            named[rest[0].text] += 1
            doing[rest[0].text] += rest[1].role == "action"
    names = {
        text for text, count in named.items() if count > 1 and (_is_known_name(text) or doing[text] == count)
    }
    shared = {panel[0].text if len(panel) > 1 else "" for panel in panels}
    style = shared - names if len(shared) == 1 else set()
    return [
        [_renamed(clause, names, style if at == 0 else set()) for at, clause in enumerate(panel)]
        for panel in panels
    ]


def _is_known_name(text: str) -> bool:
    return text[:1] in "小阿老" or text.split()[0].casefold() in FIRST_NAMES


def _renamed(clause: RoledClause, names: set[str], style: set[str]) -> RoledClause:
    if clause.role == "unknown" and clause.text in style:
        return RoledClause(role="style", text=clause.text)
    return RoledClause(role="subject", text=clause.text) if clause.text in names else clause


def characters_of(panels: Panels) -> list[Recurrence]:
    """Return the characters that are in two panels at least, in the order in which they come."""
    groups = _groups(panels, "subject", _kind_of)
    ids = _ids([_character_id(group[0].text) for group in groups])
    return [
        _recurrence(panels, name, group, _looks_behind(panels, group[0].text))
        for name, group in zip(ids, groups, strict=True)
    ]


def openings_of(panels: Panels, known: Sequence[Recurrence]) -> dict[str, list[int]]:
    """Return words for somebody that open longer clauses in two panels at least, and the panels, from 0.

    Those of known characters are left out.
    """
    told = {wording.text for one in known for wording in one.near}
    found: dict[str, list[int]] = {}
    for at, panel in enumerate(panels):
        for clause in panel:
            figure = next(iter(figures_in(clause.text)), None)
            if clause.role == "subject" and figure and clause.text not in told and not is_pure(clause.text):
                found.setdefault(clause.text[: figure.end], []).append(at)
    return {text: at for text, at in found.items() if len(set(at)) > 1}


def places_of(panels: Panels) -> list[Recurrence]:
    """Return the places that are in two panels at least, in the order in which they come."""
    groups = _groups(panels, "place", _place_of)
    ids = _ids([_place_of(group[0].text) or "place" for group in groups])
    return [_recurrence(panels, name, group, ()) for name, group in zip(ids, groups, strict=True)]


def _groups(panels: Panels, role: str, head: Head) -> list[list[Wording]]:
    """Return the wordings of each thing in two panels at least, first the one that stands for all."""
    said = [
        Wording(at, clause.text) for at, panel in enumerate(panels) for clause in panel if clause.role == role
    ]
    counted = Counter(wording.text for wording in dict.fromkeys(said))
    pure = {text: role == "place" or is_pure(text) for text in counted}
    order = sorted(counted, key=lambda text: (not pure[text], -counted[text]))
    groups: list[list[Wording]] = []
    for text in order:
        own = list(dict.fromkeys(wording for wording in said if wording.text == text))
        group = next((one for one in groups if _joins(own, one, head)), None)
        if group is not None:
            group += own
        elif pure[text]:
            groups.append(own)
    lasting = [group for group in groups if len({wording.panel for wording in group}) > 1]
    return sorted(lasting, key=lambda group: min(wording.panel for wording in group))


def _joins(own: Sequence[Wording], group: Sequence[Wording], head: Head) -> bool:
    """Return whether a wording says what a group says; two of them in one panel are two things."""
    apart = {wording.panel for wording in own}.isdisjoint(wording.panel for wording in group)
    return apart and _are_near(own[0].text, group[0].text, head)


def _are_near(one: str, other: str, head: Head) -> bool:
    """Return whether two wordings have the same head, and the same words or one all of the other's."""
    heads = {head(one), head(other)}
    first, second = sorted((_core(one), _core(other)), key=len)
    if first and sorted(first) == sorted(second):
        return True
    if len(heads) > 1 or "" in heads:
        return bool(first) and len(first) > 1 and second[: len(first)] == first
    left = iter(second)
    return bool(first) and all(letter in left for letter in first)


@lru_cache(maxsize=1024)
def _core(text: str) -> list[str]:
    """Return the letters of a Chinese text, or the words of an English one, that make the difference."""
    bare = simplified(text.strip(_MARKS))
    if _CHINESE.search(bare):
        return list(_WHERE.sub("", _FILLERS.sub("", bare)))
    return [word for word in re.findall(r"[a-z0-9']+", bare) if word not in _ENGLISH_FILLERS]


def _looks_behind(panels: Panels, text: str) -> tuple[str, ...]:
    """Return the clauses of looks that stand behind a subject wherever it is said word for word."""
    behind = [
        panel[at + 1 :]
        for panel in panels
        for at, clause in enumerate(panel)
        if clause.text == text and clause.role == "subject"
    ]
    shared: list[str] = []
    for clauses in zip(*behind, strict=False) if len(behind) > 1 else ():
        first = clauses[0]
        if (
            any(clause != first for clause in clauses)
            or first.role != "detail"
            or not tells_looks(first.text)
        ):
            break
        shared.append(first.text)
    return tuple(shared)


def _recurrence(panels: Panels, name: str, group: Sequence[Wording], looks: tuple[str, ...]) -> Recurrence:
    text = group[0].text
    return Recurrence(
        id=name,
        clauses=(text, *looks),
        panels=tuple(wording.panel for wording in group if wording.text == text),
        near=tuple(sorted(wording for wording in group if wording.text != text)),
    )


def _character_id(text: str) -> str:
    name = re.sub(r"[^a-z0-9]+", "_", text.casefold()).strip("_")
    unknown = name[:20] if name and not _CHINESE.search(text) else "character"
    return _kind_of(text) or unknown


@lru_cache(maxsize=1024)
def _kind_of(text: str) -> str:
    """Return who is named in a text, such as girl; empty where the words do not tell."""
    figure = figure_of(text)
    return figure.kind if figure else ""


@lru_cache(maxsize=1024)
def _place_of(text: str) -> str:
    """Return where a text is, such as park; empty where the words do not tell."""
    place = clause_words().places.last(simplified(text))
    return place.id if place else ""


def _ids(wanted: Sequence[str]) -> list[str]:
    """Return ids that differ: girl, girl2; character1, character2."""
    counted: Counter[str] = Counter()
    ids = []
    for name in wanted:
        counted[name] += 1
        number = counted[name]
        ids.append(f"{name}{number}" if number > 1 or name in ("character", "place") else name)
    return ids
