"""Kolors as it is published: diffusers' files for UNet and autoencoder, ChatGLM's for the text.

```
FOLDER/
  unet/ vae/ text_encoder/   each a config.json and weights, as kit/models/layouts/weight_files.py names them
  tokenizer/tokenizer.model  (diffsynth's own copy is used where there is none)
  storykit.json      sha256, size and time of each file, written by us
Kolors-Inpainting/   beside FOLDER, where the user has it: of it only unet/ is read
```
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from diffsynth.models.kolors_text_encoder import ChatGLMModel
from torch import Tensor, nn

from kit.errors import WeightsError
from kit.files.checksums import checked_sha256
from kit.hub.repository import inpainting_folder
from kit.messages import Message, tr
from kit.models.kolors.text_encoder import build_text_encoder
from kit.models.layouts.model_folder import record_of
from kit.models.layouts.naming import TEXT_PREFIX, renamed
from kit.models.layouts.published_configs import UNetConfig
from kit.models.layouts.read_weights import read_weights
from kit.models.layouts.weight_files import (
    TEXT_FOLDER,
    UNET_FOLDER,
    VAE_FOLDER,
    WeightFiles,
    find_weights,
    lacks,
    wanted_file,
)
from kit.models.networks import Base, Part, fill, part_of, read_config
from kit.models.sizes import INPAINTING_CHANNELS, LATENT_CHANNELS


@dataclass(frozen=True, kw_only=True)
class PublishedFolder(Base):
    """Kolors, or a base with its files."""

    mend: Message
    """What the user can do where a file is missing or damaged."""
    part_files: Mapping[str, WeightFiles]
    """The weights of each of PARTS."""

    def precision(self, device: str) -> torch.dtype:
        """Return fp16 on a GPU, as the contest does, else fp32."""
        return torch.float16 if device.startswith("cuda") else torch.float32

    def text_encoder(self, device: str = "cpu", dtype: torch.dtype = torch.float32) -> ChatGLMModel:
        """Return the text encoder; each layer is on the device only while it works.

        At full size 12 GB of weights are so read for each call instead of kept.
        """
        files, shards = self.part_files[TEXT_FOLDER], self.text_weights()
        with torch.device("meta"):
            encoder = build_text_encoder(self.sizes.text)
        misfit = (
            tr("{folder}: the weights do not fit config.json beside them", folder=files.folder)
            if _has_config(files)
            else _no_kolors(files)
        )
        fill(encoder.embedding, part_of(shards, "embedding."), misfit)
        encoder.embedding.to(device, dtype)
        if part_of(shards, f"encoder.layers.{self.sizes.text.layers}."):
            raise WeightsError(tr("{misfit}: there are more layers than num_layers says", misfit=misfit))
        for number, layer in enumerate(encoder.encoder.layers):
            weights = part_of(shards, f"encoder.layers.{number}.")
            fill(layer, weights, misfit)
            _stream(layer, weights, device, dtype)
        # only its place and precision are read; the layer norm behind the last layer is not used in drawing
        encoder.rotary_pos_emb.inv_freq = torch.empty(0, device=device, dtype=dtype)
        encoder.encoder.final_layernorm = nn.Identity()
        return encoder.eval().requires_grad_(False)

    def text_weights(self) -> dict[str, Tensor]:
        """Return the text encoder's tensors, which stay in their files until they are used."""
        read = read_weights(self.part_files[TEXT_FOLDER], self.mend)
        return {name.removeprefix(TEXT_PREFIX): tensor for name, tensor in read.items()}

    def files_of(self, part: Part) -> WeightFiles:
        """Return the files of a network's weights; encoder and decoder share them."""
        return self.part_files[UNET_FOLDER if part == "unet" else VAE_FOLDER]

    def weights(self, part: Part, device: str, dtype: torch.dtype | None) -> dict[str, Tensor]:
        """Return diffusers' tensors on a device, under diffsynth's names."""
        files = self.files_of(part)
        weights = read_weights(files, self.mend, device, dtype)
        try:
            return renamed(part, weights)
        except ValueError as error:
            raise WeightsError(tr("{file} {why}", file=files.path, why=error)) from error

    def misfit(self, part: Part) -> Message:
        """Return what is said of a network whose weights are not those that its sizes ask for."""
        files = self.files_of(part)
        return super().misfit(part) if _has_config(files) else _no_kolors(files)

    def inpainting(self) -> "PublishedFolder | None":
        """Return the base with the UNet of the folder Kolors-Inpainting beside it; None where there is none.

        Raises WeightsError where a file of it is missing or damaged, or it is a UNet of another kind.
        """
        folder = inpainting_folder(self.folder)
        if not folder.is_dir():
            return None
        mend = tr(
            "`storykit download kolors-inpainting --out {folder}` fetches it, or move that folder away to "
            "draw without it",
            folder=folder,
        )
        config = f"{UNET_FOLDER}/config.json"
        sizes = read_config(folder / config, UNetConfig, mend).sizes()
        if sizes.in_channels != INPAINTING_CHANNELS:
            raise WeightsError(
                tr(
                    "{file}: a UNet for inpainting has {channels} input channels, this one has {found}; "
                    "{mend}",
                    file=folder / config,
                    channels=INPAINTING_CHANNELS,
                    found=sizes.in_channels,
                    mend=mend,
                )
            )
        if replace(sizes, in_channels=LATENT_CHANNELS) != self.sizes.unet:
            raise WeightsError(
                tr("{file}: it is the UNet of another base; {mend}", file=folder / config, mend=mend)
            )
        weights = find_weights(folder, UNET_FOLDER)
        if weights is None:
            raise lacks(folder, [wanted_file(folder, UNET_FOLDER)], mend)
        return replace(
            self,
            folder=folder,
            sizes=replace(self.sizes, unet=sizes),
            sha256=checked_sha256(folder, [config, *weights.all_keys], mend, record=record_of(folder)),
            mend=mend,
            part_files={UNET_FOLDER: weights},
        )


def _stream(layer: nn.Module, weights: Mapping[str, Tensor], device: str, dtype: torch.dtype) -> None:
    """Have the layer fetch its weights before it works and drop them afterwards."""

    def fetch(module: nn.Module, _inputs: object) -> None:
        module.load_state_dict({name: w.to(device, dtype) for name, w in weights.items()}, assign=True)

    def drop(module: nn.Module, _inputs: object, _outputs: object) -> None:
        module.to("meta")

    layer.to("meta")
    layer.register_forward_pre_hook(fetch)
    layer.register_forward_hook(drop)


def _has_config(files: WeightFiles) -> bool:
    return (files.folder / "config.json").is_file()


def _no_kolors(files: WeightFiles) -> Message:
    return tr("{file} is no network of Kolors, or not of this base", file=files.path)
