"""The noise that a picture begins as."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from kit.experiment.drawing.draw_settings import DrawSettings
from kit.generation.painter import Variation
from kit.models.sizes import LATENT_CHANNELS, STRIDE

SAME_ANGLE = 1e-6
"""Between two noises that are one: rounding makes up to 1e-7."""


def first_noise(seed: int, settings: DrawSettings, device: str, variation: Variation | None = None) -> Tensor:
    """Return the latent a picture starts from, (1, 4, size/8, size/8) in fp32; the seed's alone.

    "portable" is drawn on the CPU in fp32, the same on every machine; "contest" is what DiffSynth draws:
    on the device, in fp16. A variation leads towards another seed's. A draft of another size has its final's,
    reduced.
    """
    noise = _drawn(seed, settings, device)
    if variation is not None:
        noise = mixed(noise, _drawn(variation.seed, settings, device), variation.strength)
    if settings.noise_size is not None:
        noise = reduced(noise, settings.noise_size // settings.size)
    return noise.to(device, torch.float32)


def _drawn(seed: int, settings: DrawSettings, device: str) -> Tensor:
    side = (settings.noise_size or settings.size) // STRIDE
    where, dtype = ("cpu", torch.float32) if settings.noise == "portable" else (device, torch.float16)
    generator = torch.Generator(where).manual_seed(seed)
    return torch.randn((1, LATENT_CHANNELS, side, side), generator=generator, device=where, dtype=dtype)


def mixed(noise: Tensor, other: Tensor, share: float) -> Tensor:
    """Return noise on the way to other noise along the sphere they lie on, so that it is as strong (slerp).

    Args:
        noise: (1, 4, H, W).
        other: of the same shape.
        share: 0 for the noise, 1 for the other, to the last bit.
    """
    one, two = (part.double().flatten() for part in (noise, other))
    likeness = float(one @ two / (one.norm() * two.norm()))
    angle = math.acos(min(1.0, max(-1.0, likeness)))
    if angle < SAME_ANGLE:
        return noise
    here, there = (math.sin(part * angle) / math.sin(angle) for part in (1 - share, share))
    return (here * noise.double() + there * other.double()).to(noise.dtype)


def reduced(noise: Tensor, times: int) -> Tensor:
    """Return noise whose sides are so many times shorter: the sum of each square of cells over its side.

    Of independent standard normal cells it is standard normal again, and shows the same large forms.

    Args:
        noise: (B, 4, H, W).
        times: divides both sides.
    """
    return F.avg_pool2d(noise, times) * times
