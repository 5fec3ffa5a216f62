"""A pipeline's networks, built by the classes that we name and filled from the files that were checked."""

from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from diffusers.loaders.single_file_utils import SingleFileComponentError
from diffusers.models import StableCascadeUNet
from diffusers.pipelines.wuerstchen import PaellaVQModel
from safetensors import SafetensorError
from torch import nn

from kit.errors import WeightsError
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.files.safetensors_files import TORCH_LOAD_ERRORS
from kit.files.text.library_words import reason_of
from kit.messages import tr
from kit.models.bases.pipeline_class import json_in
from kit.models.bases.pipeline_files import NetworkFiles, PipelineFiles
from kit.models.sizes import STRIDE
from kit.models.unet_files import open_model

_CLASSES: Mapping[str, Any] = {
    "sdxl/unet": diffusers.UNet2DConditionModel,
    "sdxl/vae": diffusers.AutoencoderKL,
    "sdxl/text_encoder": transformers.CLIPTextModel,
    "sdxl/text_encoder_2": transformers.CLIPTextModelWithProjection,
    "sd/unet": diffusers.UNet2DConditionModel,
    "sd/vae": diffusers.AutoencoderKL,
    "sd/text_encoder": transformers.CLIPTextModel,
    "cascade/decoder": StableCascadeUNet,
    "cascade/vqgan": PaellaVQModel,
    "cascade/text_encoder": transformers.CLIPTextModelWithProjection,
    "cascade/prior/prior": StableCascadeUNet,
    "cascade/prior/text_encoder": transformers.CLIPTextModelWithProjection,
}
TIMES = 6
"""Numbers of sizes and crops that SDXL's networks are told."""
_SIDE = 16
"""Of the states that a ControlNet is tried with."""
_ATTENTION = "sdpa"
"""Named by us, as a config may name code on a hub that would be fetched and run."""
_ADAPTER = "adapter_config.json"
"""Beside a text encoder, it has transformers read another one in its place."""
_TOO_LONG = "sequence-length-is-longer-than-the-specified-maximum"
_REFUSALS = (
    SafetensorError, SingleFileComponentError, AttributeError, AssertionError, ImportError, ArithmeticError,
    MemoryError,
)  # fmt: skip
"""What the libraries raise beside what torch does, of a config or of weights that do not fit it."""
_OLD_NAMES = {"c_in": "in_channels", "c_out": "out_channels"}
"""What configs of Stable Cascade were written with before diffusers took it in."""


class PipelineParts:
    """Reads a pipeline's networks and tokenizers when they are asked for."""

    def __init__(self, files: PipelineFiles, device: str, dtype: torch.dtype) -> None:
        """Take files that were checked."""
        self.files, self._device, self._dtype = files, device, dtype

    def network(self, part: str) -> nn.Module:
        """Return a network on the device, for use and not for training; WeightsError where it misfits."""
        found, made = self.files.networks[part], _CLASSES[f"{self.files.family}/{part}"]
        with _told(found.files[0]), quietly():
            network: nn.Module = self._alone(part, found) if found.alone else _read(made, found, self._dtype)
            return network.to(self._device).eval().requires_grad_(False)

    def controlnet(self, found: NetworkFiles) -> nn.Module:
        """Return a ControlNet on the device, for use and not for training; WeightsError where it misfits."""
        return read_controlnet(found, self._device, self._dtype)

    def _alone(self, part: str, found: NetworkFiles) -> nn.Module:
        """Return a network of a single file, by the config of the one that it stands in for."""
        [file] = found.files
        model = open_model(str(file))
        if part == "vae" and not any(name.startswith("decoder.up_blocks.") for name in model.kinds):
            told: nn.Module = diffusers.AutoencoderKL.from_single_file(
                str(file), config=str(found.config.parent), torch_dtype=self._dtype, local_files_only=True
            )
            return told
        network = self.empty(part, "cpu" if part == "text_encoder" else "meta")  # which keeps no positions
        names = {name: own_name(name, model.kinds) for name in network.state_dict()}
        weights = {name: model.load(own).to(self._dtype) for name, own in names.items()}
        network.load_state_dict(weights, assign=True)
        return network

    def empty(self, part: str, place: str = "meta") -> nn.Module:
        """Return a network without its weights, on the device of none unless another is told."""
        found, made = self.files.networks[part], _CLASSES[f"{self.files.family}/{part}"]
        _refuse_other_weights(found)
        with _told(found.config), torch.device(place):
            if issubclass(made, transformers.PreTrainedModel):
                config = made.config_class.from_pretrained(found.config.parent)
                config._attn_implementation = _ATTENTION
                network: nn.Module = made(config)
            else:
                network = made.from_config(
                    {**made.load_config(found.config.parent), **_renamed(found.config)}
                )
            return network

    def tokenizer(self, name: str) -> transformers.CLIPTokenizer:
        """Return a tokenizer, "prior/" before that of the first stage."""
        folder = self.files.place(name)
        with _told(folder):
            found = transformers.CLIPTokenizer.from_pretrained(folder, local_files_only=True)
        found.deprecation_warnings[_TOO_LONG] = True  # what is too long is said by us
        return found


