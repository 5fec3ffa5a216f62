"""A bundle's panels above the same panels drawn again."""

from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageChops, ImageDraw

from kit.embedded import EMBEDDED
from kit.errors import BundleError
from kit.experiment.drawing.base_named import base_named
from kit.files.atomic_write import write_atomic
from kit.files.folder_lock import lock_folder
from kit.generation.devices.multi_gpu import load_painter
from kit.images.lettering import find_lettering
from kit.images.png_metadata import encoded
from kit.messages import Message, in_english, mark, ptr, tr
from kit.models.bases.controlnet_files import brought_controlnets
from kit.progress import Progress
from submissions.bundle.bundle import Bundle
from submissions.bundle.manifest import Manifest
from submissions.bundle.mosaic import FAINT, INK, PAPER
from submissions.reproduction.controls import NetworkFolders
from submissions.reproduction.reproduce import Redrawn, Reproduction, decoded, reproduce, rescored

SHEET = "side-by-side.png"
"""The sheet's file."""
CELL = 256
"""Side of a panel on the sheet."""
TIMES = 8
"""How much stronger differences are drawn than they are."""
_MARGIN, _GUTTER, _SIDE, _HEAD, _TEXT = 32, 12, 150, 44, 18


class DrawAgain(NamedTuple):
    """With what a bundle is drawn and scored again."""

    base: str = ""
    """As `base_named` takes it; empty for the one that the bundle was drawn with."""
    device: str = "auto"
    aesthetic: str = ""
    """An aesthetic predictor's folder; empty for the embedded one where that scored the bundle."""
    networks: NetworkFolders = NetworkFolders()
    """Where those lie that the bundle tells of and does not hold."""


def reproduce_into(
    folder: Path, bundle: Bundle, where: DrawAgain, progress: Progress | None = None
) -> Reproduction:
    """Draw a sound bundle's panels again; write them and a sheet that shows them beside the bundle's.

    They are scored again where the scorer is here: the embedded one always is.

    Args:
        folder: where panels and sheet go.
        bundle: what was verified.
        where: with what to draw and to score.
        progress: who wants to hear how far it is.

    Raises:
        RunError: another process is at it in that folder.
    """
    with lock_folder(folder, mark("drawn again")):
        return _reproduce_into(folder, bundle, where, progress)


def _own_base(manifest: Manifest) -> str:
    """Return the base that a bundle was drawn with; raises BundleError where nobody knows where it lies."""
    if manifest.pipeline:
        raise BundleError(
            tr(
                "it was drawn with {base}: say where that is, --base and its folder, its name on a hub or an "
                "experiment that names it",
                base=str(manifest.base.get("name"))[:60],
            )
        )
    return EMBEDDED if manifest.notice else "kolors"


def _reproduce_into(
    folder: Path, bundle: Bundle, where: DrawAgain, progress: Progress | None
) -> Reproduction:
    base = base_named(where.base) if where.base else _own_base(bundle.sound_manifest)
    painter = load_painter(base, where.device)
    controlnets = {**brought_controlnets(base), **where.networks.controlnets}
    again = reproduce(bundle, painter, progress, where.networks._replace(controlnets=controlnets))
    if aesthetic := where.aesthetic or (EMBEDDED if bundle.sound_manifest.gate.embedded else ""):
        from eval.scorers.aesthetic import AestheticScorer
        from eval.scorers.load import device

        again = rescored(again, bundle, AestheticScorer.load(aesthetic, device()))
    for panel in again.panels:
        if panel.png is not None:
            write_atomic(folder / f"{panel.panel}.png", panel.png)
    write_atomic(folder / SHEET, encoded(draw_sheet(bundle, again)))
    return again


def draw_sheet(bundle: Bundle, again: Reproduction) -> Image.Image:
    """Return three rows of panels: the bundle's, those drawn again, and where they differ.

    Its words are in the reader's language where a font can write them, else in English.
    """
    rows: list[str] = [
        ptr("side by side", "bundle"),
        tr("drawn again"),
        tr("difference x{times}", times=TIMES),
    ]
    heads: list[str] = [_headline(panel) for panel in again.panels]
    lettering = find_lettering([*rows, *heads])
    if not lettering.captions:
        rows, heads = [*map(in_english, rows)], [*map(in_english, heads)]
        lettering = find_lettering([*rows, *heads])
    count = len(again.panels)
    width = 2 * _MARGIN + _SIDE + count * (CELL + _GUTTER) - _GUTTER
    sheet = Image.new("RGB", (width, 2 * _MARGIN + _HEAD + len(rows) * (CELL + _GUTTER) - _GUTTER), PAPER)
    pen, font = ImageDraw.Draw(sheet), lettering.font(_TEXT)
    for row, name in enumerate(rows):
        middle = _MARGIN + _HEAD + row * (CELL + _GUTTER) + CELL // 2
        pen.text((_MARGIN, middle), name, FAINT, font, anchor="lm")
    for column, (record, panel) in enumerate(zip(bundle.sound_manifest.panels, again.panels, strict=True)):
        left = _MARGIN + _SIDE + column * (CELL + _GUTTER)
        pen.text((left, _MARGIN + _TEXT), heads[column], INK, font, anchor="ls")
        for row, picture in enumerate(_pictures(bundle.panel_picture(record), panel)):
            sheet.paste(picture, (left, _MARGIN + _HEAD + row * (CELL + _GUTTER)))
    return sheet


def _headline(panel: Redrawn) -> Message:
    """Return a panel's number and verdict, with the difference where there is one."""
    told = {"panel": panel.panel, "verdict": tr(panel.verdict)}
    if panel.difference:
        return tr("{panel}  {verdict}, {difference:.2f}", **told, difference=panel.difference)
    return tr("{panel}  {verdict}", **told)


def _pictures(before: Image.Image, panel: Redrawn) -> list[Image.Image]:
    """Return the cells of a column; where nothing was drawn, the bundle's panel alone."""
    first = before.resize((CELL, CELL), Image.Resampling.LANCZOS)
    if panel.png is None:
        return [first]
    second = decoded(panel.png).resize((CELL, CELL), Image.Resampling.LANCZOS)
    difference = ImageChops.difference(first, second).point(lambda value: min(255, value * TIMES))
    return [first, second, difference]
