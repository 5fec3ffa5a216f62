"""Whether the parts of a pipeline belong together, told by configs and by the heads of files."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch import nn

from kit.errors import WeightsError
from kit.files.tensors.tensor_files import TensorFile, open_tensor_file
from kit.generation.pipelines.parts import TIMES, PipelineParts, empty_controlnet, own_name, try_controlnet
from kit.lora.other_files import is_lora, model_in_words
from kit.messages import tr
from kit.models.bases.controlnet_files import PART as CONTROLNET
from kit.models.bases.pipeline_class import Family
from kit.models.bases.pipeline_files import NetworkFiles
from kit.models.sizes import STRIDE

_LATENTS = 4
"""Channels of what all VAEs of these families make of a picture."""
_CONDITIONS: Mapping[Family, str | None] = {"sdxl": "text_time", "sd": None}
"""What a UNet is told beside the words, by diffusers' name for it."""
_LETTERS = 512
"""Bytes, inside a word and at its end, that CLIP's tokenizers begin with."""


def check_parts(parts: PipelineParts, tokenizers: Sequence[str]) -> None:
    """Refuse parts that cannot be drawn with together.

    Args:
        parts: whose files are all there.
        tokenizers: their names, "prior/" before that of a first stage.

    Raises:
        WeightsError: in one line, a file that is something else, or a part of another base.
    """
    networks = {part: parts.empty(part) for part in parts.files.networks}
    for part, network in networks.items():
        _check_weights(part, parts.files.networks[part], network)
    if "vae" in networks:
        _check_scale(parts.files.networks["vae"], networks["vae"])
    for name in tokenizers:
        encoder: Any = networks[name.replace("tokenizer", "text_encoder")]
        _check_words(parts, name, encoder.config)
    if "unet" in networks:
        for key, got, wanted in _unlike(parts.files.family, networks):
            told = {"file": parts.files.networks["unet"].files[0], "key": key}
            raise WeightsError(
                tr(
                    "{file} is for another base: its {key} is {got}, this base's {wanted}",
                    got=str(got)[:40],
                    wanted=str(wanted)[:40],
                    **told,
                )
            )


def check_controlnet(found: NetworkFiles) -> None:
    """Raise WeightsError where a ControlNet's weights are not those of its config, or it reads no such maps.

    A map is RGB and of the picture's size; the UNet's states are STRIDE times smaller.
    """
    network: Any = empty_controlnet(found)
    _check_weights(CONTROLNET, found, network)
    there = {name for path in found.files if path.suffix != ".json" for name in open_tensor_file(path).kinds}
    if lacking := sorted(network.state_dict().keys() - there):
        raise WeightsError(
            tr(
                "{file} lacks {tensor}, and its config says that it is there; download it again",
                file=found.files[0],
                tensor=lacking[0],
            )
        )
    smaller = 2 ** (len(network.config.conditioning_embedding_out_channels) - 1)
    for key, got, wanted in (
        ("conditioning_channels", network.config.conditioning_channels, 3),
        ("conditioning_embedding_out_channels", smaller, STRIDE),
    ):
        if got != wanted:
            raise WeightsError(
                tr(
                    "{file} is of a ControlNet that reads other maps: its {key} gives {got}, we draw with "
                    "{wanted}; name another",
                    file=found.config,
                    key=key,
                    got=got,
                    wanted=wanted,
                )
            )
    try_controlnet(network, found)


def _check_weights(part: str, found: NetworkFiles, network: nn.Module) -> None:
    """Raise WeightsError where files hold something else than a network has."""
    files = {path: open_tensor_file(path) for path in found.files if path.suffix != ".json"}
    kinds = {name: kind for file in files.values() for name, kind in file.kinds.items()}
    wanted = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    if (
        part == "vae"
        and found.alone
        and any(name.endswith("decoder.mid.block_1.conv1.weight") for name in kinds)
    ):
        return  # of the original code, whose names diffusers tells
    there = {name: kind for name in wanted if (kind := kinds.get(own_name(name, kinds))) is not None}
    path, file = next(iter(files.items()))
    others = [name for name in kinds if not name.endswith("position_ids")]
    wrong = found.alone and not len(there) == len(wanted) == len(others)
    if wrong or 2 * len(there) < len(wanted):
        raise WeightsError(
            tr(
                "{file} is {what}, no {part} that fits this base: name another",
                file=path,
                what=_what(file),
                part=part,
            )
        )
    for name, kind in there.items():
        if kind.shape != wanted[name]:
            raise WeightsError(
                tr(
                    "{file} does not fit this base: {tensor} is {got}, and must be {wanted}",
                    file=path,
                    tensor=name,
                    got=list(kind.shape),
                    wanted=list(wanted[name]),
                )
            )


def _check_scale(found: NetworkFiles, vae: Any) -> None:
    """Raise WeightsError for a VAE whose latents have no scale, which draws one colour."""
    told = vae.config.scaling_factor
    if not isinstance(told, int | float) or not told > 0:
        raise WeightsError(
            tr(
                "{file} says scaling_factor {told}, it must be above 0",
                file=found.config,
                told=str(told)[:40],
            )
        )


def _what(file: TensorFile) -> str:
    return tr("a LoRA") if is_lora(file) else model_in_words(file) or tr("something else")


def _check_words(parts: PipelineParts, name: str, encoder: Any) -> None:
    """Raise WeightsError for a tokenizer that writes what its text encoder does not read."""
    tokenizer, folder = parts.tokenizer(name), parts.files.place(name)
    numbers = tokenizer.get_vocab().values()
    unread = min(numbers, default=-1) < 0 or max(numbers) >= encoder.vocab_size
    if unread or tokenizer.vocab_size < _LETTERS:
        raise WeightsError(
            tr("{folder} has other words than its text encoder reads; download it again", folder=folder)
        )
    if tokenizer.model_max_length != encoder.max_position_embeddings:
        raise WeightsError(
            tr(
                "{file} must say model_max_length {wanted}, as its text encoder reads; download it again",
                file=folder / "tokenizer_config.json",
                wanted=encoder.max_position_embeddings,
            )
        )


def _unlike(family: Family, networks: Mapping[str, Any]) -> Iterator[tuple[str, object, object]]:
    """Yield what a UNet says of itself that is not so in this base: its key, what it says, what is so."""
    unet = networks["unet"].config
    encoders = [networks[part].config for part in ("text_encoder", "text_encoder_2") if part in networks]
    wanted = {
        "in_channels": _LATENTS,
        "out_channels": _LATENTS,
        "cross_attention_dim": sum(one.hidden_size for one in encoders),
        "addition_embed_type": _CONDITIONS[family],
    }
    yield from ((key, unet[key], value) for key, value in wanted.items() if unet[key] != value)
    if family == "sdxl" and unet.addition_time_embed_dim:
        key = "projection_class_embeddings_input_dim"
        width = encoders[-1].projection_dim + TIMES * unet.addition_time_embed_dim
        if unet[key] != width:
            yield key, unet[key], width
