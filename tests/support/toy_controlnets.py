"""ControlNets for the toys of `toy_pipelines`: diffusers makes them of the toys' own UNets and writes them.

Where a new ControlNet says nothing, in its zero convolutions, these have random numbers: they are heard.
"""

from functools import cache
from pathlib import Path

import numpy as np
import torch
from diffusers import ControlNetModel, UNet2DConditionModel
from PIL import Image, ImageDraw

from tests.support.toy_pipelines import MAJICMIX, SDXL, SIDE, toy_models

NAMES = {
    "sdxl/canny": "AI-ModelScope/controlnet-canny-sdxl-1.0",
    "sdxl/map": "toys/controlnet-depth-sdxl",
    "sd/canny": "toys/control_v11p_sd15_canny",
    "sd/map": "toys/control_v11f1p_sd15_depth",
}


@cache
def toy_controlnets() -> dict[str, Path]:
    """Return the folders of ControlNets by family and kind, beside the toys they are for."""
    models = toy_models()
    made: dict[str, Path] = {}
    for number, (kind, name) in enumerate(NAMES.items()):
        base = SDXL if kind.startswith("sdxl") else MAJICMIX
        unet = UNet2DConditionModel.from_pretrained(models / base / "unet", use_safetensors=base == SDXL)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(100 + number)
            net = ControlNetModel.from_unet(unet, conditioning_channels=3)
            for zero in (*net.controlnet_down_blocks, net.controlnet_mid_block):
                torch.nn.init.normal_(zero.weight, std=0.5)
            torch.nn.init.normal_(net.controlnet_cond_embedding.conv_out.weight, std=0.5)
        net.save_pretrained(models / name, safe_serialization=kind != "sd/map")
        made[kind] = models / name
    return made


def shapes(seed: int, side: int = SIDE) -> Image.Image:
    """Return a picture with edges: a disc and a bar on a plain ground, placed by the seed."""
    chance = np.random.default_rng(seed)
    picture = Image.new("RGB", (side, side), (40, 60, 90))
    pen = ImageDraw.Draw(picture)
    left, top = (int(value) for value in chance.integers(0, side // 2, 2))
    pen.ellipse((left, top, left + side // 3, top + side // 3), fill=(240, 200, 80))
    pen.rectangle((0, side - side // 4, side, side - side // 8), fill=(200, 40, 60))
    return picture
