"""What a file says in English, told in another language: found again among the catalogue's templates."""

import re
import string
import struct
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from kit.messages import DOMAIN, LOCALE, Language, Message, in_english, reader_language

_CONTEXT = "\x04"
"""Between a context and its sentence in a catalogue."""
_DEEP = 3
"""How deep fields within fields are retold: a place, its problem, and what that quotes."""
_TELLING = re.compile(r"(?:[^A-Za-z]*[A-Za-z]){8}|[^A-Za-z]*[:(][^A-Za-z]*$")
"""What a template must have to be known again: some words, or nothing but a mark, as of place and problem."""
_NUMBER = re.compile(r"[-+−]?[\d.,]+(e[-+]?\d+)?%?")


def retold(text: str, language: Language | None = None, context: str = "") -> Message:
    """Return what a file says in English, in another language: found again among the catalogue's templates.

    What stands in a template's braces is retold as well where it is a sentence. Text that fits no template
    stays as it is.

    Args:
        text: a sentence in English, or several with semicolons between.
        language: by default the reader's.
        context: of the templates, as for `ptr`.

    >>> retold("and 1,200 more faults", "zh")
    '另有 1,200 个问题'
    """
    if isinstance(text, Message) and language in (None, reader_language()):
        return text
    english = in_english(text)
    shown = _retold(english, language or reader_language(), context, _DEEP)
    return Message(shown, "{text}", {"text": english}, english)


class _AsText(string.Formatter):
    """Fills templates with text, whatever format their fields ask for: the text has it already."""

    def format_field(self, value: object, format_spec: str) -> str:
        return str(value)

    def convert_field(self, value: object, conversion: str | None) -> object:
        return value


_AS_TEXT = _AsText()


class _Template(NamedTuple):
    """A sentence of the catalogue: what stands around its fields, and these with their formats."""

    literals: tuple[str, ...]
    fields: tuple[tuple[str, str], ...]
    told: str

    def matched(self, text: str) -> dict[str, str] | None:
        """Return what a text has in the fields; None where it is another sentence."""
        first, *inner, last = self.literals
        if not (text.startswith(first) and text.endswith(last) and len(text) >= len(first) + len(last)):
            return None
        at, end = len(first), len(text) - len(last)
        found: dict[str, str] = {}
        for (name, form), literal in zip(self.fields, [*inner, ""], strict=True):
            upto = text.find(literal, at, end) if literal else end
            value = text[at:upto]
            if (
                upto < 0
                or found.setdefault(name, value) != value
                or ((form or name == "n") and not _NUMBER.fullmatch(value))
            ):
                return None
            at = upto + len(literal)
        return found


@lru_cache(maxsize=4096)
def _retold(text: str, language: Language, context: str, deep: int) -> str:
    known, templates = _templates(language, context)
    if text in known or not deep:
        return known.get(text, text)
    for template in templates if " " in text or context else ():
        if (found := template.matched(text)) is not None:
            fields = {name: _retold(value, language, "", deep - 1) for name, value in found.items()}
            return _AS_TEXT.vformat(template.told, (), fields)
    parts = text.split("; ")
    told = [_retold(part, language, context, deep - 1) for part in parts] if parts[1:] else parts
    return text if told == parts else "；".join(told)


@lru_cache
def _templates(language: Language, context: str) -> tuple[Mapping[str, str], tuple[_Template, ...]]:
    """Return a context's sentences without fields, and those with, the most literal ones first."""
    plain: dict[str, str] = {}
    fielded: list[_Template] = []
    for template, told in _entries(language, context):
        literals, fields = _apart(template)
        if not fields:
            plain["".join(literals)] = told.format()
        elif context or _TELLING.match("".join(literals)):
            fielded.append(_Template(literals, fields, told))
    return plain, tuple(sorted(fielded, key=lambda one: -sum(map(len, one.literals))))


def _apart(template: str) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Return what stands around a template's fields, one more than these, and the fields with their formats.

    >>> _apart("{file}: {n:,} {{faults}}")
    (('', ': ', ' {faults}'), (('file', ''), ('n', ',')))
    """
    literals, fields = [""], list[tuple[str, str]]()
    for literal, name, form, _ in string.Formatter().parse(template):
        literals[-1] += literal
        if name is not None:
            fields.append((name, form or ""))
            literals.append("")
    return tuple(literals), tuple(fields)


def _entries(language: Language, context: str) -> Iterator[tuple[str, str]]:
    """Yield each template of a context and its translation, of a plural both forms of the template.

    The file is read here because gettext's own reader forgets the second form.
    """
    if language == "en":
        return
    data = (LOCALE / language / "LC_MESSAGES" / f"{DOMAIN}.mo").read_bytes()
    count, ids, translations = struct.unpack("<3I", data[8:20])
    for place in range(0, 8 * count, 8):
        pair = (struct.unpack_from("<2I", data, table + place) for table in (ids, translations))
        key, told = (data[start : start + length].decode() for length, start in pair)
        before, _, template = key.rpartition(_CONTEXT)
        if template and before == context:
            yield from ((form, told.partition("\0")[0]) for form in template.split("\0"))
