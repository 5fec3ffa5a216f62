"""CLIP's image encoder as IP-Adapters read it; we read its weights, so no code of a folder is run."""

from collections.abc import Mapping

import torch
from PIL import Image
from torch import Tensor
from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModel

from kit.errors import WeightsError
from kit.files.tensors.tensor_files import TensorFile
from kit.messages import tr
from kit.models.bases.pipeline_files import NetworkFiles
from kit.models.ip_adapter.adapter_files import read_adapter, vision_config
from kit.models.networks import filled

_SIZES = (
    "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "image_size",
    "patch_size", "hidden_act", "layer_norm_eps",
)  # fmt: skip
"""What is read of a config; it may name code, and that is not."""
_VISION = "vision_model."
_MOST, _MOST_LAYERS = 20_000, 999
"""Of any size, and of layers: more than any CLIP has."""


class ImageEncoder:
    """Tells what CLIP sees in each patch of a picture."""

    def __init__(self, files: NetworkFiles, device: str, dtype: torch.dtype) -> None:
        """Read the network; raises WeightsError where its files do not fit its config."""
        told, misfit = vision_config(files.config), tr("{file} does not fit", file=files.config)
        given = {name: told[name] for name in _SIZES if name in told}
        if strange := [name for name, value in given.items() if not _sound(name, value)]:
            error = tr("{name} is {value}", name=strange[0], value=str(given[strange[0]])[:40])
            raise WeightsError(tr("{misfit}: {error}", misfit=misfit, error=error))
        try:
            config = CLIPVisionConfig(**given)
            config._attn_implementation = "sdpa"
            self._network = filled(lambda: CLIPVisionModel(config), _weights(files, device, dtype), misfit)
        except (ArithmeticError, LookupError, TypeError, ValueError, RuntimeError) as error:
            raise WeightsError(tr("{misfit}: {error}", misfit=misfit, error=str(error)[:200])) from error
        embeddings = self._network.vision_model.embeddings
        embeddings.position_ids = torch.arange(embeddings.num_positions, device=device)[None]
        self._prepare = CLIPImageProcessor(size=config.image_size, crop_size=config.image_size)
        self._device, self._dtype = device, dtype
        self.side = config.image_size
        """Of the square that is seen, in pixels."""

    def seen(self, picture: Image.Image | None) -> Tensor:
        """Return what is seen in each patch, (1, patches, width), as the last layer but one has it.

        Of a picture, RGB, the square in its middle is seen; None is a picture of zeros, which is grey.
        """
        pixels = (
            torch.zeros(1, 3, self.side, self.side)
            if picture is None
            else self._prepare(picture, return_tensors="pt").pixel_values
        )
        told = self._network(pixels.to(self._device, self._dtype), output_hidden_states=True)
        patches: Tensor = told.hidden_states[-2]
        return patches


def _sound(name: str, value: object) -> bool:
    """Return whether a size of a config is one; the states of the last layer but one are read."""
    if name == "hidden_act":
        return isinstance(value, str)
    if name == "layer_norm_eps":
        return isinstance(value, float) and 0 < value < 1
    least, most = (2, _MOST_LAYERS) if name == "num_hidden_layers" else (1, _MOST)
    return type(value) is int and least <= value <= most


def _weights(files: NetworkFiles, device: str, dtype: torch.dtype) -> Mapping[str, Tensor]:
    """Return the image encoder's tensors; a whole CLIP has a text encoder beside it."""
    read: dict[str, Tensor] = {}
    for path in files.files:
        if path.suffix == ".json":
            continue
        file: TensorFile = read_adapter(path)
        read |= {
            name: file.load(name).to(device, dtype)
            for name in file.kinds
            if name.startswith(_VISION) and not name.endswith(".position_ids")
        }
    return read
