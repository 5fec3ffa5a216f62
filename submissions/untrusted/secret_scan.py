"""What must never leave the house in a bundle: secrets, what tells who somebody is, paths of this machine."""

import html
import re
import tomllib
import unicodedata
import urllib.parse
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from kit.files.text.invisible_marks import INVISIBLE, invisible_mark
from kit.messages import mark, tr
from submissions.faults import Fault

_SHAPES = Path(__file__).with_name("secret_shapes.toml")
_SHOWN = 8
"""Characters of a find that a fault repeats: enough to search for it, too few to use it."""
_MENDS = {
    "token": mark("take it out and revoke it, it may have been seen"),
    "secret": mark("take it out and change it, it may have been seen"),
    "maybe": mark("take it out; if it is a token, revoke it"),
    "person": mark("take it out, the bundle is public"),
    "path": mark("take it out, it names a folder of a computer"),
}
"""What to do, by the kind of leak."""
_HOLDS = (mark("holds a {kind}: {start}…"), mark("holds an {kind}: {start}…"))
_MAY_HOLD = (mark("may hold a {kind}: {start}…"), mark("may hold an {kind}: {start}…"))
_EDGE = r"(?<![A-Za-z0-9_])"
_FRONT = 70
"""Characters in front of a find that are looked at."""
_ESCAPED = re.compile(r"%[0-9A-Fa-f]{2}|&#?\w{1,8};|\\/")
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
"""Of an identity card's digits; the last is their check (GB 11643)."""
_IDENTITY = "identity card number"


class Shape(NamedTuple):
    """A shape of text that betrays something."""

    name: str
    pattern: re.Pattern[str]
    before: re.Pattern[str]
    """What the characters in front of the pattern must end with."""
    small: bool
    """Whether the text is read in small letters."""
    mend: str


@cache
def shapes() -> tuple[Shape, ...]:
    """Return every shape that is looked for, the surest first."""
    table = tomllib.loads(_SHAPES.read_text(encoding="utf-8"))
    return tuple(
        Shape(
            row["name"],
            re.compile(row["shape"]),
            re.compile(row.get("before", _EDGE if kind == "token" else "") + r"\Z"),
            row.get("small", False),
            _MENDS[kind],
        )
        for kind, rows in table.items()
        for row in rows
    )


def find_leaks(place: str, text: str) -> list[Fault]:
    r"""Return a fault for each kind of leak in a text, with the line and the first characters of the find.

    A mark that nobody sees is one too: it hides a secret from this search, or says something itself.

    >>> [str(fault) for fault in find_leaks("README.md", "ask\nme@example.org")]
    ['README.md, line 2: holds an e-mail address: me@examp… (take it out, the bundle is public)']
    """
    faults: dict[str, Fault] = {}
    for written in _readings(text):
        small = written.lower()
        shown = written if len(small) == len(written) else small
        for shape in shapes():
            searched = small if shape.small else written
            if shape.name in faults or (found := _find(shape, searched)) is None:
                continue
            line = shown.count("\n", 0, found.start) + 1
            told = (_MAY_HOLD if shape.mend == _MENDS["maybe"] else _HOLDS)[shape.name[0] in "AaeiO"]
            start = shown[found.start : min(found.start + _SHOWN, found.end)]
            problem = tr(told, kind=tr(shape.name), start=start)
            spot = tr("{place}, line {line}", place=place, line=line)
            faults[shape.name] = Fault(spot, problem, tr(shape.mend))
    return [*faults.values(), *_unseen_faults(place, text)]


def _unseen_faults(place: str, text: str) -> Iterator[Fault]:
    """Yield the first mark in a text that nobody sees."""
    if found := invisible_mark(text):
        at, told = found
        yield Fault(
            tr("{place}, line {line}", place=place, line=text.count("\n", 0, at) + 1),
            tr("holds {mark}", mark=told),
            tr("take it out"),
        )


class _Find(NamedTuple):
    start: int
    end: int


def _find(shape: Shape, text: str) -> _Find | None:
    """Return the first place where a text has a shape."""
    found = shape.pattern.search(text)
    while found is not None:
        start = found.start()
        front = shape.before.search(text, max(0, start - _FRONT), start)
        if front and (shape.name != _IDENTITY or _is_identity_number(found.group())):
            return _Find(front.start(), found.end())
        found = shape.pattern.search(text, start + 1)
    return None


def _readings(text: str) -> Iterator[str]:
    """Yield a text, and if it differs the same without full-width letters, escapes and invisible marks."""
    yield text
    plain = text
    if not text.isascii():
        kept = text.replace("～", "\0")  # a flourish in Chinese, no home folder
        plain = INVISIBLE.sub("", unicodedata.normalize("NFKC", kept))
    if _ESCAPED.search(plain):
        plain = urllib.parse.unquote(html.unescape(plain.replace("\\/", "/")), errors="replace")
    if plain != text.replace("～", "\0"):
        yield plain


def _is_identity_number(text: str) -> bool:
    """Return whether the last digit is the check of the others, as of few numbers that are met by chance."""
    rest = sum(int(digit) * weight for digit, weight in zip(text, _WEIGHTS, strict=False)) % 11
    return "10X98765432"[rest] == text[-1].upper()
