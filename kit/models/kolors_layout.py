"""Kolors as it is published: diffusers' files for UNet and autoencoder, ChatGLM's shards for the text.

```
FOLDER/
  unet/config.json   unet/diffusion_pytorch_model[.fp16].safetensors
  vae/config.json    vae/diffusion_pytorch_model[.fp16].safetensors
  text_encoder/config.json   text_encoder/pytorch_model.bin.index.json   text_encoder/pytorch_model-*.bin
  tokenizer/tokenizer.model  (diffsynth's own copy is used where there is none)
  storykit.json      sha256, size and time of each file, written by us
Kolors-Inpainting/   beside FOLDER, where the user has it: of it only unet/ is read
```
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from diffsynth.models.kolors_text_encoder import ChatGLMModel
from diffsynth.models.sdxl_unet import SDXLUNet
from diffsynth.models.sdxl_vae_decoder import SDXLVAEDecoder
from diffsynth.models.sdxl_vae_encoder import SDXLVAEEncoder
from pydantic import BaseModel, Field, PositiveFloat, PositiveInt
from torch import Tensor, nn

from kit.errors import WeightsError
from kit.files.checksums import checked_sha256
from kit.files.safetensors_files import TORCH_LOAD_ERRORS, read_tensors
from kit.files.text.library_words import reason_of
from kit.hub.repository import inpainting_folder
from kit.messages import Message, tr
from kit.models.kolors.text_encoder import build_text_encoder
from kit.models.networks import TOKENIZER, Base, Part, fill, part_of, read_config
from kit.models.sizes import INPAINTING_CHANNELS, LATENT_CHANNELS, BaseSizes, TextSizes, UNetSizes, VaeSizes
from kit.models.unet_files import UNET_FOLDER, WEIGHTS, ShardIndex

VAE_FOLDER, TEXT_FOLDER = "vae", "text_encoder"
PARTS = (UNET_FOLDER, VAE_FOLDER, TEXT_FOLDER)
INDEX = "pytorch_model.bin.index.json"
PREFIX = "transformer."
"""What ChatGLM's shards put in front of every name."""


NETWORKS: Mapping[Part, type[SDXLUNet | SDXLVAEEncoder | SDXLVAEDecoder]] = {
    "unet": SDXLUNet,
    "encoder": SDXLVAEEncoder,
    "decoder": SDXLVAEDecoder,
}


class _UNetConfig(BaseModel):
    block_out_channels: tuple[PositiveInt, PositiveInt, PositiveInt]
    transformer_layers_per_block: tuple[PositiveInt, PositiveInt, PositiveInt]
    attention_head_dim: tuple[PositiveInt, PositiveInt, PositiveInt]
    """Heads of each level, whatever the name says."""
    addition_time_embed_dim: PositiveInt
    encoder_hid_dim: PositiveInt
    cross_attention_dim: PositiveInt
    norm_num_groups: PositiveInt
    in_channels: PositiveInt = LATENT_CHANNELS

    def sizes(self) -> UNetSizes:
        fine, *_ = self.block_out_channels
        return UNetSizes(
            widths=self.block_out_channels,
            time=4 * fine,
            time_ids=self.addition_time_embed_dim,
            pooled=self.encoder_hid_dim,
            cross=self.cross_attention_dim,
            head=fine // self.attention_head_dim[0],
            groups=self.norm_num_groups,
            layers=self.transformer_layers_per_block[1:],
            in_channels=self.in_channels,
        )


class _VaeConfig(BaseModel):
    block_out_channels: tuple[PositiveInt, PositiveInt, PositiveInt, PositiveInt]
    norm_num_groups: PositiveInt
    scaling_factor: PositiveFloat

    def sizes(self) -> VaeSizes:
        widths = self.block_out_channels
        return VaeSizes(encoder=widths, decoder=widths, groups=self.norm_num_groups)


class _TextConfig(BaseModel):
    """What `TextSizes` names, under ChatGLM's names."""

    vocabulary: PositiveInt = Field(alias="padded_vocab_size")
    hidden: PositiveInt = Field(alias="hidden_size")
    layers: PositiveInt = Field(alias="num_layers")
    head: PositiveInt = Field(alias="kv_channels")
    groups: PositiveInt = Field(alias="multi_query_group_num")
    ffn: PositiveInt = Field(alias="ffn_hidden_size")


