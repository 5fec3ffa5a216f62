"""A story: eight panels, who and what they show, in clauses with roles or in plain prompts."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    ModelWrapValidatorHandler,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails, InitErrorDetails

from kit.errors import InputError
from kit.files.documents import read_text, read_toml, told_place
from kit.messages import Language, joined, mark, tr
from kit.story.control import ControlList
from kit.story.foreign_syntax import foreign_marks

PANELS = 8
"""Panels in a story; source: the contest's rules."""

MOST_SHOWN = 20
"""Names, and letters of each, that a message lists."""

Role = Literal["style", "subject", "action", "place", "detail", "unknown"]
"""What a clause is about; orders move clauses by it."""


Place = tuple[int | str, ...]
"""Where in the document a value stands: keys and positions, from 0."""

T = TypeVar("T")
_ARRAY: tuple[type[Sequence[object]], ...] = (list, tuple)
_PANEL_NAME = re.compile(rf"panel ([1-{PANELS}])")
_CHINESE = re.compile(r"[\u3400-\u9fff]")


def language_of(text: str) -> Language:
    """Return "zh" for a text with a Chinese letter, else "en"."""
    return "zh" if _CHINESE.search(text) else "en"


def _has_words(text: str) -> bool:
    return any(letter.isalnum() for letter in text)


def _worded(text: str) -> str:
    if not _has_words(text):
        raise ValueError(tr("must hold words, got {got!r}", got=text))
    return text


Words = Annotated[str, AfterValidator(_worded)]
"""Text with at least one letter or digit."""


def _only_one(record: BaseModel, names: tuple[str, ...]) -> None:
    given = [name for name in names if getattr(record, name) not in (None, ())]
    if len(given) != 1:
        told = joined(given, tr(" and ")) if given else tr("none")
        raise ValueError(
            tr("needs exactly one of {names}, got {got}", names=joined(names, tr(", ")), got=told)
        )


class Description(BaseModel, frozen=True, extra="forbid"):
    """The words of a character or a place, the same in every panel."""

    text: Words


def panel_named(anchor: str) -> int:
    """Return which panel, 0 to 7, "panel 1" to "panel 8" names; raises ValueError for anything else.

    >>> panel_named("panel 3")
    2
    """
    found = _PANEL_NAME.fullmatch(anchor)
    if found is None:
        raise ValueError(tr('must be "panel 1" to "panel {last}", got {got!r}', last=PANELS, got=anchor))
    return int(found[1]) - 1


def _anchor_named(anchor: str) -> str:
    panel_named(anchor)
    return anchor


class CharacterDescription(Description, frozen=True):
    """The words of a character, and the panel or the picture that shows what it looks like."""

    anchor: Annotated[str, AfterValidator(_anchor_named)] | None = None
    """"panel 1" to "panel 8"; by default the first that shows it alone."""
    reference: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)] | None = None
    """A picture of it, a file relative to the story's own; then that shows what it looks like, no panel."""

    @model_validator(mode="after")
    def _shown_by_one(self) -> Self:
        if self.anchor is not None and self.reference is not None:
            raise ValueError(tr("is shown by its reference: delete anchor, or delete reference"))
        return self


class Clause(BaseModel, frozen=True, extra="forbid"):
    """One part of a prompt: its role, and its words or the name of a character or place."""

    role: Role
    text: Words | None = None
    character: str | None = None
    """A name under [characters]."""
    place: str | None = None
    """A name under [places]."""

    @model_validator(mode="after")
    def _exactly_one_kind(self) -> Self:
        _only_one(self, ("text", "character", "place"))
        return self


class Panel(BaseModel, frozen=True, extra="forbid"):
    """One picture of the story: clauses with roles, or one plain prompt."""

    caption: str = ""
    """One line of the story, for the report and the mosaic."""
    place: str | None = None
    """A name under [places]: where the panel really is, the truth the place metric needs."""
    clauses: tuple[Clause, ...] = ()
    prompt: Words | None = None
    """A plain prompt, split at its comma marks."""
    control: ControlList = ()
    """What its drawing is held to beside the words."""

    @model_validator(mode="after")
    def _clauses_or_prompt(self) -> Self:
        _only_one(self, ("clauses", "prompt"))
        return self


