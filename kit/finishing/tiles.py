"""A picture of any size through a network, tile by tile, so that memory bounds the tile alone."""

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

MARGIN = 16
"""Pixels around a tile that are seen and not kept."""
BLEND = 16
"""Pixels on either side of a border over which one tile gives way to the next."""
SMALLEST_TILE = 64


class TileSpan(NamedTuple):
    """A tile's part of one axis, in pixels of the small picture."""

    start: int
    end: int
    """Its borders with the tiles before and after."""
    seen_start: int
    seen_end: int
    """What the network sees: the margin and the blend too, as far as the picture goes."""


def spans(side: int, tile: int) -> list[TileSpan]:
    """Return a side's tiles, as equal as can be and no larger than `tile`.

    >>> spans(600, 256)[1]
    TileSpan(start=200, end=400, seen_start=168, seen_end=432)
    """
    count = -(-side // tile)
    borders = [round(number * side / count) for number in range(count + 1)]
    around = MARGIN + BLEND
    return [
        TileSpan(start, end, max(0, start - around), min(side, end + around))
        for start, end in pairwise(borders)
    ]


def in_tiles(network: "Callable[[Tensor], Tensor]", picture: "Tensor", scale: int, tile: int) -> "Tensor":
    """Return the network's picture of a picture, made tile by tile.

    Args:
        network: takes (1, 3, h, w) and gives (1, 3, h * scale, w * scale).
        picture: (1, 3, h, w).
        scale: how many times larger the network makes it.
        tile: side of the tiles in pixels of the picture, at least 64; each is seen with 32 more all round.

    A network that looks no further than 16 pixels gives what it gives for the whole. For others the picture
    ends too early at a tile's edge, so one tile gives way to the next over 32 pixels.
    """
    _, _, height, width = picture.shape
    if max(height, width) <= tile:
        return network(picture)
    gathered = picture.new_zeros((1, 3, height * scale, width * scale))
    for down in spans(height, tile):
        rows = _weights(down, height, scale, picture)
        for across in spans(width, tile):
            seen = picture[..., down.seen_start : down.seen_end, across.seen_start : across.seen_end]
            part = network(seen) * rows[:, None] * _weights(across, width, scale, picture)
            y, x = down.seen_start * scale, across.seen_start * scale
            gathered[..., y : y + part.shape[-2], x : x + part.shape[-1]] += part
    return gathered


def _weights(span: TileSpan, side: int, scale: int, like: "Tensor") -> "Tensor":
    """Return a tile's share of each large pixel that it sees of one axis; those of all tiles add to 1."""
    import torch

    place = (torch.arange((span.seen_end - span.seen_start) * scale) + 0.5) / scale + span.seen_start
    weights = torch.ones_like(place)
    if span.start > 0:
        weights *= ((place - span.start) / (2 * BLEND) + 0.5).clamp(0, 1)
    if span.end < side:
        weights *= ((span.end - place) / (2 * BLEND) + 0.5).clamp(0, 1)
    return weights.to(like)
