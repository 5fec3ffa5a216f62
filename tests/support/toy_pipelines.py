"""Bases of other families in toy sizes, of random weights: diffusers and transformers write them.

Folders are laid out and named as on the hubs; what a model's hub page has in its configs, these have too.
"""

import atexit
import gzip
import json
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import open_clip
import torch
from diffusers import (
    AutoencoderKL,
    DDPMWuerstchenScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    PNDMScheduler,
    StableCascadeDecoderPipeline,
    StableCascadePriorPipeline,
    StableDiffusionInstructPix2PixPipeline,
    StableDiffusionPipeline,
    StableDiffusionXLInstructPix2PixPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from diffusers.models import StableCascadeUNet
from diffusers.pipelines.wuerstchen import PaellaVQModel
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer
from transformers.models.clip.tokenization_clip import bytes_to_unicode

from kit.models.bases.base_parts import BaseChoice, BaseParts

SDXL = "AI-ModelScope/stable-diffusion-xl-base-1.0"
TURBO = "AI-ModelScope/sdxl-turbo"
LCM = "AI-ModelScope/lcm-sdxl"
LIGHTNING = "AI-ModelScope/SDXL-Lightning/sdxl_lightning_4step_unet.safetensors"
CASCADE = "AI-ModelScope/stable-cascade"
MAJICMIX = "YorickHe/majicmixRealistic_v6/v7"
DUNHUANG = "PaperCloud/zju19_dunhuang_style_lora"
EDITOR = "timbrooks/instruct-pix2pix"
XL_EDITOR = "diffusers/sdxl-instructpix2pix-768"
SIDE = 64
"""Pixels of a toy's pictures."""
WIDTH = 32
"""Of text states."""
UNET_WIDTH = 16
"""Of the UNet's deepest level."""
MERGES = 6000
"""Of CLIP's 48894."""
TOKENS = 512 + MERGES + 2


@cache
def toy_models() -> Path:
    """Return a folder of toys by their hub names, as STORYKIT_MODELS holds downloads."""
    folder = Path(tempfile.mkdtemp(prefix="storykit-pipelines-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    makers: dict[str, Callable[[Path], None]] = {
        SDXL: _sdxl_base,
        TURBO: _turbo,
        LCM: _lcm,
        "AI-ModelScope/sdxl-vae-fp16-fix": lambda place: _vae(0.13025).save_pretrained(place),
        LIGHTNING: _lightning,
        CASCADE: _cascade,
        f"{CASCADE}-prior": _prior,
        MAJICMIX: _majicmix,
        DUNHUANG: _dunhuang,
        EDITOR: _editor,
        XL_EDITOR: _xl_editor,
    }
    for number, (name, make) in enumerate(makers.items()):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(number)
            make(folder / name)
    return folder


BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}


def clip_tokenizer() -> CLIPTokenizer:
    """Return CLIP's own tokenizer with the first of its merges, so that words are few tokens."""
    lines = gzip.decompress((Path(open_clip.__file__).parent / "bpe_simple_vocab_16e6.txt.gz").read_bytes())
    merges = lines.decode().split("\n")[1 : MERGES + 1]
    letters = list(bytes_to_unicode().values())
    pieces = [*letters, *(letter + "</w>" for letter in letters), *(one.replace(" ", "") for one in merges)]
    pieces += ["<|startoftext|>", "<|endoftext|>"]
    with tempfile.TemporaryDirectory() as folder:
        vocabulary, rules = Path(folder, "vocab.json"), Path(folder, "merges.txt")
        vocabulary.write_text(json.dumps({piece: number for number, piece in enumerate(pieces)}))
        rules.write_text("\n".join(["#version: 0.2", *merges, ""]))
        return CLIPTokenizer(str(vocabulary), str(rules), model_max_length=77)


def _text(projection: int | None = None) -> CLIPTextModel | CLIPTextModelWithProjection:
    config = CLIPTextConfig(
        vocab_size=TOKENS, hidden_size=WIDTH, intermediate_size=37, num_hidden_layers=3,
        num_attention_heads=4, projection_dim=projection or WIDTH, bos_token_id=TOKENS - 2,
        eos_token_id=TOKENS - 1, pad_token_id=TOKENS - 1,
    )  # fmt: skip
    return CLIPTextModelWithProjection(config) if projection else CLIPTextModel(config)


def _vae(scale: float) -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=(8, 8, 16, 16),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        norm_num_groups=4,
        scaling_factor=scale,
        sample_size=SIDE,
    )


def _xl_unet(**more: object) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        block_out_channels=(8, 16, 16),
        layers_per_block=1,
        sample_size=SIDE // 8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=(1, 2, 2),
        use_linear_projection=True,
        transformer_layers_per_block=(1, 1, 2),
        cross_attention_dim=2 * WIDTH,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=WIDTH + 6 * 8,
        norm_num_groups=4,
        **more,
    )


def _sdxl(scheduler: object) -> StableDiffusionXLPipeline:
    return StableDiffusionXLPipeline(
        vae=_vae(0.13025), text_encoder=_text(), text_encoder_2=_text(WIDTH), tokenizer=clip_tokenizer(),
        tokenizer_2=clip_tokenizer(), unet=_xl_unet(), scheduler=scheduler, add_watermarker=False,
    )  # fmt: skip


