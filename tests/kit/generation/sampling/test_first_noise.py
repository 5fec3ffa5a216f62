"""A draft of another size begins as its final does, and its noise is as good."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest

from kit.experiment.config import DrawSettings
from kit.generation.sampling.first_noise import first_noise, reduced


def how(size: int, noise_size: int | None = None) -> DrawSettings:
    return DrawSettings(steps=1, cfg=4.0, size=size, noise="portable", noise_size=noise_size)


@given(st.integers(0, 2**63 - 1), st.sampled_from([1, 2, 4]))
@settings(max_examples=25, deadline=None)
def test_noise_of_a_smaller_size_is_the_finals_summed_by_squares(seed: int, times: int) -> None:
    whole, small = first_noise(seed, how(256), "cpu"), first_noise(seed, how(256 // times, 256), "cpu")
    side = 32 // times
    squares = whole.double().view(1, 4, side, times, side, times).sum(dim=(3, 5)) / times
    torch.testing.assert_close(small.double(), squares, rtol=0, atol=1e-6)
    assert small.dtype == torch.float32
    assert small.shape == (1, 4, side, side)


@pytest.mark.parametrize("times", [2, 4])
def test_reduced_noise_is_standard_normal_and_its_cells_know_nothing_of_each_other(times: int) -> None:
    noise = torch.cat([first_noise(seed, how(1024 // times, 1024), "cpu") for seed in range(8)]).double()
    cells = noise.flatten().numpy()
    assert kstest(cells, "norm").pvalue > 0.01
    assert abs(cells.mean()) < 4 / np.sqrt(cells.size)
    assert abs(cells.var() - 1) < 4 * np.sqrt(2 / cells.size)
    for shift, dim in ((1, 2), (1, 3)):
        product = (noise * noise.roll(shift, dim)).flatten()
        assert abs(float(product.mean())) < 4 / np.sqrt(cells.size)


def test_noise_that_is_not_reduced_is_drawn_as_ever() -> None:
    generator = torch.Generator().manual_seed(7)
    assert torch.equal(first_noise(7, how(64), "cpu"), torch.randn((1, 4, 8, 8), generator=generator))
    assert torch.equal(reduced(first_noise(7, how(64), "cpu"), 1), first_noise(7, how(64), "cpu"))
