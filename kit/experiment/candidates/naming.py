"""What candidates are called: one that has no name, and two that have the same."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import PurePath

from kit.embedded import LORA_PREFIX
from kit.errors import printable
from kit.messages import tr

_SHOWN = 60
"""Characters of a LoRA's name that a message repeats."""


def nameless(table: object) -> str:
    """Return that a candidate has no name and what to write, in words to put behind its place.

    >>> nameless({"lora": "mini:ink"})
    '(lora mini:ink) has no name: write name = "ink" below its [[candidate]]'
    """
    file = _first_lora(table)
    if not file:
        return tr('(no lora) has no name: write name = "{name}" below its [[candidate]]', name="base")
    return tr(
        '(lora {file}) has no name: write name = "{name}" below its [[candidate]]',
        file=printable(file[:_SHOWN]),
        name=plain_name(PurePath(file.removeprefix(LORA_PREFIX).replace("\\", "/")).stem) or "style",
    )


def plain_name(text: str) -> str:
    """Return the nearest name that every file system, table and archive takes; empty where none comes near.

    >>> plain_name("My Ink_v2")
    'my-ink-v2'
    """
    return re.sub(r"[\W_]+", "-", unicodedata.normalize("NFKC", text).casefold()).strip("-")[:_SHOWN]


def refuse_one_name(names: Sequence[Sequence[str]]) -> None:
    """Raise ValueError where two candidates have one name; of each candidate, the names of its sweep."""
    first: dict[str, int] = {}
    for number, own in enumerate(names, 1):
        for name in own:
            if (before := first.setdefault(name, number)) != number:
                free = next(
                    f"{name}-{n}" for n in range(2, len(names) + 3) if f"{name}-{n}" not in _all(names)
                )
                raise ValueError(
                    tr(
                        "candidate[{before}] and candidate[{number}] are both named {name}: give one of "
                        'them another name, as name = "{free}"',
                        before=before,
                        number=number,
                        name=name,
                        free=free,
                    )
                )
        if twice := next((name for name in own if own.count(name) > 1), None):
            raise ValueError(
                tr(
                    "candidate[{number}] makes {twice} twice: name each value once",
                    number=number,
                    twice=twice,
                )
            )


def _all(names: Sequence[Sequence[str]]) -> set[str]:
    return {name for own in names for name in own}


def _first_lora(table: object) -> str:
    """Return the file of a candidate's LoRA, of several the first; empty where it has none."""
    found = (table.get("lora") or table.get("loras")) if isinstance(table, Mapping) else None
    if isinstance(found, list | tuple) and found:
        found = found[0].get("file") if isinstance(found[0], Mapping) else found[0]
    return found if isinstance(found, str) else ""
