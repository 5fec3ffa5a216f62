"""Pictures in rows and columns with a label for each, as people compare settings in a post."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from kit.images.contact_sheet import EDGE, FAINT, INK, PAPER
from kit.images.lettering import Font, Lettering, can_write, cut, wrap

LARGEST, SMALLEST = 512, 64
"""Side of a picture in pixels, where they are few and where they are many."""
WIDEST, TALLEST = 3200, 4800
"""Pixels that all columns and all rows may take: what chats and forums show without making it smaller."""
_MARGIN = 32
_GUTTER = 8
_LINES = 2
"""Of a label."""
_MOST_OF_LABEL = 280
"""Pixels of a row's label; a longer one is broken, then cut."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GridWords:
    """What is written on a grid."""

    title: str
    subtitle: str
    rows: Sequence[str]
    columns: Sequence[str]
    lettering: Lettering


def side_of(rows: int, columns: int) -> int:
    """Return the side of each picture in pixels; 0 where they are too many for one sheet.

    >>> side_of(3, 4), side_of(64, 8), side_of(65, 80)
    (512, 75, 0)
    """
    side = min(LARGEST, WIDEST // columns, TALLEST // rows)
    return side if side >= SMALLEST else 0


def draw_grid(pictures: Iterable[Image.Image | None], words: GridWords) -> Image.Image:
    """Return the pictures on one sheet, row by row, labels to the left and above.

    Args:
        pictures: as many as rows times columns, those of a row one after the other; None leaves a place
            empty. One is held at a time.
        words: letters that the font has not are left out of them.
    """
    side = side_of(len(words.rows), len(words.columns))
    font = words.lettering.font(max(14, min(28, side // 14)))
    line = round(font.size * 1.35)
    beside = [wrap(_writable(label, font), font, _MOST_OF_LABEL, _LINES) for label in words.rows]
    above = [wrap(_writable(label, font), font, side, _LINES) for label in words.columns]
    heads = [
        (text, words.lettering.font(size), colour)
        for text, size, colour in ((words.title, 40, INK), (words.subtitle, 24, FAINT))
        if text
    ]
    left = _MARGIN + max((round(font.getlength(text)) for label in beside for text in label), default=0) + 16
    head = _MARGIN + sum(round(own.size * 1.5) for _, own, _ in heads)
    top = head + line * max(map(len, above)) + 12
    step = side + _GUTTER
    size = (left + len(above) * step - _GUTTER + _MARGIN, top + len(beside) * step - _GUTTER + _MARGIN)
    sheet = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(sheet)
    _write_heads(pen, heads, size[0] - 2 * _MARGIN)
    for column, label in enumerate(above):
        _write(pen, label, (left + column * step + side // 2, top - 10 - line * len(label)), font, "ma")
    for row, label in enumerate(beside):
        middle = top + row * step + (side - line * len(label)) // 2
        _write(pen, label, (left - 16, middle), font, "ra")
    for place, picture in enumerate(pictures):
        row, column = divmod(place, len(above))
        _place(sheet, picture, (left + column * step, top + row * step), side)
    return sheet


def _writable(text: str, font: Font) -> str:
    return "".join(letter for letter in text if letter.isspace() or can_write(font, [letter]))


def _write_heads(pen: ImageDraw.ImageDraw, heads: Sequence[tuple[str, Font, str]], width: int) -> None:
    upper = _MARGIN
    for text, font, colour in heads:
        pen.text((_MARGIN, upper), cut(_writable(text, font), font, width), colour, font, anchor="la")
        upper += round(font.size * 1.5)


def _write(
    pen: ImageDraw.ImageDraw, lines: Sequence[str], at: tuple[int, int], font: Font, anchor: str
) -> None:
    for number, line in enumerate(lines):
        pen.text((at[0], at[1] + number * round(font.size * 1.35)), line, INK, font, anchor=anchor)


def _place(sheet: Image.Image, picture: Image.Image | None, corner: tuple[int, int], side: int) -> None:
    """Put a picture into its place, or the frame of one that is not there."""
    left, upper = corner
    pen = ImageDraw.Draw(sheet)
    if picture is None:
        pen.rectangle((left, upper, left + side - 1, upper + side - 1), outline=EDGE)
        pen.line((left, upper + side - 1, left + side - 1, upper), EDGE)
        return
    sheet.paste(picture.convert("RGB").resize((side, side), Image.Resampling.LANCZOS), corner)
