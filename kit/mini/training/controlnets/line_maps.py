"""Maps of lines that a ControlNet learns from: each render's edges, found twice, and torn by lot."""

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from kit.generation.controls.map_making import edges
from kit.mini.training.shards import READERS, read_shards
from kit.story.control import HIGH, LOW
from kit.world.canvas import SIDE
from kit.world.scene import Style

FINDINGS = 2
"""Maps of a render: at the usual thresholds, and at others by lot."""
LOWEST, STEEPEST = (30, 160), (1.5, 3.0)
"""Between which the other low threshold lies, and the high one as its multiple."""
TORN_SHARE, EMPTY_SHARE = 0.3, 0.05
"""Maps that lack what is in a box, and those that say nothing."""
BITS = 8


def line_maps(shards: Path, styles: Sequence[Style], seed: int) -> Tensor:
    """Return the edges of all renders of these styles, in the order of `read_shards`, eight pixels a number.

    Args:
        shards: the folder of the renders.
        styles: whose shards are read.
        seed: of the other thresholds.

    Returns:
        (n, FINDINGS, SIDE, SIDE / 8) uint8.
    """
    rng = random.Random(seed)
    found: list[NDArray[np.uint8]] = []
    with ThreadPoolExecutor(2 * READERS) as pool:
        for shard in read_shards(shards, styles):
            other = [_thresholds(rng) for _ in shard.pictures]
            found += pool.map(_findings, shard.pictures, other)
    return torch.from_numpy(np.stack(found))


def _thresholds(rng: random.Random) -> tuple[int, int]:
    low = rng.randint(*LOWEST)
    return low, round(low * rng.uniform(*STEEPEST))


def _findings(pixels: NDArray[np.uint8], other: tuple[int, int]) -> NDArray[np.uint8]:
    picture = Image.fromarray(pixels)
    found = [np.asarray(edges(picture, low, high))[..., 0] for low, high in ((LOW, HIGH), other)]
    return np.packbits(np.stack(found), axis=-1)


def unpacked(maps: Tensor) -> Tensor:
    """Return maps as ControlNets read them, (B, 3, SIDE, SIDE), 0 or 1; maps are (B, SIDE, SIDE / 8)."""
    shifts = torch.arange(BITS - 1, -1, -1, device=maps.device)
    bits = (maps[..., None].int() >> shifts) & 1
    return bits.flatten(-2)[:, None].float().expand(-1, 3, -1, -1)


def torn(maps: Tensor, dice: torch.Generator) -> Tensor:
    """Return maps of which some, by lot, say nothing within a box, and few nothing at all."""
    count, device = len(maps), maps.device
    lots = torch.rand(5, count, device=device, generator=dice)
    ends = torch.stack([lots[:2] - 0.25, lots[:2] + 0.25 + lots[2:4] / 2]) * SIDE
    ends = torch.where(lots[4] < EMPTY_SHARE, torch.tensor([0.0, SIDE], device=device)[:, None, None], ends)
    place = torch.arange(SIDE, device=device)[None]
    across, down = ((place >= first[:, None]) & (place < end[:, None]) for first, end in ends.unbind(1))
    box = (down[:, :, None] & across[:, None, :])[:, None]
    return torch.where(box & (lots[4] < TORN_SHARE)[:, None, None, None], 0.0, maps)
