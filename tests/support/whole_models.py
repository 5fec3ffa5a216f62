"""UNets of real shapes with few numbers: each tensor under its name in the original code and in diffusers."""

import inspect
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal

import torch
from diffsynth.models.sd_unet import SDUNet
from diffsynth.models.sdxl_unet import SDXLUNet
from diffusers import UNet2DConditionModel
from safetensors.torch import save_file
from torch import Tensor

from kit.models.layouts.diffusers_networks import diffusers_unet
from kit.models.sizes import KOLORS_SIZES

Shape = Literal["SDXL", "SD 1.5"]
PREFIX = "model.diffusion_model."
NETWORKS = {"SDXL": SDXLUNet, "SD 1.5": SDUNet}


@cache
def diffusers_names(shape: Shape) -> tuple[str, ...]:
    """Return the names that diffusers' own network has; no weights are made."""
    with torch.device("meta"):
        if shape == "SD 1.5":
            return tuple(UNet2DConditionModel(cross_attention_dim=768).state_dict())
        kolors = diffusers_unet(KOLORS_SIZES.unet).state_dict()
    return tuple(name for name in kolors if not name.startswith("encoder_hid_proj"))


@cache
def diffsynth_names(shape: Shape, of: Literal["original", "diffusers"]) -> dict[str, str]:
    """Return what DiffSynth's own converter makes of each name."""
    converter = NETWORKS[shape].state_dict_converter()
    names: Sequence[str] = diffusers_names(shape)
    if of == "original":
        source = inspect.getsource(type(converter).from_civitai)
        names = [name.removeprefix(PREFIX) for name in re.findall(rf'"({PREFIX}[\w.]+)"', source)]
    marked = {PREFIX * (of == "original") + name: torch.full((2,), i) for i, name in enumerate(names)}
    answer = converter.from_civitai(marked) if of == "original" else converter.from_diffusers(marked)
    converted: dict[str, Tensor] = answer[0] if isinstance(answer, tuple) else answer
    return {names[int(tensor[0])]: ours for ours, tensor in converted.items()}


def tiny_tensors(
    names: Sequence[str], seed: int = 0, dtype: torch.dtype = torch.float16
) -> dict[str, Tensor]:
    """Return six random numbers under each name."""
    chance = torch.Generator().manual_seed(seed)
    return {name: torch.randn(2, 3, generator=chance).to(dtype) for name in names}


def tiny_model(path: Path, names: Sequence[str], seed: int = 0, dtype: torch.dtype = torch.float16) -> Path:
    """Write a model of six random numbers under each name."""
    save_file(tiny_tensors(names, seed, dtype), path)
    return path
