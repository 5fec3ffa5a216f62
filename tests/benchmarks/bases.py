"""Times and memory of other bases at full size, with random weights, beside diffusers' bare pipelines.

    for family in sdxl sd cascade; do
        python -m tests.benchmarks.bases $family runs/bases-random --out runs/bases-bench
    done

Each family is a process of its own, so that peaks of memory are its own. The weights are random: times and
memory are those of the real ones, the pictures are noise. `--toy` has small networks, to try the script.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DDPMWuerstchenScheduler,
    EulerDiscreteScheduler,
    PNDMScheduler,
    StableCascadeDecoderPipeline,
    StableCascadePriorPipeline,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from diffusers.models import StableCascadeUNet
from diffusers.pipelines.wuerstchen import PaellaVQModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from kit.experiment.drawing.draw_settings import DrawSettings
from kit.experiment.drawing.usual import usual_drawing
from kit.generation.diffusers_painter import DiffusersPainter, load_diffusers_painter
from kit.generation.painter import PanelRequest
from kit.models.bases.base_parts import BaseChoice, BaseParts
from tests.benchmarks.machine import commit, today, versions
from tests.support.toy_pipelines import BETAS, clip_tokenizer, toy_models

PANELS = 8
WORDS = "a girl in a red coat by the sea, picture number {number}"
UNWANTED = "blurry"
Json = dict[str, Any]


def clip(width: int, layers: int, heads: int, projection: bool, act: str = "quick_gelu") -> torch.nn.Module:
    """Return a text encoder of CLIP: 768, 12, 12 is ViT-L's, 1280, 32, 20 the one of bigG."""
    config = CLIPTextConfig(
        hidden_size=width, intermediate_size=4 * width, num_hidden_layers=layers, num_attention_heads=heads,
        projection_dim=width, hidden_act=act,
    )  # fmt: skip
    return CLIPTextModelWithProjection(config) if projection else CLIPTextModel(config)


def autoencoder(scale: float, side: int) -> AutoencoderKL:
    """Return the autoencoder that SD and SDXL have, but for its scale."""
    return AutoencoderKL(
        block_out_channels=(128, 256, 512, 512), layers_per_block=2, latent_channels=4, sample_size=side,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        scaling_factor=scale,
    )  # fmt: skip


def write_sdxl(folder: Path) -> None:
    """Write SDXL base 1.0 by the sizes of its published configs."""
    unet = UNet2DConditionModel(
        sample_size=128, block_out_channels=(320, 640, 1280), layers_per_block=2, cross_attention_dim=2048,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=(5, 10, 20), transformer_layers_per_block=(1, 2, 10), use_linear_projection=True,
        addition_embed_type="text_time", addition_time_embed_dim=256,
        projection_class_embeddings_input_dim=2816,
    )  # fmt: skip
    StableDiffusionXLPipeline(
        vae=autoencoder(0.13025, 1024), text_encoder=clip(768, 12, 12, False),
        text_encoder_2=clip(1280, 32, 20, True, "gelu"), tokenizer=clip_tokenizer(),
        tokenizer_2=clip_tokenizer(), unet=unet, scheduler=EulerDiscreteScheduler(**BETAS),
        add_watermarker=False,
    ).to(dtype=torch.float16).save_pretrained(folder, variant="fp16")  # fmt: skip


def write_sd(folder: Path) -> None:
    """Write Stable Diffusion 1.5 by the sizes of its published configs."""
    unet = UNet2DConditionModel(
        sample_size=64, block_out_channels=(320, 640, 1280, 1280), layers_per_block=2,
        cross_attention_dim=768, attention_head_dim=8,
    )  # fmt: skip
    StableDiffusionPipeline(
        vae=autoencoder(0.18215, 512), text_encoder=clip(768, 12, 12, False), tokenizer=clip_tokenizer(),
        unet=unet, scheduler=PNDMScheduler(**BETAS, skip_prk_steps=True), safety_checker=None,
        feature_extractor=None, requires_safety_checker=False,
    ).to(dtype=torch.float16).save_pretrained(folder, variant="fp16")  # fmt: skip


def write_cascade(folder: Path) -> None:
    """Write both stages of Stable Cascade, the large ones, by the sizes of their published configs."""
    plain = ("SDCascadeResBlock", "SDCascadeTimestepBlock")
    attending = (*plain, "SDCascadeAttnBlock")
    decoder = StableCascadeUNet(
        in_channels=4, out_channels=4, patch_size=2, conditioning_dim=1280, effnet_in_channels=16,
        block_out_channels=(320, 640, 1280, 1280), num_attention_heads=(0, 0, 20, 20),
        down_num_layers_per_block=(2, 6, 28, 6), up_num_layers_per_block=(6, 28, 6, 2),
        down_blocks_repeat_mappers=(1, 1, 1, 1), up_blocks_repeat_mappers=(3, 3, 2, 2),
        block_types_per_layer=(plain, plain, attending, attending), dropout=(0.1,) * 4,
    )  # fmt: skip
    told = {"tokenizer": clip_tokenizer(), "scheduler": DDPMWuerstchenScheduler()}
    text = clip(1280, 32, 20, True, "gelu")
    StableCascadeDecoderPipeline(decoder=decoder, vqgan=PaellaVQModel(), text_encoder=text, **told).to(
        dtype=torch.bfloat16
    ).save_pretrained(folder, variant="bf16")
    del decoder
    prior = StableCascadeUNet(
        in_channels=16, out_channels=16, conditioning_dim=2048, block_out_channels=(2048, 2048),
        num_attention_heads=(32, 32), down_num_layers_per_block=(8, 24), up_num_layers_per_block=(24, 8),
        down_blocks_repeat_mappers=(1, 1), up_blocks_repeat_mappers=(1, 1), clip_text_in_channels=1280,
        clip_image_in_channels=768, switch_level=(False,), block_types_per_layer=(attending, attending),
    )  # fmt: skip
    StableCascadePriorPipeline(prior=prior, text_encoder=text, **told).to(
        dtype=torch.bfloat16
    ).save_pretrained(f"{folder}-prior", variant="bf16")


