"""A picture of any size through a network, tile by tile, so that memory bounds the tile alone."""

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor


class TileGrid(NamedTuple):
    """The cells by which a network's picture is cut, and what the network makes of one."""

    seen: int
    """Numbers of what goes in along a cell's side."""
    made: int
    """Numbers of what comes out along it."""
    margin: int
    """Cells around a tile that are seen and not kept."""
    blend: int
    """Cells on either side of a border over which one tile gives way to the next."""


class TileSpan(NamedTuple):
    """A tile's part of one axis, in cells."""

    start: int
    end: int
    """Its borders with the tiles before and after."""
    seen_start: int
    seen_end: int
    """What the network sees: the margin and the blend too, as far as the picture goes."""


def spans(side: int, tile: int, around: int) -> list[TileSpan]:
    """Return a side's tiles, as equal as can be and no larger than `tile`.

    >>> spans(600, 256, 32)[1]
    TileSpan(start=200, end=400, seen_start=168, seen_end=432)
    """
    count = -(-side // tile)
    borders = [round(number * side / count) for number in range(count + 1)]
    return [
        TileSpan(start, end, max(0, start - around), min(side, end + around))
        for start, end in pairwise(borders)
    ]


def in_tiles(network: "Callable[[Tensor], Tensor]", whole: "Tensor", grid: TileGrid, tile: int) -> "Tensor":
    """Return what the network makes of a picture, made tile by tile.

    A network that looks no further than the margin gives what it gives for the whole. For others the picture
    ends too early at a tile's edge, so one tile gives way to the next over both their blends.

    Args:
        network: takes (B, c, h * seen, w * seen) and gives (B, d, h * made, w * made).
        whole: (B, c, H * seen, W * seen), for H by W cells.
        grid: what is a cell.
        tile: side of the tiles in cells; each is seen with margin and blend all round.
    """
    height, width = (side // grid.seen for side in whole.shape[-2:])
    if max(height, width) <= tile:
        return network(whole)
    gathered: Tensor | None = None
    around = grid.margin + grid.blend
    for down in spans(height, tile, around):
        for across in spans(width, tile, around):
            part = network(whole[..., _numbers(down, grid.seen), _numbers(across, grid.seen)])
            if gathered is None:
                gathered = part.new_zeros((*part.shape[:2], height * grid.made, width * grid.made))
            rows, columns = (_weights(*one, grid, part) for one in ((down, height), (across, width)))
            place = (..., _numbers(down, grid.made), _numbers(across, grid.made))
            gathered[place] += part * rows[:, None] * columns
    return whole if gathered is None else gathered


def _numbers(span: TileSpan, each: int) -> slice:
    return slice(span.seen_start * each, span.seen_end * each)


def _weights(span: TileSpan, side: int, grid: TileGrid, like: "Tensor") -> "Tensor":
    """Return a tile's share of each number that it makes along one axis; those of all tiles add to 1."""
    import torch

    count = (span.seen_end - span.seen_start) * grid.made
    place = (torch.arange(count) + 0.5) / grid.made + span.seen_start
    weights = torch.ones_like(place)
    if span.start > 0:
        weights *= ((place - span.start) / (2 * grid.blend) + 0.5).clamp(0, 1)
    if span.end < side:
        weights *= ((span.end - place) / (2 * grid.blend) + 0.5).clamp(0, 1)
    return weights.to(like)
