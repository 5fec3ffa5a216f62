"""The words of a figure with an example for each thing that they do not name."""

import re
from collections.abc import Mapping, Sequence, Set

from kit.messages import Language
from kit.story import lexicon
from kit.story.lexicon import SORT_OF, figures_in, simplified
from kit.story.lint.looks import Trait
from kit.story.story import language_of

_HAIR, _GARMENT = re.compile(lexicon.HAIR), re.compile(lexicon.GARMENT)
_COLOURED_HAIR = re.compile(
    r"(?<![a-z])(?:(?:curly|wavy|straight|messy|thick|fluffy|silky|shiny|wild),? )*"
    rf"(?:{lexicon.COLOUR})(?= (?:[a-z-]+ ){{0,2}}hair(?!ed))"
)
_CHINESE_COUNT = re.compile(r"[一这那某两]?[个只位名条头匹]?")
_SHORT_HAIR = frozenset({"boy", "man", "youth", "father", "grandfather", "grandmother", "king", "prince"})
_GREY = frozenset({"grandfather", "grandmother"})
_HAIR_COLOURS: Mapping[Language, Sequence[str]] = {
    "zh": ("黑色", "棕色", "金色", "红色", "白色"),
    "en": ("black", "brown", "blond", "red", "white"),
}
_CLOTHES_COLOURS: Mapping[Language, Sequence[str]] = {
    "zh": ("红色", "蓝色", "绿色", "黄色", "紫色", "白色"),
    "en": ("red", "blue", "green", "yellow", "purple", "white"),
}
_COATS: Mapping[Language, Sequence[str]] = {
    "zh": ("橙色", "棕色", "白色", "灰色", "绿色", "蓝色", "黄色", "黑色"),
    "en": ("orange", "brown", "white", "grey", "green", "blue", "yellow", "black"),
}
_USUAL_COAT = {"cat": 0, "dog": 1, "horse": 1, "bear": 1, "rabbit": 2, "unicorn": 2, "wolf": 3, "mouse": 3,
               "dragon": 4, "dinosaur": 4, "bird": 5, "butterfly": 5, "chicken": 6}  # fmt: skip
"""Which of the coats comes to mind first."""
_COLOUR_LETTERS = "黑白灰棕褐金银红橙橘黄绿蓝紫粉紅黃綠藍銀"
_DRESS = frozenset({"girl", "woman", "mother", "princess", "queen", "witch", "fairy", "dancer"})
_WORN: Mapping[Language, tuple[str, str]] = {"zh": ("裙子", "上衣"), "en": ("dress", "shirt")}
"""For those who usually wear a dress, and for others."""


def with_examples(text: str, kind: str, missing: Sequence[Trait], taken: Set[str]) -> str:
    """Return the words of a figure with an example for each missing trait, all else left as it is.

    Args:
        text: the words, in Chinese or English.
        kind: who it is.
        missing: what the words do not name.
        taken: colours that others of the story have, so that nobody looks like them.

    >>> with_examples("一个小女孩", "girl", ["hair colour", "hair length", "clothes"], frozenset())
    '一个黑色长发的小女孩，穿着红色裙子'
    >>> with_examples("a boy in a shirt", "boy", ["colour of the clothes"], {"red"})
    'a boy in a blue shirt'
    """
    language = language_of(text)
    if SORT_OF[kind] == "animals":
        coats = _COATS[language]
        first = _USUAL_COAT.get(kind, 0)
        return _with_coat(text, _free([*coats[first:], *coats[:first]], taken), language)
    hair = [trait for trait in missing if trait.startswith("hair")]
    if hair:
        text = _with_hair(text, kind, hair, taken)
    colour = _free(_CLOTHES_COLOURS[language], taken)
    if "colour of the clothes" in missing:
        text = _put_before(text, _GARMENT, colour, language)
    if "clothes" in missing:
        worn = _WORN[language][0 if kind in _DRESS else 1]
        if language == "zh":
            return f"{text}，穿着{colour}{worn}"
        return f"{text}{',' if ',' in text else ''} in {_article(colour)} {colour} {worn}"
    return text


