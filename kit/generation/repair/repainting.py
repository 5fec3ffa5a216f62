"""Drawing again from the middle of the steps, in the part of a picture that a mask names.

Sources: noise up to a middle level, SDEdit (arXiv 2108.01073), with the strength of diffusers' img2img; what
is outside the mask put back at every step, RePaint (arXiv 2201.09865), without its going back and forth;
instead the outermost cells are drawn in the later half alone, so that tones meet at the edge, as in
Differential Diffusion (arXiv 2306.00950).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Repainting:
    """A picture that is drawn again, the first row of its batch."""

    original: Tensor
    """(1, 4, H/8, W/8): the picture's latents."""
    inside: Tensor
    """(1, 1, H/8, W/8): True where it is drawn again."""
    core: Tensor
    """As large: True where it is drawn from the first."""
    first: int
    """The step, from 0, that draws first; before it there is the picture, with noise."""
    whole: int
    """The step from which all that is inside is drawn."""
    tile: int = 0
    """Side in pixels of the parts that it is drawn in; 0: it is drawn whole."""

    def held(self, latents: Tensor, known: Tensor, step: int) -> Tensor:
        """Return latents in which the picture is as it was wherever it is not drawn yet, or never is.

        Args:
            latents: (B, 4, H/8, W/8), of which the first are the picture's.
            known: (1, 4, H/8, W/8): the picture with the noise of this step.
            step: the one to come, from 0; step 0 draws from noise alone.
        """
        begun = step > self.first or self.first == 0
        drawn = self.inside if step >= self.whole else self.core
        row = torch.where(drawn, latents[:1], known) if begun else known
        return torch.cat([row, latents[1:]])

    def seen(self, rows: Tensor) -> Tensor:
        """Return what the base's own UNet reads for noisy latents: these."""
        return rows


def repainting_of(original: Tensor, inside: Tensor, steps: int, strength: float) -> Repainting:
    """Return how a picture is drawn again.

    Args:
        original: (1, 4, H/8, W/8), its latents.
        inside: (1, 1, H/8, W/8), True where it is drawn again.
        steps: of the whole way.
        strength: the share of them that is drawn.
    """
    first = first_step(steps, strength)
    core = F.max_pool2d((~inside).float(), 3, stride=1, padding=1) == 0
    return Repainting(
        original=original,
        inside=inside,
        core=core if bool(core.any()) else inside,
        first=first,
        whole=first + (steps - first) // 2,
    )


def first_step(steps: int, strength: float) -> int:
    """Return the step, from 0, that draws first: of so many the share that the strength says, at least one.

    >>> first_step(50, 1.0), first_step(50, 0.3), first_step(50, 0.0)
    (0, 35, 49)
    """
    return steps - max(1, int(steps * strength))
