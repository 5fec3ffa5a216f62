"""Checks that a bundle's panels are eight pictures that show something, and that the mosaics show them."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from PIL import Image, ImageChops

from kit.images.copies import copied_pairs, look_at
from kit.images.decode import FLAT, is_flat
from kit.images.lettering import NUMBERS_ONLY
from kit.images.near_duplicates import thumbnail
from kit.messages import joined, tr
from submissions.bundle.bundle import Bundle
from submissions.bundle.manifest import Manifest
from submissions.bundle.mosaic import GRIDS, MosaicLayout, Picture, cell_of, is_ink, layouts_of, paper_sheet
from submissions.faults import Fault

ROUNDING = 1
"""Levels of 255 by which another Pillow may resize a panel otherwise."""


def likeness_faults(bundle: Bundle, manifest: Manifest) -> Iterator[Fault]:
    """Yield which panels show nothing or what another shows, and which mosaic does not show the panels.

    Panels that cannot be decoded are told elsewhere.
    """
    decoded = {
        panel.file: bundle.picture(panel.file)[0] for panel in manifest.panels if panel.file in bundle.files
    }
    panels = {name: picture.convert("RGB") for name, picture in decoded.items() if picture is not None}
    yield from picture_faults(panels)
    if len(panels) == len(manifest.panels) == GRIDS[0].rows * GRIDS[0].columns:
        yield from _mosaic_faults(bundle, manifest, list(panels.values()))


def picture_faults(panels: Mapping[str, Picture]) -> Iterator[Fault]:
    """Yield which pictures, by their name and as RGB, show nothing or what an earlier one shows."""
    yield from _blank_faults(panels)
    yield from _twin_faults(panels)


def _blank_faults(panels: Mapping[str, Picture]) -> Iterator[Fault]:
    """Yield which panels have one colour all over, however much noise lies on it."""
    for name, picture in panels.items():
        if is_flat(picture) or thumbnail(picture).std(axis=(0, 1)).max() < FLAT:
            yield Fault(name, tr("shows nothing, it has one colour all over"), tr("draw it again"))


def _twin_faults(panels: Mapping[str, Picture]) -> Iterator[Fault]:
    """Yield which panels are an earlier one, cropped or mirrored too."""
    names = list(panels)
    copied = copied_pairs([look_at(picture) for picture in panels.values()], range(len(names)))
    for place, name in enumerate(names):
        if earlier := [names[other] for other in np.flatnonzero(copied[place, :place])]:
            yield Fault(
                name,
                tr("is nearly the same picture as {earlier}", earlier=earlier[0]),
                tr("cast another seed for one of them"),
            )


def _mosaic_faults(bundle: Bundle, manifest: Manifest, panels: Sequence[Picture]) -> Iterator[Fault]:
    """Yield which mosaic does not show the panels on paper, with nothing but ink beside them."""
    cells: list[Picture] = []
    for grid in GRIDS:
        mosaic = bundle.picture(grid.file)[0] if grid.file in bundle.files else None
        if mosaic is None:
            continue
        layouts = [
            one for one in layouts_of(grid, mosaic.size) if manifest.mosaic != NUMBERS_ONLY or one.is_bare
        ]
        if mosaic.mode != "RGB" or not layouts:
            problem = tr(
                "is no mosaic of {rows} x {columns} panels, got {width} x {height} pixels of {mode}",
                rows=grid.rows,
                columns=grid.columns,
                width=mosaic.width,
                height=mosaic.height,
                mode=mosaic.mode,
            )
            yield Fault(grid.file, problem, tr("pack again"))
            continue
        cells = cells or [cell_of(panel) for panel in panels]
        problems = [_mosaic_problem(mosaic, cells, layout) for layout in layouts]
        if all(problems):
            yield Fault(grid.file, problems[0], tr("pack again"))


def _mosaic_problem(mosaic: Picture, cells: Sequence[Picture], layout: MosaicLayout) -> str:
    """Return how a mosaic differs from its panels in a layout; empty when it shows them."""
    wrong = [
        str(index + 1)
        for index, cell in enumerate(cells)
        if _most(ImageChops.difference(mosaic.crop(layout.box(index)), cell)) > ROUNDING
    ]
    if wrong:
        return tr("does not show the panels of the bundle: {panels} differ", panels=joined(wrong, tr(", ")))
    bare = paper_sheet(cells, layout)
    difference = ImageChops.difference(mosaic, bare)
    for strip in layout.strips:
        if not is_ink(mosaic.crop(strip)):
            return tr("holds something beside panels, numbers and captions")
        difference.paste(0, strip)
    return tr("holds something between its panels") if _most(difference) > ROUNDING else ""


def _most(difference: Image.Image) -> int:
    """Return the largest value of a difference."""
    return int(np.asarray(difference).max())
