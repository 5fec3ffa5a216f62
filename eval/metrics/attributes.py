"""Which told attribute a picture does not show: hair that is not black, another place, no lantern.

What a panel's text tells is held against the other things of its sort: "a girl with black hair" against the
same with brown, blond, purple, blue and red hair. Where one of these fits the picture better, and by enough,
the told one is missing. How much is enough a calibration says. Words that are not the drawn world's are not
asked for, and of two figures in a panel no looks and deeds are: the encoder does not say whose they are.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from eval.scorers.calibration import AttributeName
from eval.scorers.protocols import Encoder
from kit.messages import Language
from kit.story.lexicon import COLOUR, any_of, simplified
from kit.story.lint.appearances import Appearance, read_story
from kit.story.lint.looks import looks_of
from kit.story.story import Story
from kit.world import words
from kit.world.scene import CLOTHES, FUR, HAIR, PEOPLE, Colour, Kind, Pose

ATTRIBUTES: tuple[AttributeName, ...] = get_args(AttributeName)


class ToldAttribute(NamedTuple):
    """One thing that a panel's text tells."""

    panel: int
    """0 to 7."""
    name: AttributeName
    told: str
    """In the story's language, such as black."""
    choices: tuple[str, ...]
    """Texts to hold the picture against, the told one first."""


def told_attributes(story: Story) -> list[ToldAttribute]:
    """Return what the texts of a story's panels tell that a picture can be asked for."""
    reading, language = read_story(story), story.language
    found: list[ToldAttribute] = []
    for panel, prompt in enumerate(reading.prompts):
        found += _one_of("place", panel, prompt, _places(language))
        shown = reading.in_panel(panel + 1)
        if len(shown) == 1:
            found += _one_of("action", panel, prompt, _actions(language))
            found += _looks(shown[0], reading.about(shown[0]), language)
    return found


def choice_rows(told: Sequence[ToldAttribute], encoder: Encoder) -> list[NDArray[np.float32]]:
    """Return the (choices, dim) rows of each told thing's choices, of unit length."""
    texts = list(dict.fromkeys(text for one in told for text in one.choices))
    rows = dict(zip(texts, encoder.texts(texts), strict=True)) if texts else {}
    return [np.stack([rows[text] for text in one.choices]) for one in told]


def margins(
    embeddings: NDArray[np.float32], told: Sequence[ToldAttribute], choices: Sequence[NDArray[np.float32]]
) -> list[float]:
    """Return by how much each told thing fits its panel better than the best of the other things of its sort.

    Args:
        embeddings: (8, dim) rows of unit length.
        told: what the panels' texts tell.
        choices: as `choice_rows` gives them.

    Returns:
        Differences of cosines, in [-2, 2]; below 0 something else fits better.
    """
    fits = (rows @ embeddings[one.panel] for one, rows in zip(told, choices, strict=True))
    return [float(fit[0] - fit[1:].max()) for fit in fits]


def _one_of(
    name: AttributeName, panel: int, prompt: str, known: Mapping[str, re.Pattern[str]]
) -> Iterator[ToldAttribute]:
    """Yield the one thing of a sort that a prompt names; nothing where it names none or several."""
    low = simplified(prompt)
    named = [text for text, pattern in known.items() if pattern.search(low)]
    if len(named) == 1:
        yield ToldAttribute(panel, name, named[0], tuple(dict.fromkeys((named[0], *known))))


@lru_cache
def _places(language: Language) -> Mapping[str, re.Pattern[str]]:
    """Return how each place is called, by its usual words."""
    return {
        said[0]: re.compile(any_of({_bare(word) for word in said}))
        for said in words.PLACES[language].values()
    }


def _bare(place: str) -> str:
    """Return the words for a place without those for being there.

    >>> _bare("在咖啡馆里"), _bare("in the cafe"), _bare("山上")
    ('咖啡馆', 'cafe', '山上')
    """
    bare = re.sub(r"^(在|(in|on|at|by|under) (the |a )?)|[里上中]$", "", place)
    return bare if len(bare) > 1 else place