WRITERS: dict[str, Callable[[Path], None]] = {"sdxl": write_sdxl, "sd": write_sd, "cascade": write_cascade}
TOYS = {"sdxl": "AI-ModelScope/sdxl-turbo", "sd": "YorickHe/majicmixRealistic_v6/v7"}
TOYS["cascade"] = "AI-ModelScope/stable-cascade"


def place_of(family: str, folder: Path, toy: bool) -> Path:
    """Return the folder of a base, written where it is not there."""
    if toy:
        return toy_models() / TOYS[family]
    place = folder / family
    if not (place / "model_index.json").exists():
        with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
            WRITERS[family](place)
    return place


def timed(work: Callable[[], object]) -> Json:
    """Return how many seconds it takes and the peak of the GPU's memory meanwhile."""
    here = torch.cuda.is_available()
    if here:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    started = time.monotonic()
    work()
    if here:
        torch.cuda.synchronize()
    peak = torch.cuda.max_memory_allocated() / 2**30 if here else 0.0
    return {"s": round(time.monotonic() - started, 3), "peak_gib": round(peak, 2)}


def requests(count: int) -> list[PanelRequest]:
    """Return so many panels."""
    texts = (WORDS.format(number=number) for number in range(count))
    return [PanelRequest(prompt=text, negative=UNWANTED, seed=number) for number, text in enumerate(texts)]


def ours(painter: DiffusersPainter, settings: DrawSettings, count: int) -> Json:
    """Return what drawing so many panels takes, the first batch once before the clock runs."""
    asked = requests(count)
    plan = painter.plan_batches(asked, settings)
    batches = [asked[first : first + plan.panels] for first in range(0, count, plan.panels)]
    painter.draw(batches[0], replace(settings, steps=min(2, settings.steps)), plan)
    took = timed(lambda: [painter.draw(batch, settings, plan) for batch in batches])
    return took | {"batch": plan.panels, "s_a_picture": round(took["s"] / count, 3)}


def bare(base: BaseChoice, settings: DrawSettings) -> Json:
    """Return what the bare pipelines take for a picture, all on the GPU, loaded by diffusers itself."""
    from diffusers import DiffusionPipeline

    device = "cuda" if torch.cuda.is_available() else "cpu"
    folder = base.folder if isinstance(base, BaseParts) else base
    dtype = {"torch_dtype": torch.bfloat16 if isinstance(base, BaseParts) else torch.float16}
    variant = "bf16" if isinstance(base, BaseParts) else "fp16"
    stages = [DiffusionPipeline.from_pretrained(folder, variant=variant, **dtype).to(device)]
    if isinstance(base, BaseParts):
        stages.insert(0, DiffusionPipeline.from_pretrained(base.prior, variant=variant, **dtype).to(device))
    size = {"height": settings.size, "width": settings.size}
    words = {"prompt": WORDS.format(number=0), "negative_prompt": UNWANTED}

    def draw(steps: int) -> None:
        told = {"num_inference_steps": steps, "guidance_scale": settings.cfg}
        made = stages[0](**words, **told, **size)
        if len(stages) > 1:
            stages[1](
                made.image_embeddings, **words, guidance_scale=0.0, num_inference_steps=settings.decoder_steps
            )

    draw(2)
    return timed(lambda: draw(settings.steps))


def measured(family: str, folder: Path, toy: bool) -> Json:
    """Return all that is measured of one family."""
    began = time.monotonic()
    place = place_of(family, folder, toy)
    base: BaseChoice = str(place)
    if family == "cascade":
        base = BaseParts(folder=str(place), prior=f"{place}-prior")
    told: Json = {"family": family, "written_s": round(time.monotonic() - began, 1)}
    usual = usual_drawing(base)
    settings = DrawSettings(
        steps=usual.steps, cfg=usual.cfg, size=128 if toy else usual.size, noise="portable",
        sampler=usual.sampler, spacing=usual.spacing, decoder_steps=usual.decoder_steps,
    )  # fmt: skip
    started = time.monotonic()
    painter = load_diffusers_painter(base, "auto")
    told |= {"checked_s": round(time.monotonic() - started, 2), "hardware": painter.hardware}
    texts = [text for one in requests(PANELS) for text in one.texts]
    painter.encode_prompts(texts)
    told["first_picture"] = timed(lambda: painter.draw(requests(1), replace(settings, steps=1)))
    told["ours"] = ours(painter, settings, PANELS)
    told["ours_alone"] = ours(painter, replace(settings, batch=1), 2)
    if family == "sdxl":
        few = {"steps": 4, "cfg": 1.0, "sampler": "euler", "spacing": "trailing"}
        told["four_steps"] = ours(painter, replace(settings, **few), PANELS)
    painter.unload()
    low = load_diffusers_painter(base, "auto")
    low.encode_prompts(texts)
    told["low"] = ours(low, replace(settings, memory="low"), 2)
    low.unload()
    told["bare"] = bare(base, settings) if torch.cuda.is_available() or not toy else {}
    return told | {"commit": commit(), "date": today(), "versions": versions()}


def main() -> None:
    """Measure one family and write OUT/FAMILY.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("family", choices=list(WRITERS))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/bases-bench"))
    parser.add_argument("--toy", action="store_true")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    told = measured(options.family, options.folder, options.toy)
    (options.out / f"{options.family}.json").write_text(json.dumps(told, indent=1))
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