def own_name(name: str, kinds: Container[str]) -> str:
    """Return what a file calls a tensor; text encoders are saved without their first word, too."""
    return name if name in kinds else name.removeprefix("text_model.")


def take_turns(settings: DrawSettings, device: str) -> bool:
    """Return whether networks wait beside the GPU, and only what computes is on it."""
    return settings.memory == "low" and device.startswith("cuda")


def read_controlnet(found: NetworkFiles, device: str, dtype: torch.dtype) -> nn.Module:
    """Return a ControlNet on a device, for use and not for training; WeightsError where it misfits."""
    with _told(found.files[0]), quietly():
        network = _read(diffusers.ControlNetModel, found, dtype)
        return network.to(device).eval().requires_grad_(False)


def empty_controlnet(found: NetworkFiles) -> nn.Module:
    """Return a ControlNet without its weights, as its config says; WeightsError where that says no such."""
    _refuse_other_weights(found)
    with _told(found.config), quietly(), torch.device("meta"):
        network: nn.Module = diffusers.ControlNetModel.from_config(json_in(found.config))
        return network


def try_controlnet(network: Any, found: NetworkFiles) -> None:
    """Raise WeightsError where a ControlNet without weights cannot be called; no number is computed."""
    config = network.config
    with _told(found.config), torch.device("meta"):
        told = {"time_ids": torch.empty(1, TIMES)}
        if config.addition_embed_type == "text_time":
            width = config.projection_class_embeddings_input_dim - TIMES * config.addition_time_embed_dim
            told["text_embeds"] = torch.empty(1, width)
        states, text = (
            torch.empty(1, config.in_channels, _SIDE, _SIDE),
            torch.empty(1, 1, config.cross_attention_dim),
        )
        maps = torch.empty(1, config.conditioning_channels, STRIDE * _SIDE, STRIDE * _SIDE)
        network(states, 1, text, maps, added_cond_kwargs=told)


def _read(made: Any, found: NetworkFiles, dtype: torch.dtype) -> nn.Module:
    _refuse_other_weights(found)
    options: dict[str, Any] = {"variant": found.variant or None, "use_safetensors": found.is_safetensors}
    if issubclass(made, transformers.PreTrainedModel):
        options |= {"dtype": dtype, "attn_implementation": _ATTENTION}
    else:
        options["torch_dtype"] = dtype
    renamed = _renamed(found.config) if made is StableCascadeUNet else {}
    network, info = made.from_pretrained(
        found.config.parent, local_files_only=True, output_loading_info=True, **options, **renamed
    )
    if lacking := info["missing_keys"]:  # else they would be left at random numbers
        raise ValueError(tr("it lacks {tensor}", tensor=sorted(lacking)[0]))
    told: nn.Module = network
    return told


def _renamed(config: Path) -> dict[str, object]:
    told = json_in(config)
    return {new: told[old] for old, new in _OLD_NAMES.items() if old in told and new not in told}


def _refuse_other_weights(found: NetworkFiles) -> None:
    """Raise WeightsError where libraries would read more than the files that were checked."""
    if (beside := found.config.with_name(_ADAPTER)).exists():
        raise WeightsError(tr("{file} has other weights read than this base's: delete it", file=beside))
    if json_in(found.config).get("quantization_config") is not None:
        raise WeightsError(
            tr(
                "{file} is of a quantised network, which we do not read: take its fp16 files",
                file=found.config,
            )
        )


@contextmanager
def quietly() -> Iterator[None]:
    """Have libraries show no bars and warn of nothing that we say."""
    speakers = (diffusers.utils.logging, transformers.utils.logging)
    before = [speaker.get_verbosity() for speaker in speakers]
    shown = [
        diffusers.utils.logging.is_progress_bar_enabled(),
        transformers.utils.logging.is_progress_bar_enabled(),
    ]
    for speaker in speakers:
        speaker.set_verbosity_error()
        speaker.disable_progress_bar()
    try:
        yield
    finally:
        for speaker, level, bars in zip(speakers, before, shown, strict=True):
            speaker.set_verbosity(level)
            if bars:
                speaker.enable_progress_bar()


@contextmanager
def _told(file: Path) -> Iterator[None]:
    """Say in a line where libraries refuse a file, whatever they raise."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except (*TORCH_LOAD_ERRORS, *_REFUSALS) as error:
        told = reason_of(" ".join(str(error).split())[:200])
        raise WeightsError(
            tr("{file} cannot be read as its config says: {error}; download it again", file=file, error=told)
        ) from error
