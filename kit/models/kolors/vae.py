"""Kolors' autoencoder at any size: pictures to latents and back."""

from itertools import pairwise

import numpy as np
import torch
from diffsynth.models.sd_unet import DownSampler, ResnetBlock, UpSampler
from diffsynth.models.sd_vae_decoder import VAEAttentionBlock
from diffsynth.models.sdxl_vae_decoder import SDXLVAEDecoder
from diffsynth.models.sdxl_vae_encoder import SDXLVAEEncoder
from PIL import Image
from torch import Tensor, nn

from kit.models.kolors.unet import without_blocks
from kit.models.sizes import LATENT_CHANNELS, VaeSizes


def _resnets(count: int, inward: int, outward: int, sizes: VaeSizes) -> list[nn.Module]:
    widths = (inward, *[outward] * (count - 1))
    return [ResnetBlock(width, outward, eps=1e-6, groups=sizes.groups) for width in widths]


def _vae_middle(width: int, sizes: VaeSizes) -> list[nn.Module]:
    attention = VAEAttentionBlock(1, width, width, 1, norm_num_groups=sizes.groups, eps=1e-6)
    return [*_resnets(1, width, width, sizes), attention, *_resnets(1, width, width, sizes)]


def build_vae_encoder(sizes: VaeSizes) -> SDXLVAEEncoder:
    """Return an untrained encoder; called, it gives the mean times `scaling_factor` (1.0 until trained)."""
    encoder = without_blocks(SDXLVAEEncoder)
    first, *_, last = sizes.encoder
    blocks = _resnets(2, first, first, sizes)
    for fine, coarse in pairwise(sizes.encoder):
        down = DownSampler(fine, padding=0, extra_padding=True)
        blocks += [down, *_resnets(2, fine, coarse, sizes)]
    encoder.scaling_factor = 1.0
    encoder.quant_conv = nn.Conv2d(2 * LATENT_CHANNELS, 2 * LATENT_CHANNELS, 1)
    encoder.conv_in = nn.Conv2d(3, first, 3, padding=1)
    encoder.blocks = nn.ModuleList([*blocks, *_vae_middle(last, sizes)])
    encoder.conv_norm_out = nn.GroupNorm(sizes.groups, last, eps=1e-6)
    encoder.conv_act = nn.SiLU()
    encoder.conv_out = nn.Conv2d(last, 2 * LATENT_CHANNELS, 3, padding=1)
    return encoder


def build_vae_decoder(sizes: VaeSizes) -> SDXLVAEDecoder:
    """Return an untrained decoder; called, it divides by `scaling_factor` (1.0 until trained) first."""
    decoder = without_blocks(SDXLVAEDecoder)
    widths = sizes.decoder[::-1]
    first, *_, last = widths
    blocks = [*_vae_middle(first, sizes), *_resnets(3, first, first, sizes)]
    for coarse, fine in pairwise(widths):
        blocks += [UpSampler(coarse), *_resnets(3, coarse, fine, sizes)]
    decoder.scaling_factor = 1.0
    decoder.post_quant_conv = nn.Conv2d(LATENT_CHANNELS, LATENT_CHANNELS, 1)
    decoder.conv_in = nn.Conv2d(LATENT_CHANNELS, first, 3, padding=1)
    decoder.blocks = nn.ModuleList(blocks)
    decoder.conv_norm_out = nn.GroupNorm(sizes.groups, last, eps=1e-5)
    decoder.conv_act = nn.SiLU()
    decoder.conv_out = nn.Conv2d(last, 3, 3, padding=1)
    return decoder


def pixels_of(picture: Image.Image, device: str) -> Tensor:
    """Return an RGB picture as the encoder takes it: (1, 3, height, width), -1 to 1."""
    pixels = torch.from_numpy(np.array(picture)).to(device)
    return pixels.permute(2, 0, 1)[None].float() / 127.5 - 1
