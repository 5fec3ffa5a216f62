"""A base's four networks, read from its folder when they are asked for; how weights get into them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import torch
from diffsynth.models.kolors_text_encoder import ChatGLMModel
from diffsynth.models.sdxl_unet import SDXLUNet
from diffsynth.models.sdxl_vae_decoder import SDXLVAEDecoder
from diffsynth.models.sdxl_vae_encoder import SDXLVAEEncoder
from diffsynth.prompters.kolors_prompter import KolorsPrompter
from pydantic import BaseModel, ValidationError
from torch import Tensor, nn

from kit.errors import WeightsError
from kit.files.documents import faults_of
from kit.files.encodings import sha256_bytes
from kit.files.regular_files import read_file
from kit.files.text.library_words import reason_of
from kit.messages import Message, joined, tr
from kit.models.kolors.text_encoder import build_prompter
from kit.models.kolors.unet import build_unet
from kit.models.kolors.vae import build_vae_decoder, build_vae_encoder
from kit.models.layouts.weight_files import WeightFiles
from kit.models.sizes import BaseSizes

Network = TypeVar("Network", bound=nn.Module)
Config = TypeVar("Config", bound=BaseModel)
Part = Literal["unet", "encoder", "decoder"]
"""A network whose weights are read whole; the last two are the autoencoder's."""
TOKENIZER = "tokenizer/tokenizer.model"


@dataclass(frozen=True, kw_only=True)
class Base(ABC):
    """The model a LoRA is for: a folder whose files are whole."""

    folder: Path
    name: str
    """How reports name it."""
    sizes: BaseSizes
    latent_scale: float
    """The factor from the autoencoder's latents to the UNet's."""
    sha256: Mapping[str, str]
    """By file, relative to the folder."""

    @abstractmethod
    def precision(self, device: str) -> torch.dtype:
        """Return what UNet and text encoder compute in on a device; the autoencoder keeps to fp32."""

    @abstractmethod
    def text_encoder(self, device: str = "cpu", dtype: torch.dtype = torch.float32) -> ChatGLMModel:
        """Return the text encoder."""

    @abstractmethod
    def text_weights(self) -> dict[str, Tensor]:
        """Return the text encoder's tensors as they lie in its files, under ChatGLM's names."""

    @abstractmethod
    def files_of(self, part: Part) -> WeightFiles:
        """Return the files of a network's weights; their keys are those of `sha256`."""

    @abstractmethod
    def weights(self, part: Part, device: str, dtype: torch.dtype | None) -> dict[str, Tensor]:
        """Return a network's tensors on a device, under diffsynth's names; None leaves their numbers be."""

    @property
    def unet_sha256(self) -> str:
        """What a LoRA that was trained on it notes: the file's, or one made of those of its shards."""
        shards = [self.sha256[key] for key in self.files_of("unet").keys]
        return shards[0] if len(shards) == 1 else sha256_bytes("\n".join(shards).encode())

    @property
    def text_files(self) -> dict[str, str]:
        """The sha256 of the files that decide how a text is read: text encoder and tokenizer."""
        return {name: sha256 for name, sha256 in self.sha256.items() if "text" in name or "token" in name}

    def unet(self, device: str = "cpu", dtype: torch.dtype = torch.float32) -> SDXLUNet:
        """Return the UNet."""
        return self._filled(lambda: build_unet(self.sizes.unet), "unet", device, dtype)

    def inpainting(self) -> "Base | None":
        """Return the same base with another UNet in place of its own, one that is made for inpainting.

        None where there is no such UNet. Of what is returned nothing but the UNet is to be asked for.
        """
        return None

    def vae_encoder(self, device: str = "cpu") -> SDXLVAEEncoder:
        """Return the picture encoder in fp32, scaled as the UNet expects its latents."""
        encoder = self._filled(lambda: build_vae_encoder(self.sizes.vae), "encoder", device)
        encoder.scaling_factor = self.latent_scale
        return encoder

    def vae_decoder(self, device: str = "cpu") -> SDXLVAEDecoder:
        """Return the picture decoder in fp32, in which no picture overflows, scaled as the UNet's latents."""
        decoder = self._filled(lambda: build_vae_decoder(self.sizes.vae), "decoder", device)
        decoder.scaling_factor = self.latent_scale
        return decoder

    def prompter(self) -> KolorsPrompter:
        """Return the tokenizer in Kolors' prompter; diffsynth's own where the folder has none."""
        return build_prompter(self.tokenizer and self.tokenizer.parent)

    @property
    def tokenizer(self) -> Path | None:
        """The base's own sentencepiece model, None where it has none."""
        return self.folder / TOKENIZER if TOKENIZER in self.sha256 else None

    def _filled(
        self, build: Callable[[], Network], part: Part, device: str, dtype: torch.dtype = torch.float32
    ) -> Network:
        return filled(build, self.weights(part, device, dtype), self.misfit(part))

    def misfit(self, part: Part) -> Message:
        """Return what is said of a network whose weights are not those that its sizes ask for."""
        return tr("{file} does not fit the sizes in config.json", file=self.files_of(part).path)


@contextmanager
def offloaded(network: nn.Module) -> Iterator[None]:
    """Leave the device to others for a while: the network waits in the computer's own memory."""
    device = next(network.parameters()).device
    try:
        with torch.inference_mode(False):
            network.to("cpu")
        torch.cuda.empty_cache()
        yield
    finally:
        with torch.inference_mode(False):
            network.to(device)


def filled(build: Callable[[], Network], weights: Mapping[str, Tensor], misfit: str) -> Network:
    """Return the network that `build` makes, holding these very tensors, for use and not for training.

    Raises WeightsError, which opens with `misfit`, when a tensor is missing, left over or of another size.
    """
    try:
        with torch.device("meta"):
            network = build()
    except ValueError as error:
        raise WeightsError(tr("{misfit}: {error}", misfit=misfit, error=error)) from error
    fill(network, weights, misfit)
    return network.eval().requires_grad_(False)


def fill(network: nn.Module, weights: Mapping[str, Tensor], misfit: str) -> None:
    """Have a network hold these very tensors; raises WeightsError as `filled` does."""
    try:
        network.load_state_dict(weights, assign=True)
    except RuntimeError as error:
        told = " ".join(str(error).split())[:200]
        raise WeightsError(tr("{misfit}: {error}", misfit=misfit, error=told)) from error


def part_of(weights: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors whose names begin with the prefix, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in weights.items() if name.startswith(prefix)}


def read_config(path: Path, model: type[Config], mend: str) -> Config:
    """Return a base's JSON file as a checked record; WeightsError with every fault and what mends it."""
    try:
        return model.model_validate_json(read_file(path))
    except OSError as error:
        raise WeightsError(
            tr(
                "{file} cannot be read: {error}; {mend}",
                file=path,
                error=reason_of(error),
                mend=mend,
            )
        ) from error
    except ValidationError as error:
        raise WeightsError(
            tr("{file}: {why}", file=path, why=joined([*faults_of(error), mend], tr("; ")))
        ) from error