@dataclass(frozen=True, kw_only=True)
class PublishedFolder(Base):
    """Kolors, or a base with its files."""

    mend: Message
    """What the user can do where a file is missing or damaged."""

    def precision(self, device: str) -> torch.dtype:
        """Return fp16 on a GPU, as the contest does, else fp32."""
        return torch.float16 if device.startswith("cuda") else torch.float32

    def text_encoder(self, device: str = "cpu", dtype: torch.dtype = torch.float32) -> ChatGLMModel:
        """Return the text encoder; each layer is on the device only while it works.

        At full size 12 GB of weights are so read for each call instead of kept.
        """
        shards = _open_shards(self.folder, self.mend)
        with torch.device("meta"):
            encoder = build_text_encoder(self.sizes.text)
        misfit = tr(
            "{folder}: the weights do not fit config.json beside them", folder=self.folder / TEXT_FOLDER
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

    def file_of(self, part: Part) -> str:
        """Return the file of a network's weights; encoder and decoder share one."""
        return _weights(self.folder, UNET_FOLDER if part == "unet" else VAE_FOLDER)

    def weights(self, part: Part, device: str, dtype: torch.dtype) -> dict[str, Tensor]:
        """Return diffusers' tensors on a device, under diffsynth's names."""
        path = self.folder / self.file_of(part)
        try:
            weights, _ = read_tensors(path, device, dtype)
        except ValueError as error:
            raise WeightsError(tr("{file} {why}; {mend}", file=path, why=error, mend=self.mend)) from error
        try:
            answer = NETWORKS[part].state_dict_converter().from_diffusers(weights)
        except (KeyError, ValueError, IndexError) as error:
            raise WeightsError(
                tr("{file} has other names than Kolors' own: {error}", file=path, error=error)
            ) from error
        renamed: dict[str, Tensor] = answer[0] if isinstance(answer, tuple) else answer
        return renamed

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
        sizes = read_config(folder / config, _UNetConfig, mend).sizes()
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
        sha256 = checked_sha256(folder, [config, _weights(folder, UNET_FOLDER)], mend)
        return replace(self, folder=folder, sizes=replace(self.sizes, unet=sizes), sha256=sha256, mend=mend)


def _open_shards(folder: Path, mend: Message) -> dict[str, Tensor]:
    """Return the text encoder's tensors by name; they stay on disk until they are used."""
    tensors: dict[str, Tensor] = {}
    for file in _shard_files(folder, mend):
        try:
            shard = torch.load(folder / file, map_location="cpu", mmap=True, weights_only=True)
        except TORCH_LOAD_ERRORS as error:
            raise WeightsError(
                tr(
                    "{file} is not a whole shard: {error}; {mend}",
                    file=folder / file,
                    error=reason_of(error),
                    mend=mend,
                )
            ) from error
        if not isinstance(shard, dict):
            raise WeightsError(tr("{file} is not a shard of tensors; {mend}", file=folder / file, mend=mend))
        tensors |= {name.removeprefix(PREFIX): tensor for name, tensor in shard.items()}
    return tensors


def _stream(layer: nn.Module, weights: Mapping[str, Tensor], device: str, dtype: torch.dtype) -> None:
    """Have the layer fetch its weights before it works and drop them afterwards."""

    def fetch(module: nn.Module, _inputs: object) -> None:
        module.load_state_dict({name: w.to(device, dtype) for name, w in weights.items()}, assign=True)

    def drop(module: nn.Module, _inputs: object, _outputs: object) -> None:
        module.to("meta")

    layer.to("meta")
    layer.register_forward_pre_hook(fetch)
    layer.register_forward_hook(drop)


def open_published(folder: Path) -> PublishedFolder:
    """Return the folder after checking that every file is there and is the one that was recorded.

    Raises WeightsError with every file that is missing, or with the first that is damaged.
    """
    mend = tr("`storykit download kolors --out {folder}` fetches what is missing or damaged", folder=folder)
    unet = read_config(folder / UNET_FOLDER / "config.json", _UNetConfig, mend)
    vae = read_config(folder / VAE_FOLDER / "config.json", _VaeConfig, mend)
    text = read_config(folder / TEXT_FOLDER / "config.json", _TextConfig, mend)
    if unet.in_channels != LATENT_CHANNELS:
        raise WeightsError(
            tr(
                "{folder} holds a UNet for inpainting, which draws no picture by itself: name the folder of "
                "Kolors as the base, and leave this one beside it",
                folder=folder,
            )
        )
    files = [
        *(f"{part}/config.json" for part in PARTS),
        *(_weights(folder, part) for part in (UNET_FOLDER, VAE_FOLDER)),
        f"{TEXT_FOLDER}/{INDEX}",
        *_shard_files(folder, mend),
    ]
    if (folder / TOKENIZER).is_file():
        files.append(TOKENIZER)
    return PublishedFolder(
        folder=folder,
        name="kolors",
        sizes=BaseSizes(unet=unet.sizes(), text=TextSizes(**text.model_dump()), vae=vae.sizes()),
        latent_scale=vae.scaling_factor,
        sha256=checked_sha256(folder, files, mend),
        mend=mend,
    )


def _weights(folder: Path, part: str) -> str:
    """Return the file of a network's weights; fp32 under the plain name or fp16 under the other."""
    there = [name for name in WEIGHTS if (folder / part / name).is_file()]
    return f"{part}/{(there or WEIGHTS)[0]}"


def _shard_files(folder: Path, mend: Message) -> list[str]:
    index = read_config(folder / TEXT_FOLDER / INDEX, ShardIndex, mend)
    return [f"{TEXT_FOLDER}/{name}" for name in sorted(set(index.weight_map.values()))]
