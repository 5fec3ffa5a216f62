"""What a key may have been meant to be, or where it belongs: found in the record that a file is read into."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from kit.did_you_mean import nearest
from kit.messages import tr

Loc = tuple[int | str, ...]
"""Where in a document something stands: keys and positions, from 0."""
_ANY = "*"
"""A key that the user chooses, as of a character."""


class Key(NamedTuple):
    """A key that a file may hold."""

    table: tuple[str, ...]
    """The keys above it, from the top of the file."""
    name: str
    field: FieldInfo
    listed: bool
    """Whether its table is one of several, [[name]]."""

    def stands_in(self, table: Sequence[str]) -> bool:
        """Return whether this is its table."""
        return len(self.table) == len(table) and all(
            own in (_ANY, other) for own, other in zip(self.table, table, strict=True)
        )


def keys_of(model: type[BaseModel]) -> list[Key]:
    """Return every key that a file of this record may hold, those at the top first."""
    return list(_keys(model, (), False))


def _keys(model: type[BaseModel], table: tuple[str, ...], listed: bool) -> Iterator[Key]:
    named = {field.alias or name: field for name, field in model.model_fields.items()}
    yield from (Key(table, name, field, listed) for name, field in named.items())
    for name, field in named.items():
        for record, kinds in _records(field.annotation):
            below = (*table, name, *([_ANY] if dict in kinds else []))
            yield from _keys(record, below, tuple in kinds)


def _records(
    annotation: object, kinds: tuple[object, ...] = ()
) -> Iterator[tuple[type[BaseModel], tuple[object, ...]]]:
    """Yield the records in an annotation, and what they are in, as tuple or dict."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, kinds
    for part in get_args(annotation):
        yield from _records(part, (*kinds, get_origin(annotation)))


def what_was_meant(model: type[BaseModel], loc: Loc) -> str:
    """Return what to do about an unknown key; empty where nothing comes near it."""
    *table, name = [part for part in loc if isinstance(part, str)]
    keys = keys_of(model)
    here = [key.name for key in keys if key.stands_in(table)]
    for key in keys:
        if key.name == name and _ANY not in key.table:
            return _place(key)
    near = nearest(name.replace("-", "_"), here)
    return tr("did you mean {near}?", near=near) if near else ""


def _place(key: Key) -> str:
    """Return where a key belongs."""
    if not key.table:
        return tr("it belongs at the top of the file, above the first line with a bracket")
    name = ".".join(key.table)
    table = f"[[{name}]]" if key.listed else f"[{name}]"
    return tr("it belongs under {table}", table=table)


def field_at(model: type[BaseModel], loc: Loc) -> FieldInfo | None:
    """Return the field at a place; None where there is none."""
    *table, name = [part for part in loc if isinstance(part, str)]
    found = (key.field for key in keys_of(model) if key.name == name and key.stands_in(table))
    return next(found, None)
