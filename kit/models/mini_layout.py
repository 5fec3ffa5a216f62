"""The embedded base's folder: fp16 weights, the tokenizer, and a config that vouches for each file.

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

import torch
from diffsynth.models.kolors_text_encoder import ChatGLMModel
from diffsynth.models.sdxl_unet import SDXLUNet
from diffsynth.models.sdxl_vae_decoder import SDXLVAEDecoder
from diffsynth.models.sdxl_vae_encoder import SDXLVAEEncoder
from diffsynth.prompters.kolors_prompter import KolorsPrompter
from torch import Tensor

from kit.embedded import BASE_WEIGHTS, EMBEDDED
from kit.errors import RunError, WeightsError
from kit.files.atomic_write import write_atomic
from kit.files.encodings import canonical_json, sha256_of
from kit.files.safetensors_files import read_tensors, tensor_bytes
from kit.models.kolors.text_encoder import build_prompter, build_text_encoder
from kit.models.kolors.unet import build_unet
from kit.models.kolors.vae import build_vae_decoder, build_vae_encoder
from kit.models.networks import Network, Networks, filled, part_of
from kit.models.sizes import BaseSizes, read_sizes

UNET, TEXT, VAE = "unet.safetensors", "text_encoder.safetensors", "vae.safetensors"
TOKENIZER = "tokenizer/tokenizer.model"
PARTS = (UNET, TEXT, VAE, TOKENIZER)


@dataclass(frozen=True, kw_only=True, slots=True)
class EmbeddedFolder:
    """A folder whose files are whole; each network is read when it is asked for."""

    folder: Path
    sizes: BaseSizes
    sha256: Mapping[str, str]
    """By file, relative to the folder."""

    @property
    def name(self) -> str:
        """The base's name: "mini", or "folder" for one that is laid out like it."""
        return EMBEDDED if self.folder == BASE_WEIGHTS else "folder"

    @property
    def unet_sha256(self) -> str:
        """The sha256 of the UNet's file."""
        return self.sha256[UNET]

    def precision(self, device: str) -> torch.dtype:
        """Return what UNet and text encoder compute in: fp32 everywhere, so that devices agree."""
        return torch.float32

    def unet(self, device: str = "cpu", dtype: torch.dtype = torch.float32) -> SDXLUNet:
        """Return the UNet."""
        weights, _ = self._tensors(UNET)
        return self._filled(lambda: build_unet(self.sizes.unet), weights, UNET).to(device, dtype)

    def text_encoder(self, device: str = "cpu", dtype: torch.dtype = torch.float32) -> ChatGLMModel:
        """Return the text encoder."""
        weights, _ = self._tensors(TEXT)
        return self._filled(lambda: build_text_encoder(self.sizes.text), weights, TEXT).to(device, dtype)

    def vae_encoder(self, device: str = "cpu") -> SDXLVAEEncoder:
        """Return the picture encoder in fp32, scaled as the UNet expects its latents."""
        weights, scaling = self._vae("encoder.")
        encoder = self._filled(lambda: build_vae_encoder(self.sizes.vae), weights, VAE)
        encoder.scaling_factor = scaling
        return encoder.to(device)

    def vae_decoder(self, device: str = "cpu") -> SDXLVAEDecoder:
        """Return the picture decoder in fp32, scaled as the UNet's latents are."""
        weights, scaling = self._vae("decoder.")
        decoder = self._filled(lambda: build_vae_decoder(self.sizes.vae), weights, VAE)
        decoder.scaling_factor = scaling
        return decoder.to(device)

    def prompter(self) -> KolorsPrompter:
        """Return the tokenizer in Kolors' prompter."""
        return build_prompter(self.folder / TOKENIZER.split("/")[0])

    def _vae(self, prefix: str) -> tuple[dict[str, Tensor], float]:
        weights, metadata = self._tensors(VAE)
        try:
            scaling = float(metadata["scaling_factor"])
        except (KeyError, ValueError) as error:
            raise WeightsError(f"{self.folder / VAE}: metadata must hold the scaling_factor") from error
        return part_of(weights, prefix), scaling

    def _tensors(self, name: str) -> tuple[dict[str, Tensor], dict[str, str]]:
        try:
            return read_tensors(self.folder / name)
        except ValueError as error:
            raise WeightsError(f"{self.folder / name}: {error}") from error

    def _filled(self, build: Callable[[], Network], weights: Mapping[str, Tensor], name: str) -> Network:
        whole = {key: tensor.float() for key, tensor in weights.items()}
        return filled(build, whole, f"{self.folder / name} does not fit the sizes in config.json")


def open_embedded(folder: Path) -> EmbeddedFolder:
    """Return a folder after checking every file against config.json; raises WeightsError naming the file."""
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
    return EmbeddedFolder(folder=folder, sizes=sizes, sha256=found)


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
    config = {"sizes": sizes.as_json(), "sha256": {part: sha256_of(folder / part) for part in PARTS}}
    write_atomic(folder / "config.json", canonical_json(config))


def _halved(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    halved = {name: tensor.detach().to("cpu", torch.float16) for name, tensor in weights.items()}
    for name, tensor in halved.items():
        if not math.isfinite(tensor.float().sum().item()):
            raise WeightsError(f"{name} holds numbers that fp16 cannot: train on or lower its size")
    return halved
