"""TOML that a user wrote, read, and where it is none, what to write instead."""

import json
import re
import tomllib
from typing import NamedTuple

from kit.files.text.library_words import reason_of
from kit.messages import mark, tr

DEEPEST = 32
"""Tables and arrays inside each other; what we read needs five."""

_OPAQUE = re.compile(
    r'"""(?:[^\\]|\\.?)*?(?P<open>"{3,5}|\Z)'
    r"|'''.*?(?P<raw>'{3,5}|\Z)"
    r'|"(?:[^"\\\n]|\\[^\n])*(?P<line>"|(?=\n|\\|\Z))'
    r"|'[^'\n]*(?P<rawline>'|(?=\n|\Z))"
    r"|\#[^\n]*",
    re.DOTALL,
)
"""A text or a comment, to its end or, where it has none, as far as it can go."""
_DOTTED = re.compile(rf"(?:\.[\w\s\"-]*){{{DEEPEST}}}")
_WHERE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
_FULL_WIDTH = dict(
    zip("＝［］｛｝，．：；＃“”‘’＂＇「」－＋\u3000\u00a0", '=[]{},.:;#""\'\'"\'""-+  ', strict=True)
)
"""Marks of a Chinese keyboard or of Word, and what TOML has there."""
_HEADER = re.compile(r"\s*\[\[?\s*([^\[\]]+?)\s*\]\]?\s*$")
_TWICE = re.compile(r"^Cannot (overwrite|declare|mutate)")
_PAIR = re.compile(r"\s*([\w.-]+)\s*=\s*([^\s\"'\[{][^#\n]*?)\s*(?:#.*)?$")
_LIST = re.compile(r"\s*(?P<key>[\w.-]+)\s*=\s*\[(?P<items>[^\[\]{}#]*)\]?\s*(?:#.*)?$")
_ITEMS = re.compile(r"\s*(?P<items>[^\[\]{}#=]*?)\s*\]?\s*(?:#.*)?$")
_BARE = re.compile(r"(?:[^\W\d]|[./~\\])[^\"']*$")
"""An item of a list that is meant to be a text."""
_SHOWN = 200
_WORD = re.compile(r"[\w-]+")
_YAML = re.compile(r"\s*([\w-]+)\s*:\s+(\S.*?)\s*$")
_WORDS = {"True": "true", "False": "false", "TRUE": "true", "FALSE": "false", "yes": "true", "no": "false"}

_PLAINLY = {
    "Unclosed array": mark("between values in [ ] stand commas"),
    "Expected '=' after a key in a key/value pair": mark("a line is key = value, a [table] or a # comment"),
    "Expected newline or end of document after a statement": mark(
        "something stands behind the value; each key = value has a line of its own"
    ),
    "Invalid statement": mark("a line is key = value, a [table] or a # comment"),
}
"""What the reader of TOML says, in other words."""


class _Opening(NamedTuple):
    """A quote or a bracket without its partner."""

    line: int
    mark: str


def parse_toml(text: str) -> dict[str, object]:
    """Return TOML as tables and arrays; lines may end as on any system.

    Raises:
        ValueError: with the line, what is wrong there, and what to write.
    """
    text = re.sub(r"\r\n?", "\n", text)
    bare = _OPAQUE.sub(_blank, text)
    if line := _too_deep(bare):
        raise ValueError(
            tr("line {line}: tables and arrays stand at most {deepest} deep", line=line, deepest=DEEPEST)
        )
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(tr("is not TOML, {problem}", problem=_explained(text, bare, str(error)))) from error
    except (ValueError, RecursionError) as error:  # a number of more digits than Python converts
        raise ValueError(tr("is not TOML, a number in it is too long")) from error
    if not document:
        raise ValueError(tr("is empty, or every line of it begins with #"))
    return document


def comments_in(text: str) -> list[str]:
    """Return the comments of a TOML text, in their order.

    >>> comments_in('a = "# none" # one')
    ['# one']
    """
    return [found[0].rstrip() for found in _OPAQUE.finditer(text) if found[0].startswith("#")]


def _blank(found: re.Match[str]) -> str:
    """Return a text's marks with spaces between, a comment as spaces; line ends stay."""
    inside = re.sub(r"[^\n]", " ", found[0])
    return inside if found[0].startswith("#") else f'"{inside[1:]}'


def _too_deep(bare: str) -> int | None:
    """Return the line in which tables and arrays stand too deep, from 1."""
    if dotted := _DOTTED.search(bare):
        return bare.count("\n", 0, dotted.start()) + 1
    depth = 0
    for found in re.finditer(r"[\[{\]}]", bare):
        depth = max(0, depth + (1 if found[0] in "[{" else -1))
        if depth > DEEPEST:
            return bare.count("\n", 0, found.start()) + 1
    return None


def _explained(text: str, bare: str, said: str) -> str:
    """Return the line that is no TOML and what to write there."""
    if kind := _another_format(text):
        return kind
    place = _WHERE.search(said)
    lines, bares = text.split("\n"), bare.split("\n")
    number = int(place[1]) if place and place[1] else len(lines)
    written, seen = lines[number - 1], bares[number - 1]
    opening = _unclosed_text(text)
    if opening and (opening.line == number or len(opening.mark) == 3):
        return tr(
            "line {line}: the quote {mark} has no partner, a text has two",
            line=opening.line,
            mark=opening.mark,
        )
    hints = (
        _unquoted(written),
        _unquoted_list(written, _is_listed(bares[: number - 1])),
        _mark(seen),
        _twice(written, said),
        _backslash(said),
        _value(written, seen),
    )
    for hint in (*hints, _letter(seen)):
        if hint:
            return tr("line {line}: {hint}", line=number, hint=hint)
    if bracket := _unclosed_bracket(bare):
        return tr("line {line}: {mark} is opened and never closed", line=bracket.line, mark=bracket.mark)
    problem = _WHERE.sub("", said)
    plain = _PLAINLY.get(problem)
    told = tr(plain) if plain else reason_of(f"{problem[:1].lower()}{problem[1:]}")
    return tr("line {line}: {problem}, got {got!r}", line=number, problem=told, got=written.strip()[:60])


