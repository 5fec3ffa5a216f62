"""Kolors' UNet at any size."""

from collections.abc import Iterator
from functools import cache
from typing import Literal, TypeVar

import torch
from diffsynth.models.sd_unet import (
    AttentionBlock,
    DownSampler,
    PopBlock,
    PushBlock,
    ResnetBlock,
    Timesteps,
    UpSampler,
)
from diffsynth.models.sdxl_unet import SDXLUNet
from diffsynth.models.sdxl_vae_decoder import SDXLVAEDecoder
from torch import Tensor, nn

from kit.models.sizes import LATENT_CHANNELS, UNetSizes

Network = TypeVar("Network", bound=nn.Module)


def without_blocks(cls: type[Network]) -> Network:
    """Return an instance of a diffsynth network without its full-size blocks."""
    network = cls.__new__(cls)
    nn.Module.__init__(network)
    return network


def _unet_blocks(sizes: UNetSizes) -> list[nn.Module]:
    """Return SDXL's 49 blocks in SDXL's order, at these widths."""
    fine, mid, coarse = sizes.widths
    some, many = sizes.layers

    def resnet(inward: int, outward: int) -> list[nn.Module]:
        return [ResnetBlock(inward, outward, sizes.time, groups=sizes.groups)]

    def attend(inward: int, outward: int, layers: int) -> list[nn.Module]:
        heads = outward // sizes.head
        attention = AttentionBlock(
            heads, sizes.head, outward, layers, sizes.cross, norm_num_groups=sizes.groups
        )
        return [*resnet(inward, outward), attention]

    def pop(inward: int, skipped: int, outward: int, layers: int = 0) -> list[nn.Module]:
        joined = inward + skipped
        return [PopBlock(), *(attend(joined, outward, layers) if layers else resnet(joined, outward))]

    down = [*resnet(fine, fine), PushBlock(), *resnet(fine, fine), PushBlock()]
    down += [DownSampler(fine), PushBlock()]
    down += [*attend(fine, mid, some), PushBlock(), *attend(mid, mid, some), PushBlock()]
    down += [DownSampler(mid), PushBlock()]
    down += [*attend(mid, coarse, many), PushBlock(), *attend(coarse, coarse, many), PushBlock()]
    middle = [*attend(coarse, coarse, many), *resnet(coarse, coarse)]
    up = [*pop(coarse, coarse, coarse, many), *pop(coarse, coarse, coarse, many)]
    up += [*pop(coarse, mid, coarse, many), UpSampler(coarse)]
    up += [*pop(coarse, mid, mid, some), *pop(mid, mid, mid, some), *pop(mid, fine, mid, some)]
    up += [UpSampler(mid), *pop(mid, fine, fine), *pop(fine, fine, fine), *pop(fine, fine, fine)]
    return [*down, *middle, *up]


def build_unet(sizes: UNetSizes) -> SDXLUNet:
    """Return Kolors' UNet at these sizes, untrained."""
    unet = without_blocks(SDXLUNet)
    width = sizes.widths[0]
    unet.time_proj = Timesteps(width)
    unet.time_embedding = _two_layers(width, sizes.time)
    unet.add_time_proj = Timesteps(sizes.time_ids)
    unet.add_time_embedding = _two_layers(sizes.pooled + 6 * sizes.time_ids, sizes.time)
    unet.conv_in = nn.Conv2d(sizes.in_channels, width, 3, padding=1)
    unet.text_intermediate_proj = nn.Linear(sizes.pooled, sizes.cross)
    unet.blocks = nn.ModuleList(_unet_blocks(sizes))
    unet.conv_norm_out = nn.GroupNorm(sizes.groups, width, eps=1e-5)
    unet.conv_act = nn.SiLU()
    unet.conv_out = nn.Conv2d(width, LATENT_CHANNELS, 3, padding=1)
    unet.is_kolors = True
    return unet


@cache
def linear_shapes(sizes: UNetSizes) -> dict[str, tuple[int, int]]:
    """Return (out, in) of each linear layer of a UNet; no weights are made."""
    with torch.device("meta"):
        layers = build_unet(sizes).named_modules()
    return {n: (m.out_features, m.in_features) for n, m in layers if isinstance(m, nn.Linear)}


def parted_layers(unet: SDXLUNet) -> Iterator[tuple[Literal["down", "mid", "up"], nn.Module]]:
    """Yield every transformer layer, and whether it is on the way down, in the middle or on the way up."""
    kinds = [type(block) for block in unet.blocks]
    deepest, rising = len(kinds) - 1 - kinds[::-1].index(PushBlock), kinds.index(PopBlock)
    for number, block in enumerate(unet.blocks):
        if isinstance(block, AttentionBlock):
            for layer in block.transformer_blocks:
                yield "down" if number < deepest else "up" if number > rising else "mid", layer


def attentions(unet: SDXLUNet) -> Iterator[nn.Module]:
    """Yield every attention to the text."""
    yield from (layer.get_submodule("attn2") for _, layer in parted_layers(unet))


def rising_layers(unet: SDXLUNet) -> Iterator[nn.Module]:
    """Yield the layers of the upward half, which draw the looks of what the others have placed."""
    yield from (layer for part, layer in parted_layers(unet) if part == "up")


def inner_blocks(unet: SDXLUNet) -> slice:
    """Return which blocks lie below the finest resolution, with those that lead there and back."""
    kinds = [type(block) for block in unet.blocks]
    return slice(kinds.index(DownSampler), len(kinds) - kinds[::-1].index(UpSampler))


def regions(network: SDXLUNet | SDXLVAEDecoder) -> Iterator[nn.Module]:
    """Yield the parts that repeat, of which compiling one serves all of its size."""
    for block in network.blocks:
        if isinstance(block, AttentionBlock):
            yield from block.transformer_blocks
        elif isinstance(block, ResnetBlock | UpSampler):
            yield block


def _two_layers(inward: int, outward: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inward, outward), nn.SiLU(), nn.Linear(outward, outward))


def time_ids(count: int, size: int | tuple[int, int], device: torch.device | str = "cpu") -> Tensor:
    """Return the size numbers of `count` pictures of one size, flat: (6 * count,), as SDXL's UNet takes them.

    Args:
        count: rows.
        size: side of a square, or (height, width), in pixels.
        device: where to put them.
    """
    height, width = (size, size) if isinstance(size, int) else size
    return torch.tensor([height, width, 0, 0, height, width], device=device).repeat(count)
