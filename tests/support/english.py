"""What of a text is an English sentence, for tests of what is told in another language."""

import re

_NO_SENTENCE = re.compile(r"""`[^`]*`|"[^"]*"|(?<!\w)'[^']*'(?!\w)|\S*[/=_\[\]]\S*|\S+\.\w+""")
"""Code, quotes, paths and keys: they are the same in every language."""
_ENGLISH = re.compile(r"\b[a-z]{2,}(?:[ ,;:]+[a-z]{2,}){2,}\b")


def english_in(text: str) -> list[str]:
    """Return each run of three or more English words in a text, what no language changes apart.

    >>> english_in("结果文件夹：story cat 的 seeds 要重画")
    []
    >>> english_in("run.json 不完整: delete it and draw again")
    ['delete it and draw again']
    """
    return _ENGLISH.findall(_NO_SENTENCE.sub("，", text))
