"""A story: eight panels, who and what they show, in clauses with roles or in plain prompts."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from kit.errors import InputError
from kit.files.documents import read_text, read_toml

PANELS = 8
"""Panels in a story; source: the contest's rules."""

Role = Literal["style", "subject", "action", "place", "detail", "unknown"]
"""What a clause is about; orders move clauses by it."""

Language = Literal["zh", "en"]
"""The language of the prompts; it chooses the comma between clauses."""

Place = tuple[int | str, ...]
"""Where in the document a value stands: keys and positions, from 0."""

T = TypeVar("T")
_ARRAY: tuple[type[Sequence[object]], ...] = (list, tuple)
_CHINESE = re.compile(r"[\u3400-\u9fff]")


def language_of(text: str) -> Language:
    """Return "zh" for a text with a Chinese letter, else "en"."""
    return "zh" if _CHINESE.search(text) else "en"


def _has_words(text: str) -> bool:
    return any(letter.isalnum() for letter in text)


def _worded(text: str) -> str:
    if not _has_words(text):
        raise ValueError(f"must hold words, got {text!r}")
    return text


Words = Annotated[str, AfterValidator(_worded)]
"""Text with at least one letter or digit."""


def _only_one(record: BaseModel, names: tuple[str, ...]) -> None:
    given = [name for name in names if getattr(record, name) not in (None, ())]
    if len(given) != 1:
        raise ValueError(f"needs exactly one of {', '.join(names)}, got {' and '.join(given) or 'none'}")


class Description(BaseModel, frozen=True, extra="forbid"):
    """The words of a character or a place, the same in every panel."""

    text: Words


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

    @model_validator(mode="after")
    def _clauses_or_prompt(self) -> Self:
        _only_one(self, ("clauses", "prompt"))
        return self


class Story(BaseModel, frozen=True, extra="forbid", populate_by_name=True):
    """Eight panels with the characters and places they share."""

    title: Words
    language: Language = "zh"
    negative: str = ""
    """What no panel shall show."""
    characters: dict[str, Description] = {}
    places: dict[str, Description] = {}
    panels: tuple[Panel, ...] = Field(alias="panel")

    @model_validator(mode="wrap")
    @classmethod
    def _name_every_fault(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Report the faults between the parts together with those inside them."""
        try:
            story = handler(value)
        except ValidationError as error:
            inside = [_fault(one["loc"], one["msg"], one["type"], one["input"]) for one in error.errors()]
            faults = [*inside, *_faults_between(value)]
            raise ValidationError.from_exception_data(cls.__name__, faults) from error
        if faults := list(_faults_between(story.model_dump(by_alias=True))):
            raise ValidationError.from_exception_data(cls.__name__, faults)
        return story


def _faults_between(document: object) -> Iterator[InitErrorDetails]:
    """Yield what no single part can know: the number of panels, and names that nobody described."""
    panels = _value(document, "panel", _ARRAY)
    if panels is not None and len(panels) != PANELS:
        yield _fault(("panel",), f"a story has exactly {PANELS} panels, got {len(panels)}")
    for place, table, name in _names_used(panels or ()):
        known = sorted(_value(document, table, dict) or ())
        if name not in known:
            yield _fault(place, f"{name!r} is not under [{table}], which has {', '.join(known) or 'none'}")


def _names_used(panels: Sequence[object]) -> Iterator[tuple[Place, str, str]]:
    """Yield where a name stands, the table it must be in, and the name."""
    for number, panel in enumerate(panels):
        if name := _value(panel, "place", str):
            yield ("panel", number, "place"), "places", name
        for position, clause in enumerate(_value(panel, "clauses", _ARRAY) or ()):
            for key, table in (("character", "characters"), ("place", "places")):
                if name := _value(clause, key, str):
                    yield ("panel", number, "clauses", position, key), table, name


def _fault(place: Place, text: str, kind: str = "value_error", got: object = None) -> InitErrorDetails:
    return InitErrorDetails(type=PydanticCustomError(kind, text), loc=place, input=got)


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


def load_story(path: Path) -> LoadedStory:
    """Return the story in a .toml file, or in a .txt file of eight lines, one prompt a panel.

    Raises InputError with every fault and its place.
    """
    match path.suffix.lower():
        case ".toml":
            story = read_toml(path, Story)
        case ".txt":
            story = _story_of_lines(path)
        case suffix:
            raise InputError(str(path), [f"a story is a .toml or .txt file, got {suffix or 'no suffix'!r}"])
    return LoadedStory(name=path.stem, path=path, story=story)


def _story_of_lines(path: Path) -> Story:
    text = read_text(path)
    numbered = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    faults = [
        f"line {number}: must hold words, got {line!r}" for number, line in numbered if not _has_words(line)
    ]
    if len(numbered) != PANELS:
        faults.append(f"a story has exactly {PANELS} lines that are not empty, got {len(numbered)}")
    if faults:
        raise InputError(str(path), faults)
    panels = tuple(Panel(prompt=line) for _, line in numbered)
    return Story(title=path.stem, language=language_of(text), panel=panels)
