"""A base: the model a LoRA is for, wherever its weights lie."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import torch
from diffsynth.models.kolors_text_encoder import ChatGLMModel
from diffsynth.models.sdxl_unet import SDXLUNet
from diffsynth.models.sdxl_vae_decoder import SDXLVAEDecoder
from diffsynth.models.sdxl_vae_encoder import SDXLVAEEncoder
from diffsynth.prompters.kolors_prompter import KolorsPrompter

from kit.embedded import BASE_WEIGHTS, EMBEDDED
from kit.errors import WeightsError
from kit.hub.repository import kolors_folder
from kit.models.kolors_layout import UNET_FOLDER, open_published
from kit.models.mini_layout import open_embedded
from kit.models.networks import Networks
from kit.models.sizes import BaseSizes


class Base(Protocol):
    """Networks that are read when they are asked for."""

    @property
    def name(self) -> str:
        """How reports name it."""

    @property
    def sizes(self) -> BaseSizes:
        """The sizes of its networks."""

    @property
    def sha256(self) -> Mapping[str, str]:
        """By file, relative to its folder."""

    @property
    def unet_sha256(self) -> str:
        """What a LoRA that was trained on it notes."""

    def precision(self, device: str) -> torch.dtype:
        """Return what UNet and text encoder compute in on a device; the autoencoder keeps to fp32."""

    def unet(self, device: str = "cpu", dtype: torch.dtype = torch.float32) -> SDXLUNet:
        """Return the UNet."""

    def text_encoder(self, device: str = "cpu", dtype: torch.dtype = torch.float32) -> ChatGLMModel:
        """Return the text encoder."""

    def vae_encoder(self, device: str = "cpu") -> SDXLVAEEncoder:
        """Return the picture encoder in fp32, scaled as the UNet expects its latents."""

    def vae_decoder(self, device: str = "cpu") -> SDXLVAEDecoder:
        """Return the picture decoder in fp32, scaled as the UNet's latents are."""

    def prompter(self) -> KolorsPrompter:
        """Return the tokenizer in Kolors' prompter."""


def load_base(name: str | Path) -> Base:
    """Return a base whose files are all there.

    Args:
        name: "mini", "kolors" for the downloaded one, or a folder: Kolors as it is published, or one laid
            out like the embedded base.

    Raises:
        WeightsError: naming the file that is missing or damaged, and what mends it.
    """
    folder = BASE_WEIGHTS if name == EMBEDDED else kolors_folder() if name == "kolors" else Path(name)
    if name == "kolors" or (folder / UNET_FOLDER).is_dir():
        return open_published(folder)
    if (folder / "config.json").is_file():
        return open_embedded(folder)
    raise WeightsError(
        f"base {str(name)!r}: must be mini, kolors, or a folder that has {UNET_FOLDER}/ (Kolors as it is "
        "published) or config.json (laid out like mini); there is neither"
    )


def pick_device(device: str) -> str:
    """Return "cpu" or "cuda" for "auto", else the device itself if this machine has it."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    here = ["cpu", "cuda", *_gpus()] if torch.cuda.is_available() else ["cpu"]
    if device not in here:
        raise WeightsError(f"device {device!r}: this machine has {', '.join(here)}; or use auto")
    return device


def pick_devices(devices: str) -> list[str]:
    """Return "all" GPUs of this machine, or its CPU where there are none, else the devices in a list.

    Raises WeightsError for a device that is not here or is named twice.
    """
    if devices == "all":
        return _gpus() or ["cpu"]
    picked = [pick_device(device.strip()) for device in devices.split(",")]
    if len(set(picked)) < len(picked):
        raise WeightsError(f"devices {devices!r}: each must be named once")
    return picked


def _gpus() -> list[str]:
    return [f"cuda:{number}" for number in range(torch.cuda.device_count())]


def load_networks(base: Base, device: str = "auto") -> Networks:
    """Return all four networks in fp32 on a device; "auto" is CUDA where there is one."""
    where = pick_device(device)
    return Networks(
        unet=base.unet(where),
        text_encoder=base.text_encoder(where),
        encoder=base.vae_encoder(where),
        decoder=base.vae_decoder(where),
    )
