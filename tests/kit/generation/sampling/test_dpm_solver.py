"""DPM++ 2M held against diffusers' and against the equation that it solves."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from diffusers import DPMSolverMultistepScheduler
from torch import Tensor

from kit.experiment.drawing.draw_settings import DrawSettings
from kit.experiment.tables import SamplerName
from kit.generation.sampling.dpm_solver import LEAST, DpmSolver, karras_spaced, solver_of
from kit.models.kolors.scheduler import BETA_END, TRAIN_STEPS, scheduler

EXACT = torch.float64


def toy_unet(latents: Tensor, timestep: Tensor) -> Tensor:
    """Return the noise that something crooked predicts."""
    return torch.tanh(0.7 * latents + 0.3 * latents.roll(1, 3)) + 0.2 * torch.sin(timestep / 200) * latents


def start() -> Tensor:
    return torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(3), dtype=EXACT)


def theirs(steps: int) -> DPMSolverMultistepScheduler:
    """Return diffusers' solver with Kolors' noise levels, set to so many steps."""
    solver = DPMSolverMultistepScheduler(
        num_train_timesteps=TRAIN_STEPS, beta_start=0.00085, beta_end=BETA_END,
        beta_schedule="scaled_linear", algorithm_type="dpmsolver++", solver_order=2,
        use_karras_sigmas=True, final_sigmas_type="zero",
    )  # fmt: skip
    solver.register_to_config(sigma_min=LEAST, sigma_max=None)
    solver.set_timesteps(steps)
    return solver


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # inside diffusers
@pytest.mark.parametrize("steps", [2, 5, 10, 20, 25])
def test_a_picture_is_the_one_of_diffusers_solver(steps: int) -> None:
    ours, other = DpmSolver(karras_spaced(steps)), theirs(steps)
    np.testing.assert_allclose(ours.sigmas, other.sigmas.numpy(), rtol=1e-5)
    assert ours.timesteps.tolist() == other.timesteps.tolist()
    # diffusers keeps its levels and its samples in fp32: both are lifted, so that what is compared is exact
    other.sigmas = torch.tensor(ours.sigmas, dtype=EXACT)
    latents, expected = start(), Exact(start())
    for step in ours.timesteps:
        latents = ours.step(toy_unet(latents, step), step, latents)
        [after] = other.step(toy_unet(expected.as_subclass(Tensor), step), step, expected, return_dict=False)
        expected = Exact(after)
    assert latents.dtype == EXACT
    torch.testing.assert_close(latents, expected.as_subclass(Tensor), rtol=1e-11, atol=1e-11)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # inside diffusers
@pytest.mark.parametrize("first", [1, 3, 9])
def test_a_picture_that_is_drawn_again_is_the_one_of_diffusers_solver(first: int) -> None:
    how = DrawSettings(steps=10, cfg=4.0, size=64, noise="portable", sampler="dpm++2m")
    ours, other = solver_of(how, first), theirs(10)
    assert ours.timesteps.tolist() == other.timesteps[first:].tolist()
    picture, noise = start(), start().flip(3)
    other.set_begin_index(first)
    latents = ours.add_noise(picture, noise, ours.timesteps[0])
    expected = other.add_noise(picture, noise, other.timesteps[first : first + 1])
    torch.testing.assert_close(latents, expected, rtol=1e-6, atol=1e-6)
    other.sigmas = torch.tensor([*karras_spaced(10), 0.0], dtype=EXACT)
    expected = Exact(latents.clone())
    for step in ours.timesteps:
        latents = ours.step(toy_unet(latents, step), step, latents)
        [after] = other.step(toy_unet(expected.as_subclass(Tensor), step), step, expected, return_dict=False)
        expected = Exact(after)
    torch.testing.assert_close(latents, expected.as_subclass(Tensor), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("first", [0, 4, 9])
@pytest.mark.parametrize("sampler", ["ddim", "dpm++2m"])
def test_from_any_step_on_who_knows_the_noise_comes_back_to_the_picture(
    sampler: SamplerName, first: int
) -> None:
    how = DrawSettings(steps=10, cfg=4.0, size=64, noise="portable", sampler=sampler)
    solver, picture, noise = solver_of(how, first), start(), start().flip(3)
    assert len(solver.timesteps) == 10 - first
    latents = solver.add_noise(picture, noise, solver.timesteps[0])
    for step in solver.timesteps:
        torch.testing.assert_close(latents, solver.add_noise(picture, noise, step), rtol=1e-9, atol=1e-9)
        latents = solver.step(noise, step, latents)
    torch.testing.assert_close(latents, picture, rtol=1e-9, atol=1e-9)


class Exact(Tensor):
    """Latents that stay in fp64 where fp32 is asked for."""

    def to(self, *wanted: object, **how: object) -> Tensor:
        return self if torch.float32 in wanted else super().to(*wanted, **how)


def solved(steps: int, unet: Callable[[Tensor, float], Tensor]) -> Tensor:
    solver, latents = DpmSolver(karras_spaced(steps)), start()
    for step, sigma in zip(solver.timesteps, solver.sigmas, strict=False):
        latents = solver.step(unet(latents, sigma), step, latents)
    return latents


@pytest.mark.parametrize("spread", [0.5, 1.0, 2.0])
def test_what_is_normal_ends_where_the_equation_says_the_nearer_the_more_steps(spread: float) -> None:
    """Of data that are normal the noise is known, and so is where each noise ends."""

    def unet(latents: Tensor, sigma: float) -> Tensor:
        noisy = latents * math.hypot(1, sigma)
        return noisy * sigma / (spread**2 + sigma**2)

    most, variance = DpmSolver(karras_spaced(2)).sigmas[0], spread**2
    last = start() * math.hypot(1, most) * math.sqrt((variance + LEAST**2) / (variance + most**2))
    ends = last * variance / (variance + LEAST**2)
    some, many = (float((solved(steps, unet) - ends).abs().max()) for steps in (40, 160))
    assert some < 0.02
    assert many < some / 8, "of second order, it would be a sixteenth"


def test_finals_are_solved_by_the_repositorys_scheduler() -> None:
    how = DrawSettings(steps=5, cfg=4.0, size=64, noise="portable")
    assert type(solver_of(how)) is type(scheduler())
    assert torch.equal(solver_of(how).timesteps, scheduler(5).timesteps)


@pytest.mark.parametrize("steps", [1, 2, 20, 1000])
def test_levels_fall_from_kolors_most_noise_to_none(steps: int) -> None:
    solver = DpmSolver(karras_spaced(steps))
    kept = scheduler().alphas_cumprod[-1]
    assert solver.sigmas[0] == pytest.approx(math.sqrt((1 - kept) / kept))
    assert solver.sigmas[-1] == 0
    assert list(solver.sigmas) == sorted(solver.sigmas, reverse=True)
    assert len(solver.timesteps) == steps == len(solver.sigmas) - 1
    assert solver.timesteps[0] == TRAIN_STEPS - 1


def test_one_step_ends_in_what_the_unet_sees() -> None:
    solver, latents = DpmSolver(karras_spaced(1)), start()
    predicted = torch.zeros_like(latents)
    sigma = solver.sigmas[0]
    torch.testing.assert_close(
        solver.step(predicted, solver.timesteps[0], latents), latents * math.hypot(1, sigma)
    )
