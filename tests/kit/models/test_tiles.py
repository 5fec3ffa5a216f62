from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from kit.models.tiles import TileGrid, in_tiles, spans

PIXELS = TileGrid(seen=1, made=1, margin=16, blend=16)


def convolutions(scale: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        layers = [nn.Conv2d(3, 6, 5, padding=2), nn.ReLU(), nn.Conv2d(6, 3 * scale**2, 5, padding=2)]
        return nn.Sequential(*layers, nn.PixelShuffle(scale)).requires_grad_(False)


@pytest.mark.parametrize("scale", [1, 3])
@pytest.mark.parametrize("size", [(200, 131), (64, 65), (30, 150)])
def test_tiles_give_what_the_whole_gives_for_a_network_that_looks_not_far(
    scale: int, size: tuple[int, int]
) -> None:
    picture = torch.rand((1, 3, *size), generator=torch.Generator().manual_seed(2))
    network = convolutions(scale)
    torch.testing.assert_close(
        in_tiles(network, picture, TileGrid(1, scale, 16, 16), 64), network(picture), atol=1e-5, rtol=0
    )


def test_no_tile_is_seen_whose_side_is_more_than_the_margins_beyond_it() -> None:
    seen: list[tuple[int, ...]] = []

    def network(part: torch.Tensor) -> torch.Tensor:
        seen.append(tuple(part.shape[-2:]))
        return part

    picture = torch.rand((1, 3, 300, 100), generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(in_tiles(network, picture, PIXELS, 64), picture)
    assert max(max(sides) for sides in seen) <= 64 + 2 * 32


def test_a_border_between_tiles_that_disagree_is_a_slope_not_a_step() -> None:
    numbers = iter(range(100))
    picture = torch.zeros((1, 3, 64, 128))
    made = in_tiles(lambda part: torch.full_like(part, float(next(numbers))), picture, PIXELS, 64)
    row = made[0, 0, 0]
    assert (row[0], row[-1]) == (0, 1)
    assert float(row.diff().abs().max()) < 0.05


@settings(max_examples=50, deadline=None)
@given(side=st.integers(1, 3000), tile=st.integers(64, 512))
def test_tiles_cover_a_side_without_gaps_and_none_is_too_large(side: int, tile: int) -> None:
    cut = spans(side, tile, 32)
    assert (cut[0].start, cut[-1].end) == (0, side)
    assert all(one.end == other.start for one, other in pairwise(cut))
    assert all(0 < span.end - span.start <= tile for span in cut)
    assert all(span.seen_start <= span.start < span.end <= span.seen_end for span in cut)


@pytest.mark.parametrize("kind", ["smaller", "larger"])
def test_cells_of_several_numbers_are_never_cut(kind: str) -> None:
    whole = torch.rand((2, 4, 24, 40), generator=torch.Generator().manual_seed(4))
    grid = TileGrid(4, 1, 1, 1) if kind == "smaller" else TileGrid(4, 8, 1, 1)

    def network(part: torch.Tensor) -> torch.Tensor:
        assert all(side % 4 == 0 for side in part.shape[-2:])
        if kind == "smaller":
            return nn.functional.avg_pool2d(part, 4)
        return part.repeat_interleave(2, -1).repeat_interleave(2, -2)

    torch.testing.assert_close(in_tiles(network, whole, grid, 3), network(whole), atol=1e-6, rtol=0)
