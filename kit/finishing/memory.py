"""How large a tile a device's memory allows, and what is done where it does not."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from kit.errors import WeightsError
from kit.messages import tr

if TYPE_CHECKING:
    import torch

SMALLEST_TILE = 64
CPU_TILE = 256
"""The same on every machine, so that a picture's bytes do not hang on its memory."""
LARGEST_TILE = 1024
_KEPT_FREE = 0.2
"""Share of what is free that no tile is to fill: attention takes more than its pixels' share."""
_CPU_SAYS = ("can't allocate memory", "not enough memory")
"""What torch says where the computer's own memory is at its end, on Linux and on Windows."""
Result = TypeVar("Result")


def tile_that_fits(free: int, each: float) -> int:
    """Return the side of the largest tile that fits, 64 where not even that does.

    Args:
        free: bytes of a device.
        each: bytes that the network takes for each pixel that it sees.

    >>> tile_that_fits(8 << 30, 4096), tile_that_fits(1 << 30, 8192), tile_that_fits(0, 8192)
    (1024, 256, 64)
    """
    tile = LARGEST_TILE
    while tile > SMALLEST_TILE and (tile + SMALLEST_TILE) ** 2 * each > free * (1 - _KEPT_FREE):
        tile //= 2
    return tile


def free_bytes(device: "torch.device") -> int:
    """Return what is free of a GPU, with what torch keeps of it for later."""
    import torch

    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(torch.cuda.mem_get_info(device)[0]) + kept


def pixel_bytes(network: "Callable[[torch.Tensor], torch.Tensor]", device: "torch.device") -> float:
    """Return what a network takes of a GPU for each pixel that it sees, measured on a small picture."""
    import torch

    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    network(torch.zeros((1, 3, 2 * SMALLEST_TILE, 2 * SMALLEST_TILE), device=device))
    taken = torch.cuda.max_memory_allocated(device) - before
    return taken / (2 * SMALLEST_TILE) ** 2


def with_smaller_tiles(make: Callable[[int], Result], tile: int, device: str) -> Result:
    """Return what `make` makes with a tile, or with half of it as often as memory does not last.

    Raises WeightsError where it does not last for the smallest.
    """
    import torch

    while True:
        try:
            return make(tile)
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if not _is_memory(error):
                raise
            if tile <= SMALLEST_TILE:
                raise WeightsError(
                    tr(
                        "the finisher needs more memory than {device} has free, even for a picture's "
                        "smallest part: close other programs, or take a smaller network",
                        device=device,
                    )
                ) from error
        tile = max(SMALLEST_TILE, tile // 2)
        if device != "cpu":
            torch.cuda.empty_cache()


def _is_memory(error: Exception) -> bool:
    import torch

    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(
        said in str(error) for said in _CPU_SAYS
    )
