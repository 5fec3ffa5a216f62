"""English that is left in Chinese text: three lower-case words in a row."""

import re
from html import unescape

_NO_PROSE = (
    r"storykit(?: [a-z]+)*",
    r"--?[a-z][\w-]*",
    r"`[^`]*`",
    r'"[^"\n]*"',
    r"(?<![A-Za-z])'[^'\n]*'",
    r"\S*[/\\_=\[\].]\S*",
)
"""Commands, code, quotes, and what has the marks of paths, keys and values."""
_SENTENCE = re.compile(r"(?<![\w-])[a-z][a-z'-]*(?:[,:;]? [a-z][a-z'-]*){2,}(?![\w-])")


def english_sentences(text: str) -> list[str]:
    """Return the runs of three or more lower-case English words outside of code, quotes, paths and keys.

    >>> english_sentences("提示    run.json 缺少 `storykit score run` 的 base ink")
    []
    >>> english_sentences("x has no picture")
    ['x has no picture']
    """
    for pattern in _NO_PROSE:
        text = re.sub(pattern, " · ", text)
    return _SENTENCE.findall(text)


def english_on_page(page: str, *told: str) -> list[str]:
    """Return the English sentences that a page shows, outside of code and of what its story tells."""
    prose = re.sub(r"<(code|pre|style|script)\b.*?</\1>", " ", page, flags=re.DOTALL)
    spoken = " · ".join(re.findall(r'(?:aria-label|alt|title|data-title)="([^"]*)"', prose))
    shown = unescape(re.sub(r"\s+", " ", f"{re.sub('<[^>]+>', ' · ', prose)} · {spoken}"))
    for text in sorted(told, key=len, reverse=True):
        shown = shown.replace(text, " · ")
    return english_sentences(shown)
