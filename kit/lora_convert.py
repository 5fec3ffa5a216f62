"""A LoRA file in another tool's form, and several LoRAs as one."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from kit.errors import LoraError
from kit.experiment import StackedLora
from kit.files import write_whole
from kit.lora import LoadedLora, find_lora, load_lora
from kit.lora_format import Pair, content_bytes
from kit.lora_forms import checkpoint_bytes
from kit.lora_names import ADAPTER_CONFIG, ADAPTER_FILE, Tool
from kit.lora_notes import Scale, adapter_config


class Merged(NamedTuple):
    """Several LoRAs as one whose alpha is its rank, so that it counts as it is."""

    pairs: dict[str, Pair]
    rank: int
    error: float
    """What the rank was too low for: the Frobenius norm of all that is lost, over that of the whole."""


def convert(source: Path, tool: Tool, out: Path, alpha: float | None = None) -> LoadedLora:
    """Write a LoRA in a tool's form, every number as it is; returns the LoRA.

    Args:
        source: a LoRA of any known tool.
        tool: who is to read it.
        out: a .safetensors file; for PEFT a folder; for DiffSynth a .ckpt too, the contest's form.
        alpha: the alpha it was trained with, when the source does not say.
    """
    lora = load_lora(source, alpha)
    if tool == "peft":
        settings = adapter_config(tool, list(lora.pairs), Scale(lora.rank, lora.alpha))
        config = {"peft_type": "LORA", "bias": "none", **settings}
        write_whole(out / ADAPTER_FILE, content_bytes(tool, lora.pairs, lora.alpha, lora.notes))
        write_whole(out / ADAPTER_CONFIG, json.dumps(config, indent=2, sort_keys=True).encode())
    elif out.suffix == ".ckpt" and tool == "diffsynth":
        write_whole(out, checkpoint_bytes(content_bytes(tool, lora.pairs, lora.alpha, {})))
    elif out.suffix == ".safetensors":
        write_whole(out, content_bytes(tool, lora.pairs, lora.alpha, lora.notes))
    else:
        kinds = ".safetensors or .ckpt" if tool == "diffsynth" else ".safetensors"
        raise LoraError(f"{out}: a file for {tool} must end in {kinds}")
    return lora


def stack_bytes(stack: Sequence[StackedLora]) -> bytes:
    """Return LoRAs that are worn together as one safetensors file."""
    loras = [find_lora(lora.file, lora.alpha) for lora in stack]
    merged = merge(loras, [lora.strength for lora in stack])
    return merged_bytes(merged, loras, [lora.strength for lora in stack])


def merged_bytes(merged: Merged, loras: Sequence[LoadedLora], weights: Sequence[float]) -> bytes:
    """Return a sum of LoRAs as a safetensors file, which says what it was made of and all their triggers."""
    parts = [f"{lora.sha256} x {weight:g}" for lora, weight in zip(loras, weights, strict=True)]
    notes = {"merged_from": " + ".join(parts)}
    if trigger := "，".join(dict.fromkeys(lora.trigger for lora in loras if lora.trigger)):
        notes["trigger"] = trigger
    return content_bytes("diffsynth", merged.pairs, float(merged.rank), notes)


def merge(loras: Sequence[LoadedLora], weights: Sequence[float], rank: int | None = None) -> Merged:
    """Return the weighted sum of LoRAs, each as it was trained: exactly, or the nearest of a lower rank.

    Args:
        loras: at least one; a layer that one of them lacks counts as unchanged by it.
        weights: the strength of each.
        rank: of the result; by default the sum of all ranks, which is exact.
    """
    if len(loras) != len(weights) or not loras:
        raise LoraError(f"each LoRA needs a weight, got {len(loras)} LoRAs and {len(weights)} weights")
    whole = sum(lora.rank for lora in loras)
    pairs, lost, total = {}, 0.0, 0.0
    for layer in sorted({layer for lora in loras for layer in lora.pairs}):
        pair = _stacked(layer, loras, weights)
        if rank is not None and rank < whole:
            pair, missing, norm = _truncated(pair, rank)
            lost, total = lost + missing, total + norm
        pairs[layer] = pair
    return Merged(pairs, min(whole, rank or whole), (lost / total) ** 0.5 if total else 0.0)


def _stacked(layer: str, loras: Sequence[LoadedLora], weights: Sequence[float]) -> Pair:
    """Return the sum of a layer's products as one product, by putting the factors side by side."""
    known = [lora.pairs[layer] for lora in loras if layer in lora.pairs]
    shapes = {(pair.up.shape[0], pair.down.shape[1]) for pair in known}
    if len(shapes) != 1:
        raise LoraError(
            f"{layer} must have one size in all LoRAs, got {sorted(shapes)}; they have other bases"
        )
    height, width = shapes.pop()
    downs, ups = [], []
    for lora, weight in zip(loras, weights, strict=True):
        blank = Pair(torch.zeros(lora.rank, width), torch.zeros(height, lora.rank))
        down, up = lora.pairs.get(layer, blank)
        downs.append(down.float())
        ups.append(up.float() * (weight * lora.scale))
    return Pair(torch.cat(downs), torch.cat(ups, dim=1))


def _truncated(pair: Pair, rank: int) -> tuple[Pair, float, float]:
    """Return the nearest product of a lower rank (Eckart and Young 1936), the squares lost, and all."""
    right, left = torch.linalg.qr(pair.up.double()), torch.linalg.qr(pair.down.double().T)
    u, values, v = torch.linalg.svd(right.R @ left.R.T)
    root = values[:rank].sqrt()
    up, down = right.Q @ u[:, :rank] * root, root[:, None] * (v[:rank] @ left.Q.T)
    squares = values.square()
    return Pair(down.float(), up.float()), squares[rank:].sum().item(), squares.sum().item()
