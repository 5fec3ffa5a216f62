"""The embedded base's ControlNet: its sizes, what it begins with, and the folder that it ends in.

It has no attention: lines say where, and the UNet knows what. Its large weights are kept in eight bits.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from diffusers import ControlNetModel
from torch import Tensor, nn

from kit.files.atomic_write import write_atomic
from kit.files.encodings import canonical_json
from kit.files.safetensors_files import tensor_bytes
from kit.models.layouts.diffusers_networks import diffusers_names, diffusers_unet
from kit.models.networks import Base
from kit.models.sizes import UNetSizes

READING = (16, 32, 48, 64)
"""Widths of the layers that read the map."""
GAIN = 1.65
"""By which lines come through the layers that read them as loud as the latents: SiLU passes about as much."""
SMALL = 5000
"""Tensors of fewer numbers stay in fp16, and so do the convolutions that begin at zero."""
FROM_ZERO = ("controlnet_down_blocks.", "controlnet_mid_block.")
SHORT = torch.float8_e4m3fn


def build_controlnet(sizes: UNetSizes) -> ControlNetModel:
    """Return a ControlNet for a UNet of these sizes that says nothing yet."""
    levels = len(sizes.widths)
    return ControlNetModel(
        block_out_channels=sizes.widths,
        down_block_types=("DownBlock2D",) * levels,
        mid_block_type="UNetMidBlock2D",
        attention_head_dim=tuple(width // sizes.head for width in sizes.widths),
        cross_attention_dim=sizes.cross,
        norm_num_groups=sizes.groups,
        addition_embed_type="text_time",
        addition_time_embed_dim=sizes.time_ids,
        projection_class_embeddings_input_dim=sizes.pooled + 6 * sizes.time_ids,
        encoder_hid_dim=sizes.pooled,
        encoder_hid_dim_type="text_proj",
        conditioning_embedding_out_channels=READING,
    )


def untrained_controlnet(base: Base, seed: int) -> ControlNetModel:
    """Return a ControlNet that has what it shares with a base's UNet from there, and the rest at random.

    torch's own first weights would let no line through the layers that read the map, and diffusers' last one
    of them begins at zero, as what follows does anyway.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = build_controlnet(base.sizes.unet)
        reading = net.controlnet_cond_embedding
        for layer in (reading.conv_in, *reading.blocks, reading.conv_out):
            nn.init.normal_(layer.weight, std=GAIN * layer.weight[0].numel() ** -0.5)
            nn.init.zeros_(layer.bias)
    with torch.device("meta"):
        unet = diffusers_unet(base.sizes.unet)
    names = diffusers_names("unet", unet)
    theirs, own = base.weights("unet", "cpu", torch.float32), net.state_dict()
    shared = {name: theirs[ours] for name, ours in names.items() if name in own and ours in theirs}
    net.load_state_dict(own | shared)
    return net


def shortened(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return weights as the file has them: the large ones in eight bits (e4m3fn), the others in fp16."""
    return {
        name: value.to(torch.float16 if value.numel() < SMALL or name.startswith(FROM_ZERO) else SHORT)
        for name, value in weights.items()
    }


def save_controlnet(folder: Path, net: ControlNetModel) -> None:
    """Write a ControlNet's folder, as diffusers reads it."""
    config = {name: value for name, value in net.config.items() if name != "_use_default_values"}
    told = {"_class_name": type(net).__name__} | config
    weights = tensor_bytes(shortened(net.state_dict()), {"format": "pt"})
    write_atomic(folder / "diffusion_pytorch_model.safetensors", weights)
    write_atomic(folder / "config.json", canonical_json(told))
