"""Text in pictures: a font that can write it, and lines that fit."""

import bisect
import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from itertools import count
from operator import itemgetter
from pathlib import Path

from fontTools.ttLib import TTFont
from PIL import ImageFont

from kit.messages import mark

Font = ImageFont.FreeTypeFont

FACES = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "PingFang SC",
    "Microsoft YaHei",
    "Hiragino Sans GB",
    "Heiti SC",
    "STHeiti",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Droid Sans Fallback",
    "SimHei",
    "Noto Sans CJK JP",
    "Noto Serif CJK SC",
    "SimSun",
    "Arial Unicode MS",
)
"""Faces with Chinese letters, the best looking first."""

NUMBERS_ONLY = mark(
    "panel numbers only: no font for the captions found (install Noto Sans CJK, then pack again)"
)
"""What a mosaic without its captions says of itself."""
BUILT_IN = "Pillow's built-in font"


@dataclass(frozen=True, kw_only=True, slots=True)
class Lettering:
    """What a mosaic is lettered with."""

    note: str
    """The font's name, or why there are panel numbers only."""
    captions: bool
    """Whether the captions can be written."""
    file: Path | None = None
    """The font; None for Pillow's own, which has Latin letters only."""
    face: int = 0
    """Which face of a font collection."""

    def font(self, size: int) -> Font:
        """Return the font at a size in pixels."""
        if self.file is None:
            return _built_in(size)
        return ImageFont.truetype(self.file, size, index=self.face, layout_engine=ImageFont.Layout.BASIC)


def find_lettering(texts: Iterable[str], files: Iterable[Path] | None = None) -> Lettering:
    """Return a font with every character of the texts, or the lettering that writes panel numbers only.

    Args:
        texts: Everything that is to be written.
        files: The fonts to choose from; by default those of this machine.
    """
    needed = {letter for letter in "".join(texts) if letter.isprintable() and not letter.isspace()}
    if any(unicodedata.bidirectional(letter) in _RIGHT_TO_LEFT for letter in needed):
        return Lettering(note=NUMBERS_ONLY, captions=False)  # letters would stand apart and backwards
    if can_write(_built_in(32), needed):
        return Lettering(note=BUILT_IN, captions=True)
    faces = _machine_faces() if files is None else _faces(files)
    fit = (face for face in faces if can_write(face.font(32), needed))
    return next(fit, Lettering(note=NUMBERS_ONLY, captions=False))


def find_lettering_of_words(texts: Sequence[str]) -> tuple[Lettering, frozenset[str]]:
    """Return a font for the texts, and the emoji in them that it lacks: a text does without them.

    Where it lacks letters of words as well, it is the lettering that writes panel numbers only.
    """
    found = find_lettering(texts)
    if found.captions:
        return found, frozenset()
    emoji = {letter for letter in "".join(texts) if unicodedata.category(letter) in _OF_EMOJI}
    emoji |= set(_SHOWN_AS)
    found = find_lettering(letter for letter in "".join(texts) if letter not in emoji)
    lost = frozenset(letter for letter in emoji if not can_write(found.font(32), [letter]))
    return (found, lost) if found.captions else (found, frozenset())


def can_write(font: Font, letters: Iterable[str]) -> bool:
    """Return whether a font has a picture for each letter, other than its box for unknown ones."""
    assert isinstance(font.path, Path | BytesIO), "Pillow keeps what it has opened"
    return _letters_of(font.path, font.index).issuperset(letters)


@cache
def _letters_of(file: Path | BytesIO, face: int) -> frozenset[str]:
    source = BytesIO(file.getvalue()) if isinstance(file, BytesIO) else file
    with TTFont(source, fontNumber=face, lazy=True) as font:
        glyphs = font.getBestCmap() or {}
    return frozenset(chr(code) for code, glyph in glyphs.items() if glyph != ".notdef")


@cache
def _built_in(size: int) -> Font:
    """Return Pillow's own font."""
    font = ImageFont.load_default(size)
    assert isinstance(font, Font), "Pillow is built with FreeType"
    return font


@cache
def _machine_faces() -> Sequence[Lettering]:
    """Return the faces of this machine's fonts that FACES names, the best first."""
    from matplotlib.font_manager import findSystemFonts

    return _faces(map(Path, sorted(findSystemFonts())))


def _faces(files: Iterable[Path]) -> Sequence[Lettering]:
    """Return the faces of font files and collections that FACES names, the best first, bold ones last."""
    found: list[tuple[int, bool, Lettering]] = []
    for file in files:
        for face in count():
            try:
                name, style = ImageFont.truetype(file, 16, index=face).getname()
            except OSError:  # no such face, or no font
                break
            if name in FACES:
                lettering = Lettering(note=name, captions=True, file=file, face=face)
                found.append((FACES.index(name), "bold" in (style or "").lower(), lettering))
    return [lettering for *_, lettering in sorted(found, key=itemgetter(0, 1))]


_OF_EMOJI = ("So", "Sk", "Me")
"""What Unicode files emoji under, and the marks that colour and frame them."""
_SHOWN_AS = "\ufe0e\ufe0f"
"""Marks that say whether a sign is an emoji."""
_RIGHT_TO_LEFT = ("R", "AL")
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
