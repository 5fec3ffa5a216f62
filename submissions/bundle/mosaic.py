"""The eight panels on one sheet, with their numbers and captions."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from kit.images.lettering import Font, Lettering, cut, wrap

Picture = Image.Image

PAPER = "#f8f5ef"
INK = "#2b2a28"
FAINT = "#a3947c"
EDGE = "#dcd5c8"

CELL = 512
"""Side of a panel on the sheet: the contest's own mosaic is two panels of 512 wide."""
_MARGIN = 56
_GUTTER = 32
_BELOW = 14
"""From a panel to its caption."""
_ROW_GAP = 30
_TITLE = 48
_TITLE_ROOM = 84
_TEXT = 26
_LINE = 36
_MOST_LINES = 2
"""Lines a caption may take before it is cut."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """How many rows and columns a mosaic has."""

    rows: int
    columns: int

    @property
    def file(self) -> str:
        """Return the name of the mosaic's file."""
        return f"mosaic-{self.rows}x{self.columns}.png"


GRIDS = (Grid(rows=4, columns=2), Grid(rows=2, columns=4))
"""The baseline's form and the contest page's form."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MosaicText:
    """What is written on a mosaic; title and captions are left out when the lettering cannot write them."""

    title: str
    captions: Sequence[str]
    """One a panel; empty where a panel has none."""
    lettering: Lettering


def draw_mosaic(panels: Sequence[Picture], words: MosaicText, grid: Grid) -> Picture:
    """Return the panels on one sheet, left to right, then down, each above its number and caption."""
    font = words.lettering.font(_TEXT)
    title = words.title if words.lettering.captions else ""
    said = words.captions if words.lettering.captions else [""] * len(words.captions)
    captions = [wrap(caption, font, CELL - _indent(font), _MOST_LINES) for caption in said]
    rows = [captions[first : first + grid.columns] for first in range(0, len(captions), grid.columns)]
    heights = [CELL + _BELOW + _LINE * max(1, *map(len, row)) for row in rows]
    top = _MARGIN + (_TITLE_ROOM if title else 0)
    width = 2 * _MARGIN + grid.columns * (CELL + _GUTTER) - _GUTTER
    sheet = Image.new("RGB", (width, top + sum(heights) + _ROW_GAP * (len(rows) - 1) + _MARGIN), PAPER)
    pen, head = ImageDraw.Draw(sheet), words.lettering.font(_TITLE)
    shown = cut(title, head, width - 2 * _MARGIN)
    pen.text((_MARGIN, _MARGIN + _TITLE // 2), shown, INK, head, anchor="lm")
    for index, panel in enumerate(panels):
        down, along = divmod(index, grid.columns)
        left = _MARGIN + along * (CELL + _GUTTER)
        upper = top + sum(heights[:down]) + down * _ROW_GAP
        picture = panel.convert("RGB").resize((CELL, CELL), Image.Resampling.LANCZOS)
        sheet.paste(picture, (left, upper))
        pen.rectangle((left - 1, upper - 1, left + CELL, upper + CELL), outline=EDGE)
        _letter(pen, (left, upper), [str(index + 1), *captions[index]], font)
    return sheet


def _indent(font: Font) -> int:
    """Return how far captions stand to the right of the panel's edge, behind the number."""
    return round(font.getlength("0  "))


def _letter(pen: ImageDraw.ImageDraw, corner: tuple[int, int], lines: Sequence[str], font: Font) -> None:
    """Write a panel's number, and beside it the lines of its caption."""
    left, baseline = corner[0], corner[1] + CELL + _BELOW + _TEXT
    number, *caption = lines
    pen.text((left, baseline), number, FAINT, font, anchor="ls")
    for index, line in enumerate(caption):
        pen.text((left + _indent(font), baseline + index * _LINE), line, INK, font, anchor="ls")
