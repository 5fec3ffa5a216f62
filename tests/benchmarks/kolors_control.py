"""The part of the full-size measurement in which a ControlNet of random weights holds the panels."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from diffusers import ControlNetModel, UNet2DConditionModel
from PIL import Image
from torch import Tensor, nn

from kit.experiment.controls.control_record import ControlRecord
from kit.files.encodings import sha256_bytes
from kit.generation.controls.control import Control, map_pixels
from kit.generation.kolors.kolors_painter import KolorsPainter
from kit.generation.painter import PanelRequest
from kit.images.png_metadata import encoded
from kit.models.base import load_base
from kit.models.bases.controlnet_files import open_controlnet
from kit.models.kolors.scheduler import scheduler
from kit.models.kolors.unet import time_ids
from kit.models.layouts.diffusers_networks import diffusers_unet
from kit.models.layouts.weight_files import UNET_FOLDER
from tests.support.toy_controlnets import shapes

if TYPE_CHECKING:
    from tests.benchmarks.kolors import Bench

Json = dict[str, Any]
WEIGHT, UNTIL = 0.7, 0.9
"""Of Kolors' own sample (controlnet/sample_controlNet.py)."""
ATTENTION_EPS = 1e-5
"""Of the UNet's normalisation before attention: diffusers writes 1e-6, DiffSynth computes with 1e-5."""


def part_control(bench: "Bench") -> Json:
    """Return time and memory of eight panels, free and held; then how near diffusers' classes are."""
    net, settings = controlnet_of(bench), bench.settings()
    kinds = {
        "free": (bench.requests(), settings),
        "held until .9": (held(bench, net, UNTIL), settings),
        "held": (held(bench, net, 1.0), settings),
        "held, low": (held(bench, net, 1.0), replace(settings, memory="low")),
    }
    painter, result = bench.painter(), Json()
    result["text"] = bench.gpu()
    for name, (requests, how) in kinds.items():
        painter.draw(requests, replace(how, steps=2))
        bench.gpu()
        pictures: list[object] = []
        seconds = bench.timed(lambda: pictures.extend(painter.draw(requests, how)))  # noqa: B023
        drawn = sum(isinstance(one, Image.Image) for one in pictures)
        result[name] = {"s_a_picture": round(seconds / len(requests), 3), "drawn": drawn, **bench.gpu()}
        print(name, result[name], flush=True)
    painter.set_lora(None, 1.0)
    return result | {"differs_from_diffusers": parity(bench, painter, kinds["held"][0][0])}


def controlnet_of(bench: "Bench") -> Path:
    """Return the folder of a ControlNet for this base, made where it is not there: of random weights."""
    place = bench.out / "controlnet"
    if not (place / "config.json").exists():
        with torch.device("meta"):
            unet = diffusers_unet(load_base(bench.folder).sizes.unet)
        with torch.device(bench.device), torch.random.fork_rng():
            torch.manual_seed(0)
            net = ControlNetModel.from_unet(unet, load_weights_from_unet=False)
            for zero in (*net.controlnet_down_blocks, net.controlnet_mid_block):
                nn.init.normal_(zero.weight, std=0.01)
            nn.init.normal_(net.controlnet_cond_embedding.conv_out.weight, std=0.01)
        net.half().save_pretrained(place, variant="fp16")
    return place


def held(bench: "Bench", folder: Path, until: float) -> list[PanelRequest]:
    """Return the panels, each held to a map."""
    identity, made = open_controlnet(folder).identity, []
    for number, one in enumerate(bench.requests()):
        png = encoded(shapes(number, bench.size))
        record = ControlRecord(
            kind="map", map=sha256_bytes(png), weight=WEIGHT, until=until, controlnet=identity
        )
        made.append(replace(one, control=(Control(record=record, png=png, folder=folder),)))
    return made


def parity(bench: "Bench", painter: KolorsPainter, request: PanelRequest) -> Json:
    """Return how far the first prediction is from that of diffusers' classes, root mean square.

    "free" is how far it is where the panel is not held.
    """
    engine, step = painter._networks.denoiser, scheduler(bench.steps).timesteps[:1]
    with torch.inference_mode():
        cross, pooled = painter._networks.texts.of([request.prompt])
        noise = painter._loop.first_noise([request], bench.settings())
        now = painter._networks.controlnets.held(
            [request], cross[None], range(1), bench.size, engine.dtype
        ).at(0)
        assert now is not None
        engine.set_text(cross)
        ours = engine.at(step, pooled, now)(now.with_maps(noise))
        free = engine.at(step, pooled)(noise)
        painter.unload()
        theirs = _theirs(bench, request, noise, (cross, pooled)).float()
    apart = {"held": ours, "free": free}
    return {
        name: float(f"{((one.float() - theirs).norm() / theirs.norm()).item():.2e}")
        for name, one in apart.items()
    }


def _theirs(bench: "Bench", request: PanelRequest, noise: Tensor, text: tuple[Tensor, Tensor]) -> Tensor:
    """Return what diffusers' UNet and ControlNet predict, called as Kolors' own pipeline calls them."""
    half = torch.float16 if bench.device == "cuda" else torch.float32
    told: Json = {"torch_dtype": half}
    net = ControlNetModel.from_pretrained(request.control[0].folder, variant="fp16", **told).to(bench.device)
    unet = UNet2DConditionModel.from_pretrained(bench.folder / UNET_FOLDER, **told).to(bench.device)
    for name, layer in unet.named_modules():
        if isinstance(layer, nn.GroupNorm) and ".attentions." in name:
            layer.eps = ATTENTION_EPS
    step = scheduler(bench.steps).timesteps[0].to(bench.device)
    rows, cross, pooled = (one.to(bench.device, half) for one in (noise, *text))
    more = {"text_embeds": pooled, "time_ids": time_ids(1, bench.size, bench.device).reshape(1, 6)}
    skipped, middle = net(
        rows, step, net.encoder_hid_proj(cross), map_pixels(request.control, bench.size).to(rows), WEIGHT,
        added_cond_kwargs=more, return_dict=False,
    )  # fmt: skip
    predicted: Tensor = unet(
        rows, step, cross, added_cond_kwargs=more, down_block_additional_residuals=skipped,
        mid_block_additional_residual=middle,
    ).sample  # fmt: skip
    return predicted
