"""Marks in a text that nobody sees: controls, marks without width or of direction, tags, fillers.

What languages and emoji need is innocent: joiners between emoji and in scripts whose letters join, a selector
behind a sign, spaces of any width.
"""

import re

from kit.messages import tr

INVISIBLE = re.compile(
    "[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\u2800\u3164\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]|\r(?!\n)"
)
"""Unicode's Default_Ignorable_Code_Point, controls but tab and line ends, a blank pattern of Braille."""
_EMOJI = "[\u2190-\u27ff\u2900-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]"
_TONE = "[\U0001f3fb-\U0001f3ff]?"
_INNOCENT = re.compile(
    f"{_EMOJI}[\ufe0e\ufe0f]?{_TONE}(?:\u200d{_EMOJI}\ufe0f?{_TONE}){{0,9}}"
    "|[#*0-9]\ufe0f\u20e3|[©®‼⁉™ℹ]\ufe0f"
    "|[\u0600-\u109f][\u200c\u200d](?=[\u0600-\u109f])|[\u1800-\u18af][\u180b-\u180d]"
)
_SHOWN = 8
"""Characters in front of a mark that are told, so that it can be found."""


def invisible_mark(text: str) -> tuple[int, str] | None:
    r"""Return where the first mark stands that nobody sees, and which it is in words; None where none is.

    >>> invisible_mark("墨韵\u200b，a cat")
    (2, "U+200B, which nobody sees, behind '墨韵'")
    >>> invisible_mark("a family 👨‍👩‍👧, ❤️") is None
    True
    """
    found = INVISIBLE.search(_INNOCENT.sub(lambda sign: "x" * len(sign[0]), text))
    if found is None:
        return None
    place = found.start()
    front = INVISIBLE.sub("", text[:place].rpartition("\n")[2])[-_SHOWN:]
    code = ord(found[0])
    if front:
        return place, tr("U+{code:04X}, which nobody sees, behind {front!r}", code=code, front=front)
    return place, tr("U+{code:04X}, which nobody sees, at the beginning of a line", code=code)
