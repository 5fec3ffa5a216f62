"""Drawing again from the middle of the steps, in the part of a picture that a mask names.

Sources: noise up to a middle level, SDEdit (arXiv 2108.01073), with the strength of diffusers' img2img; what
is outside the mask put back at every step, RePaint (arXiv 2201.09865), without its going back and forth;
instead the outermost cells are drawn in the later half alone, so that tones meet at the edge, as in
Differential Diffusion (arXiv 2306.00950).

A UNet made for inpainting does without that, for it sees what is around: beside the noisy latents it reads
the mask and the latents of the picture whose masked part is grey, in this order (4 + 1 + 4 channels), as that
of Stable Diffusion does (Rombach et al., arXiv 2112.10752) and Kolors' own.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from kit.generation.painter import DrawFailure, RedrawRequest
from kit.generation.repair.masks import greyed, latent_mask
from kit.messages import tr
from kit.models.kolors.vae import pixels_of
from kit.models.networks import Base


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Inpainting:
    """A picture of which a part is drawn again, alone in its batch."""

    original: Tensor
    """(1, 4, H/8, W/8): the picture's latents."""
    around: Tensor
    """(1, 5, H/8, W/8): 1 where it is drawn again, else 0; then the latents of the picture with that part
    grey."""
    first: int
    """The step, from 0, that draws first: it begins with the whole picture, with noise."""
    tile: int = 0
    """It is drawn whole."""

    def held(self, latents: Tensor, known: Tensor, step: int) -> Tensor:
        """Return latents in which the picture is as it was before its first step; then they are the UNet's.

        Args:
            latents: (1, 4, H/8, W/8).
            known: as many: the picture with the noise of this step.
            step: the one to come, from 0; step 0 draws from noise alone.
        """
        return known if step == self.first > 0 else latents

    def seen(self, rows: Tensor) -> Tensor:
        """Return what the UNet reads for noisy latents, (B, 4, H/8, W/8): nine channels."""
        return torch.cat([rows, self.around.to(rows).expand(len(rows), -1, -1, -1)], dim=1)


Kept: TypeAlias = Repainting | Inpainting
"""How a picture is drawn again, and what of it stays."""
Encode: TypeAlias = Callable[[Tensor, int], Tensor]
"""Returns the latents of pixels, (1, 3, H, W), in parts of so many a side; 0: at once."""


def kept_of(asked: RedrawRequest, steps: int, device: str, encode: Encode) -> Kept:
    """Return how a picture is drawn again, with the UNet that is asked for.

    Args:
        asked: for it.
        steps: of the whole way.
        device: that draws.
        encode: reads pixels on the device.
    """
    inside = latent_mask(asked.mask, asked.picture.width).to(device)
    pixels = pixels_of(asked.picture, device)
    original = encode(pixels, asked.tile)
    if not asked.inpainting:
        return replace(repainting_of(original, inside, steps, asked.strength), tile=asked.tile)
    masked = encode(greyed(pixels, asked.mask), 0)
    around = torch.cat([inside.to(masked), masked], dim=1)
    return Inpainting(original=original, around=around, first=first_step(steps, asked.strength))


def drawing_base(wanted: str, base: Base) -> Base | DrawFailure:
    """Return the base with the UNet that draws a picture; why it is not drawn where that UNet is not there.

    Args:
        wanted: the sha256 of the file of a UNet for inpainting; empty for the base's own UNet.
        base: that draws.

    Raises WeightsError where a UNet for inpainting is there and is damaged.
    """
    if not wanted:
        return base
    if (found := base.inpainting()) is None:
        told = tr(
            "it is drawn with Kolors-Inpainting (UNet {sha256:.8}), which is not there: put the folder of "
            "that name beside that of the base, {folder}",
            sha256=wanted,
            folder=base.folder,
        )
        return DrawFailure(reason=told)
    if found.unet_sha256 != wanted:
        told = tr(
            "it is drawn with Kolors-Inpainting (UNet {sha256:.8}), and {folder} has other weights "
            "({found:.8}): put those back",
            sha256=wanted,
            folder=found.folder,
            found=found.unet_sha256,
        )
        return DrawFailure(reason=told)
    return found


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
