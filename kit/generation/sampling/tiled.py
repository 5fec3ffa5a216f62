"""Networks that draw, on parts of a picture that lie side by side, for sizes too large for memory.

The noise of parts that overlap is averaged at every step, as in MultiDiffusion (arXiv 2302.08113). A part's
normalisations know nothing of the others, so tones may differ a little from those of the whole.
"""

from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor

from kit.experiment.steps import GRID
from kit.models.kolors.unet import time_ids
from kit.models.sizes import STRIDE
from kit.models.tiles import TileGrid, in_tiles

_AROUND = (2, 2)
"""Cells of margin and of blend."""
LATENTS = TileGrid(GRID // STRIDE, GRID // STRIDE, *_AROUND)
DECODING = TileGrid(GRID // STRIDE, GRID, *_AROUND)
ENCODING = TileGrid(GRID, GRID // STRIDE, *_AROUND)
Network = Callable[[Tensor], Tensor]


def tiled(network: Network, whole: Tensor, grid: TileGrid, tile: int) -> Tensor:
    """Return what a network makes of a picture in tiles of so many pixels a side; 0: of the whole at once."""
    return in_tiles(network, whole, grid, tile // GRID) if tile else network(whole)


def sizes_of(rows: Tensor) -> Tensor:
    """Return the size numbers of latents, (B, 4, H/8, W/8), as `time_ids` gives them."""
    count, _, height, width = rows.shape
    return _kept_sizes(count, height * STRIDE, width * STRIDE, rows.device)


@lru_cache(maxsize=16)
def _kept_sizes(count: int, height: int, width: int, device: torch.device) -> Tensor:
    """Return them once for each shape: numbers that are made anew make the device wait."""
    return time_ids(count, (height, width), device)
