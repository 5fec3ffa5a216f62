"""The noise that a picture begins as."""

import torch
import torch.nn.functional as F
from torch import Tensor

from kit.experiment.config import DrawSettings
from kit.models.sizes import LATENT_CHANNELS, STRIDE


def first_noise(seed: int, settings: DrawSettings, device: str) -> Tensor:
    """Return the latent a picture starts from, (1, 4, size/8, size/8) in fp32; the seed's alone.

    "portable" is drawn on the CPU in fp32, the same on every machine; "contest" is what DiffSynth draws:
    on the device, in fp16. A draft of another size has its final's, reduced.
    """
    side = (settings.noise_size or settings.size) // STRIDE
    where, dtype = ("cpu", torch.float32) if settings.noise == "portable" else (device, torch.float16)
    generator = torch.Generator(where).manual_seed(seed)
    noise = torch.randn((1, LATENT_CHANNELS, side, side), generator=generator, device=where, dtype=dtype)
    if settings.noise_size is not None:
        noise = reduced(noise, settings.noise_size // settings.size)
    return noise.to(device, torch.float32)


def reduced(noise: Tensor, times: int) -> Tensor:
    """Return noise whose sides are so many times shorter: the sum of each square of cells over its side.

    Of independent standard normal cells it is standard normal again, and shows the same large forms.

    Args:
        noise: (B, 4, H, W).
        times: divides both sides.
    """
    return F.avg_pool2d(noise, times) * times
