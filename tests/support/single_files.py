"""Kolors in single files, as ComfyUI's users keep it: toy sizes, but the heads and groups of Kolors itself.

The original code's names are those that DiffSynth's converters know, read backwards; diffusers' own converter
is asked whether they are right (tests/kit/models/layouts/test_naming.py).
"""

import atexit
import shutil
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from kit.models.layouts.naming import NETWORKS, renamed
from kit.models.networks import Part
from kit.models.sizes import BaseSizes, TextSizes, UNetSizes, VaeSizes
from tests.benchmarks.published import write_published

SIZES = BaseSizes(
    unet=UNetSizes(
        widths=(64, 64, 128), time=256, time_ids=8, pooled=128, cross=48, head=64, groups=32, layers=(1, 2)
    ),
    text=TextSizes(vocabulary=65024, hidden=128, layers=2, head=128, groups=1, ffn=64),
    vae=VaeSizes(encoder=(32, 32, 64, 64), decoder=(32, 32, 64, 64), groups=32),
)
UNET_FILE, VAE_FILE = (f"{part}/diffusion_pytorch_model.safetensors" for part in ("unet", "vae"))


@cache
def whole_folder() -> Path:
    """Return the folder of the same base as it is published, without a tokenizer of its own."""
    folder = Path(tempfile.mkdtemp(prefix="storykit-files-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        write_published(folder / "Kolors", SIZES)
    return folder / "Kolors"


@cache
def single_files() -> Path:
    """Return a folder with each network in a file of its own, under the names that users know them by."""
    folder = whole_folder().parent / "ComfyUI"
    folder.mkdir()
    shutil.copy(whole_folder() / UNET_FILE, folder / "kolors_unet.safetensors")
    unet = original_names("unet", load_file(whole_folder() / UNET_FILE))
    save_file(unet, folder / "kolors_sgm.safetensors")
    bare = {name.removeprefix("model.diffusion_model."): tensor for name, tensor in unet.items()}
    save_file(bare, folder / "kolors_bare.safetensors")
    vae = load_file(whole_folder() / VAE_FILE)
    save_file(vae, folder / "vae_diffusers.safetensors")
    original = original_names("encoder", vae) | original_names("decoder", vae)
    positions = {"conditioner.embedders.0.position_ids": torch.arange(7)}
    save_file(original | positions, folder / "sdxl_checkpoint.safetensors")
    bare = {name.removeprefix("first_stage_model."): tensor for name, tensor in original.items()}
    save_file(bare, folder / "sdxl_vae.safetensors")
    text = {
        name: tensor
        for shard in (whole_folder() / "text_encoder").glob("*.bin")
        for name, tensor in torch.load(shard, weights_only=True).items()
    }
    save_file(text, folder / "chatglm3-fp16.safetensors")
    return folder


def original_names(part: Part, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return diffusers' tensors of a network under the names of the original code, with its prefix."""
    original = {ours: name for name, ours in _original_of(part).items()}
    named = ((original.get(ours), tensor) for ours, tensor in renamed(part, tensors).items())
    found = {name: _original_sides(name, tensor) for name, tensor in named if name}
    text = {name: tensor for name, tensor in tensors.items() if name.startswith("encoder_hid_proj.")}
    return found | {f"model.diffusion_model.{name}": tensor for name, tensor in text.items()}


def _original_sides(name: str, tensor: Tensor) -> Tensor:
    convolved = ".mid.attn_1." in name and ".norm." not in name and name.endswith(".weight")
    return tensor[..., None, None].contiguous() if convolved else tensor.contiguous()


def _original_of(part: Part) -> dict[str, str]:
    """Return what DiffSynth calls each tensor of the original code."""
    converter = NETWORKS[part].state_dict_converter()
    function = next(
        one.__dict__["from_civitai"]
        for one in type(converter).__mro__
        if {"model.diffusion_model.out.0.bias", "first_stage_model.encoder.conv_in.bias",
            "first_stage_model.decoder.conv_in.bias"} & _texts(one.__dict__.get("from_civitai"))
    )  # fmt: skip
    names = sorted(text for text in _texts(function) if text.startswith(("model.", "first_stage_model.")))
    marked = {name: torch.full((2,), float(number)) for number, name in enumerate(names)}
    answer = converter.from_civitai(marked)
    moved = answer[0] if isinstance(answer, tuple) else answer
    return {names[int(tensor[0])]: ours for ours, tensor in moved.items()}


def _texts(function: FunctionType | None) -> set[str]:
    """Return every text that a function's code has written in it."""
    code: CodeType | None = function and function.__code__
    constants = code.co_consts if code else ()
    parts = [one if isinstance(one, tuple) else (one,) for one in constants]
    return {text for part in parts for text in part if isinstance(text, str)}
