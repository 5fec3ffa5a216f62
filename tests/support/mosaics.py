"""Mosaics of a bundle's panels, for fixtures that exchange the pictures."""

from collections.abc import Mapping
from functools import lru_cache

from kit.images.decode import open_picture
from kit.images.lettering import find_lettering
from kit.images.png_metadata import QUICK, encoded
from kit.story.story import PANELS
from submissions.bundle.manifest import panel_file
from submissions.bundle.mosaic import GRIDS, MosaicText, draw_mosaic


def mosaics_of(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the mosaics of a bundle's panels as pack draws them, without title and captions."""
    return _mosaics(tuple(files[panel_file(number)] for number in range(1, PANELS + 1)))


@lru_cache(maxsize=32)
def _mosaics(panels: tuple[bytes, ...]) -> dict[str, bytes]:
    pictures = [open_picture(panel, ("PNG",)) for panel in panels]
    words = MosaicText(title="", captions=[""] * PANELS, lettering=find_lettering([]))
    return {grid.file: encoded(draw_mosaic(pictures, words, grid), level=QUICK) for grid in GRIDS}
