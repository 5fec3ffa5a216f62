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

from dataclasses import dataclass
from pathlib import Path

import torch
from diffsynth.models.kolors_text_encoder import ChatGLMModel
from pydantic import BaseModel
from torch import Tensor

from kit.embedded import BASE_WEIGHTS, EMBEDDED
from kit.errors import RunError, WeightsError
from kit.files.encodings import sha256_of
from kit.files.safetensors_files import read_tensors
from kit.messages import mark, tr
from kit.models.kolors.text_encoder import build_text_encoder
from kit.models.layouts.weight_files import WeightFiles, weights_at
from kit.models.networks import TOKENIZER, Base, Part, filled, part_of, read_config
from kit.models.sizes import BaseSizes
from kit.models.unet_files import UNET

TEXT, VAE = "text_encoder.safetensors", "vae.safetensors"
PARTS = (UNET, TEXT, VAE, TOKENIZER)
MEND = mark("install it again")


class _Config(BaseModel):
    """What config.json holds."""

    sizes: BaseSizes
    sha256: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class EmbeddedFolder(Base):
    """A base whose weights are small enough for fp32 everywhere."""

    def precision(self, device: str) -> torch.dtype:
        """Return fp32 everywhere, so that devices agree."""
        return torch.float32

    def text_encoder(self, device: str = "cpu", dtype: torch.dtype = torch.float32) -> ChatGLMModel:
        """Return the text encoder."""
        weights, _ = _read(self.folder / TEXT, device, dtype)
        misfit = tr("{file} does not fit the sizes in config.json", file=self.folder / TEXT)
        return filled(lambda: build_text_encoder(self.sizes.text), weights, misfit)

    def text_weights(self) -> dict[str, Tensor]:
        """Return the text encoder's tensors as they lie in its file."""
        return _read(self.folder / TEXT)[0]

    def files_of(self, part: Part) -> WeightFiles:
        """Return the file of a network's weights; encoder and decoder share one."""
        return weights_at(self.folder / (UNET if part == "unet" else VAE))

    def weights(self, part: Part, device: str, dtype: torch.dtype | None) -> dict[str, Tensor]:
        """Return a network's tensors on a device."""
        tensors, _ = _read(self.files_of(part).path, device, dtype)
        return tensors if part == "unet" else part_of(tensors, f"{part}.")


def open_embedded(folder: Path) -> EmbeddedFolder:
    """Return a folder after checking every file against config.json; raises WeightsError naming the file."""
    config = read_config(folder / "config.json", _Config, tr(MEND))
    try:
        found = {part: sha256_of(folder / part) for part in PARTS}
    except RunError as error:
        raise WeightsError(tr("weights are missing: {error}", error=error)) from error
    for part, sha256 in found.items():
        if (promised := config.sha256.get(part)) != sha256:
            raise WeightsError(
                tr(
                    "{file} is damaged: {promised} is promised, {got} is there; {mend}",
                    file=folder / part,
                    promised=promised,
                    got=sha256,
                    mend=tr(MEND),
                )
            )
    _, metadata = _read(folder / VAE)
    try:
        latent_scale = float(metadata["scaling_factor"])
    except (KeyError, ValueError) as error:
        raise WeightsError(tr("{file}: metadata must hold the scaling_factor", file=folder / VAE)) from error
    return EmbeddedFolder(
        folder=folder,
        name=EMBEDDED if folder == BASE_WEIGHTS else "folder",
        sizes=config.sizes,
        latent_scale=latent_scale,
        sha256=found,
    )


def _read(
    path: Path, device: str = "cpu", dtype: torch.dtype | None = None
) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        return read_tensors(path, device, dtype)
    except ValueError as error:
        raise WeightsError(tr("{file}: {why}", file=path, why=error)) from error