def _sdxl_base(place: Path) -> None:
    _sdxl(EulerDiscreteScheduler(**BETAS)).save_pretrained(place)


def _turbo(place: Path) -> None:
    scheduler = EulerAncestralDiscreteScheduler(**BETAS, timestep_spacing="trailing")
    _sdxl(scheduler).to(torch.float16).save_pretrained(place, variant="fp16")


def _lcm(place: Path) -> None:
    """The UNet lies in the folder itself, as on the hub."""
    _xl_unet(time_cond_proj_dim=16).save_pretrained(place)


def _lightning(place: Path) -> None:
    place.parent.mkdir(parents=True)
    save_file(_xl_unet().half().state_dict(), place)


def _sd_unet(**more: object) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        block_out_channels=(8, 16, 16, 16), layers_per_block=1, sample_size=SIDE // 8, norm_num_groups=4,
        cross_attention_dim=WIDTH, attention_head_dim=4, **more,
    )  # fmt: skip


def _sd() -> StableDiffusionPipeline:
    return StableDiffusionPipeline(
        vae=_vae(0.18215), text_encoder=_text(), tokenizer=clip_tokenizer(), unet=_sd_unet(),
        scheduler=PNDMScheduler(**BETAS, skip_prk_steps=True), safety_checker=None, feature_extractor=None,
        requires_safety_checker=False,
    )  # fmt: skip


def _majicmix(place: Path) -> None:
    """Pickled, as it lies on the hub."""
    _sd().save_pretrained(place, safe_serialization=False)


def _editor(place: Path) -> None:
    StableDiffusionInstructPix2PixPipeline(
        vae=_vae(0.18215), text_encoder=_text(), tokenizer=clip_tokenizer(), unet=_sd_unet(in_channels=8),
        scheduler=EulerAncestralDiscreteScheduler(**BETAS), safety_checker=None, feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(place)  # fmt: skip


def _xl_editor(place: Path) -> None:
    StableDiffusionXLInstructPix2PixPipeline(
        vae=_vae(0.13025), text_encoder=_text(), text_encoder_2=_text(WIDTH), tokenizer=clip_tokenizer(),
        tokenizer_2=clip_tokenizer(), unet=_xl_unet(in_channels=8), scheduler=EulerDiscreteScheduler(**BETAS),
        add_watermarker=False,
    ).save_pretrained(place)  # fmt: skip


def _dunhuang(place: Path) -> None:
    """A LoRA of Stable Diffusion in a folder of its own, in kohya's names, as trainers write it."""
    layer = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_v"
    down, up = torch.randn(2, WIDTH), torch.randn(UNET_WIDTH, 2)
    place.mkdir(parents=True)
    save_file(
        {
            f"{layer}.lora_down.weight": down,
            f"{layer}.lora_up.weight": up,
            f"{layer}.alpha": torch.tensor(2.0),
        },
        place / "dunhuang.safetensors",
    )


def _stage(**more: object) -> StableCascadeUNet:
    return StableCascadeUNet(
        conditioning_dim=WIDTH, clip_text_pooled_in_channels=WIDTH, block_out_channels=(16, 16),
        num_attention_heads=(2, 2), down_num_layers_per_block=(1, 1), up_num_layers_per_block=(1, 1),
        down_blocks_repeat_mappers=(1, 1), up_blocks_repeat_mappers=(1, 1), **more,
    )  # fmt: skip


def _cascade(place: Path) -> None:
    coarse = ("SDCascadeResBlock", "SDCascadeTimestepBlock")
    decoder = _stage(
        in_channels=4, out_channels=4, patch_size=2, effnet_in_channels=16, switch_level=(True,),
        block_types_per_layer=(coarse, (*coarse, "SDCascadeAttnBlock")),
    )  # fmt: skip
    vqgan = PaellaVQModel(bottleneck_blocks=1, num_vq_embeddings=32, embed_dim=16)
    parts = {
        "tokenizer": clip_tokenizer(),
        "text_encoder": _text(WIDTH),
        "scheduler": DDPMWuerstchenScheduler(),
    }
    pipeline = StableCascadeDecoderPipeline(decoder=decoder, vqgan=vqgan, **parts)
    pipeline.to(torch.float16).save_pretrained(place, variant="fp16")


def _prior(place: Path) -> None:
    blocks = ("SDCascadeResBlock", "SDCascadeTimestepBlock", "SDCascadeAttnBlock")
    prior = _stage(
        in_channels=16, out_channels=16, clip_text_in_channels=WIDTH, clip_image_in_channels=WIDTH,
        switch_level=(False,), block_types_per_layer=(blocks, blocks),
    )  # fmt: skip
    parts = {
        "tokenizer": clip_tokenizer(),
        "text_encoder": _text(WIDTH),
        "scheduler": DDPMWuerstchenScheduler(),
    }
    pipeline = StableCascadePriorPipeline(prior=prior, **parts)
    pipeline.to(torch.bfloat16).save_pretrained(place, variant="bf16")


def toy(name: str) -> Path:
    """Return the folder or file of a toy by its hub name."""
    return toy_models() / name


def in_toys(folder: str, **parts: str) -> BaseChoice:
    """Return a base as a loaded experiment has it: the folder alone, or with other parts."""
    places = {part: str(toy(name)) for part, name in parts.items()}
    return BaseParts(folder=str(toy(folder)), **places) if parts else str(toy(folder))