_HOLDS: Mapping[Language, str] = {
    "zh": "(?:拿|握|提|举|撑|抱|捧|持|打)着?[^，,。]{0,6}?",
    "en": r"(?<![a-z])(?:hold|carr(?:y|ie))(?:s|ing)? [^,.]{0,20}?",
}


@lru_cache
def _actions(language: Language) -> Mapping[str, re.Pattern[str]]:
    """Return how each deed is called, by its usual words."""
    poses: dict[Pose, list[str]] = {
        pose: list(said) for pose, said in words.POSES[language].items() if pose != "hold"
    }
    for (pose, _), said in words.PLACED_POSES[language].items():
        poses[pose] += said
    held = {
        f"拿着{said[0]}" if language == "zh" else f"holding {said[0]}": _HOLDS[language]
        + any_of(word.removeprefix("a ").removeprefix("an ") for word in said)
        for said in words.PROPS[language].values()
    }
    told = {said[0]: any_of(said) for said in poses.values()} | held
    return {text: re.compile(pattern) for text, pattern in told.items()}


_KIND_OF: Mapping[str, Kind] = {**{kind: kind for kind in get_args(Kind)}, "cat": "kitten"}
"""The drawn world's kinds by the lexicon's."""
_LOOKS: Mapping[Language, Mapping[AttributeName, str]] = {
    "zh": {
        "figure": "{told}",
        "hair": "{told}头发的{who}",
        "hair length": "{told}发的{who}",
        "clothes": "穿着{told}{worn}的{who}",
        "fur": "{told}的{who}",
    },
    "en": {
        "figure": "a {told}",
        "hair": "a {who} with {told} hair",
        "hair length": "a {who} with {told} hair",
        "clothes": "a {who} in {told} {worn}",
        "fur": "a {told} {who}",
    },
}
_LENGTHS: Mapping[Language, tuple[str, str]] = {"zh": ("长", "短"), "en": ("long", "short")}


def _looks(one: Appearance, about: str, language: Language) -> Iterator[ToldAttribute]:
    """Yield who the only figure of a panel is and how it looks, as far as the words tell it."""
    kind = _KIND_OF.get(one.kind)
    if kind is None:
        return
    said = looks_of(about)

    def held_against(
        name: AttributeName, told: str | None, others: Sequence[str], worn: str = ""
    ) -> Iterator[ToldAttribute]:
        if told is not None:
            texts = (
                _LOOKS[language][name].format(told=text, who=one.noun, worn=worn) for text in (told, *others)
            )
            yield ToldAttribute(one.panel - 1, name, told, tuple(dict.fromkeys(texts)))

    def colours(of: Sequence[Colour]) -> list[str]:
        return [words.COLOURS[language][colour][0] for colour in of]

    kinds = words.KINDS[language]
    others = (word for other, said in kinds.items() if other != kind for word in said)
    if one.noun.lower() not in others:  # to some 少年 is a boy, to others a youth
        yield from held_against("figure", kinds[kind][0], [said[0] for said in kinds.values()])
    if kind not in PEOPLE:
        yield from held_against("fur", _colour(said.coat, language), colours(FUR[kind]))
        return
    yield from held_against("hair", _colour(said.hair_colour, language), colours(HAIR))
    length = said.hair_length if said.hair_length in _LENGTHS[language] else None
    yield from held_against("hair length", length, _LENGTHS[language])
    if len(said.clothes) == 1:
        told, worn = _coloured(*said.clothes)
        yield from held_against("clothes", _colour(told, language), colours(CLOTHES), worn)


def _coloured(clothes: str) -> tuple[str, str]:
    """Return the colour of a garment and the garment: 红裙子 is 红 and 裙子."""
    found = re.search(COLOUR, clothes)
    return (found[0], clothes[found.end() :].strip()) if found else ("", clothes)


def _colour(told: str, language: Language) -> str | None:
    """Return the usual word for a colour, dark and light ones too; None for one that is none of ours.

    >>> _colour("深蓝", "zh"), _colour("dark blue", "en"), _colour("rainbow", "en")
    ('蓝色', 'blue', None)
    """
    known = words.COLOURS[language].values()
    return next(
        (
            said[0]
            for said in known
            if told.removesuffix("色").endswith(tuple(s.removesuffix("色") for s in said))
        ),
        None,
    )
