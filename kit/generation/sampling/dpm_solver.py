"""DPM++ 2M: the equation that DDIM solves, in fewer steps, for each looks at the one before it.

Lu et al., DPM-Solver++ (arXiv 2211.01095), algorithm 2, without added noise. The noise levels are Kolors'
own, spaced as in Karras et al. (arXiv 2206.00364), equation 5, down to a level behind which the picture is
what the UNet sees: of all spacings tried on the embedded base the nearest to finals (docs/drafts.md).
"""

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kit.experiment.drawing.draw_settings import DrawSettings
from kit.models.kolors.scheduler import scheduler

RHO = 7.0
"""How much closer the levels lie where there is little noise; source: Karras et al."""
LEAST = 0.15
"""The last level, noise over picture; spacing down to Kolors' least, .03, wastes two steps of ten."""


class Solver(Protocol):
    """What goes from noise to a picture in steps."""

    timesteps: Tensor
    """(steps,): what the UNet is told at each."""

    def add_noise(self, picture: Tensor, noise: Tensor, timestep: Tensor) -> Tensor:
        """Return latents of a picture as the UNet is to see them at a step."""

    def step(self, predicted: Tensor, timestep: Tensor, latents: Tensor) -> Tensor:
        """Return the latents after a step, of the noise that was predicted in them; called step by step."""


def solver_of(settings: DrawSettings, first: int = 0) -> Solver:
    """Return what solves a picture's steps, at their beginning or at a later step."""
    if settings.sampler != "ddim":
        return DpmSolver(karras_spaced(settings.steps)[first:])
    ddim: Solver = scheduler(settings.steps)
    ddim.timesteps = ddim.timesteps[first:]
    return ddim


def noise_levels() -> NDArray[np.float64]:
    """Return noise over picture at each of Kolors' timesteps, (1100,), from little to much."""
    kept = np.asarray(scheduler().alphas_cumprod)
    levels: NDArray[np.float64] = np.sqrt((1 - kept) / kept)
    return levels


def karras_spaced(steps: int, least: float = LEAST) -> list[float]:
    """Return so many noise levels from Kolors' most to the least."""
    ends = noise_levels()[-1] ** (1 / RHO), least ** (1 / RHO)
    return [float(level) ** RHO for level in np.linspace(*ends, steps)]


class DpmSolver:
    """DPM++ 2M for one batch of pictures."""

    def __init__(self, sigmas: Sequence[float]) -> None:
        """Begin at the first of these noise levels, which fall."""
        levels = noise_levels()
        self.sigmas = (*sigmas, 0.0)
        """Noise over picture at each step, and behind the last: none."""
        nearest = np.interp(np.log(sigmas), np.log(levels), np.arange(len(levels)))
        self.timesteps = torch.from_numpy(nearest.round()).float()
        self._done = 0
        self._before: Tensor | None = None
        """The picture that the step before saw."""

    def add_noise(self, picture: Tensor, noise: Tensor, timestep: Tensor) -> Tensor:
        """Return latents of a picture, (B, 4, H, W), with as much noise as there is at a step."""
        sigma = self.sigmas[int((self.timesteps - timestep).abs().argmin())]
        return (picture + sigma * noise) / math.hypot(1, sigma)

    def step(self, predicted: Tensor, timestep: Tensor, latents: Tensor) -> Tensor:
        """Return the latents after the next step.

        Args:
            predicted: the noise in the latents.
            timestep: unused, the steps are counted.
            latents: (B, 4, H, W).
        """
        now, then = self.sigmas[self._done : self._done + 2]
        share, share_then = 1 / math.hypot(1, now), 1 / math.hypot(1, then)
        seen = latents / share - now * predicted
        aim = seen
        if self._before is not None and then > 0:
            ratio = math.log(now / then) / math.log(self.sigmas[self._done - 1] / now)
            aim = seen + (seen - self._before) * (ratio / 2)
        self._done, self._before = self._done + 1, seen
        return latents * (then * share_then / (now * share)) + aim * (share_then * (1 - then / now))
