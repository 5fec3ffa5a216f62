"""Known damage to pictures, changes that are none, and the quality, 1 to 10, that the aesthetic tower learns.

A clean picture has 7.2 to 7.8: more with more colour and contrast. Each damage of severity s in [0, 1] takes
away up to 80 % of what is above 1, little at first: quality = 1 + (clean - 1) * product(1 - 0.8 s^1.5).
"""

import math
import random
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from eval.scoring.panel_file import through_jpeg

LOSS, BEND = 0.8, 1.5
DEGRADED = 0.6
"""Severity that a degradation drawn into the world's picture counts as."""
_LUMA = (16, 11, 10, 16, 24, 40, 51, 61)
"""First row of the standard JPEG luminance table; the others grow with it."""

SHARP = (Image.Resampling.LANCZOS, Image.Resampling.BICUBIC)
SOFT = (Image.Resampling.BILINEAR, Image.Resampling.HAMMING)
"""Filters by what they do to edges."""
Change = Callable[[Image.Image, random.Random], Image.Image]
"""A picture, and chance."""
Damage = Callable[[Tensor, Tensor, torch.Generator], Tensor]
"""Pictures, a severity each, and the lot by which chance decides."""


def clean_quality(pictures: Tensor) -> Tensor:
    """Return (n,) qualities of undamaged (n, 3, h, w) pictures in [0, 1]: 7.2 to 7.8 and smooth."""
    contrast = pictures.mean(1).flatten(1).std(1)
    colour = (pictures.amax(1) - pictures.amin(1)).flatten(1).mean(1)
    return 7.2 + 0.6 * torch.tanh(1.5 * contrast + 1.5 * colour)


def keep(severity: Tensor) -> Tensor:
    """Return which share of the quality above 1 is left by one damage, elementwise."""
    return 1 - LOSS * severity**BEND


def _each(values: Tensor) -> Tensor:
    return values[:, None, None, None]


