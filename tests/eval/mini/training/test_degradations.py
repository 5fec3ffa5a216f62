import random
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from eval.mini.training.degradations import DAMAGES, HARMLESS, change, clean_quality, damage, quality
from eval.mini.training.shards import paths_of, read_pictures


@pytest.fixture(scope="module")
def pictures(shards: Path) -> torch.Tensor:
    return torch.from_numpy(read_pictures(paths_of(shards)[0])).permute(0, 3, 1, 2).float() / 255


def full(pictures: torch.Tensor, severity: float) -> torch.Tensor:
    return torch.full((len(pictures),), severity)


def test_clean_pictures_are_worth_seven_and_more(pictures: torch.Tensor) -> None:
    worth = clean_quality(pictures)
    assert worth.min() >= 7
    assert worth.max() <= 8.5


@given(severity=st.floats(0, 0.95), name=st.sampled_from(list(DAMAGES)))
def test_more_damage_is_worth_less_and_never_below_one(severity: float, name: str) -> None:
    gradient = torch.linspace(0, 1, 3 * 16 * 16).reshape(1, 3, 16, 16)
    none = torch.zeros(1)
    less = quality(gradient, {name: full(gradient, severity)}, none)
    more = quality(gradient, {name: full(gradient, severity + 0.05)}, none)
    assert 1 <= more.item() < less.item()


@pytest.mark.parametrize("name", list(DAMAGES))
def test_each_damage_changes_a_picture_the_more_the_severer_it_is(pictures: torch.Tensor, name: str) -> None:
    lot = torch.Generator().manual_seed(0)
    away = [
        (damage(pictures[:4], {name: full(pictures[:4], s)}, lot) - pictures[:4]).abs().mean().item()
        for s in (0.0, 0.3, 0.6, 1.0)
    ]
    assert away[0] == 0
    assert away == sorted(away)
    assert away[3] > 0.01


@pytest.mark.parametrize("kind", list(HARMLESS))
def test_a_harmless_change_moves_pixels_a_little_and_the_quality_hardly(shards: Path, kind: str) -> None:
    before = read_pictures(paths_of(shards)[0])[:4]
    after = change(before, [kind], random.Random(0))
    assert after.shape == before.shape
    assert after.dtype == np.uint8
    assert all((one != other).any() for one, other in zip(after, before, strict=True))
    worth = [clean_quality(torch.from_numpy(one).permute(0, 3, 1, 2) / 255) for one in (before, after)]
    assert (worth[0] - worth[1]).abs().max() < 0.05


def test_the_same_lot_changes_pictures_in_the_same_way(shards: Path) -> None:
    before = read_pictures(paths_of(shards)[0])[:6]
    first, again = (change(before, list(HARMLESS), random.Random(3)) for _ in range(2))
    assert (first == again).all()
