"""Small networks of spandrel's architectures with random weights, and files of them."""

import warnings
from pathlib import Path

import torch
from safetensors.torch import save_file
from spandrel.architectures.Compact import Compact
from spandrel.architectures.ESRGAN import ESRGAN
from spandrel.architectures.SwinIR import SwinIR
from torch import Tensor, nn


def network(name: str) -> nn.Module:
    """Return a small network: "compact" doubles, "esrgan" quadruples, "swinir" triples, "restorer" cleans."""
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings(action="ignore"):  # SwinIR's meshgrid
        torch.manual_seed(0)
        match name:
            case "compact":
                return Compact(num_feat=8, num_conv=2, upscale=2)
            case "restorer":
                return Compact(num_feat=8, num_conv=2, upscale=1)
            case "grey":
                return Compact(num_in_ch=1, num_out_ch=1, num_feat=8, num_conv=2, upscale=2)
            case "five":
                return Compact(num_feat=8, num_conv=2, upscale=5)
            case "esrgan":
                return ESRGAN(num_filters=8, num_blocks=1, scale=4)
            case _:
                return SwinIR(
                    img_size=16, embed_dim=12, depths=[2], num_heads=[2], window_size=8, upscale=3,
                    upsampler="pixelshuffle", resi_connection="1conv", mlp_ratio=2,
                )  # fmt: skip


def weights(name: str) -> dict[str, Tensor]:
    """Return a network's tensors."""
    return {key: value.contiguous() for key, value in network(name).state_dict().items()}


def written(folder: Path, name: str, ending: str, **wrapped: object) -> Path:
    """Return a network's file; torch's endings have its tensors as training programs wrap them."""
    path = folder / f"{name}{ending}"
    if ending == ".safetensors":
        save_file(weights(name), path)
    else:
        torch.save({"params_ema": weights(name), "iter": 5} | wrapped, path)
    return path