def blur(x: Tensor, severity: Tensor, lot: torch.Generator) -> Tensor:
    """Blur with a Gaussian of up to 5 pixels."""
    n, channels, height, width = x.shape
    at = torch.arange(-12, 13, device=x.device, dtype=x.dtype)
    sigma = (5 * severity).clamp(min=0.05)[:, None]
    kernel = torch.exp(-(at**2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(channels, 0)
    rows = F.pad(x.reshape(1, n * channels, height, width), (12, 12, 12, 12), mode="reflect")
    rows = F.conv2d(rows, kernel[:, None, None, :], groups=n * channels)
    rows = F.conv2d(rows, kernel[:, None, :, None], groups=n * channels)
    return rows.reshape(x.shape)


def noise(x: Tensor, severity: Tensor, lot: torch.Generator) -> Tensor:
    """Add Gaussian noise of up to a quarter of the range."""
    return x + 0.25 * _each(severity) * torch.randn(x.shape, generator=lot, device=x.device)


def fade(x: Tensor, severity: Tensor, lot: torch.Generator) -> Tensor:
    """Take away up to 90 % of the contrast."""
    mean = x.mean((1, 2, 3), keepdim=True)
    return mean + (x - mean) * (1 - 0.9 * _each(severity))


def darken(x: Tensor, severity: Tensor, lot: torch.Generator) -> Tensor:
    """Take away up to 95 % of the light."""
    return x * (1 - 0.95 * _each(severity))


def warp(x: Tensor, severity: Tensor, lot: torch.Generator) -> Tensor:
    """Bend the picture by a smooth random field of up to a twelfth of its side."""
    n, _, height, width = x.shape
    shift = F.interpolate(
        torch.randn(n, 2, 6, 6, generator=lot, device=x.device), (height, width), mode="bicubic"
    )
    identity = torch.eye(2, 3, device=x.device).expand(n, 2, 3)
    grid = F.affine_grid(identity, list(x.shape), align_corners=False)
    moved = grid + 0.08 * _each(severity) * shift.permute(0, 2, 3, 1)
    return F.grid_sample(x, moved.to(x.dtype), padding_mode="reflection", align_corners=False)


def squeeze(x: Tensor, severity: Tensor, lot: torch.Generator) -> Tensor:
    """Quantise 8 by 8 cosine blocks as JPEG does, up to a twelfth of its usual precision."""
    n, channels, height, width = x.shape
    k = torch.arange(8, device=x.device, dtype=x.dtype)
    basis = torch.cos((2 * k[None] + 1) * k[:, None] * math.pi / 16) / 2
    basis[0] /= math.sqrt(2)
    row = torch.tensor(_LUMA, device=x.device, dtype=x.dtype)
    table = torch.maximum(row[None], row[:, None]) / 255
    step = table * (12 * _each(severity)[..., None, None] ** 2).clamp(min=0.02)
    blocks = x.reshape(n, channels, height // 8, 8, width // 8, 8).transpose(3, 4)
    waves = basis @ blocks @ basis.T
    blocks = basis.T @ (torch.round(waves / step) * step) @ basis
    return blocks.transpose(3, 4).reshape(x.shape)


DAMAGES: Mapping[str, Damage] = {
    "warp": warp,
    "blur": blur,
    "fade": fade,
    "darken": darken,
    "noise": noise,
    "squeeze": squeeze,
}
"""Every damage, in the order in which several of them happen to one picture."""


def damage(pictures: Tensor, severities: Mapping[str, Tensor], lot: torch.Generator) -> Tensor:
    """Return (n, 3, h, w) pictures in [0, 1] with each named damage at (n,) severities; 0 is none."""
    damaged = pictures
    for name, apply in DAMAGES.items():
        hit = severities[name] > 0 if name in severities else torch.zeros(len(pictures), dtype=torch.bool)
        if bool(hit.any()):
            damaged = damaged.clone()
            damaged[hit] = apply(damaged[hit], severities[name][hit], lot).clamp(0, 1).to(damaged.dtype)
    return damaged


def draw_severities(count: int, lot: torch.Generator) -> dict[str, Tensor]:
    """Return severities by lot: two fifths of the pictures stay clean, the others get one or two damages."""
    device = lot.device
    picks = torch.rand(count, len(DAMAGES), generator=lot, device=device).argsort(1)
    amount = torch.multinomial(torch.tensor([2.0, 2.0, 1.0], device=device), count, True, generator=lot)
    severity = torch.rand(count, len(DAMAGES), generator=lot, device=device).clamp(min=0.02)
    severity = severity * (picks < amount[:, None])
    return {name: severity[:, k] for k, name in enumerate(DAMAGES)}


def quality(pictures: Tensor, severities: Mapping[str, Tensor], degradations: Tensor) -> Tensor:
    """Return (n,) qualities of clean pictures after damage; `degradations` counts those already drawn in."""
    left = keep(torch.tensor(DEGRADED, device=pictures.device)) ** degradations
    for severity in severities.values():
        left = left * keep(severity)
    return 1 + (clean_quality(pictures) - 1) * left


def _scaled(picture: Image.Image, rng: random.Random, filters: Sequence[Image.Resampling]) -> Image.Image:
    factor, chosen = rng.choice((rng.uniform(0.9, 1), rng.uniform(0.96, 1.05))), rng.choice(filters)
    width, height = (round(side * factor) for side in picture.size)
    return picture.resize((width, height), chosen).resize(picture.size, chosen)


def resized(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Make it up to a tenth smaller or a twentieth larger, and of its size again."""
    return _scaled(picture, rng, SHARP)


def softened(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Resize it there and back with filters that soften edges."""
    return _scaled(picture, rng, SOFT)


def cut(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Cut up to 2 % from each side and make it of its size again."""
    width, height = picture.size
    left, top, right, bottom = (rng.randint(0, 5) for _ in range(4))
    part = picture.crop((left, top, width - right, height - bottom))
    return part.resize(picture.size, rng.choice((*SHARP, *SOFT)))


def moved(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Move it by a pixel, sometimes by up to eight; its rim is drawn out."""
    reach = rng.choice((1, 1, 1, 8))
    left, top = rng.randint(0, 2 * reach), rng.randint(0, 2 * reach)
    grown = np.pad(np.asarray(picture), ((reach, reach), (reach, reach), (0, 0)), mode="edge")
    return Image.fromarray(grown[top : top + picture.height, left : left + picture.width])


def saved(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Save it as JPEG at a quality of 85 to 95."""
    return through_jpeg(picture, rng.randint(85, 95))


def lit(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Make it up to 6 % lighter or darker."""
    light = rng.uniform(0.94, 1.06)
    return picture.point([min(255, round(value * light)) for value in range(256)] * 3)


HARMLESS: Mapping[str, Change] = {
    "resized": resized,
    "softened": softened,
    "cut": cut,
    "moved": moved,
    "saved": saved,
    "lit": lit,
}
"""What a picture is worth is the same after each."""


def change(pictures: NDArray[np.uint8], kinds: Sequence[str], rng: random.Random) -> NDArray[np.uint8]:
    """Return (n, h, w, 3) pictures, each after a harmless change of one of these kinds, by lot."""
    after = [HARMLESS[rng.choice(kinds)](Image.fromarray(picture), rng) for picture in pictures]
    return np.stack([np.asarray(picture) for picture in after])
