"""Text in pictures: a font that can write it, and lines that fit."""

import bisect
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import ImageFont

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

FILES = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-sans-cjk-fonts/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
    "/System/Library/Fonts/PingFang.ttc",
    "/System/Library/Fonts/Hiragino Sans GB.ttc",
    "/System/Library/Fonts/STHeiti Light.ttc",
    "C:/Windows/Fonts/msyh.ttc",
    "C:/Windows/Fonts/simhei.ttf",
    "C:/Windows/Fonts/simsun.ttc",
)
"""Where systems keep them; looked at before every font of the machine is listed."""

NUMBERS_ONLY = "panel numbers only: no font for the captions found (install Noto Sans CJK, then pack again)"
"""What a mosaic without its captions says of itself."""
BUILT_IN = "Pillow's built-in font"
_NEVER_DRAWN = "\U0010fffe"
_COLLECTION_FACES = 10
"""A .ttc of Noto CJK holds ten faces."""


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
    if can_write(_built_in(32), needed):
        return Lettering(note=BUILT_IN, captions=True)
    fonts = _machine_fonts() if files is None else files
    letterings = (lettering for file in fonts for lettering in _letterings(file))
    fit = (lettering for lettering in letterings if can_write(lettering.font(32), needed))
    return next(fit, Lettering(note=NUMBERS_ONLY, captions=False))


def can_write(font: Font, letters: Iterable[str]) -> bool:
    """Return whether a font has a picture for each letter, other than its box for unknown ones."""
    box = bytes(font.getmask(_NEVER_DRAWN))
    return all(bytes(font.getmask(letter)) not in (box, b"") for letter in letters)


def _built_in(size: int) -> Font:
    """Return Pillow's own font."""
    font = ImageFont.load_default(size)
    assert isinstance(font, Font), "Pillow is built with FreeType"
    return font


def _letterings(file: Path) -> Iterator[Lettering]:
    """Yield the faces of a font file that FACES names, the best first."""
    found: list[tuple[int, int, str]] = []
    for face in range(_COLLECTION_FACES if file.suffix.lower() == ".ttc" else 1):
        try:
            name = ImageFont.truetype(file, 16, index=face).getname()[0] or ""
        except OSError:
            break
        if name in FACES:
            found.append((FACES.index(name), face, name))
    for _, face, name in sorted(found):
        yield Lettering(note=name, captions=True, file=file, face=face)


def _machine_fonts() -> Iterator[Path]:
    """Yield the fonts that may have Chinese letters: the usual files, then those that matplotlib finds."""
    yield from (Path(name) for name in FILES if Path(name).is_file())
    from matplotlib import font_manager

    found = {
        entry.fname
        for entry in font_manager.fontManager.ttflist
        if entry.name in FACES or "CJK" in entry.name
    }
    yield from map(Path, sorted(found))


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
