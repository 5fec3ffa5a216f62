"""What a text says of somebody's looks, what it lacks, and the same text with examples for what it lacks."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

from kit.messages import mark
from kit.story import lexicon
from kit.story.lexicon import SORT_OF, figures_in, simplified

Trait = Literal["hair colour", "hair length", "clothes", "colour of the clothes", "colour"]
"""What can be named of looks; the last is an animal's."""
TRAITS: tuple[str, ...] = (
    mark("hair colour"),
    mark("hair length"),
    mark("clothes"),
    mark("colour of the clothes"),
    mark("colour"),
)
"""Their words, for `tr`."""

_COLOUR, _PATTERN, _GARMENT, _HAIR, _LENGTH, _ACCESSORY = (
    re.compile(pattern)
    for pattern in (
        lexicon.COLOUR, lexicon.PATTERN, lexicon.GARMENT, lexicon.HAIR, lexicon.HAIR_LENGTH, lexicon.ACCESSORY
    )
)  # fmt: skip
_OWN, _HIDDEN, _UNSEEN = (
    re.compile(pattern) for pattern in (lexicon.OWN_COLOUR, lexicon.HIDDEN_HAIR, lexicon.UNSEEN)
)
_STOPS = re.compile(
    r"[，,。.;；、!！?？:：\n]|穿着?|身着|戴着?|[和与及]|(?<![a-z])(?:in|with|wearing|wears|has|an?|the|her|his|their)(?![a-z])"
    rf"|{lexicon.GARMENT}|{lexicon.ACCESSORY}|{lexicon.HAIR}"
)
"""Where words about another thing end."""
_AFTER = re.compile(
    rf"\s*(?:(?:颜色)?(?:是|为|呈)|(?:is|are)\s)[^，,。.;；]{{0,12}}?(?P<told>{lexicon.COLOUR})"
    rf"|(?P<at_once>{lexicon.COLOUR})(?=的?(?:$|[，,。小女男少老]))"
)
"""A colour said behind what has it."""
_LONG_AFTER = re.compile(
    r"(?:及|过|齐|披|到|至|垂)[至到在]?(?P<at_once>肩|腰|耳|背|膝)"
    rf"|\s*(?:(?:is|are)\s|很|又)[^，,。.;；]{{0,12}}?(?P<told>{lexicon.HAIR_LENGTH})"
)
_ALL_OF = re.compile(
    rf"一身(?P<zh>{lexicon.COLOUR})"
    rf"|(?:dressed(?: all)? in|wearing|in)(?: all)? (?P<en>{lexicon.COLOUR})(?=\s*(?:$|[,.;]))"
)
"""Clothes of which only the colour is said."""
_COAT_STOPS = re.compile(
    r"[，,。.;；、\n]|[和与]|(?<![a-z-])(?:and|with|in|wearing)(?![a-z])"
    rf"|{lexicon.GARMENT}|{lexicon.ACCESSORY}|{lexicon.HAIR}"
)
"""Where a colour before them is not that of an animal behind them."""
_FUR = re.compile(lexicon.FUR)


class _Worn(NamedTuple):
    """A thing that somebody wears, or their hair."""

    start: int
    end: int
    word: str
    colour: str
    """Empty where none is said."""
    window: str
    """The words that belong to it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Looks:
    """What a text says of somebody's looks; empty where it says nothing."""

    hair_colour: str = ""
    hair_length: str = ""
    clothes: frozenset[str] = frozenset()
    """Garments with their colours."""
    bare_clothes: frozenset[str] = frozenset()
    """Garments of which no colour is said."""
    accessories: frozenset[str] = frozenset()
    """With their colours, where they are said."""
    coat: str = ""
    hair_hidden: bool = False
    unseen: bool = False

    def worn(self, *, clothes: bool) -> frozenset[str]:
        """Return what is worn, with its colour; what has none could be any."""
        coloured = {one for one in self.accessories if _COLOUR.search(one)}
        return self.clothes | coloured if clothes else frozenset(coloured)

    def traits(self) -> Mapping[Trait, str]:
        """Return what is named, each with its words."""
        said: dict[Trait, str] = {
            "hair colour": self.hair_colour,
            "hair length": self.hair_length,
            "clothes": ", ".join(sorted(self.clothes or self.bare_clothes)),
            "colour of the clothes": ", ".join(sorted(self.clothes)),
            "colour": self.coat,
        }
        return {trait: words for trait, words in said.items() if words}


