"""A contact sheet: every picture of a dataset, whole, with its number and caption."""

from collections.abc import Iterable, Sequence

from PIL import Image, ImageDraw

from kit.images.lettering import Lettering, can_write, find_lettering, wrap

MOST = 240
"""Pictures on a sheet; of more, so many are taken evenly."""
CELL = 224
_COLUMNS = 6
_GUTTER = 16
_TEXT, _LINE, _LINES = 15, 20, 2
_ROOM = 8 + _LINE * (_LINES + 1)
PAPER, INK, FAINT, EDGE = "#f8f5ef", "#2b2a28", "#a3947c", "#e6e0d5"


def evenly_spaced(count: int) -> list[int]:
    """Return which of so many pictures are on the sheet, all or MOST of them evenly.

    >>> evenly_spaced(3), len(evenly_spaced(1000)), evenly_spaced(1000)[-1]
    ([0, 1, 2], 240, 995)
    """
    return list(range(count)) if count <= MOST else [number * count // MOST for number in range(MOST)]


def find_sheet_lettering(captions: Sequence[str]) -> Lettering:
    """Return a font for all captions, else for those without emoji and the like, else for Chinese ones."""
    plain = [text for text in captions if all(ord(letter) < 0x10000 for letter in text)]
    found = find_lettering(captions)
    for texts in (plain, ["汉字"]):
        found = found if found.captions else find_lettering(texts)
    return found


def draw_contact_sheet(
    pictures: Iterable[Image.Image], names: Sequence[str], captions: Sequence[str]
) -> Image.Image:
    """Return the pictures on one sheet, left to right, then down.

    Letters that the font cannot write, such as emoji, are left out; so are captions that no font can write.
    """
    columns = min(_COLUMNS, len(names))
    rows = -(-len(names) // columns)
    across, down = CELL + _GUTTER, CELL + _ROOM + _GUTTER
    sheet = Image.new("RGB", (columns * across + _GUTTER, rows * down + _GUTTER), PAPER)
    lettering = find_sheet_lettering(captions)
    for number, picture in enumerate(pictures):
        row, column = divmod(number, columns)
        corner = (_GUTTER + column * across, _GUTTER + row * down)
        _place(sheet, picture, corner)
        _letter(sheet, corner, (names[number], captions[number]), lettering)
    return sheet


def _place(sheet: Image.Image, picture: Image.Image, corner: tuple[int, int]) -> None:
    """Put a picture into the middle of its cell, whole and never enlarged."""
    small = picture.copy()
    small.thumbnail((CELL, CELL), Image.Resampling.LANCZOS)
    left, upper = corner
    ImageDraw.Draw(sheet).rectangle((left, upper, left + CELL - 1, upper + CELL - 1), EDGE)
    sheet.paste(small, (left + (CELL - small.width) // 2, upper + (CELL - small.height) // 2))


def _letter(
    sheet: Image.Image, corner: tuple[int, int], words: tuple[str, str], lettering: Lettering
) -> None:
    """Write a picture's name and the lines of its caption below it."""
    name, caption = words
    font = lettering.font(_TEXT)
    written = "".join(letter for letter in caption if letter.isspace() or can_write(font, [letter]))
    lines = wrap(written, font, CELL, _LINES) if lettering.captions else []
    pen, left, base = ImageDraw.Draw(sheet), corner[0], corner[1] + CELL + 8 + _TEXT
    for index, line in enumerate([name, *lines]):
        pen.text((left, base + index * _LINE), line, INK if index else FAINT, font, anchor="ls")
