"""Text broken into lines of a width, as a reader of Chinese or Latin letters expects."""

import bisect
import math

from kit.lettering import Font, can_write

_ELLIPSIS = "…"
_NO_LINE_START = "，。、；：？！）》」』”’,.;:?!)…"
"""Marks that must not begin a line."""


def wrap(text: str, font: Font, width: int, most: int) -> list[str]:
    """Return a text in at most `most` lines: Latin broken at spaces, Chinese between characters."""
    lines: list[str] = []
    rest = " ".join(text.split())
    while rest and len(lines) < most - 1:
        fit = _fitting(rest, font, width)
        lines.append(rest[:fit].rstrip())
        rest = rest[fit:].lstrip()
    return [*lines, cut(rest, font, width)] if rest else lines


def _fitting(text: str, font: Font, width: int) -> int:
    """Return how many characters of a text go on a line, broken where a reader would."""
    fit = max(1, _room_for(text, font, width))
    if fit == len(text):
        return fit
    if text[fit] in _NO_LINE_START and fit > 1:
        fit -= 1
    space = text.rfind(" ", 0, fit + 1)
    inside_word = text[fit - 1].isascii() and text[fit].isascii() and text[fit] != " "
    return space if inside_word and space > 0 else fit


def _room_for(text: str, font: Font, width: int) -> int:
    """Return how many characters of a text, from its start, fit a width in pixels."""
    ends = range(1, len(text) + 1)
    return bisect.bisect_right(ends, width, key=lambda end: math.ceil(font.getlength(text[:end])))


def cut(text: str, font: Font, width: int) -> str:
    """Return a text on one line, ended with an ellipsis if it is too long."""
    if _room_for(text, font, width) == len(text):
        return text
    dots = _ELLIPSIS if can_write(font, _ELLIPSIS) else "..."
    return text[: _room_for(text, font, width - round(font.getlength(dots)))].rstrip() + dots
