"""Masks of what is drawn again: as latents see them, and as the picture is put together by them."""

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageFilter
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from kit.models.sizes import STRIDE

FEATHER = 1 / 64
"""Share of a picture's side over which what was drawn fades in, inside the mask."""


def latent_mask(mask: Image.Image | None, size: int) -> Tensor:
    """Return which cells of a picture's latents touch the mask, (1, 1, size/8, size/8); all without one."""
    if mask is None:
        return torch.ones(1, 1, size // STRIDE, size // STRIDE, dtype=torch.bool)
    marked = torch.from_numpy(np.array(mask) > 0)[None, None]
    return F.max_pool2d(marked.float(), STRIDE) > 0


def greyed(pixels: Tensor, mask: Image.Image | None) -> Tensor:
    """Return a picture, (1, 3, H, W), -1 to 1, grey wherever its mask marks it; all without one."""
    if mask is None:
        return torch.zeros_like(pixels)
    return pixels.masked_fill(torch.from_numpy(np.array(mask) > 0).to(pixels.device), 0.0)


def widened(mask: Image.Image) -> Image.Image:
    """Return a mask with a margin of its edge, so that all it shows is drawn again.

    For a figure that becomes another one; what is left of its outline would be seen. A place's mask is better
    as it is.
    """
    margin = max(STRIDE, round(max(mask.size) * FEATHER))
    return mask.filter(ImageFilter.MaxFilter(2 * margin + 1))


def pasted(drawn: Image.Image, picture: Image.Image, mask: Image.Image | None) -> Image.Image:
    """Return the picture with what was drawn inside the mask; outside, its very pixels.

    An autoencoder changes every pixel, so nothing of it is let outside; the edge is inside.

    Args:
        drawn: RGB, of the picture's size.
        picture: RGB.
        mask: "L", 255 where the picture is drawn again; None for all of it.
    """
    if mask is None:
        return drawn
    marked = np.asarray(mask)
    share = marked / 255
    if not marked.all():
        width = max(picture.size) * FEATHER
        share = share * (distance_transform_edt(marked > 0) / (width + 1)).clip(max=1)
    return Image.composite(drawn, picture, Image.fromarray((share * 255).round().astype(np.uint8)))
