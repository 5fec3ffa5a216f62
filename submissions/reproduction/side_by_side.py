"""A bundle's panels above the same panels drawn again."""

from collections.abc import Mapping
from io import BytesIO

from PIL import Image, ImageChops, ImageDraw

from kit.images.lettering import BUILT_IN, Lettering
from submissions.bundle.manifest import Manifest
from submissions.bundle.mosaic import FAINT, INK, PAPER
from submissions.reproduction.reproduce import Redrawn, Reproduction

CELL = 256
"""Side of a panel on the sheet."""
TIMES = 8
"""How much stronger differences are drawn than they are."""
_MARGIN, _GUTTER, _SIDE, _HEAD, _TEXT = 32, 12, 150, 44, 18
_ROWS = ("bundle", "drawn again", f"difference x{TIMES}")


def draw_sheet(manifest: Manifest, files: Mapping[str, bytes], again: Reproduction) -> Image.Image:
    """Return three rows of panels: the bundle's, those drawn again, and where they differ."""
    count = len(again.panels)
    width = 2 * _MARGIN + _SIDE + count * (CELL + _GUTTER) - _GUTTER
    sheet = Image.new("RGB", (width, 2 * _MARGIN + _HEAD + len(_ROWS) * (CELL + _GUTTER) - _GUTTER), PAPER)
    pen, font = ImageDraw.Draw(sheet), Lettering(note=BUILT_IN, captions=True).font(_TEXT)
    for row, name in enumerate(_ROWS):
        middle = _MARGIN + _HEAD + row * (CELL + _GUTTER) + CELL // 2
        pen.text((_MARGIN, middle), name, FAINT, font, anchor="lm")
    for column, (record, panel) in enumerate(zip(manifest.panels, again.panels, strict=True)):
        left = _MARGIN + _SIDE + column * (CELL + _GUTTER)
        pen.text((left, _MARGIN + _TEXT), _headline(panel), INK, font, anchor="ls")
        for row, picture in enumerate(_pictures(files[record.file], panel)):
            sheet.paste(picture, (left, _MARGIN + _HEAD + row * (CELL + _GUTTER)))
    return sheet


def _headline(panel: Redrawn) -> str:
    """Return a panel's number and verdict, with the difference where there is one."""
    told = f"{panel.panel}  {panel.verdict}"
    return f"{told}, {panel.difference:.2f}" if panel.difference else told


def _pictures(before: bytes, panel: Redrawn) -> list[Image.Image]:
    """Return the cells of a column; where nothing was drawn, the bundle's panel alone."""
    first = _cell(before)
    if panel.png is None:
        return [first]
    second = _cell(panel.png)
    difference = ImageChops.difference(first, second).point(lambda value: min(255, value * TIMES))
    return [first, second, difference]


def _cell(png: bytes) -> Image.Image:
    """Return a picture at the sheet's size."""
    return Image.open(BytesIO(png)).convert("RGB").resize((CELL, CELL), Image.Resampling.LANCZOS)
