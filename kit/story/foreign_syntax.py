"""Marks in a prompt that steer other programs and would be drawn as words here, or that nobody sees.

Ordinary brackets, colons and capitals are innocent: `a cat (orange)`, `16:9`, `(2:30 pm)`, `TOM AND JERRY`.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from kit.files.text.invisible_marks import invisible_mark
from kit.messages import mark, tr

_LORA = mark('a LoRA belongs into the experiment: lora = "FILE" under a [[candidate]]')
_WEIGHT = mark("every word counts alike here, write the words without it")
_CHOICE = mark("nothing is chosen here, write the words you want")


class _ForeignMark(NamedTuple):
    """A mark of another program."""

    pattern: re.Pattern[str]
    means: str
    """What it is there."""
    instead: str
    """What to do here."""


def _mark(pattern: str, means: str, instead: str) -> _ForeignMark:
    return _ForeignMark(re.compile(pattern), means, instead)


_MARKS = (
    _mark(
        r"(?i)[<＜]\s*(?:lora|lyco|hypernet)\s*[:：][^>＞\n]{0,80}[>＞]?",
        mark("names a LoRA in A1111"),
        _LORA,
    ),
    _mark(
        r"(?i)\bembedding:[\w.-]+",
        mark("names an embedding in ComfyUI"),
        mark("there are none here, delete it"),
    ),
    _mark(
        r"[(（\[][^()（）\[\]\n]{0,80}[^\d\s()（）\[\]]\s?[:：](?:\s*[+-]?(?:\d?\.\d+|\d\.)|[0-3])\s*[)）\]]",
        mark("is a weight in A1111"),
        _WEIGHT,
    ),
    _mark(r"[^\W\d]{1,20}:[0-2]?\.\d{1,2}(?![\w.%])", mark("is a weight in A1111"), _WEIGHT),
    _mark(r"\(\([^()\n]{1,80}\)\)|（（[^（）\n]{1,80}））", mark("is emphasis in A1111"), _WEIGHT),
    _mark(r"\)(?:\d?\.\d+|\++|-+)(?!\w)|[^\W\d]{2,20}\+{2,}(?!\w)", mark("is a weight in InvokeAI"), _WEIGHT),
    _mark(r"\w\s?::\s?-?\d", mark("is a weight in Midjourney"), _WEIGHT),
    _mark(
        r"(?:^|\s)(?:--|—)(?:ar|aspect|v|version|niji|no|s|stylize|chaos|c|q|quality|seed|style|tile|iw|weird)"
        r"(?=\s|$)",
        mark("is an option of Midjourney"),
        mark("settings belong into the experiment, what shall not be seen into `negative` of the story"),
    ),
    _mark(
        r"\[[^\[\]\n]{0,80}[^\W\d][^\[\]\n]{0,80}\]", mark("is less emphasis or a switch in A1111"), _WEIGHT
    ),
    _mark(
        r"\{[^{}\n]{0,80}[^\W\d][^{}\n]{0,80}\}", mark("chooses or stresses words in other programs"), _CHOICE
    ),
    _mark(r"(?<!\w)__[\w/-]{1,40}__(?!\w)", mark("is a wildcard of other programs"), _CHOICE),
    _mark(r"\\[()\[\]]", mark("is a bracket in A1111"), mark("write it without the backslash")),
    _mark(
        r"(?i)^\s*negative prompt\s*[:：]",
        mark("begins a negative prompt in A1111"),
        mark('write negative = "…" at the top of a .toml story'),
    ),
    _mark(
        r"Steps: \d+, Sampler: \w+", mark("are settings of A1111"), mark("they belong into the experiment")
    ),
    _mark(
        r"(?<![A-Z] )(?<![A-Za-z0-9_'-])(?:BREAK|AND)(?![A-Za-z0-9_'-])(?! [A-Z])",
        mark("joins prompts in A1111"),
        mark("write it small, or leave it out"),
    ),
)
_QUOTED = re.compile(r'"[^"\n]*"|“[^“”\n]*”|「[^「」\n]*」|《[^《》\n]*》')
_SHOWN = 40


def foreign_marks(text: str) -> Iterator[str]:
    """Yield what steers another program in a text, each with what to do; what stands in quotes is drawn.

    A mark that nobody sees is told as well: no bundle may hold one.

    >>> list(foreign_marks("a cat (orange), 16:9, （微笑）"))
    []
    >>> [told.partition(";")[0] for told in foreign_marks("(red:1.3) <lora:ink:0.8>")]
    ["'<lora:ink:0.8>' names a LoRA in A1111", "'(red:1.3)' is a weight in A1111"]
    """
    said = _QUOTED.sub(lambda found: " " * len(found[0]), text)
    for place, one in enumerate(_MARKS):
        if found := one.pattern.search(said if place else text):
            said = one.pattern.sub(" ", said)
            shown = found[0].strip()
            shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
            yield tr(
                "{shown!r} {means}; {instead}", shown=shown, means=tr(one.means), instead=tr(one.instead)
            )
    if unseen := invisible_mark(text):
        yield tr("holds {mark}; delete it, or type the words anew", mark=unseen[1])
