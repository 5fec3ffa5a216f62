"""Finds English sentences in what is told to a reader of Chinese."""

import re

_AS_IT_IS = re.compile(
    r"storykit(?: [a-z]+)*|`[^`]*`|\"[^\"]*\"|'[^']*'|“[^”]*”|--?[a-z][\w-]*|\S*[/\\._=\[\]<>]\S*|\b[A-Z]\w*"
)
"""Code, quoted words, options, paths, keys and names, which no language changes."""
_SENTENCE = re.compile(r"(?:\b[a-z]{2,}\b[ ,;:]+){2}[a-z]{2,}")


def english_in(text: str) -> list[str]:
    """Return what reads like a piece of an English sentence: three small words in a row.

    >>> english_in("故事 a.toml 的键 steps：必须是整数")
    []
    >>> english_in("错误：steps must be a number")
    ['steps must be']
    """
    return [found[0] for found in _SENTENCE.finditer(_AS_IT_IS.sub(" § ", text))]
