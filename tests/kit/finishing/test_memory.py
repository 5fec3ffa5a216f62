import pytest
import torch

from kit.errors import WeightsError
from kit.finishing.memory import tile_that_fits, with_smaller_tiles


def making(most: int, error: Exception) -> tuple[list[int], object]:
    tried: list[int] = []

    def make(tile: int) -> int:
        tried.append(tile)
        if tile > most:
            raise error
        return tile

    return tried, make


def test_more_memory_never_means_a_smaller_tile() -> None:
    tiles = [tile_that_fits(gib << 30, 30_000) for gib in (0, 1, 2, 4, 8, 24, 80)]
    assert tiles == sorted(tiles)
    assert (tiles[0], tiles[-1]) == (64, 1024)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 9 bytes."),
    ],
)
def test_tiles_are_halved_until_memory_lasts(error: Exception) -> None:
    tried, make = making(128, error)
    assert with_smaller_tiles(make, 1000, "cpu") == 125
    assert tried == [1000, 500, 250, 125]


def test_too_little_memory_for_the_smallest_tile_is_one_line() -> None:
    tried, make = making(10, MemoryError())
    with pytest.raises(
        WeightsError, match="more memory than cpu has free, even for a picture's smallest"
    ) as caught:
        with_smaller_tiles(make, 100, "cpu")
    assert tried == [100, 64]
    assert "\n" not in str(caught.value)


def test_other_faults_of_a_network_are_not_taken_for_memory() -> None:
    _, make = making(10, RuntimeError("sizes differ"))
    with pytest.raises(RuntimeError, match="sizes differ"):
        with_smaller_tiles(make, 100, "cpu")