@lru_cache(maxsize=1024)
def looks_of(text: str) -> Looks:
    """Return what a text says of the looks of the one whom it is about.

    >>> looks = looks_of("一个黑色长发的小女孩，穿着红色裙子")
    >>> looks.hair_colour, looks.hair_length, sorted(looks.clothes)
    ('黑', '长', ['红裙子'])
    """
    low = simplified(text)
    hair = list(_things(_HAIR, low))
    garments = list(_things(_GARMENT, low))
    clothes = {_named(one) for one in garments if one.colour}
    clothes |= {_plain(one["zh"] or one["en"]) for one in _ALL_OF.finditer(low)}
    return Looks(
        hair_colour=next((one.colour for one in hair if one.colour), ""),
        hair_length=next((length for one in hair if (length := _length_of(one, low))), ""),
        clothes=frozenset(clothes),
        bare_clothes=frozenset(one.word for one in garments if not one.colour),
        accessories=frozenset(_named(one) for one in _things(_ACCESSORY, low)),
        coat=_coat_of(low),
        hair_hidden=bool(_HIDDEN.search(low)),
        unseen=bool(_UNSEEN.search(low)),
    )


def _things(pattern: re.Pattern[str], low: str) -> Iterator[_Worn]:
    stops = [stop.end() for stop in _STOPS.finditer(low)]
    for found in pattern.finditer(low):
        window = low[_last(stops, found.start()) : found.start()]
        colours = [*_COLOUR.finditer(window + found[0])]
        told = colours[-1][0] if colours else ""
        if not told and (after := _AFTER.match(low, found.end())):
            told = after["told"] or after["at_once"]
        if not told and (marked := _PATTERN.search(window + found[0]) or _OWN.search(window + found[0])):
            told = marked[0]
        yield _Worn(found.start(), found.end(), found[0], _plain(told), window)


def _named(worn: _Worn) -> str:
    if worn.colour in worn.word:
        return worn.word
    return f"{worn.colour}{' ' if worn.word.isascii() else ''}{worn.word}"


def _last(stops: Sequence[int], place: int) -> int:
    """Return the last stop that is not behind a place, 0 where there is none."""
    behind = bisect_right(stops, place)
    return stops[behind - 1] if behind else 0


def _plain(colour: str) -> str:
    return colour.removesuffix("色")


def _length_of(hair: _Worn, low: str) -> str:
    found = _LENGTH.search(hair.window + hair.word) or _LONG_AFTER.match(low, hair.end)
    if found is None:
        return ""
    return found["told"] or found["at_once"] if "told" in found.re.groupindex else found[0]


def _coat_of(low: str) -> str:
    """Return the colour of an animal: said before its name, or of its fur."""
    stops = [stop.end() for stop in _COAT_STOPS.finditer(low)]
    for figure in figures_in(low):
        near = low[_last(stops, figure.start) : figure.end]
        if found := _COLOUR.search(near) or _PATTERN.search(near):
            return _plain(found[0])
    for fur in _FUR.finditer(low):
        near = low[_last(stops, fur.start()) : fur.start()]
        if found := _COLOUR.search(near) or _PATTERN.search(near):
            return _plain(found[0])
        if after := _AFTER.match(low, fur.end()):
            return _plain(after["told"] or after["at_once"])
    return ""


def needed(kind: str | None, said: Looks) -> tuple[Trait, ...]:
    """Return what must be named of a kind of figure so that it stays the same; nothing of who is not seen."""
    sort = SORT_OF.get(kind or "")
    if said.unseen or sort not in ("people", "animals"):
        return ()
    if sort == "animals":
        return ("colour",)
    hair: tuple[Trait, ...] = () if said.hair_hidden else ("hair colour", "hair length")
    if kind in ("grandfather", "grandmother"):
        hair = hair[:1]
    clothes: tuple[Trait, ...] = () if kind == "mermaid" else ("clothes", "colour of the clothes")
    return hair + clothes


def lacking(kind: str | None, said: Looks) -> tuple[Trait, ...]:
    """Return what is not named of a figure's looks."""
    missing = [trait for trait in needed(kind, said) if trait not in said.traits()]
    if "clothes" in missing:
        missing.remove("colour of the clothes")
    return tuple(missing)
