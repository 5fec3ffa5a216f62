"""Files that users write, read with every fault named."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from kit.did_you_mean import nearest
from kit.errors import MOST_FAULTS, InputError
from kit.files.path_contents import Kind, mistaken
from kit.files.regular_files import read_file
from kit.files.text.library_words import reason_of
from kit.files.text.text_encodings import why_no_utf8
from kit.files.text.toml_text import parse_toml
from kit.files.text.unknown_keys import Loc, field_at, what_was_meant
from kit.files.user_paths import missing_file
from kit.messages import in_english, joined, mark, tr

M = TypeVar("M", bound=BaseModel)

_MESSAGES = {
    "extra_forbidden": mark("unknown key"),
    "missing": mark("is missing"),
    "model_type": mark("must be a table"),
    "model_attributes_type": mark("must be a table"),
    "dict_type": mark("must be a table"),
    "tuple_type": mark("must be a list in [ ]"),
    "list_type": mark("must be a list in [ ]"),
    "int_type": mark("must be a whole number"),
    "int_parsing": mark("must be a whole number"),
    "float_type": mark("must be a number"),
    "float_parsing": mark("must be a number"),
    "bool_type": mark("must be true or false"),
    "string_type": mark("must be text in quotes"),
}
"""What we say where pydantic speaks of Python types."""

_COMPLETE = ("extra_forbidden", "missing", "too_short", "too_long", "value_error")
"""Faults whose words already say what we got."""

_PYDANTIC_OPENING = re.compile(r"^(Value error, |\w+ should (?=\w))")

_PLAIN = re.compile(r"\s*(?:[\d.+-]{1,20}|true|false)\s*")
"""A text that would be a number or a yes without its quotes."""

_QUOTED = re.compile(r"'([^']*)'")
"""A choice, as pydantic names it."""

_SHOWN = 60
"""Characters of a refused value that a message repeats."""

TOML_BYTES = 2**20
"""The largest TOML file; a story has some thousand bytes."""


@dataclass(frozen=True)
class WhenMissing:
    """What is said where a key is missing whose value depends on the others of its table."""

    told: Callable[[object], str]
    """Returns words to put behind the table's place, of what stands in the table."""


class Known(NamedTuple):
    """What helps to mend a fault."""

    model: type[BaseModel] | None
    """The record that the file is read into."""
    elsewhere: Mapping[str, str]
    """What to say of keys at the top that belong into another file."""


class PlacedFault(NamedTuple):
    """What is wrong with a document, and where."""

    place: Loc
    """Keys and positions, from 0; empty for the whole."""
    told: str
    """In words that say the place."""
    problem: str
    """In words to put beside the place."""


def read_text(path: Path, errors: str = "strict", wanted: Kind | None = None) -> str:
    """Return the text of a user's file (UTF-8, a byte order mark is dropped) or raise InputError.

    Args:
        path: the file.
        errors: what becomes of bytes that are no UTF-8, as `bytes.decode` calls it.
        wanted: what it must be; else it may be any.
    """
    _refuse_another_kind(path, wanted)
    return read_text_in(read_bytes(path), path, errors)


def read_bytes(path: Path, most: int = -1) -> bytes:
    """Return a file's bytes, or its first ones where the most are given; raises InputError."""
    try:
        return read_file(path, most)
    except FileNotFoundError as error:
        raise InputError(str(path), [missing_file(path)]) from error
    except IsADirectoryError as error:
        raise InputError(str(path), [tr("is a folder, must be a file")]) from error
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        raise InputError(str(path), [tr("cannot be read: {reason}", reason=reason_of(error))]) from error


def read_text_in(data: bytes, path: Path, errors: str = "strict") -> str:
    """Return the text in the bytes of a user's file, as `read_text` does."""
    problem = why_no_utf8(data) if errors == "strict" else None
    if problem:
        raise InputError(str(path), [problem])
    return data.decode("utf-8-sig", errors)


def _refuse_another_kind(path: Path, wanted: Kind | None) -> None:
    if wanted and (told := mistaken(path, wanted)):
        raise InputError(str(path), [told])


def read_document(path: Path, wanted: Kind | None = None) -> dict[str, object]:
    """Return a TOML file as tables and arrays, not yet checked; raises InputError naming the line."""
    _refuse_another_kind(path, wanted)
    data = read_bytes(path, TOML_BYTES + 1)
    if len(data) > TOML_BYTES:
        raise InputError(
            str(path),
            [tr("must be at most {most:,} bytes, as TOML that a person wrote", most=TOML_BYTES)],
        )
    try:
        return parse_toml(read_text_in(data, path))
    except ValueError as error:
        raise InputError(str(path), [str(error)]) from error


def read_toml(path: Path, model: type[M], context: object = None, wanted: Kind | None = None) -> M:
    """Return a TOML file as a checked record; raises InputError with every fault and its place.

    Args:
        path: the file.
        model: the record.
        context: what the record's validators are told.
        wanted: what it must be, so that another kind of file is named.
    """
    document = read_document(path, wanted)
    try:
        return model.model_validate(document, context=context)
    except ValidationError as error:
        raise InputError(str(path), faults_of(error, model)) from error


def faults_of(
    error: ValidationError, model: type[BaseModel] | None = None, elsewhere: Mapping[str, str] | None = None
) -> list[str]:
    """Return one line a fault: its place in the file, then what must hold and what we got.

    Places count from 1, as panels do: `panel[3].clauses[1].role` is the first clause of 3.png.

    Args:
        error: what pydantic found.
        model: the record; with it a fault says what was meant or what to write.
        elsewhere: what to say of unknown keys at the top that belong into another file.
    """
    details, known = _details(error), Known(model, elsewhere or {})
    told = [_told(one, known) for one in details[:MOST_FAULTS]]
    more = len(details) - MOST_FAULTS
    return [*told, *([tr("and {more:,} more faults", more=more)] if more > 0 else [])]