class Story(BaseModel, frozen=True, extra="forbid", populate_by_name=True):
    """Eight panels with the characters and places they share."""

    title: Annotated[Words, Field(examples=[mark('title = "…" at the top')])]
    language: Language = "zh"
    negative: str = ""
    """What no panel shall show."""
    characters: dict[str, CharacterDescription] = {}
    places: dict[str, Description] = {}
    panels: tuple[Panel, ...] = Field(
        alias="panel", examples=[mark('eight times [[panel]], each with prompt = "…" below it')]
    )

    @model_validator(mode="wrap")
    @classmethod
    def _name_every_fault(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Report the faults between the parts together with those inside them."""
        try:
            story = handler(value)
        except ValidationError as error:
            faults = [*map(_passed_on, error.errors()), *_faults_between(value)]
            raise ValidationError.from_exception_data(cls.__name__, faults) from error
        if faults := list(_faults_between(story.model_dump(by_alias=True))):
            raise ValidationError.from_exception_data(cls.__name__, faults)
        return story


def _faults_between(document: object) -> Iterator[InitErrorDetails]:
    """Yield what no single part can know: the number of panels, and names that nobody described."""
    panels = _value(document, "panel", _ARRAY)
    if panels is not None and len(panels) != PANELS:
        told = tr("a story has exactly {wanted} panels, got {got}", wanted=PANELS, got=len(panels))
        yield _fault(("panel",), told)
    for place, table, name in _names_used(panels or ()):
        known = _value(document, table, dict) or {}
        if name not in known:
            names = _some_of(known)
            told = tr(
                "{name!r} is not under [{table}], which has {names}", name=name, table=table, names=names
            )
            yield _fault(place, told)
    yield from _anchor_faults(document, panels or ())


def _anchor_faults(document: object, panels: Sequence[object]) -> Iterator[InitErrorDetails]:
    """Yield the characters whose anchor is a panel that does not show them."""
    for name, described in (_value(document, "characters", dict) or {}).items():
        anchor = _value(described, "anchor", str)
        if anchor is None or not _PANEL_NAME.fullmatch(anchor) or len(panels) != PANELS:
            continue
        shown = [number for number, panel in enumerate(panels, 1) if _shows(panel, name)]
        if panel_named(anchor) + 1 not in shown:
            yield _fault(("characters", name, "anchor"), _not_shown(anchor, name, shown))


def _not_shown(anchor: str, name: object, shown: Sequence[int]) -> str:
    """Return that a panel does not show a character, and which do."""
    if not shown:
        return tr("{anchor} does not show {name!r}: no panel has it as a character", anchor=anchor, name=name)
    panels = _some_of(shown)
    return tr(
        "{anchor} does not show {name!r}: it is in panel {panels}", anchor=anchor, name=name, panels=panels
    )


def _shows(panel: object, name: object) -> bool:
    clauses = _value(panel, "clauses", _ARRAY) or ()
    return any(_value(clause, "character", str) == name for clause in clauses)


def _some_of(names: Iterable[object]) -> str:
    """Return the first names, for a message."""
    shown = [str(name)[:MOST_SHOWN] for name in islice(names, MOST_SHOWN + 1)]
    more = ["..."] if len(shown) > MOST_SHOWN else []
    return joined([*sorted(shown[:MOST_SHOWN]), *more], tr(", ")) or tr("none")


def _names_used(panels: Sequence[object]) -> Iterator[tuple[Place, str, str]]:
    """Yield where a name stands, the table it must be in, and the name."""
    for number, panel in enumerate(panels):
        if name := _value(panel, "place", str):
            yield ("panel", number, "place"), "places", name
        for position, clause in enumerate(_value(panel, "clauses", _ARRAY) or ()):
            for key, table in (("character", "characters"), ("place", "places")):
                if name := _value(clause, key, str):
                    yield ("panel", number, "clauses", position, key), table, name


def _fault(place: Place, text: str) -> InitErrorDetails:
    return InitErrorDetails(type="value_error", loc=place, input=None, ctx={"error": ValueError(text)})


def _passed_on(found: ErrorDetails) -> InitErrorDetails:
    """Return a fault that pydantic found, to be told together with others."""
    return InitErrorDetails(
        type=found["type"], loc=found["loc"], input=found["input"], ctx=found.get("ctx", {})
    )


def _value(table: object, key: str, kind: type[T] | tuple[type[T], ...]) -> T | None:
    """Return a table's value where there is one of that kind; the document is not checked yet."""
    value = table.get(key) if isinstance(table, Mapping) else None
    return value if isinstance(value, kind) else None


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedStory:
    """A story and where it came from."""

    name: str
    """The file's name without its suffix; it names the story's folders and rows."""
    path: Path
    story: Story


def load_story(path: Path, *, drawn: bool = False) -> LoadedStory:
    """Return the story in a .toml file, or in a .txt file of eight lines, one prompt a panel.

    Args:
        path: the file.
        drawn: it was drawn before, so marks of other programs in its prompts were drawn as words.

    Raises:
        InputError: every fault and its place.
    """
    match path.suffix.lower():
        case ".toml":
            story = read_toml(path, Story)
            places = {told_place(place): text for place, text in texts_of(story)}
        case ".txt":
            story, places = _story_of_lines(path)
        case suffix:
            told = tr(
                "a story is a .toml or .txt file, got {got!r}; save eight lines of plain text, one prompt a "
                "panel; `storykit story import FILE --out story.toml` makes one of a table, an answer or a "
                "notebook",
                got=suffix or tr("no suffix"),
            )
            raise InputError(str(path), [told])
    if not drawn and (faults := list(_foreign_faults(places))):
        raise InputError(str(path), faults)
    return LoadedStory(name=path.stem, path=path, story=story)


def _foreign_faults(places: Mapping[str, str]) -> Iterator[str]:
    """Yield marks of other programs in texts, which are given by their places."""
    for place, text in places.items():
        yield from (tr("{place}: {fault}", place=place, fault=told) for told in foreign_marks(text))


def texts_of(story: Story) -> Iterator[tuple[Place, str]]:
    """Yield where the words of a story stand, and the words."""
    yield ("negative",), story.negative
    for table, described in (("characters", story.characters), ("places", story.places)):
        yield from (((table, name, "text"), one.text) for name, one in described.items())
    for number, panel in enumerate(story.panels):
        yield ("panel", number, "prompt"), panel.prompt or ""
        for position, clause in enumerate(panel.clauses):
            yield ("panel", number, "clauses", position, "text"), clause.text or ""


def _story_of_lines(path: Path) -> tuple[Story, dict[str, str]]:
    """Return the story of a text file, and its lines by their places."""
    text = read_text(path)
    lines = re.split(r"\r\n|\r|\n", text)
    numbered = [(number, _one_line(line)) for number, line in enumerate(lines, 1)]
    numbered = [(number, line) for number, line in numbered if line]
    if _looks_like_toml(numbered):
        raise InputError(str(path), [tr("holds key = value as a .toml file does; rename it to end in .toml")])
    faults = [
        tr("line {line}: must hold words, got {got!r}", line=number, got=line)
        for number, line in numbered
        if not _has_words(line)
    ][:PANELS]
    if len(numbered) != PANELS:
        told = tr(
            "a story has exactly {wanted} lines that are not empty, got {got}; write one prompt a panel, "
            "each in one line",
            wanted=PANELS,
            got=len(numbered),
        )
        faults.append(told)
    if faults:
        raise InputError(str(path), faults)
    panels = tuple(Panel(prompt=line) for _, line in numbered)
    story = Story(title=path.stem, language=language_of(text), panel=panels)
    return story, {tr("line {line}", line=number): line for number, line in numbered}


def _one_line(line: str) -> str:
    """Return a line as an editor shows it: what Unicode calls line ends within it are spaces."""
    return " ".join(line.splitlines()).strip()


def _looks_like_toml(numbered: Sequence[tuple[int, str]]) -> bool:
    return any(
        re.match(r"\[\[?\w+\]\]?$|(title|stories|prompt|seeds)\s*=\s*\S", line) for _, line in numbered
    )
