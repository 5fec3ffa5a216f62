"""Sentences that people read, in their language: templates with named values, from gettext's catalogue.

The language is STORYKIT_LANG where it is set, else that of the locale: LANGUAGE, LC_ALL, LC_MESSAGES or LANG.
Whoever serves several readers says each one's with `speaking`.
Templates are English and are the ids of the catalogue in `kit/locale`.
"""

import gettext
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from string import Formatter
from typing import Any, Literal, TypeVar, get_args

Text = TypeVar("Text", bound=str)
Language = Literal["zh", "en"]

OWN_VARIABLE = "STORYKIT_LANG"
LANGUAGE_VARIABLES = (OWN_VARIABLE, "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
LOCALE = Path(__file__).parent / "locale"
DOMAIN = "storykit"
_spoken: ContextVar[Language | None] = ContextVar("spoken", default=None)
_HAN, _LATIN = re.compile("[一-鿿]"), re.compile("[A-Za-z0-9`]")
_HAN_SPACE, _SPACE_HAN = re.compile("[一-鿿] $"), re.compile(" [一-鿿]")


class Message(str):
    """A sentence in the reader's language that still knows what it says.

    It is text like any other; what it is made of does not depend on the language.
    """

    __slots__ = ("english", "id", "values")

    id: str
    """The English template, which is the catalogue's id."""
    values: Mapping[str, object]
    """What stands in the template's braces, by name."""
    english: str
    """The sentence in English, for files and JSON."""

    def __new__(cls, shown: str, template: str, values: Mapping[str, object], english: str) -> "Message":
        """Return a sentence; `tr`, `trn` and `joined` make them."""
        made = super().__new__(cls, shown)
        made.id, made.values, made.english = template, values, english
        return made

    def __str__(self) -> str:
        """Return itself, so that the text of an exception made of it still knows what it says."""
        return self

    def __reduce__(self) -> tuple[object, ...]:
        return Message, (str.__str__(self), self.id, self.values, self.english)


def tr(template: str, /, **values: object) -> Message:
    """Return a sentence in the reader's language.

    Args:
        template: the sentence in English, `{name}` where a value stands, with a format where one is needed.
        values: what stands there; sentences and errors among them are told in the same language.

    >>> sentence = tr("{file} has {count:,} faults", file="a.toml", count=1200)
    >>> sentence.english, sentence.values["file"]
    ('a.toml has 1,200 faults', 'a.toml')
    """
    return _filled(template, _looked_up(template), values)


def trn(one: str, many: str, n: int, /, **values: object) -> Message:
    """Return a sentence about a number of things, `{n}`: English has a form for one, Chinese has not.

    >>> trn("{n} fault", "{n} faults", 2).english
    '2 faults'
    """
    template = one if n == 1 else many
    found = _catalogue(reader_language()).ngettext(one, many, n)
    return _filled(template, found, {"n": n, **values})


def ptr(context: str, template: str, /, **values: object) -> Message:
    """Return a sentence as `tr` does; the context tells apart what is one in English and two in Chinese."""
    return _filled(template, pgettext(context, template), values)


def pgettext(context: str, template: str, language: Language | None = None) -> str:
    """Return a template's translation, fields not filled in; by default into the reader's language."""
    return _catalogue(language or reader_language()).pgettext(context, template)


def mark(template: Text) -> Text:
    """Return a template as it is: it goes into the catalogue, and is translated where `tr` is given it."""
    return template


def joined(parts: Iterable[str], by: str = "; ") -> Message:
    """Return sentences one after the other.

    Args:
        parts: the sentences, or names.
        by: what stands between them; of a mark that Chinese writes otherwise `tr(", ")` or `tr(" and ")`.

    >>> joined(["is empty", tr("is lost")]).english
    'is empty; is lost'
    """
    told = list(parts)
    values = {str(number): part for number, part in enumerate(told)}
    between = in_english(by)
    return Message(by.join(told), between, values, between.join(map(in_english, told)))


def against_threshold(value: float, threshold: float, digits: int) -> str:
    """Return a number with so many decimals, or more where these would show it on the threshold's other side.

    >>> against_threshold(5.999968, threshold=6.0, digits=4)
    '5.99997'
    """
    told = (f"{value:.{more}f}" for more in range(digits, 17))
    return next((one for one in told if (float(one) >= threshold) == (value >= threshold)), str(value))


def in_english(text: str) -> str:
    """Return a sentence in English, any other text as it is: what files and JSON hold."""
    return text.english if isinstance(text, Message) else text


def all_in_english(value: Any) -> Any:
    """Return tables and lists with every sentence in them in English, however deep."""
    if isinstance(value, Mapping):
        return {in_english(key): all_in_english(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [all_in_english(inner) for inner in value]
    return in_english(value)


def reader_language() -> Language:
    """Return the language in which the reader is told things; English where none is asked for."""
    return asked_language() or "en"


def asked_language() -> Language | None:
    """Return the language that the reader asks for; None where the locale says none, as C and POSIX do."""
    if spoken := _spoken.get():
        return spoken
    told = [os.environ.get(name, "") for name in LANGUAGE_VARIABLES]
    return _language_of(next(filter(None, told), ""))


@contextmanager
def speaking(language: Language) -> Iterator[None]:
    """Tell everything within in one language, in this thread or task alone.

    >>> with speaking("zh"):
    ...     print(tr("{n} of {all} panels", n=3, all=8).english, reader_language())
    3 of 8 panels zh
    """
    before = _spoken.set(language)
    try:
        yield
    finally:
        _spoken.reset(before)


@lru_cache
def _language_of(locale: str) -> Language | None:
    """Return the first of ours that a locale names: `zh_CN.UTF-8`, `en`, or several with colons between.

    >>> _language_of("zh_CN.UTF-8"), _language_of("fr:zh"), _language_of("C.UTF-8")
    ('zh', 'zh', None)
    """
    first = (one.strip().lower().replace("-", "_").partition("_")[0] for one in locale.split(":"))
    return next((known for one in first for known in get_args(Language) if one == known), None)


@lru_cache
def _catalogue(language: Language) -> gettext.NullTranslations:
    if language == "en":
        return gettext.NullTranslations()
    return gettext.translation(DOMAIN, LOCALE, [language])


def _looked_up(template: str) -> str:
    return _catalogue(reader_language()).gettext(template) if template else ""


def _filled(template: str, found: str, given: Mapping[str, object]) -> Message:
    values = {name: str(value) if isinstance(value, Exception) else value for name, value in given.items()}
    plain = {name: in_english(value) if isinstance(value, str) else value for name, value in values.items()}
    shown = found.format(**values) if reader_language() == "en" else _spaced(found, values)
    return Message(shown, template, values, template.format(**plain))


def _spaced(template: str, values: Mapping[str, object]) -> str:
    """Fill in a translation as Chinese is spaced, whatever stands in the braces.

    Between a Chinese and a Latin letter or number is a space; between the Chinese words of a template and
    of a sentence within it is none.
    """
    shown, sentence = "", False
    for literal, name, form, conversion in Formatter().parse(template):
        shown = _beside(shown, literal, sentence)
        if name is not None:
            value = values[name]
            sentence = isinstance(value, Message) and not conversion
            field = f"{{{name}{'!' + conversion if conversion else ''}{':' + form if form else ''}}}"
            shown = _beside(shown, field.format(**values), sentence)
    return shown


def _beside(left: str, right: str, sentence: bool) -> str:
    """Put two texts side by side; one space is no label's, and a sentence needs none to stand out."""
    if sentence and (_HAN_SPACE.search(left) and _HAN.match(right)):
        return left[:-1] + right
    if sentence and (_HAN.match(left[-1:]) and _SPACE_HAN.match(right)):
        return left + right[1:]
    ends = left[-1:], right[:1]
    if any(_HAN.match(one) and _LATIN.match(other) for one, other in (ends, ends[::-1])):
        return f"{left} {right}"
    return left + right
