"""IP-Adapters for toys of Kolors, laid out as Kwai-Kolors/Kolors-IP-Adapter-Plus, with random weights."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from kit.experiment.references.image_prompt_record import UNET_PARTS, ImagePromptRecord, UNetPart
from kit.files.encodings import sha256_bytes
from kit.generation.references.image_prompt import ImagePrompt
from kit.images.png_metadata import encoded
from kit.models.ip_adapter.adapter_files import open_ip_adapter
from kit.models.ip_adapter.resampler import ResamplerSizes, build_projection
from kit.models.sizes import UNetSizes
from tests.support.published_toy import SIZES
from tests.support.toy_controlnets import shapes

WEIGHTS, ENCODER = "ip_adapter_plus_general.bin", "image_encoder"
VISION = CLIPVisionConfig(
    hidden_size=32, intermediate_size=64, num_hidden_layers=3, num_attention_heads=2, image_size=28,
    patch_size=14, projection_dim=16,
)  # fmt: skip


def plus_sizes(unet: UNetSizes) -> ResamplerSizes:
    """Return the sizes of a projection for a UNet; diffusers reads no other depth, nor another feed."""
    return ResamplerSizes(
        seen=VISION.hidden_size, width=unet.cross, inner=64, feed=4 * unet.cross, made=unet.cross, tokens=4,
        depth=4,
    )  # fmt: skip


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
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed + 2)
        encoder = CLIPVisionModelWithProjection(VISION)
        for layer in encoder.modules():
            if isinstance(layer, nn.Linear | nn.Conv2d):
                nn.init.normal_(layer.weight, std=0.2)
    encoder.save_pretrained(folder / ENCODER)
    return folder


def random_projection(sizes: ResamplerSizes, seed: int) -> dict[str, Tensor]:
    """Return the tensors of a projection, none of them near zero or one."""
    chance = torch.Generator().manual_seed(seed)
    with torch.device("meta"):
        wanted = build_projection(sizes).state_dict()
    made = {}
    for name, one in wanted.items():
        norm = "norm" in name or name.split(".")[-3:-1] == ["1", "0"]
        spread = torch.randn(one.shape, generator=chance) * (0.3 if norm else one.shape[-1] ** -0.5)
        made[name] = spread + (norm and name.endswith("weight"))
    return made


def random_attentions(unet: UNetSizes, seed: int) -> dict[str, Tensor]:
    """Return keys and values of the attentions, numbered as diffusers counts them: down, up, middle."""
    chance, (_, mid, coarse), (some, many) = torch.Generator().manual_seed(seed), unet.widths, unet.layers
    rows = [*[mid] * 2 * some, *[coarse] * 5 * many, *[mid] * 3 * some, *[coarse] * many]
    return {
        f"{2 * number + 1}.to_{part}_ip.weight": torch.randn(wide, unet.cross, generator=chance)
        * unet.cross**-0.5
        for number, wide in enumerate(rows)
        for part in "kv"
    }


@cache
def kolors_adapter() -> Path:
    """Return the folder of an adapter for the toy of Kolors."""
    folder = Path(tempfile.mkdtemp(prefix="storykit-kolors-adapters-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return write_adapter(folder / "Kolors-IP-Adapter-Plus", SIZES.unet, 60)


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
