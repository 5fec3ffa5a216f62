"""The clauses of a prompt with their places in it, and which of them name a style."""

import re
from typing import NamedTuple

from kit.story import lexicon
from kit.story.lexicon import any_of, simplified
from kit.story.prompt import COMMAS, clauses_of
from kit.story.story import Story

_SPLIT = re.compile(r"(?:[^，,、;；。!！?？\n.]|\.(?!\s|$))+")
_STYLE = re.compile(any_of(lexicon.STYLES))
_STYLE_OF = re.compile(rf"(?P<word>{any_of(lexicon.STYLES)})(?:画)?(?:的?风格|画风|[ -]style)")
"""A style by name, wherever it stands."""
_MADE_UP = re.compile(
    r"(?P<zh>[\u3400-\u9fff]{1,8})(?:风格|画风)"
    r"|(?:in (?:the|an?) )?(?P<en>[a-z' -]{2,30}?)[ -]style(?: of [a-z' -]+)?"
)
"""A whole clause that can only be a style."""
_BESIDES = re.compile(
    r"画风格|风格|画风|风|画|插画|插图|绘画|作品|质感|的|儿童|手绘|中国|日系|日本|传统|可爱|唯美|治愈|温馨|简约|复古|a|an|the|in|of|style|styled|art|artwork"
    r"|painting|illustration|drawing|wash|cute|soft|hand-drawn|traditional|chinese|japanese|digital|children's|vintage|for|kids|[\s-]+"
)
"""Words of a clause that names a style and nothing else."""


READ = 4000
"""Letters of a prompt that are looked through; no text encoder reads as many."""


class Piece(NamedTuple):
    """A clause of a prompt."""

    text: str
    start: int
    style: frozenset[str]
    """The families of styles that it names, where it is a clause about style."""


def pieces_of(story: Story, panel: int) -> list[Piece]:
    """Return the clauses of a panel (0 to 7) in the story's own order."""
    prompt = story.panels[panel].prompt
    if prompt is not None:
        text = prompt.strip()[:READ]
        found = ((one[0], one.start()) for one in _SPLIT.finditer(text))
        return [
            Piece(said.strip(), start + len(said) - len(said.lstrip()), styles_of(said))
            for said, start in found
            if said.strip()
        ]
    pieces, start = [], 0
    for clause in clauses_of(story, panel):
        if start >= READ:
            break
        said = clause.text[: READ - start]
        style = (
            (styles_of(said) or frozenset({simplified(said)})) if clause.role == "style" else styles_of(said)
        )
        pieces.append(Piece(said, start, style))
        start += len(clause.text) + len(COMMAS[story.language])
    return pieces


def styles_of(clause: str) -> frozenset[str]:
    """Return the families of styles that a clause names; empty where it is about something else.

    >>> sorted(styles_of("水墨画风格")), sorted(styles_of("墙上挂着水墨画"))
    (['ink'], [])
    """
    low = simplified(clause).strip()
    named = [lexicon.STYLES[one[0]] for one in _STYLE.finditer(low)]
    if named and not _BESIDES.sub("", _STYLE.sub("", low)).strip():
        return frozenset(named)
    if not named and (found := _MADE_UP.fullmatch(low)):
        return frozenset({(found["zh"] or found["en"]).strip()})
    return frozenset()


def without_styles(text: str) -> str:
    """Return a text without the styles that it names within other words.

    >>> without_styles("水墨风格的小猫")
    '小猫'
    """
    for found in reversed(list(_STYLE_OF.finditer(simplified(text)))):
        text = text[: found.start()] + text[found.end() :].removeprefix("的")
    return text.strip()


def styles_inside(prompt: str) -> frozenset[str]:
    """Return the families that a prompt names as its style within other words: "水墨风格的小猫"."""
    return frozenset(lexicon.STYLES[one["word"]] for one in _STYLE_OF.finditer(simplified(prompt)))
