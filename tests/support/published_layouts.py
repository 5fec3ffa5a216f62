"""The toy of published_toy.py in diffusers' own layout: diffusers and transformers write every file of it."""

import shutil
from pathlib import Path

import torch
from diffusers import AutoencoderKL, EulerDiscreteScheduler, KolorsPipeline, UNet2DConditionModel
from diffusers.pipelines.kolors import ChatGLMModel, ChatGLMTokenizer
from published_toy import toy_published

from kit.models.layouts.weight_files import TEXT_FOLDER, UNET_FOLDER, VAE_FOLDER
from kit.models.networks import TOKENIZER

SHARD_SIZES = {UNET_FOLDER: "4MB", VAE_FOLDER: "100KB", TEXT_FOLDER: "20KB"}
"""At which each of the toy's networks falls into several files."""


def write_diffusers_layout(folder: Path, *, variant: str | None = None, sharded: bool = False) -> Path:
    """Write the toy as KolorsPipeline saves it, and return the folder."""
    toy = toy_published()
    networks = {
        UNET_FOLDER: UNet2DConditionModel.from_pretrained(toy / UNET_FOLDER, torch_dtype=torch.float16),
        VAE_FOLDER: AutoencoderKL.from_pretrained(toy / VAE_FOLDER),
        TEXT_FOLDER: ChatGLMModel.from_pretrained(toy / TEXT_FOLDER, dtype=torch.float16),
    }
    tokenizer = ChatGLMTokenizer(str(toy / TOKENIZER))
    pipe = KolorsPipeline(**networks, tokenizer=tokenizer, scheduler=EulerDiscreteScheduler())
    pipe.save_pretrained(folder, variant=variant)
    for part, size in SHARD_SIZES.items() if sharded else ():
        shutil.rmtree(folder / part)
        networks[part].save_pretrained(folder / part, variant=variant, max_shard_size=size)
        assert len(list((folder / part).glob("*-of-*"))) > 1
    return folder


def with_older_names(folder: Path) -> Path:
    """Give shards and indexes of one precision the names that older diffusers gave them."""
    for file in [*folder.rglob("*.fp16-*"), *folder.rglob("*.index.fp16.json")]:
        old = file.name.replace("index.fp16.json", "fp16.index.json")
        if ".fp16-" in old:
            old = old.replace(".fp16-", "-").replace(".safetensors", ".fp16.safetensors")
        file.rename(file.with_name(old))
    for index in folder.rglob("*.fp16.index.json"):
        text = index.read_text()
        index.write_text(text.replace(".fp16-", "-").replace('.safetensors"', '.fp16.safetensors"'))
    return folder