def placed_faults(
    error: ValidationError, model: type[BaseModel] | None = None, elsewhere: Mapping[str, str] | None = None
) -> list[PlacedFault]:
    """Return the faults that `faults_of` tells, some more of them, each with its place."""
    known = Known(model, elsewhere or {})
    return [
        PlacedFault(one["loc"], _told(one, known), _beside(one, known))
        for one in _details(error)[: 10 * MOST_FAULTS]
    ]


def _details(error: ValidationError) -> list[ErrorDetails]:
    details = error.errors(include_url=False)
    spoiled = {detail["loc"][:depth] for detail in details for depth in range(len(detail["loc"]))}
    return [
        detail
        for detail in details
        if not (detail["type"] == "too_short" and detail["loc"] in spoiled)  # pydantic counts good items only
    ]


def _beside(detail: ErrorDetails, known: Known) -> str:
    """Return one fault without its place."""
    problem, remedy = _problem(detail), _remedy(detail, known)
    return tr("{problem}; {remedy}", problem=problem, remedy=remedy) if remedy else problem


def told_place(loc: Loc) -> str:
    """Return where something stands, in words: `panel[3].caption` is that of 3.png."""
    parts = (f"[{part + 1}]" if isinstance(part, int) else f".{part[:_SHOWN]}" for part in loc)
    return "".join(parts).removeprefix(".")


def _told(detail: ErrorDetails, known: Known) -> str:
    """Return one fault; its place is not said twice."""
    kind, loc, place = detail["type"], detail["loc"], told_place(detail["loc"])
    field = field_at(known.model, loc) if known.model and kind == "missing" else None
    for own in field.metadata if field else ():
        if isinstance(own, WhenMissing):
            return tr("{place} {told}", place=told_place(loc[:-1]), told=own.told(detail["input"]))
    if kind == "missing" and place:
        return _missing(place, _remedy(detail, known))
    message = _beside(detail, known)
    if not place or (kind == "value_error" and in_english(message).startswith(f"{place}[")):
        return message
    return tr("{place}: {told}", place=place, told=message)


def _missing(place: str, remedy: str) -> str:
    if remedy:
        return tr("{place} is missing; {remedy}", place=place, remedy=remedy)
    return tr("{place}: is missing", place=place)


def _problem(detail: ErrorDetails) -> str:
    """Return what must hold, and what we got."""
    said = plain_sentence(detail)
    if detail["type"] in _COMPLETE:
        return said
    return tr("{problem}, got {got}", problem=said, got=_shown(detail["input"]))


def plain_sentence(detail: ErrorDetails) -> str:
    """Return what must hold, in plain words; pydantic speaks of inputs and Python types."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in _MESSAGES:
        return tr(_MESSAGES[kind])
    if kind == "value_error" and isinstance(own := context.get("error"), ValueError):
        return str(own)
    if kind == "literal_error":
        *first, last = re.findall(r"'[^']*'", context["expected"]) or [context["expected"]]
        if first:
            return tr("must be {choices} or {last}", choices=joined(first, tr(", ")), last=last)
    opening = "" if kind == "value_error" else "must "
    said = detail["msg"].replace(" after validation", "")
    said = said.replace("greater than or equal to", "at least").replace("less than or equal to", "at most")
    return reason_of(_PYDANTIC_OPENING.sub(opening, said))


def _shown(value: object) -> str:
    try:
        got = repr(value)
    except ValueError:  # more digits than Python writes
        return tr("a very long number")
    return got if len(got) <= _SHOWN else f"{got[:_SHOWN]}..."


def _remedy(detail: ErrorDetails, known: Known) -> str:
    """Return what to write instead; empty where the message says it."""
    kind, loc, got = detail["type"], detail["loc"], detail["input"]
    name = next((part for part in reversed(loc) if isinstance(part, str)), "")
    if kind == "extra_forbidden" and len(loc) == 1 and name in known.elsewhere:
        return known.elsewhere[name]
    if known.model is not None and kind == "extra_forbidden":
        return what_was_meant(known.model, loc)
    if kind == "missing":
        field = field_at(known.model, loc) if known.model else None
        return tr("write {example}", example=tr(field.examples[0])) if field and field.examples else ""
    if kind == "literal_error" and isinstance(got, str):
        near = nearest(got, _QUOTED.findall(detail["msg"]), cutoff=0.5)
        return tr("did you mean {near}?", near=near) if near else ""
    return next(_rewritten(kind, [part for part in loc if isinstance(part, str)], got), "")


def _rewritten(kind: str, names: Sequence[str], got: object) -> Iterator[str]:
    """Yield how a value of the wrong kind, at the keys of some names, is written."""
    name = names[-1] if names else ""
    if kind == "tuple_type" and isinstance(got, dict):
        yield tr("write [[{name}]] with two brackets on each side", name=".".join(names))
    elif kind == "tuple_type" and isinstance(got, str | int | float) and not isinstance(got, bool):
        numbers = re.sub(r"\s*[,，;]\s*|\s+", ", ", str(got).strip(" []"))
        plain = re.fullmatch(r"[\d.]+(, [\d.]+)*", numbers)
        example = f"{name} = [{numbers if plain else json.dumps(got, ensure_ascii=False)[:_SHOWN]}]"
        yield tr("write {example}", example=example)
    elif kind in ("model_type", "dict_type") and isinstance(got, list) and names:
        yield tr("write [{name}] with one bracket on each side", name=".".join(names))
    elif kind in ("int_type", "float_type", "bool_type") and isinstance(got, str) and _PLAIN.fullmatch(got):
        yield tr("write {value} without quotes", value=got.strip())
