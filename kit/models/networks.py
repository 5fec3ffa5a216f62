"""The four networks of a base, and how weights get into them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import torch
from diffsynth.models.kolors_text_encoder import ChatGLMModel
from diffsynth.models.sdxl_unet import SDXLUNet
from diffsynth.models.sdxl_vae_decoder import SDXLVAEDecoder
from diffsynth.models.sdxl_vae_encoder import SDXLVAEEncoder
from torch import Tensor, nn

from kit.errors import WeightsError

Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True, kw_only=True, slots=True)
class Networks:
    """The four networks of a base; what a training of the base saves."""

    unet: SDXLUNet
    text_encoder: ChatGLMModel
    encoder: SDXLVAEEncoder
    decoder: SDXLVAEDecoder


def filled(build: Callable[[], Network], weights: Mapping[str, Tensor], misfit: str) -> Network:
    """Return the network that `build` makes, holding these very tensors, for use and not for training.

    Raises WeightsError, which opens with `misfit`, when a tensor is missing, left over or of another size.
    """
    try:
        with torch.device("meta"):
            network = build()
    except ValueError as error:
        raise WeightsError(f"{misfit}: {error}") from error
    fill(network, weights, misfit)
    return network.eval().requires_grad_(False)


def fill(network: nn.Module, weights: Mapping[str, Tensor], misfit: str) -> None:
    """Have a network hold these very tensors; raises WeightsError as `filled` does."""
    try:
        network.load_state_dict(weights, assign=True)
    except RuntimeError as error:
        raise WeightsError(f"{misfit}: {' '.join(str(error).split())[:200]}") from error


def part_of(weights: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors whose names begin with the prefix, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in weights.items() if name.startswith(prefix)}
