"""The tensors of IP-Adapters of any size, random, under the names of the published files."""

import torch
from torch import Tensor
from transformers import CLIPVisionConfig

from kit.models.ip_adapter.projection_sizes import ResamplerSizes
from kit.models.ip_adapter.resampler import build_projection
from kit.models.sizes import UNetSizes

VISION = CLIPVisionConfig(
    hidden_size=32, intermediate_size=64, num_hidden_layers=3, num_attention_heads=2, image_size=28,
    patch_size=14, projection_dim=16,
)  # fmt: skip


def plus_sizes(unet: UNetSizes) -> ResamplerSizes:
    """Return the sizes of a projection for a UNet; diffusers reads no other depth, nor another feed."""
    return ResamplerSizes(
        seen=VISION.hidden_size, width=unet.cross, inner=64, feed=4 * unet.cross, made=unet.cross, tokens=4,
        depth=4,
    )  # fmt: skip


def face_sizes(unet: UNetSizes, face: int) -> ResamplerSizes:
    """Return the sizes of a projection for faces: its tokens are as wide as the text before its own."""
    return ResamplerSizes(
        seen=VISION.hidden_size, width=unet.pooled, inner=64, feed=4 * unet.pooled, made=unet.pooled,
        tokens=6, depth=4, face=face,
    )  # fmt: skip


def random_projection(sizes: ResamplerSizes, seed: int) -> dict[str, Tensor]:
    """Return the tensors of a projection, none of them near zero or one."""
    chance = torch.Generator().manual_seed(seed)
    with torch.device("meta"):
        wanted = build_projection(sizes).state_dict()
    made = {}
    for name, one in wanted.items():
        norm = "norm" in name or name.split(".")[-3:-1] == ["1", "0"]
        spread = torch.randn(one.shape, generator=chance) * (0.3 if norm else one.shape[-1] ** -0.5)
        made[name] = spread + (norm and name.endswith("weight"))
    return made


def random_attentions(unet: UNetSizes, seed: int) -> dict[str, Tensor]:
    """Return keys and values of the attentions, numbered as diffusers counts them: down, up, middle."""
    chance, (_, mid, coarse), (some, many) = torch.Generator().manual_seed(seed), unet.widths, unet.layers
    rows = [*[mid] * 2 * some, *[coarse] * 5 * many, *[mid] * 3 * some, *[coarse] * many]
    return {
        f"{2 * number + 1}.to_{part}_ip.weight": torch.randn(wide, unet.cross, generator=chance)
        * unet.cross**-0.5
        for number, wide in enumerate(rows)
        for part in "kv"
    }
