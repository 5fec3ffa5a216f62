from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import avg_pool2d

from kit.errors import TrainError
from kit.mini.training import finisher
from kit.mini.training.finisher import FinisherTraining, train_finisher, untrained_finisher
from kit.mini.training.finisher_pairs import Pairs, read_pairs

SHORT = FinisherTraining(steps=4, batch=2, crop=16)


@pytest.fixture(scope="module")
def pairs() -> Pairs:
    small = np.random.default_rng(0).integers(0, 256, (3, 40, 40, 3), np.uint8)
    large = small.repeat(4, axis=1).repeat(4, axis=2)
    return Pairs(large=large, small=small, decoded=small)


def test_a_small_crop_is_the_same_part_of_the_picture_as_the_large_one(pairs: Pairs) -> None:
    small, large = finisher._crops(pairs, SHORT, torch.Generator().manual_seed(1))
    assert (small.shape, large.shape) == ((2, 3, 16, 16), (2, 3, 64, 64))
    torch.testing.assert_close(avg_pool2d(large, 4), small)


def test_an_untrained_finisher_leaves_flat_areas_as_they_are() -> None:
    flat = torch.full((1, 3, 24, 24), 0.3)
    made = untrained_finisher()(flat).detach()
    assert float((made[..., 44:52, 44:52] - 0.3).abs().max()) < 1e-5


def test_a_training_that_was_stopped_ends_in_the_same_bytes(
    tmp_path: Path, pairs: Pairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finisher, "KEEP_STEPS", 2)
    for name in ("whole", "stopped"):
        (tmp_path / name).mkdir()
    train_finisher(pairs, tmp_path / "whole", SHORT)
    loss = finisher.finisher_loss
    left = iter([loss, loss, loss])  # the fourth step never comes
    monkeypatch.setattr(finisher, "finisher_loss", lambda *given: next(left)(*given))
    with pytest.raises(StopIteration):
        train_finisher(pairs, tmp_path / "stopped", SHORT)
    monkeypatch.setattr(finisher, "finisher_loss", loss)
    train_finisher(pairs, tmp_path / "stopped", SHORT)
    whole, stopped = (torch.load(tmp_path / name / "finisher.pt") for name in ("whole", "stopped"))
    torch.testing.assert_close(whole, stopped, rtol=0, atol=0)


def test_pairs_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(TrainError, match=r"pairs-ink\.npz is missing: run the stage pairs first"):
        read_pairs(tmp_path, ("ink",))
