"""Times and memory of a ControlNet on SDXL or Stable Diffusion at full size, with random weights.

    python -m tests.benchmarks.controlnets sdxl runs/bases-random --out runs/bases-bench

The base is the one that `tests.benchmarks.bases` writes; the ControlNet is made of its UNet. `--toy` has
small networks, to try the script.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from diffusers import ControlNetModel, UNet2DConditionModel

from kit.experiment.controls.control_record import ControlRecord
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.experiment.drawing.usual import usual_drawing
from kit.files.encodings import sha256_bytes
from kit.generation.controls.control import Control
from kit.generation.diffusers_painter import load_diffusers_painter
from kit.generation.painter import PanelRequest
from kit.images.png_metadata import encoded
from kit.models.bases.controlnet_files import open_controlnet
from tests.benchmarks.bases import Json, place_of, requests, timed
from tests.benchmarks.machine import commit, today, versions
from tests.support.toy_controlnets import shapes


def controlnet_of(base: Path, place: Path) -> Path:
    """Return a ControlNet's folder, made of a base's UNet where it is not there, random where it was zero."""
    if not (place / "config.json").exists():
        variant = "fp16" if list((base / "unet").glob("*.fp16.*")) else None
        unet = UNet2DConditionModel.from_pretrained(base / "unet", variant=variant, use_safetensors=None)
        net = ControlNetModel.from_unet(unet)
        for zero in (*net.controlnet_down_blocks, net.controlnet_mid_block):
            torch.nn.init.normal_(zero.weight, std=0.01)
        net.half().save_pretrained(place, variant="fp16")
    return place


def held(count: int, folder: Path, size: int) -> list[PanelRequest]:
    """Return so many panels that are held to maps."""
    identity, made = open_controlnet(folder).identity, []
    for number, one in enumerate(requests(count)):
        png = encoded(shapes(number, size))
        record = ControlRecord(kind="map", map=sha256_bytes(png), weight=0.5, until=1.0, controlnet=identity)
        made.append(replace(one, control=(Control(record=record, png=png, folder=folder),)))
    return made


def measured(family: str, folder: Path, toy: bool) -> Json:
    """Return what drawing two panels takes: free, held, and held with the networks in turn."""
    base = place_of(family, folder, toy)
    net = controlnet_of(base, folder / f"{family}-{'toy-' if toy else ''}controlnet")
    usual = usual_drawing(str(base))
    settings = DrawSettings(
        steps=usual.steps, cfg=usual.cfg, size=usual.size, noise="portable", sampler=usual.sampler,
        spacing=usual.spacing,
    )  # fmt: skip
    panels = held(2, net, settings.size)
    told: Json = {"family": family, "commit": commit(), "date": today(), "versions": versions()}
    pictures = {}
    for name, asked, how in (
        ("free", requests(2), settings),
        ("held", panels, settings),
        ("held_low", panels, replace(settings, memory="low")),
    ):
        painter = load_diffusers_painter(str(base), "auto")
        painter.encode_prompts([text for one in asked for text in one.texts])
        batches = [[one] for one in asked] if how.memory == "low" else [asked]
        painter.draw(batches[0], replace(how, steps=min(2, how.steps)))
        pictures[name] = []
        told[name] = timed(
            lambda: [pictures[name].extend(painter.draw(one, how)) for one in batches]  # noqa: B023
        )
        painter.unload()
    apart = np.abs(
        np.asarray(pictures["held"][0], dtype=int) - np.asarray(pictures["held_low"][0], dtype=int)
    )
    return told | {"low_differs_by": {"most": int(apart.max()), "mean": round(float(apart.mean()), 3)}}


def main() -> None:
    """Measure one family and write OUT/FAMILY-controlnet.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("family", choices=["sdxl", "sd"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/bases-bench"))
    parser.add_argument("--toy", action="store_true")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    told = measured(options.family, options.folder, options.toy)
    (options.out / f"{options.family}-controlnet.json").write_text(json.dumps(told, indent=1))
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
