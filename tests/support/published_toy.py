"""Kolors as it is published, in toy sizes and with random weights: diffusers itself writes the folders."""

import atexit
import shutil
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import torch
from fakes import toy_tokenizer

from kit.files.checksums import RECORD
from kit.hub.repository import inpainting_folder
from kit.lora.formats import LoraPair
from kit.lora.lora import save_lora
from kit.models.kolors.unet import linear_shapes
from kit.models.layouts.diffusers_networks import diffusers_unet
from kit.models.layouts.weight_files import UNET_FOLDER
from kit.models.networks import TOKENIZER
from kit.models.sizes import INPAINTING_CHANNELS, BaseSizes, TextSizes, UNetSizes, VaeSizes
from tests.benchmarks.published import write_published

SIZES = BaseSizes(
    unet=UNetSizes(
        widths=(32, 64, 64), time=128, time_ids=8, pooled=32, cross=48, head=32, groups=16, layers=(1, 2)
    ),
    text=TextSizes(vocabulary=192, hidden=32, layers=3, head=16, groups=1, ffn=32),
    vae=VaeSizes(encoder=(8, 8, 16, 16), decoder=(8, 8, 16, 16), groups=4),
)


@cache
def toy_published() -> Path:
    """Return the folder Kolors; beside it there is Kolors-Inpainting, of which there is only the UNet."""
    folder = Path(tempfile.mkdtemp(prefix="storykit-published-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "Kolors" / TOKENIZER).parent.mkdir(parents=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        write_published(folder / "Kolors", SIZES)
        write_unet(inpainting_folder(folder / "Kolors"), replace(SIZES.unet, in_channels=INPAINTING_CHANNELS))
    shutil.copy(toy_tokenizer(folder), folder / "Kolors" / TOKENIZER)
    return folder / "Kolors"


def write_unet(folder: Path, sizes: UNetSizes) -> None:
    """Write a UNet of random weights in place of what is in a folder; the seed is torch's global one."""
    diffusers_unet(sizes).half().save_pretrained(folder / UNET_FOLDER)
    (folder / RECORD).unlink(missing_ok=True)


def copy_of_published(folder: Path) -> Path:
    """Return copies of both in a folder, the one of Kolors."""
    for one in (toy_published(), inpainting_folder(toy_published())):
        shutil.copytree(one, folder / one.name, ignore=shutil.ignore_patterns(RECORD))
    return folder / toy_published().name


def published_lora(path: Path, scale: float = 0.1) -> Path:
    """Write a LoRA of random weights that fits the toy, and return its file."""
    chance, pairs = torch.Generator().manual_seed(1), {}
    for name, (outward, inward) in linear_shapes(SIZES.unet).items():
        if name.rpartition(".")[2] in ("to_q", "to_k", "to_v", "to_out"):
            down, up = (torch.randn(*shape, generator=chance) for shape in ((2, inward), (outward, 2)))
            pairs[name] = LoraPair(down=down, up=up * scale)
    save_lora(path, pairs, 4.0, {"trigger": "水墨风格"})
    return path
