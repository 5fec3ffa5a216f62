"""Networks that a training of the embedded base begins with, and the folder that it ends in."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from diffsynth.models.kolors_text_encoder import ChatGLMModel
from diffsynth.models.sd_unet import AttentionBlock, ResnetBlock
from diffsynth.models.sdxl_unet import SDXLUNet
from diffsynth.models.sdxl_vae_decoder import SDXLVAEDecoder
from diffsynth.models.sdxl_vae_encoder import SDXLVAEEncoder
from torch import Tensor, nn

from kit.errors import WeightsError
from kit.files.atomic_write import write_atomic
from kit.files.encodings import canonical_json, sha256_of
from kit.files.safetensors_files import tensor_bytes
from kit.models.kolors.text_encoder import build_text_encoder
from kit.models.kolors.unet import build_unet
from kit.models.mini_layout import PARTS, TEXT, VAE
from kit.models.networks import TOKENIZER, Base
from kit.models.sizes import BaseSizes, TextSizes, UNetSizes
from kit.models.unet_files import UNET
from kit.workers.devices import pick_device


@dataclass(frozen=True, kw_only=True, slots=True)
class Networks:
    """The four networks of a base."""

    unet: SDXLUNet
    text_encoder: ChatGLMModel
    encoder: SDXLVAEEncoder
    decoder: SDXLVAEDecoder


def load_networks(base: Base, device: str = "auto") -> Networks:
    """Return all four networks in fp32 on a device; "auto" is CUDA where there is one."""
    where = pick_device(device)
    return Networks(
        unet=base.unet(where),
        text_encoder=base.text_encoder(where),
        encoder=base.vae_encoder(where),
        decoder=base.vae_decoder(where),
    )


def untrained_unet(sizes: UNetSizes) -> SDXLUNet:
    """Return a UNet whose residual branches and output start at zero, so that it predicts nothing."""
    unet = build_unet(sizes)
    _silence(block.conv2 for block in unet.blocks if isinstance(block, ResnetBlock))
    _silence(block.proj_out for block in unet.blocks if isinstance(block, AttentionBlock))
    _silence([unet.conv_out])
    return unet


def _silence(layers: Iterable[nn.Module]) -> None:
    for layer in layers:
        for parameter in layer.parameters():
            nn.init.zeros_(parameter)


def untrained_text_encoder(sizes: TextSizes) -> ChatGLMModel:
    """Return a text encoder of random weights; diffsynth's own leave them as memory happens to be."""
    model = build_text_encoder(sizes)
    for name, parameter in model.named_parameters():
        if name.startswith("embedding."):
            nn.init.normal_(parameter, std=0.5)
        elif parameter.dim() == 2:
            nn.init.normal_(parameter, std=parameter.shape[1] ** -0.5)
        elif name.endswith(".bias"):
            nn.init.zeros_(parameter)
        else:
            nn.init.ones_(parameter)
    return model


def save_base(folder: Path, sizes: BaseSizes, networks: Networks, tokenizer: Path) -> None:
    """Write a base's folder from trained networks and a sentencepiece model file.

    The decoder's `scaling_factor` is the one that is kept.
    """
    vae = {f"encoder.{name}": tensor for name, tensor in networks.encoder.state_dict().items()}
    vae |= {f"decoder.{name}": tensor for name, tensor in networks.decoder.state_dict().items()}
    scaling = {"scaling_factor": repr(float(networks.decoder.scaling_factor))}
    write_atomic(folder / UNET, tensor_bytes(_halved(networks.unet.state_dict()), {}))
    write_atomic(folder / TEXT, tensor_bytes(_halved(networks.text_encoder.state_dict()), {}))
    write_atomic(folder / VAE, tensor_bytes(_halved(vae), scaling))
    write_atomic(folder / TOKENIZER, tokenizer.read_bytes())
    config = {"sizes": asdict(sizes), "sha256": {part: sha256_of(folder / part) for part in PARTS}}
    write_atomic(folder / "config.json", canonical_json(config))


def _halved(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    halved = {name: tensor.detach().to("cpu", torch.float16) for name, tensor in weights.items()}
    for name, tensor in halved.items():
        if not math.isfinite(tensor.float().sum().item()):
            raise WeightsError(f"{name} holds numbers that fp16 cannot: train on or lower its size")
    return halved
