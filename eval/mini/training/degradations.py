"""Known damage on batches of pictures, and the quality on a scale of 1 to 10 that the aesthetic tower learns.

A clean picture has 7.2 to 7.8: more with more colour and contrast. Each damage of severity s in [0, 1] takes
away up to 80 % of what is above 1, little at first: quality = 1 + (clean - 1) * product(1 - 0.8 s^1.5).
"""

import math
from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

LOSS, BEND = 0.8, 1.5
DEGRADED = 0.6
"""Severity that a degradation drawn into the world's picture counts as."""
_LUMA = (16, 11, 10, 16, 24, 40, 51, 61)
"""First row of the standard JPEG luminance table; the others grow with it."""

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
