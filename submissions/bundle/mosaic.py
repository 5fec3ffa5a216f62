"""The eight panels on one sheet, with their numbers and captions."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageColor, ImageDraw

from kit.images.lettering import Font, Lettering, cut, wrap

Picture = Image.Image
Box = tuple[int, int, int, int]
"""Left, upper, right and lower, in pixels."""

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
_BLENDING = 1.5
"""Levels of 255 that rounding takes a pixel at a letter's edge off the way from paper to ink."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """How many rows and columns a mosaic has."""

    rows: int
    columns: int
    scale: int = 1
    """How many times larger all of it is than on a bundle's mosaic."""

    @property
    def cell(self) -> int:
        """Return the side of a panel in pixels."""
        return CELL * self.scale

    @property
    def file(self) -> str:
        """Return the name of the mosaic's file."""
        return f"mosaic-{self.rows}x{self.columns}.png"


GRIDS = (Grid(rows=4, columns=2), Grid(rows=2, columns=4))
"""The baseline's form and the contest page's form."""
STRIP = Grid(rows=8, columns=1, scale=2)
"""One below the other, for a phone: as wide as its screen has pixels, its letters as large as a chat's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MosaicText:
    """What is written on a mosaic; title and captions are left out when the lettering cannot write them."""

    title: str
    captions: Sequence[str]
    """One a panel; empty where a panel has none."""
    lettering: Lettering
    numbers: bool = True
    """Whether each panel has its number below it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MosaicLayout:
    """Where everything stands on a mosaic of eight panels."""

    grid: Grid
    titled: bool
    lines: tuple[int, ...]
    """Of captions, below each row: 1 or more; 0 where there are no numbers either."""

    @property
    def is_bare(self) -> bool:
        """Return whether it has room for numbers only."""
        return not self.titled and max(self.lines) == 1

    @property
    def size(self) -> tuple[int, int]:
        """Return width and height in pixels."""
        last = self._upper(len(self.lines) - 1) + self._height(len(self.lines) - 1)
        width = 2 * _MARGIN + self.grid.columns * (CELL + _GUTTER) - _GUTTER
        return width * self.grid.scale, (last + _MARGIN) * self.grid.scale

    def box(self, index: int) -> Box:
        """Return where a panel (from 0) stands."""
        row, column = divmod(index, self.grid.columns)
        scale, cell = self.grid.scale, self.grid.cell
        left, upper = (_MARGIN + column * (CELL + _GUTTER)) * scale, self._upper(row) * scale
        return left, upper, left + cell, upper + cell

    @property
    def strips(self) -> list[Box]:
        """Return where text may stand: above the first row, and below each."""
        width, height = self.size
        uppers = [self._upper(row) * self.grid.scale for row in range(len(self.lines))]
        ends = [upper - 1 for upper in uppers] + [height]
        above = [0] + [upper + self.grid.cell + 1 for upper in uppers]
        return [(0, start, width, end) for start, end in zip(above, ends, strict=True)]

    def _upper(self, row: int) -> int:
        """Return how far down a row begins, and below how tall it is, before all is made larger."""
        top = _MARGIN + (_TITLE_ROOM if self.titled else 0)
        return top + sum(map(self._height, range(row))) + row * _ROW_GAP

    def _height(self, row: int) -> int:
        return CELL + (_BELOW + _LINE * self.lines[row] if self.lines[row] else 0)


def layouts_of(grid: Grid, size: tuple[int, int]) -> list[MosaicLayout]:
    """Return the layouts in which a mosaic of this size in pixels can be."""
    lines = product(range(1, _MOST_LINES + 1), repeat=grid.rows)
    every = (MosaicLayout(grid=grid, titled=titled, lines=row) for row in lines for titled in (False, True))
    return [layout for layout in every if layout.size == size]


def draw_mosaic(panels: Sequence[Picture], words: MosaicText, grid: Grid) -> Picture:
    """Return the panels on one sheet, left to right, then down, each above its number and caption."""
    scale = grid.scale
    font = words.lettering.font(_TEXT * scale)
    title = _in_one_line(words.title) if words.lettering.captions else ""
    said = words.captions if words.lettering.captions else [""] * len(words.captions)
    room = grid.cell - _indent(font)
    captions = [wrap(_in_one_line(caption), font, room, _MOST_LINES) for caption in said]
    rows = [captions[first : first + grid.columns] for first in range(0, len(captions), grid.columns)]
    lines = tuple(max(int(words.numbers), *map(len, row), 0) for row in rows)
    layout = MosaicLayout(grid=grid, titled=bool(title), lines=lines)
    sheet = paper_sheet([cell_of(panel, grid.cell) for panel in panels], layout)
    pen, head = ImageDraw.Draw(sheet), words.lettering.font(_TITLE * scale)
    shown = cut(title, head, sheet.width - 2 * _MARGIN * scale)
    pen.text((_MARGIN * scale, (_MARGIN + _TITLE // 2) * scale), shown, INK, head, anchor="lm")
    for index in range(len(panels)):
        number = str(index + 1) if words.numbers else ""
        _letter(pen, layout.box(index), [number, *captions[index]], font)
    return sheet


def cell_of(panel: Picture, side: int = 0) -> Picture:
    """Return a panel as it stands on a mosaic, by default on a bundle's."""
    return panel.convert("RGB").resize((side or CELL,) * 2, Image.Resampling.LANCZOS)


def paper_sheet(cells: Sequence[Picture], layout: MosaicLayout) -> Picture:
    """Return a mosaic without a letter: paper, and the panels on it."""
    sheet = Image.new("RGB", layout.size, PAPER)
    pen = ImageDraw.Draw(sheet)
    for index, cell in enumerate(cells):
        left, upper, right, lower = layout.box(index)
        sheet.paste(cell, (left, upper))
        pen.rectangle((left - 1, upper - 1, right, lower), outline=EDGE)
    return sheet


def is_ink(strip: Picture) -> bool:
    """Return whether all of a picture is paper, ink, faint ink, or on the way from paper to one of them."""
    box = ImageChops.difference(strip, Image.new("RGB", strip.size, PAPER)).getbbox()
    if box is None:
        return True
    marked, paper = np.asarray(strip.crop(box), np.float32).reshape(-1, 3), _colour(PAPER)
    marked = marked[(marked != paper).any(axis=1)]
    fits = np.zeros(len(marked), bool)
    for colour in (INK, FAINT):
        way = _colour(colour) - paper
        share = np.clip((marked - paper) @ way / (way @ way), 0, 1)[:, None]
        fits |= np.abs(marked - paper - share * way).max(axis=1) <= _BLENDING
    return bool(fits.all())


def _colour(name: str) -> NDArray[np.float32]:
    return np.array(ImageColor.getrgb(name), np.float32)


def _indent(font: Font) -> int:
    """Return how far captions stand to the right of the panel's edge, behind the number."""
    return round(font.getlength("0  "))


def _letter(pen: ImageDraw.ImageDraw, box: Box, lines: Sequence[str], font: Font) -> None:
    """Write a panel's number, and beside it the lines of its caption."""
    scale = round(font.size) // _TEXT
    left, baseline = box[0], box[3] + (_BELOW + _TEXT) * scale
    number, *caption = lines
    pen.text((left, baseline), number, FAINT, font, anchor="ls")
    for index, line in enumerate(caption):
        pen.text((left + _indent(font), baseline + index * _LINE * scale), line, INK, font, anchor="ls")


def _in_one_line(text: str) -> str:
    """Return a text without line breaks and letters that have no shape, which fonts draw as boxes."""
    return "".join(letter for letter in " ".join(text.split()) if letter.isprintable())
