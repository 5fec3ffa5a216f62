"""LoRA files as DiffSynth, PEFT, diffusers and kohya's sd-scripts write them: read, checked whole, written.

A file is read into one rank and one alpha; a strength of 1.0 means alpha / rank, as it was trained, whichever
tool wrote it.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from kit.errors import LoraError
from kit.files.safetensors_files import TORCH_LOAD_ERRORS, read_tensors, tensor_bytes
from kit.lora.key_names import Half, Tool, config_beside, read_key, tensors_file, write_key
from kit.lora.metadata import ADAPTER_NOTE, metadata_of

_ALPHA_NOTES = ("alpha", "ss_network_alpha")


class LoraPair(NamedTuple):
    """The two factors of one layer's change: W + scale * up @ down."""

    down: Tensor
    """(rank, in), lora_A."""
    up: Tensor
    """(out, rank), lora_B."""

    @property
    def shape(self) -> tuple[int, int]:
        """(out, in) of the layer that it changes."""
        return self.up.shape[0], self.down.shape[1]


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """What a LoRA file holds."""

    tool: Tool
    """Whose names it has."""
    pairs: Mapping[str, LoraPair]
    """By DiffSynth's name of the layer, in the file's own precision."""
    rank: int
    alpha: float | None
    """What the file says, or what its tool takes when nothing is said; None when only its owner knows."""
    notes: Mapping[str, str]
    """The file's metadata."""

    @property
    def trigger(self) -> str:
        """Words it was trained to answer to; empty when the file names none."""
        return self.notes.get("trigger") or self.notes.get("modelspec.trigger_phrase", "")

    @property
    def scale(self) -> float:
        """The factor on up @ down at strength 1.0: as trained; 1 where alpha is not known."""
        return 1.0 if self.alpha is None else self.alpha / self.rank

    @property
    def norm(self) -> float:
        """The Frobenius norm of the whole change at strength 1, of up @ down where alpha is not known."""
        inner = (
            (up.double().T @ up.double() * (down.double() @ down.double().T)).sum()
            for down, up in self.pairs.values()
        )
        return self.scale * math.sqrt(sum(float(square) for square in inner))


def read_content(path: Path) -> Content:
    """Return what a .safetensors, a .ckpt or PEFT's folder holds; LoraError unless it is one whole LoRA."""
    path = tensors_file(path)
    try:
        tensors, notes = _read(path)
        tool, halves = _by_layer(tensors)
        alphas = [half.pop("alpha") for half in halves.values() if "alpha" in half]
        pairs = {layer: _pair(layer, half) for layer, half in halves.items()}
        rank = one_rank(path, pairs)
        _check_promises(path, notes, str(len(pairs)), str(rank))
        alpha = _one_alpha(alphas, len(pairs)) if alphas else _said_alpha(path, tool, notes, rank)
    except ValueError as error:
        raise LoraError(f"{path}: {error}") from error
    return Content(tool=tool, pairs=pairs, rank=rank, alpha=alpha, notes=notes)


def content_bytes(tool: Tool, pairs: Mapping[str, LoraPair], alpha: float, notes: Mapping[str, str]) -> bytes:
    """Return a safetensors file with a tool's names, tensors as they are, alpha where the tool looks for it.

    PEFT looks into a file beside it: `kit.lora.metadata.adapter_config`. LoraError for a layer that the tool
    cannot name.
    """
    tensors: dict[str, Tensor] = {}
    rank = one_rank(Path(tool), pairs)
    try:
        for layer, (down, up) in sorted(pairs.items()):
            tensors |= {write_key(tool, layer, "A"): down, write_key(tool, layer, "B"): up}
            if tool == "kohya":
                tensors[write_key(tool, layer, "alpha")] = torch.tensor(float(alpha))
    except KeyError as error:
        raise LoraError(f"{tool} has no name for the layer {error.args[0]}") from error
    return tensor_bytes(tensors, metadata_of(tool, sorted(pairs), rank, alpha, notes))


def one_rank(path: Path, pairs: Mapping[str, LoraPair]) -> int:
    """Return the rank that all layers have; raises LoraError when they have several."""
    ranks = {size for down, up in pairs.values() for size in (down.shape[0], up.shape[1])}
    if len(ranks) != 1:
        raise LoraError(f"{path}: all layers must have one rank, got {sorted(ranks)}")
    return ranks.pop()


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    if path.suffix == ".safetensors":
        return read_tensors(path)
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except TORCH_LOAD_ERRORS as error:
        reason = str(error).split("\n")[0]
        raise ValueError(f"must be .safetensors or a .ckpt of tensors alone: {reason}") from error
    tensors = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else loaded
    if not isinstance(tensors, dict) or not all(isinstance(value, Tensor) for value in tensors.values()):
        raise ValueError("must hold tensors by name")
    return tensors, {}


