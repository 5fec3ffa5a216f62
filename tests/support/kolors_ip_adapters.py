"""IP-Adapters for toys of Kolors, laid out as those of Kwai-Kolors, with random weights."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from transformers import CLIPVisionModelWithProjection

from kit.experiment.references.image_prompt_record import UNET_PARTS, ImagePromptRecord, UNetPart
from kit.files.encodings import sha256_bytes
from kit.generation.references.image_prompt import ImagePrompt
from kit.images.png_metadata import encoded
from kit.models.ip_adapter.adapter_files import open_ip_adapter
from kit.models.sizes import UNetSizes
from tests.support.published_toy import SIZES
from tests.support.random_adapters import (
    VISION,
    face_sizes,
    plus_sizes,
    random_attentions,
    random_projection,
)
from tests.support.toy_controlnets import shapes
from tests.support.toy_faces import WIDTH, face_picture, write_analyser

WEIGHTS, ENCODER = "ip_adapter_plus_general.bin", "image_encoder"
FACE_WEIGHTS, FACE_ENCODER = "ipa-faceid-plus.bin", "clip-vit-large-patch14-336"


def write_adapter(folder: Path, unet: UNetSizes, seed: int, *, pickled: bool = True) -> Path:
    """Write an adapter of random weights for a UNet of these sizes, and return its folder."""
    tables = {
        "image_proj": random_projection(plus_sizes(unet), seed),
        "ip_adapter": random_attentions(unet, seed + 1),
    }
    folder.mkdir(parents=True)
    if pickled:
        torch.save(tables, folder / WEIGHTS)
    else:
        flat = {f"{table}.{name}": one for table, own in tables.items() for name, one in own.items()}
        save_file(flat, (folder / WEIGHTS).with_suffix(".safetensors"))
    _write_encoder(folder / ENCODER, seed + 2)
    return folder


def write_face_adapter(folder: Path, unet: UNetSizes, seed: int) -> Path:
    """Write an adapter for faces as Kolors-IP-Adapter-FaceID-Plus is laid out, with toys that find them."""
    tables = {
        "image_proj": random_projection(face_sizes(unet, WIDTH), seed),
        "adapter_modules": random_attentions(unet, seed + 1),
    }
    folder.mkdir(parents=True)
    torch.save(tables, folder / FACE_WEIGHTS)
    _write_encoder(folder / FACE_ENCODER, seed + 2)
    write_analyser(folder)
    return folder


def _write_encoder(folder: Path, seed: int) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = CLIPVisionModelWithProjection(VISION)
        for layer in encoder.modules():
            if isinstance(layer, nn.Linear | nn.Conv2d):
                nn.init.normal_(layer.weight, std=0.2)
    encoder.save_pretrained(folder)


@cache
def kolors_adapter() -> Path:
    """Return the folder of an adapter for the toy of Kolors."""
    folder = Path(tempfile.mkdtemp(prefix="storykit-kolors-adapters-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return write_adapter(folder / "Kolors-IP-Adapter-Plus", SIZES.unet, 60)


@cache
def kolors_face_adapter() -> Path:
    """Return the folder of an adapter for faces, for the toy of Kolors."""
    folder = kolors_adapter().with_name("Kolors-IP-Adapter-FaceID-Plus")
    return write_face_adapter(folder, SIZES.unet, 70)


@cache
def _identity(folder: Path) -> str:
    return open_ip_adapter(folder).identity


def prompted(  # noqa: PLR0913
    seed: int,
    weight: float = 0.5,
    start: float = 0.0,
    until: float = 1.0,
    blocks: tuple[UNetPart, ...] = UNET_PARTS,
    folder: Path | None = None,
) -> ImagePrompt:
    """Return a picture, drawn from a seed, that an adapter reads: that of the toy of Kolors by default."""
    png, folder = encoded(shapes(seed, 48)), folder or kolors_adapter()
    record = ImagePromptRecord(
        picture=sha256_bytes(png), subject="女孩", weight=weight, start=start, until=until, blocks=blocks,
        adapter=_identity(folder),
    )  # fmt: skip
    return ImagePrompt(record=record, png=png, folder=folder)


def prompted_face(blue: int) -> ImagePrompt:
    """Return a picture with a face that is so blue, as the toys find it, for the adapter of faces."""
    png, folder = encoded(face_picture((4, 5), blue=blue)), kolors_face_adapter()
    record = ImagePromptRecord(
        picture=sha256_bytes(png), subject="女孩", weight=0.8, start=0.0, until=1.0, blocks=UNET_PARTS,
        adapter=_identity(folder), face=True,
    )  # fmt: skip
    return ImagePrompt(record=record, png=png, folder=folder)
