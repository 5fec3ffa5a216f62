"""Files that users write, read with every fault named."""

import re
import tomllib
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from kit.errors import InputError

M = TypeVar("M", bound=BaseModel)

_MESSAGES = {
    "extra_forbidden": "unknown key",
    "missing": "is missing",
    "model_type": "must be a table",
    "dict_type": "must be a table",
    "tuple_type": "must be an array",
}
"""What we say where pydantic speaks of Python types."""

_COMPLETE = ("extra_forbidden", "missing", "too_short", "too_long", "value_error")
"""Faults whose words already say what we got."""

_PYDANTIC_OPENING = re.compile(r"^(Value error, |\w+ should (?=\w))")

_SHOWN = 60
"""Characters of a refused value that a message repeats."""


def read_text(path: Path, errors: str = "strict") -> str:
    """Return the text of a user's file (UTF-8, a byte order mark is dropped) or raise InputError.

    Args:
        path: the file.
        errors: what becomes of bytes that are no UTF-8, as `bytes.decode` calls it.
    """
    try:
        return path.read_bytes().decode("utf-8-sig", errors)
    except FileNotFoundError as error:
        raise InputError(str(path), ["file does not exist"]) from error
    except UnicodeDecodeError as error:
        raise InputError(str(path), [f"must be UTF-8 text, byte {error.start + 1} is not"]) from error
    except OSError as error:
        raise InputError(str(path), [f"cannot be read: {error.strerror or error}"]) from error


def read_document(path: Path) -> dict[str, object]:
    """Return a TOML file as tables and arrays, not yet checked; raises InputError naming the line."""
    try:
        return tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise InputError(str(path), [f"is not TOML: {error}"]) from error


def read_toml(path: Path, model: type[M], context: object = None) -> M:
    """Return a TOML file as a checked record; raises InputError with every fault and its place.

    Args:
        path: the file.
        model: the record.
        context: what the record's validators are told.
    """
    document = read_document(path)
    try:
        return model.model_validate(document, context=context)
    except ValidationError as error:
        raise InputError(str(path), faults_of(error)) from error


def faults_of(error: ValidationError) -> list[str]:
    """Return one line a fault: its place in the file, then what must hold and what we got.

    Places count from 1, as panels do: `panel[3].clauses[1].role` is the first clause of 3.png.
    """
    details = error.errors(include_url=False)
    spoiled = {detail["loc"][:depth] for detail in details for depth in range(len(detail["loc"]))}
    return [
        ": ".join(filter(None, (_place(detail["loc"]), _message(detail))))
        for detail in details
        if not (detail["type"] == "too_short" and detail["loc"] in spoiled)  # pydantic counts good items only
    ]


def _place(loc: tuple[int | str, ...]) -> str:
    parts = (f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in loc)
    return "".join(parts).removeprefix(".")


def _message(detail: ErrorDetails) -> str:
    kind = detail["type"]
    opening = "" if kind == "value_error" else "must "
    said = detail["msg"].replace(" after validation", "")
    message = _MESSAGES.get(kind) or _PYDANTIC_OPENING.sub(opening, said)
    got = repr(detail["input"])
    shown = got if len(got) <= _SHOWN else f"{got[:_SHOWN]}..."
    return message if kind in _COMPLETE else f"{message}, got {shown}"
