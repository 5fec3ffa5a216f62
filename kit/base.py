"""A base model's folder: fp16 weights, the tokenizer, and a config that vouches for each file.

```
FOLDER/
  config.json               sizes of the networks, sha256 of every other file
  unet.safetensors
  text_encoder.safetensors
  vae.safetensors           encoder.* and decoder.*; metadata: scaling_factor
  tokenizer/tokenizer.model
```
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from kit.errors import RunError, WeightsError
from kit.files import canonical_json, sha256_of, write_whole
from kit.kolors import (
    ChatGLMModel,
    KolorsPrompter,
    SDXLUNet,
    SDXLVAEDecoder,
    SDXLVAEEncoder,
    build_prompter,
    build_text_encoder,
    build_unet,
    build_vae_decoder,
    build_vae_encoder,
)
from kit.mini.sizes import BaseSizes, read_sizes
from kit.tensors import read_tensors, tensor_bytes

EMBEDDED = Path(__file__).parent / "mini" / "weights"
"""The base that is part of the package."""
UNET, TEXT, VAE = "unet.safetensors", "text_encoder.safetensors", "vae.safetensors"
TOKENIZER = "tokenizer/tokenizer.model"
PARTS = (UNET, TEXT, VAE, TOKENIZER)
Network = TypeVar("Network", bound=nn.Module)


def pick_device(device: str) -> str:
    """Return "cpu" or "cuda" for "auto", else the device itself if this machine has it."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise WeightsError(f"device {device!r}: there is no CUDA device here; use cpu or auto")
    return device


@dataclass(frozen=True, kw_only=True, slots=True)
class Networks:
    """The four networks of a base; what a training of the base saves."""

    unet: SDXLUNet
    text_encoder: ChatGLMModel
    encoder: SDXLVAEEncoder
    decoder: SDXLVAEDecoder


@dataclass(frozen=True, kw_only=True, slots=True)
class Base:
    """A base's folder whose files are whole; each network is read when it is asked for."""

    folder: Path
    sizes: BaseSizes
    sha256: Mapping[str, str]
    """By file, relative to the folder."""

    def unet(self) -> SDXLUNet:
        """Return the UNet in fp32."""
        weights, _ = self._tensors(UNET)
        return self._filled(lambda: build_unet(self.sizes.unet), weights, UNET)

    def text_encoder(self) -> ChatGLMModel:
        """Return the text encoder in fp32."""
        weights, _ = self._tensors(TEXT)
        return self._filled(lambda: build_text_encoder(self.sizes.text), weights, TEXT)

    def vae_encoder(self) -> SDXLVAEEncoder:
        """Return the picture encoder in fp32, scaled as the UNet expects its latents."""
        weights, scaling = self._vae("encoder.")
        encoder = self._filled(lambda: build_vae_encoder(self.sizes.vae), weights, VAE)
        encoder.scaling_factor = scaling
        return encoder

    def vae_decoder(self) -> SDXLVAEDecoder:
        """Return the picture decoder in fp32, scaled as the UNet's latents are."""
        weights, scaling = self._vae("decoder.")
        decoder = self._filled(lambda: build_vae_decoder(self.sizes.vae), weights, VAE)
        decoder.scaling_factor = scaling
        return decoder

    def networks(self, device: str = "auto") -> Networks:
        """Return all four networks on a device; "auto" is CUDA where there is one."""
        where = pick_device(device)
        return Networks(
            unet=self.unet().to(where),
            text_encoder=self.text_encoder().to(where),
            encoder=self.vae_encoder().to(where),
            decoder=self.vae_decoder().to(where),
        )

    def prompter(self) -> KolorsPrompter:
        """Return the tokenizer in Kolors' prompter."""
        return build_prompter(self.folder / TOKENIZER.split("/")[0])

    def _vae(self, prefix: str) -> tuple[dict[str, Tensor], float]:
        weights, metadata = self._tensors(VAE)
        try:
            scaling = float(metadata["scaling_factor"])
        except (KeyError, ValueError) as error:
            raise WeightsError(f"{self.folder / VAE}: metadata must hold the scaling_factor") from error
        return {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}, scaling

    def _tensors(self, name: str) -> tuple[dict[str, Tensor], dict[str, str]]:
        try:
            return read_tensors(self.folder / name)
        except ValueError as error:
            raise WeightsError(f"{self.folder / name}: {error}") from error

    def _filled(self, build: Callable[[], Network], weights: Mapping[str, Tensor], name: str) -> Network:
        with torch.device("meta"):
            network = build()
        try:
            network.load_state_dict({key: tensor.float() for key, tensor in weights.items()}, assign=True)
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:200]
            raise WeightsError(
                f"{self.folder / name} does not fit the sizes in config.json: {reason}"
            ) from error
        return network.eval().requires_grad_(False)


def load_base(folder: Path) -> Base:
    """Return a base after checking every file against config.json; raises WeightsError naming the file."""
    config_path = folder / "config.json"
    try:
        config = json.loads(config_path.read_text(encoding="utf-8"))
        promised = dict(config["sha256"])
    except OSError as error:
        raise WeightsError(f"{config_path} cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{config_path} must be JSON with sizes and sha256, got {error!r}") from error
    sizes = read_sizes(config.get("sizes"), str(config_path))
    try:
        found = {part: sha256_of(folder / part) for part in PARTS}
    except RunError as error:
        raise WeightsError(f"weights are missing: {error}") from error
    for part in PARTS:
        if promised.get(part) != found[part]:
            got = f"{promised.get(part)} is promised, {found[part]} is there"
            raise WeightsError(f"{folder / part} is damaged: {got}; install it again")
    return Base(folder=folder, sizes=sizes, sha256=found)


def save_base(folder: Path, sizes: BaseSizes, networks: Networks, tokenizer: Path) -> None:
    """Write a base's folder from trained networks and a sentencepiece model file.

    The decoder's `scaling_factor` is the one that is kept.
    """
    vae = {f"encoder.{name}": tensor for name, tensor in networks.encoder.state_dict().items()}
    vae |= {f"decoder.{name}": tensor for name, tensor in networks.decoder.state_dict().items()}
    scaling = {"scaling_factor": repr(float(networks.decoder.scaling_factor))}
    write_whole(folder / UNET, tensor_bytes(_halved(networks.unet.state_dict()), {}))
    write_whole(folder / TEXT, tensor_bytes(_halved(networks.text_encoder.state_dict()), {}))
    write_whole(folder / VAE, tensor_bytes(_halved(vae), scaling))
    write_whole(folder / TOKENIZER, tokenizer.read_bytes())
    config = {"sizes": sizes.as_json(), "sha256": {part: sha256_of(folder / part) for part in PARTS}}
    write_whole(folder / "config.json", canonical_json(config))


def _halved(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    halved = {name: tensor.detach().to("cpu", torch.float16) for name, tensor in weights.items()}
    for name, tensor in halved.items():
        if not math.isfinite(tensor.float().sum().item()):
            raise WeightsError(f"{name} holds numbers that fp16 cannot: train on or lower its size")
    return halved
