import pytest
import torch

from kit.mini.training.vae import reconstruction_loss


def test_a_perfect_picture_has_no_loss_and_a_worse_one_has_more() -> None:
    picture = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert reconstruction_loss(picture, picture).item() == pytest.approx(0, abs=1e-6)
    losses = [reconstruction_loss(picture, picture + shift).item() for shift in (0.1, 0.3, 0.9)]
    assert losses == sorted(losses)
    assert losses[0] > 0.1
