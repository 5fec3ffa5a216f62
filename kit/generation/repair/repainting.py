"""Drawing again from the middle of the steps, in the part of a picture that a mask names.

Sources: noise up to a middle level, SDEdit (arXiv 2108.01073), with the strength of diffusers' img2img; what
is outside the mask put back at every step, RePaint (arXiv 2201.09865), without its going back and forth.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Repainting:
    """A picture that is drawn again, the first row of its batch."""

    original: Tensor
    """(1, 4, H/8, W/8): the picture's latents."""
    inside: Tensor
    """(1, 1, H/8, W/8): True where it is drawn again."""
    first: int
    """The step, from 0, that draws first; before it there is the picture, with noise."""

    def held(self, latents: Tensor, known: Tensor, step: int) -> Tensor:
        """Return latents in which the picture is as it was wherever it is not drawn yet, or never is.

        Args:
            latents: (B, 4, H/8, W/8), of which the first are the picture's.
            known: (1, 4, H/8, W/8): the picture with the noise of this step.
            step: the one to come, from 0; step 0 draws from noise alone.
        """
        begun = step > self.first or self.first == 0
        row = torch.where(self.inside, latents[:1], known) if begun else known
        return torch.cat([row, latents[1:]])


def first_step(steps: int, strength: float) -> int:
    """Return the step, from 0, that draws first: of so many the share that the strength says, at least one.

    >>> first_step(50, 1.0), first_step(50, 0.3), first_step(50, 0.0)
    (0, 35, 49)
    """
    return steps - max(1, int(steps * strength))
