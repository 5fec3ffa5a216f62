"""A draft of another size begins as its final does, and its noise is as good."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest

from kit.errors import InputError
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.generation.painter import Variation
from kit.generation.sampling.first_noise import first_noise, mixed, reduced


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


@pytest.mark.parametrize(
    "settings",
    [how(64), how(32, 64), DrawSettings(steps=1, cfg=4.0, size=64, noise="contest")],
    ids=["portable", "draft", "contest"],
)
def test_a_variation_goes_from_the_seeds_noise_to_the_second_seeds_to_the_last_bit(
    settings: DrawSettings,
) -> None:
    one, other = (first_noise(seed, settings, "cpu") for seed in (7, 8))
    assert torch.equal(first_noise(7, settings, "cpu", Variation(seed=8, strength=0.0)), one)
    assert torch.equal(first_noise(7, settings, "cpu", Variation(seed=8, strength=1.0)), other)
    assert torch.equal(first_noise(7, settings, "cpu", Variation(seed=7, strength=0.5)), one)
    near, far = (first_noise(7, settings, "cpu", Variation(seed=8, strength=s)) for s in (0.2, 0.5))
    assert 0 < (near - one).norm() < (far - one).norm() < (other - one).norm()


@given(st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1), st.floats(0, 1))
@settings(max_examples=25, deadline=None)
def test_a_variation_turns_the_noise_by_its_share_of_the_angle(seed: int, second: int, share: float) -> None:
    one, other = (first_noise(each, how(64), "cpu").double() for each in (seed, second))
    one, other = one / one.norm(), other / other.norm()
    turned = mixed(one, other, share)

    def angle(first: torch.Tensor, then: torch.Tensor) -> float:
        return 2 * float(torch.asin(((first - then).norm() / 2).clamp(max=1)))

    assert float(turned.norm()) == pytest.approx(1, abs=1e-9)
    assert angle(one, turned) == pytest.approx(share * angle(one, other), abs=1e-7)


def test_varied_noise_is_standard_normal() -> None:
    varied = Variation(seed=99, strength=0.5)
    cells = torch.cat([first_noise(seed, how(512), "cpu", varied) for seed in range(4)]).flatten().numpy()
    assert kstest(cells[:16384], "norm").pvalue > 0.01
    assert abs(cells.std() - 1) < 0.01


@pytest.mark.parametrize("strength", [-0.01, 1.5, float("nan")])
def test_a_variation_outside_0_to_1_is_refused(strength: float) -> None:
    with pytest.raises(InputError, match="the variation with seed 8: the strength must be from 0 to 1, got"):
        Variation(seed=8, strength=strength)
