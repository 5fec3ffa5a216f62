"""ControlNets for toys of Kolors, laid out as Kwai-Kolors/Kolors-ControlNet-Canny: diffusers writes them.

Where a new ControlNet says nothing, in its zero convolutions, these have random numbers: they are heard.
"""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

import torch
from diffusers import ControlNetModel

from kit.experiment.controls.control_record import ControlRecord
from kit.files.encodings import sha256_bytes
from kit.generation.controls.control import Control
from kit.images.png_metadata import encoded
from kit.models.bases.controlnet_files import open_controlnet
from kit.models.layouts.diffusers_networks import diffusers_unet
from kit.models.sizes import UNetSizes
from tests.support.published_toy import SIZES
from tests.support.toy_controlnets import shapes


def write_controlnet(folder: Path, sizes: UNetSizes, seed: int, order: str = "rgb") -> Path:
    """Write a ControlNet of random weights for a UNet of these sizes, and return its folder."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = ControlNetModel.from_unet(
            diffusers_unet(sizes), controlnet_conditioning_channel_order=order, load_weights_from_unet=False
        )
        for zero in (*net.controlnet_down_blocks, net.controlnet_mid_block):
            torch.nn.init.normal_(zero.weight, std=0.3)
        torch.nn.init.normal_(net.controlnet_cond_embedding.conv_out.weight, std=0.5)
    net.save_pretrained(folder)
    return folder


@cache
def kolors_controlnets() -> dict[str, Path]:
    """Return the folders of two ControlNets for the toy of Kolors."""
    folder = Path(tempfile.mkdtemp(prefix="storykit-kolors-controlnets-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    names = {"canny": "Kolors-ControlNet-Canny", "map": "Kolors-ControlNet-Depth"}
    return {
        kind: write_controlnet(folder / name, SIZES.unet, seed)
        for seed, (kind, name) in enumerate(names.items(), 40)
    }


def held(folder: Path, seed: int, weight: float = 0.7, until: float = 1.0, side: int = 64) -> Control:
    """Return the control by a ControlNet's folder, its map drawn from a seed."""
    png = encoded(shapes(seed, side))
    record = ControlRecord(
        kind="map", map=sha256_bytes(png), weight=weight, until=until,
        controlnet=open_controlnet(folder).identity,
    )  # fmt: skip
    return Control(record=record, png=png, folder=folder)