def _by_layer(tensors: Mapping[str, Tensor]) -> tuple[Tool, dict[str, dict[Half, Tensor]]]:
    """Return whose file it is, and its tensors by layer and half; all names must be one known tool's."""
    halves: dict[str, dict[Half, Tensor]] = {}
    tools, strangers = set(), []
    for key, tensor in tensors.items():
        part = read_key(key)
        if part is None or tensor.dim() != (0 if part.half == "alpha" else 2):
            strangers.append(key)
            continue
        tools.add(part.tool)
        if part.half in halves.setdefault(part.layer, {}):
            raise ValueError(f"{part.layer} is there twice, the second time as {key}")
        halves[part.layer][part.half] = tensor
    if strangers or not tensors:
        raise ValueError(_unknown(strangers, len(tensors)))
    if len(tools) > 1:
        raise ValueError(f"all keys must be one tool's, got {' and '.join(sorted(tools))}")
    return tools.pop(), halves


def _check_promises(path: Path, notes: Mapping[str, str], keys: str, rank: str) -> None:
    promised = (notes.get("keys", keys), notes.get("rank", rank))
    if promised != (keys, rank):
        raise LoraError(
            f"{path} is damaged: it promises {promised[0]} keys of rank {promised[1]}, "
            f"got {keys} of rank {rank}"
        )


def _unknown(strangers: Sequence[str], total: int) -> str:
    first = f"; the first that is not: {strangers[0]}" if strangers else ""
    if any("lora_magnitude_vector" in key or "dora_scale" in key for key in strangers):
        first += "; this is a DoRA, which is more than a LoRA"
    if any("lora_te" in key or "text_encoder" in key for key in strangers):
        first += (
            "; it changes a text encoder as well, as LoRAs of Stable Diffusion do: Kolors has another one"
        )
    return (
        f"{total - len(strangers)} of {total} keys match the LoRA names of DiffSynth, PEFT, "
        f"diffusers or kohya, all must{first}"
    )


def _pair(layer: str, half: Mapping[Half, Tensor]) -> LoraPair:
    if set(half) != {"A", "B"}:
        raise ValueError(f"{layer} must have lora_A and lora_B, got lora_{''.join(half) or 'alpha'} alone")
    if not all(bool(tensor.isfinite().all()) for tensor in half.values()):
        raise ValueError(f"{layer} holds numbers that are not finite")
    return LoraPair(down=half["A"], up=half["B"])


def _one_alpha(alphas: Sequence[Tensor], layers: int) -> float:
    """Return the alpha that all layers have among the tensors."""
    values = sorted({float(alpha) for alpha in alphas})
    if len(values) != 1 or len(alphas) != layers:
        raise ValueError(f"all layers must have one alpha, got {values} on {len(alphas)} of {layers} layers")
    return values[0]


def _said_alpha(path: Path, tool: Tool, notes: Mapping[str, str], rank: int) -> float | None:
    """Return the alpha in the metadata or in PEFT's file; else the rank for tools that then take the rank."""
    if config := config_beside(path):
        try:
            return _adapter_alpha(config.read_text("utf-8"), "", rank)
        except ValueError as error:
            raise LoraError(f"{config}: {error}") from error
    if ADAPTER_NOTE in notes:
        return _adapter_alpha(notes[ADAPTER_NOTE], "unet.", rank)
    said = next((notes[name] for name in _ALPHA_NOTES if name in notes), None)
    if said is None:
        return float(rank) if tool in ("diffusers", "kohya") else None
    return _number(said)


def _adapter_alpha(text: str, prefix: str, rank: int) -> float:
    """Return the alpha of PEFT's settings; with rank-stabilised scaling, the one that scales alike."""
    try:
        settings = json.loads(text)
        said = settings[f"{prefix}lora_alpha"]
        stabilised = bool(settings.get(f"{prefix}use_rslora"))
        uneven = settings.get(f"{prefix}rank_pattern") or settings.get(f"{prefix}alpha_pattern")
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"must hold PEFT's settings with {prefix}lora_alpha as JSON") from error
    alpha = _number(said)
    if uneven:
        raise ValueError(f"all layers must have one rank and alpha, got the pattern {uneven}")
    return alpha * math.sqrt(rank) if stabilised else alpha


def _number(said: object) -> float:
    try:
        return float(str(said))
    except ValueError as error:
        raise ValueError(f"alpha must be a number, got {said!r}") from error