def _another_format(text: str) -> str | None:
    begins = text.lstrip()[:1]
    if begins == "<":
        return tr("it is a web page: download the file itself")
    if begins not in ("{", "["):
        return None
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        if begins == "[":
            return None
    return tr("it looks like JSON: write key = value, one a line, tables as [name]")


def _unclosed_text(text: str) -> _Opening | None:
    for found in _OPAQUE.finditer(text):
        if "" in (found["open"], found["raw"], found["line"], found["rawline"]):
            mark = found[0][:3] if found["open"] == "" or found["raw"] == "" else found[0][:1]
            return _Opening(text.count("\n", 0, found.start()) + 1, mark)
    return None


def _unclosed_bracket(bare: str) -> _Opening | None:
    openings: list[tuple[int, str]] = []
    for found in re.finditer(r"[\[{\]}]", bare):
        if found[0] in "[{":
            openings.append((found.start(), found[0]))
        elif openings:
            openings.pop()
    if not openings:
        return None
    start, mark = openings[0]
    return _Opening(bare.count("\n", 0, start) + 1, mark)


def _unquoted(written: str) -> str | None:
    found = _PAIR.match(written)
    if found is None or not re.match(r"[^\W\d]|[./~]", found[2]) or '"' in found[2]:
        return None
    key, value = found.groups()
    if value in _WORDS:
        example = f"{key} = {_WORDS[value]}"
        return tr("write {example}", example=example)
    example = f'{key} = "{value[:40]}"'
    return tr("a text stands in quotes: {example}", example=example)


def _unquoted_list(written: str, listed: bool) -> str | None:
    """Return how texts without quotes are written in a list, on its line or on a line within it.

    Args:
        written: the line.
        listed: whether a list was opened above it.
    """
    found = _LIST.match(written) if not listed else _ITEMS.match(written)
    if found is None or any(letter in _FULL_WIDTH for letter in written):
        return None
    items = [item.strip() for item in found["items"].split(",") if item.strip()]
    if not any(_BARE.match(item) and item not in _WORDS.values() for item in items):
        return None
    quoted = ", ".join(_quoted(item) for item in items)[:_SHOWN]
    whole = f"{found['key']} = [{quoted}]" if not listed else quoted
    return tr("a text stands in quotes: {example}", example=whole)


def _quoted(item: str) -> str:
    """Return an item of a list with quotes, unless it has them or is a number."""
    return f'"{item}"' if _BARE.match(item) and item not in _WORDS.values() else item


def _is_listed(above: list[str]) -> bool:
    bare = "\n".join(above)
    return bare.count("[") > bare.count("]")


def _mark(seen: str) -> str | None:
    for letter in seen:
        if letter in _FULL_WIDTH:
            shown = letter if letter.isprintable() else f"U+{ord(letter):04X}"
            wanted = _FULL_WIDTH[letter].strip() or tr("a plain space")
            if letter in "“”‘’":
                return tr("holds the curly quote {letter}; write {wanted}", letter=shown, wanted=wanted)
            return tr("holds the full-width mark {letter}; write {wanted}", letter=shown, wanted=wanted)
    return None


def _letter(seen: str) -> str | None:
    strange = next((letter for letter in seen if not letter.isascii()), None)
    if strange is None:
        return None
    if strange.isprintable():
        word = next((found[0] for found in _WORD.finditer(seen) if strange in found[0]), strange)[:40]
        return tr('words such as {word} stand in straight quotes: "{word}"', word=word)
    return tr("holds U+{code:04X}, which cannot be seen; delete it", code=ord(strange))


def _twice(written: str, said: str) -> str | None:
    if not _TWICE.match(said):
        return None
    if header := _HEADER.match(written):
        name = header[1][:40]
        return tr(
            "[{name}] stands there twice; for a list of them write [[{name}]] with two brackets each time",
            name=name,
        )
    key = written.partition("=")[0].strip() or tr("a key")
    return tr("{key} stands there twice; keep one", key=key)


def _backslash(said: str) -> str | None:
    if "'\\\\'" not in said and "Invalid hex value" not in said and "escape" not in said:
        return None
    return tr("a backslash means something else between \"; write / or put the text between '")


def _value(written: str, seen: str) -> str | None:
    """Return what is wrong where key and value are not put as in TOML."""
    if (found := _YAML.match(written)) and "=" not in seen:
        example = f"{found[1]} = {found[2][:40]}"
        return tr("write = instead of : as in {example}", example=example)
    if found := re.match(r"\s*([\w-]+)\s*=\s*([\d.]+(?:\s*,\s*[\d.]+)+)\s*(?:#|$)", written):
        example = f"{found[1]} = [{found[2][:40]}]"
        return tr("write {example}", example=example)
    if re.fullmatch(r"\s*[\w.-]+\s*=\s*", seen):
        return tr("{key} has no value", key=written.partition("=")[0].strip())
    return None