def _free(colours: Sequence[str], taken: Set[str]) -> str:
    return next((colour for colour in colours if colour.removesuffix("色") not in taken), colours[0])


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


def _with_coat(text: str, colour: str, language: Language) -> str:
    place, _ = _noun_in(text)
    if language == "zh":
        return f"{text[:place]}{colour}的{text[place:]}"
    return _with_right_article(f"{text[:place]}{colour} {text[place:]}", place)


def _with_right_article(text: str, place: int) -> str:
    """Return an English text whose article before a place goes with the word there."""
    before = re.sub(r"(?<![A-Za-z])([Aa])n?( )$", rf"\g<1>{_article(text[place:])[1:]}\g<2>", text[:place])
    return before + text[place:]


def _put_before(text: str, pattern: re.Pattern[str], word: str, language: Language) -> str:
    found = pattern.search(simplified(text))
    assert found is not None, "only what is there lacks its colour"
    place = found.start()
    if language == "zh":
        return text[:place] + word + text[place:]
    return _with_right_article(f"{text[:place]}{word} {text[place:]}", place)


def _with_hair(text: str, kind: str, missing: Sequence[Trait], taken: Set[str]) -> str:
    language = language_of(text)
    colours = _HAIR_COLOURS[language]
    colour = colours[-1] if kind in _GREY else _free(colours, taken)
    short = kind in _SHORT_HAIR
    said = _HAIR.search(simplified(text))
    if said is None:
        return _with_new_hair(text, colour, short, language)
    if language == "zh":
        return _with_chinese_hair(text, colour, short, missing)
    if "hair colour" in missing:
        text = _put_before(text, _HAIR, colour, language)
    if "hair length" in missing:
        text = _with_english_length(text, "short" if short else "long")
    return text


def _with_new_hair(text: str, colour: str, short: bool, language: Language) -> str:
    start, end = _noun_in(text)
    if language == "zh":
        hair = f"{colour}{'短' if short else '长'}发"
        if _CHINESE_COUNT.fullmatch(text[:start]):
            return f"{text[:start]}{hair}的{text[start:]}"
        return f"{text}，{hair}"
    hair = f" with {'short' if short else 'long'} {colour} hair"
    rest = text[end:]
    rest = f" and {rest[6:]}" if rest.startswith(" with ") else rest
    return f"{text[:end]}{hair}{rest}"


def _noun_in(text: str) -> tuple[int, int]:
    """Return where the name of the figure begins and ends; a first name is all of its words."""
    found = figures_in(text)
    return (found[0].start, found[0].end) if found else (0, len(text))


def _with_chinese_hair(text: str, colour: str, short: bool, missing: Sequence[Trait]) -> str:
    found = _HAIR.search(simplified(text))
    assert found is not None
    place, end = found.span()
    word = text[place:end]
    if "hair length" in missing:
        word = re.sub(
            "头?([发髮])$|(?=[卷直碎波])", lambda at: ("短" if short else "长") + (at[1] or ""), word, count=1
        )
    if "hair colour" in missing:
        word = colour + word
    elif place and text[place - 1] in _COLOUR_LETTERS and word != text[place:end]:
        word = f"色{word}"
    return text[:place] + word + text[end:]


def _with_english_length(text: str, length: str) -> str:
    """Return a text that tells the length of the hair before its colour: "black hair", "black-haired"."""
    found = _COLOURED_HAIR.search(simplified(text))
    if found is not None:
        place = found.start()
        return _with_right_article(f"{text[:place]}{length} {text[place:]}", place)
    if (plain := re.search(r"(?<![a-z-])hair(?![a-z])", text, re.I)) is not None:
        return f"{text[: plain.start()]}{length} {text[plain.start() :]}"
    _, end = _noun_in(text)
    return f"{text[:end]} with {length} hair{text[end:]}"
