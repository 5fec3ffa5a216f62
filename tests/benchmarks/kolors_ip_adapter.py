"""The part of the full-size measurement in which an IP-Adapter of random weights reads pictures."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from diffusers import EulerDiscreteScheduler, KolorsPipeline, UNet2DConditionModel
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModelWithProjection

from kit.experiment.references.image_prompt_record import UNET_PARTS, ImagePromptRecord
from kit.files.encodings import sha256_bytes
from kit.generation.ip_adapter.picture_attention import looking
from kit.generation.kolors.compiling import compiled_in_turn
from kit.generation.kolors.kolors_painter import KolorsPainter
from kit.generation.painter import ALONE, PanelRequest
from kit.generation.references.image_prompt import ImagePrompt
from kit.images.png_metadata import encoded
from kit.models.base import load_base
from kit.models.ip_adapter.adapter_files import open_ip_adapter
from kit.models.ip_adapter.projection_sizes import ResamplerSizes
from kit.models.kolors.scheduler import scheduler
from kit.models.kolors.unet import time_ids
from kit.models.layouts.weight_files import UNET_FOLDER
from kit.models.sizes import KOLORS_SIZES, UNetSizes
from tests.benchmarks.kolors_control import ATTENTION_EPS
from tests.support.random_adapters import VISION, plus_sizes, random_attentions, random_projection
from tests.support.toy_controlnets import shapes

if TYPE_CHECKING:
    from tests.benchmarks.kolors import Bench

Json = dict[str, Any]
WEIGHT = 0.5
"""Of Kolors' own sample (ipadapter/sample_ipadapter_plus.py)."""
FILE = "ip_adapter_plus_general.safetensors"
PLUS = ResamplerSizes(seen=1024, width=2048, inner=768, feed=8192, made=2048, tokens=16, depth=4)
"""Kolors-IP-Adapter-Plus."""
CLIP = CLIPVisionConfig(
    hidden_size=1024, intermediate_size=4096, num_hidden_layers=24, num_attention_heads=16, image_size=336,
    patch_size=14, projection_dim=768,
)  # fmt: skip
"""CLIP ViT-L/14 for 336 pixels, its image encoder."""


def part_ip_adapter(bench: "Bench") -> Json:
    """Return time and memory of eight panels, free and with pictures, and how near diffusers' classes are."""
    folder, settings = adapter_of(bench), bench.settings()
    kinds = {
        "free": (bench.requests(), settings),
        "a picture each": (shown(bench, folder, 1), settings),
        "two pictures each": (shown(bench, folder, 2), settings),
        "a picture each, until .5": (shown(bench, folder, 1, until=0.5), settings),
        "free, low": (bench.requests(), replace(settings, memory="low")),
        "a picture each, low": (shown(bench, folder, 1), replace(settings, memory="low")),
    }
    painter, result = bench.painter(), Json()
    result["text"] = bench.gpu()
    painter.draw(bench.requests(), replace(settings, steps=2))
    bench.gpu()
    one = replace(settings, steps=1)
    result["read_s"] = bench.timed(lambda: painter.draw(kinds["a picture each"][0], one))
    result["reading"] = bench.gpu()
    result["read_before_s"] = bench.timed(lambda: painter.draw(kinds["a picture each"][0], one))
    for name, (requests, how) in kinds.items():
        result[name] = _drawn(bench, painter, requests, how)
        print(name, result[name], flush=True)
    painter.set_lora(None, 1.0)
    return result | {"differs_from_diffusers": parity(bench, painter, kinds["two pictures each"][0][0])}


def part_ip_adapter_compiled(bench: "Bench") -> Json:
    """Return time of eight panels with and without pictures, compiled, and what compiling each took."""
    folder, settings, painter, result = adapter_of(bench), bench.settings(), bench.painter(), Json()
    kinds = {"free": bench.requests(), "a picture each": shown(bench, folder, 1)}
    painter.draw(kinds["a picture each"], replace(settings, steps=1))
    painter._networks.denoiser.run_compiled(rows=[2 * len(kinds["free"])])
    [_] = compiled_in_turn([painter._networks.denoiser.unet, painter._networks.decoder], ALONE)
    for name, requests in kinds.items():
        seconds = bench.timed(lambda: painter.draw(requests, replace(settings, steps=2)))  # noqa: B023
        result[name] = {"compiling_s": seconds, **_drawn(bench, painter, requests, settings)}
        print(name, result[name], flush=True)
    return result


def _drawn(bench: "Bench", painter: KolorsPainter, requests: list[PanelRequest], how: Any) -> Json:
    painter.draw(requests, replace(how, steps=2))
    bench.gpu()
    pictures: list[object] = []
    seconds = bench.timed(lambda: pictures.extend(painter.draw(requests, how)))
    drawn = sum(isinstance(one, Image.Image) for one in pictures)
    return {"s_a_picture": round(seconds / len(requests), 3), "drawn": drawn, **bench.gpu()}


