"""Drawing the part of a picture that a mask names with a UNet made for that, which sees what is around it.

Beside the noisy latents it reads the mask and the latents of the picture whose masked part is grey, in this
order (4 + 1 + 4 channels), as Stable Diffusion's inpainting UNets do: Rombach et al. (arXiv 2112.10752),
section 4.5, and Kolors' own, whose layout and defaults are those of its published sample. So nothing is put
back between the steps, as RePaint does it; the pixels outside the mask are, at the end.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import torch
from torch import Tensor

from kit.generation.painter import DrawFailure, RedrawRequest
from kit.generation.repair.masks import greyed, latent_mask
from kit.generation.repair.repainting import Repainting, first_step, repainting_of
from kit.messages import tr
from kit.models.kolors.vae import pixels_of
from kit.models.networks import Base


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
