"""Where a picture shows words of its prompt, told by the UNet's attention to them.

The picture is given some noise, and the UNet looks at it once, as where it is drawn: Hertz et al.,
Prompt-to-Prompt (arXiv 2208.01626), whose attention to words shows what they are about.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from kit.errors import RunError
from kit.generation.anchors.shared_attention import Sharing
from kit.generation.kolors.denoiser import Denoiser
from kit.generation.painter import PanelRequest, refused
from kit.generation.repair.guided_filter import guided
from kit.messages import joined, tr
from kit.models.kolors.scheduler import scheduler
from kit.models.kolors.unet import time_ids
from kit.models.prompt_states import PromptStates
from kit.models.sizes import STRIDE

LEVEL = 300
"""Of Kolors' 1100 levels of noise, the one at which it is looked; from 50 to 450 masks are as good, measured
on renders of the drawn world."""
FINEST = 128
"""Cells along a side of the attention that is asked; Kolors' finest at 1024 pixels has 64."""
BINS = 256


def places_of(request: PanelRequest, words: Sequence[str], states: PromptStates) -> list[int]:
    """Return where words of a request's prompt stand among its tokens; InputError where some are not read."""
    places = {one: states.places(request.prompt, one, request.embeddings) for one in words}
    if absent := [one for one, found in places.items() if not found]:
        fault = tr(
            "its prompt does not say {words}: name a clause as the prompt has it, or give a mask file",
            words=joined([repr(one) for one in absent], tr(", ")),
        )
        raise refused(request, [fault])
    return sorted({place for found in places.values() for place in found})


def attention_to(
    denoiser: Denoiser, original: Tensor, noise: Tensor, states: tuple[Tensor, Tensor], places: Sequence[int]
) -> Sequence[Tensor]:
    """Return the attention of a picture to some tokens of its prompt, (1, side, side) of every layer.

    What is not finite is looked at again in fp32.

    Args:
        denoiser: looks once.
        original: (1, 4, H/8, W/8).
        noise: as much.
        states: of the prompt, as the UNet takes them.
        places: of the tokens.
    """
    level, (cross, pooled) = torch.tensor([float(LEVEL)]), states
    noisy = scheduler().add_noise(original, noise, level)
    sizes = time_ids(1, original.shape[2] * STRIDE, original.device)
    asked = Sharing(rows=1, readers=(), watched={0: [places]}, finest=FINEST)

    def look() -> Sequence[Tensor]:
        denoiser.set_text(cross)
        denoiser.share(asked)
        denoiser(noisy, level, sizes, pooled)
        denoiser.share(None)
        return asked.last[0]

    seen = look()
    if all(bool(one.isfinite().all()) for one in seen):
        return seen
    with denoiser.in_fp32():
        return look()


def attention_mask(seen: Sequence[Tensor], picture: Image.Image) -> Image.Image:
    """Return where a picture shows words more than not, "L" of its size, 255 where it does.

    Layers of one resolution count as much together as those of another; edges are the picture's. Raises
    RunError where the attention is not finite.

    Args:
        seen: of every layer the attention to the words, (1, side, side).
        picture: RGB, a square.
    """
    size = picture.width
    sides = sorted({one.shape[1] for one in seen})
    levels = [torch.stack([one for one in seen if one.shape[1] == side]).mean(dim=0) for side in sides]
    whole = [F.interpolate(one[None], (size, size), mode="bicubic")[0, 0] for one in levels]
    shown = torch.stack(whole).mean(dim=0).cpu().numpy()
    if not np.isfinite(shown).all():
        raise RunError(
            tr("where words are shown cannot be told: the numbers are not finite; give a mask file")
        )
    shown = guided(shown, picture, radius=size // sides[-1])
    return Image.fromarray(np.where(shown > otsu_threshold(shown), np.uint8(255), np.uint8(0)))


def otsu_threshold(values: NDArray[np.float64]) -> float:
    """Return what parts values into the two groups that are the furthest apart (Otsu, 1979).

    >>> 1 < otsu_threshold(np.array([0.0, 1.0, 8.0, 9.0, 9.0])) < 8
    True
    """
    counts, edges = np.histogram(values, BINS)
    middles = (edges[:-1] + edges[1:]) / 2
    below, sums = counts.cumsum()[:-1], (counts * middles).cumsum()
    above = counts.sum() - below
    apart = below * above * (sums[:-1] / below - (sums[-1] - sums[:-1]) / above) ** 2
    return float(edges[1:-1][apart.argmax()])