def adapter_of(bench: "Bench") -> Path:
    """Return the folder of an adapter for this base, made where it is not there: of random weights."""
    place, sizes = bench.out / "ip-adapter", load_base(bench.folder).sizes.unet
    if not (place / FILE).exists():
        place.mkdir(parents=True, exist_ok=True)
        half = torch.float16 if bench.device == "cuda" else torch.float32
        tables = {
            "image_proj": random_projection(_projection(sizes), 0),
            "ip_adapter": random_attentions(sizes, 1),
        }
        with torch.device(bench.device), torch.random.fork_rng():
            torch.manual_seed(2)
            encoder = CLIPVisionModelWithProjection(CLIP if sizes == KOLORS_SIZES.unet else VISION)
        encoder.to(half).save_pretrained(place / "image_encoder")
        flat = {f"{part}.{name}": one.to(half) for part, own in tables.items() for name, one in own.items()}
        save_file(flat, place / FILE)
    return place


def _projection(sizes: UNetSizes) -> ResamplerSizes:
    return PLUS if sizes == KOLORS_SIZES.unet else plus_sizes(sizes)


def shown(bench: "Bench", folder: Path, count: int, until: float = 1.0) -> list[PanelRequest]:
    """Return the panels, each with so many pictures of its own."""
    identity, made = open_ip_adapter(folder).identity, []
    for number, one in enumerate(bench.requests()):
        pictures = [encoded(shapes(count * number + at, bench.size // 2)) for at in range(count)]
        prompts = tuple(
            ImagePrompt(
                record=ImagePromptRecord(
                    picture=sha256_bytes(png), subject="she", weight=WEIGHT, start=0.0, until=until,
                    blocks=UNET_PARTS, adapter=identity,
                ),
                png=png,
                folder=folder,
            )
            for png in pictures
        )  # fmt: skip
        made.append(replace(one, image_prompts=prompts))
    return made


def parity(bench: "Bench", painter: KolorsPainter, request: PanelRequest) -> Json:
    """Return how far the first guided prediction is from that of diffusers' classes, root mean square.

    "free" is how far it is where the panel looks at nothing.
    """
    engine, step = painter._networks.denoiser, scheduler(bench.steps).timesteps[:1]
    with torch.inference_mode():
        cross, pooled = painter._networks.texts.of([request.prompt, request.negative])
        noise = painter._loop.first_noise([request], bench.settings()).repeat(2, 1, 1, 1)
        engine.set_text(cross)
        free = engine.at(step, pooled)(noise)
        prompted = painter._networks.pictures.prompted([request], 1, range(1), engine, "auto")
        with looking(engine.lookers, prompted) as look:
            look(0, len(noise))
            ours = engine.at(step, pooled)(noise)
        painter.unload()
        theirs = _theirs(bench, request, noise, (cross, pooled)).float()
    apart = {"looking": ours, "free": free}
    return {
        name: float(f"{((one.float() - theirs).norm() / theirs.norm()).item():.2e}")
        for name, one in apart.items()
    }


def _theirs(bench: "Bench", request: PanelRequest, noise: Tensor, text: tuple[Tensor, Tensor]) -> Tensor:
    """Return what diffusers' UNet predicts with the adapter, loaded and told as its KolorsPipeline does."""
    half, folder = torch.float16 if bench.device == "cuda" else torch.float32, request.image_prompts[0].folder
    encoder = CLIPVisionModelWithProjection.from_pretrained(folder / "image_encoder", dtype=half)
    unet = UNet2DConditionModel.from_pretrained(bench.folder / UNET_FOLDER, torch_dtype=half)
    unet.to(bench.device)
    for name, layer in unet.named_modules():
        if isinstance(layer, nn.GroupNorm) and ".attentions." in name:
            layer.eps = ATTENTION_EPS
    side = encoder.config.image_size
    parts: Json = {"vae": None, "text_encoder": None, "tokenizer": None, "unet": unet}
    pipeline = KolorsPipeline(
        scheduler=EulerDiscreteScheduler(), image_encoder=encoder.to(bench.device),
        feature_extractor=CLIPImageProcessor(size=side, crop_size=side), **parts,
    )  # fmt: skip
    pipeline.load_ip_adapter(str(folder), subfolder="", weight_name=FILE)
    pipeline.set_ip_adapter_scale(WEIGHT)
    pictures = [one.picture() for one in request.image_prompts]
    read = pipeline.prepare_ip_adapter_image_embeds([pictures], None, bench.device, 1, True)
    step = scheduler(bench.steps).timesteps[0].to(bench.device)
    rows, cross, pooled = (one.to(bench.device, half) for one in (noise, *text))
    ids = time_ids(2, bench.size, bench.device).reshape(2, 6)
    unwanted, wanted = read[0].chunk(2)
    more = {"text_embeds": pooled, "time_ids": ids, "image_embeds": [torch.cat([wanted, unwanted])]}
    predicted: Tensor = unet(rows, step, cross, added_cond_kwargs=more).sample
    return predicted
