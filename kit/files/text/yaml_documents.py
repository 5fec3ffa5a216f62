"""YAML that strangers wrote: small, shallow, without aliases, so that reading it costs what it is long."""

from pathlib import Path
from typing import TypeAlias

import yaml

from kit.errors import InputError
from kit.files.documents import read_text
from kit.files.text.library_words import reason_of
from kit.messages import tr

MOST_BYTES = 2**18
"""Longer than any recipe."""
DEEPEST = 32
"""Levels; recipes have four."""
_LONGEST_NUMBER = 40
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's where there is one: ten times as fast."""
_LARGEST = 2**63
_TRUE = ("true", "yes", "on")

YamlValue: TypeAlias = "bool | int | float | str | list[YamlValue] | dict[object, YamlValue] | None"


def read_yaml(path: Path) -> YamlValue:
    """Return a YAML file's tables, lists, numbers and texts; dates stay texts.

    Raises InputError with the line for what is no YAML, and for aliases, deep nesting, keys that occur twice
    and numbers beyond 64 bit.
    """
    text = read_text(path)
    if len(text.encode()) > MOST_BYTES:
        raise InputError(str(path), [tr("is longer than {most} bytes, no recipe is", most=MOST_BYTES)])
    try:
        _check_depth(text)
        return _value(yaml.compose(text, Loader=_LOADER))
    except yaml.YAMLError as error:
        reason = reason_of(" ".join(str(error).split()))
        raise InputError(str(path), [tr("is not YAML: {reason}", reason=reason)]) from error
    except ValueError as error:
        raise InputError(str(path), [str(error)]) from error


def _check_depth(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            raise ValueError(
                tr(
                    "line {line}: refers to another place with *{anchor}; write the value out",
                    line=line,
                    anchor=event.anchor,
                )
            )
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise ValueError(
                tr("line {line}: is nested more than {deepest} deep", line=line, deepest=DEEPEST)
            )


def _value(node: yaml.Node | None) -> YamlValue:
    if isinstance(node, yaml.SequenceNode):
        return [_value(item) for item in node.value]
    if isinstance(node, yaml.MappingNode):
        table: dict[object, YamlValue] = {}
        for key, value in node.value:
            name = _scalar(key)
            if name in table:
                line = key.start_mark.line + 1
                raise ValueError(tr("line {line}: the key {key} occurs twice", line=line, key=name))
            table[name] = _value(value)
        return table
    return None if node is None else _scalar(node)


def _scalar(node: yaml.Node) -> bool | int | float | str | None:
    """Return a value without parts, as its tag says."""
    line, text = node.start_mark.line + 1, node.value
    if not isinstance(text, str):
        raise ValueError(tr("line {line}: a key must be a text", line=line))
    kind = node.tag.removeprefix("tag:yaml.org,2002:")
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() in _TRUE
    return _number(line, text, kind) if kind in ("int", "float") else text


def _number(line: int, text: str, kind: str) -> int | float:
    digits = text.replace("_", "").lower()
    try:
        if len(digits) > _LONGEST_NUMBER:
            raise ValueError("is too long")
        number = (
            int(digits, 0) if kind == "int" else float(digits.replace(".inf", "inf").replace(".nan", "nan"))
        )
    except ValueError as error:
        raise ValueError(
            tr("line {line}: must be a number, got {got}", line=line, got=text[:_LONGEST_NUMBER])
        ) from error
    if kind == "int" and abs(number) >= _LARGEST:
        raise ValueError(tr("line {line}: must be a number within 64 bit, got {got}", line=line, got=text))
    return number
