"""The words by which clauses are told apart, in Chinese and English: `clause_words.toml` and the lexicon."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

from kit.story.lexicon import ACCESSORY, GARMENT, HAIR, STYLES, NamedFigure, figures_in, simplified

_WORN = re.compile(f"{GARMENT}|{HAIR}|{ACCESSORY}")


class FoundWord(NamedTuple):
    """A word of a list in a text."""

    id: str
    end: int
    """Where it ends in the text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WordList:
    """Words with the id of each, and the pattern that finds them."""

    ids: Mapping[str, str]
    pattern: re.Pattern[str]

    def _id(self, word: str) -> str:
        singular = (word.removesuffix("s"), word.removesuffix("es"))
        return next(self.ids[one] for one in (word, *singular) if one in self.ids)

    def last(self, text: str) -> FoundWord | None:
        """Return the last word in a text, where the head of a Chinese phrase stands; None where none is."""
        found = list(self.pattern.finditer(text.casefold()))
        return FoundWord(self._id(found[-1][0]), found[-1].end()) if found else None

    def first(self, text: str) -> FoundWord | None:
        """Return the first word in a text; None where none is."""
        found = self.pattern.search(text.casefold())
        return FoundWord(self._id(found[0]), found.end()) if found else None

    def begins(self, text: str) -> bool:
        """Return whether a text begins with one of the words."""
        return self.pattern.match(text.casefold()) is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class ClauseWords:
    """All lists."""

    places: WordList
    roles: Mapping[str, WordList]


@cache
def clause_words() -> ClauseWords:
    """Return the words that come with the package."""
    document = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    roles = {name: _list({name: words}) for name, words in document["roles"].items()}
    styles = {"style": [*document["roles"]["style"], *STYLES]}
    return ClauseWords(places=_list(document["places"]), roles={**roles, "style": _list(styles)})


def figure_of(text: str) -> NamedFigure | None:
    """Return the last one who is named in a text, where the head of a Chinese phrase stands."""
    return next(reversed(figures_in(text)), None)


def tells_clothes(text: str) -> bool:
    """Return whether a text names clothes or hair."""
    return _WORN.search(simplified(text)) is not None


def _list(words: Mapping[str, Sequence[str]]) -> WordList:
    ids = {word: name for name, alike in words.items() for word in alike}
    longest_first = sorted(ids, key=lambda word: (-len(word), word))
    return WordList(ids=ids, pattern=re.compile("|".join(_pattern(word) for word in longest_first)))


def _pattern(word: str) -> str:
    """Return how a word is found: English ones are whole words, or several of them."""
    return rf"(?<![a-z0-9]){re.escape(word)}(?:e?s)?(?![a-z])" if word.isascii() else re.escape(word)
