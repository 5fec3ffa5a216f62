"""Several LoRAs merged into one."""

from collections.abc import Sequence
from typing import NamedTuple

import torch

from kit.errors import LoraError
from kit.lora.formats import LoraPair, content_bytes
from kit.lora.lora import LoadedLora
from kit.messages import tr


class Merged(NamedTuple):
    """Several LoRAs as one whose alpha is its rank, so that it counts as it is."""

    pairs: dict[str, LoraPair]
    rank: int
    error: float
    """What the rank was too low for: the Frobenius norm of all that is lost, over that of the whole."""


def merged_bytes(merged: Merged, loras: Sequence[LoadedLora], weights: Sequence[float]) -> bytes:
    """Return a sum of LoRAs as a safetensors file, which says what it was made of and all their triggers."""
    parts = [f"{lora.sha256} x {weight:g}" for lora, weight in zip(loras, weights, strict=True)]
    notes = {"merged_from": " + ".join(parts)}
    if trigger := "，".join(dict.fromkeys(lora.trigger for lora in loras if lora.trigger)):
        notes["trigger"] = trigger
    return content_bytes("diffsynth", merged.pairs, float(merged.rank), notes)


def merge_loras(loras: Sequence[LoadedLora], weights: Sequence[float], rank: int | None = None) -> Merged:
    """Return the weighted sum of LoRAs, each as it was trained: exactly, or the nearest of a lower rank.

    Args:
        loras: at least one; a layer that one of them lacks counts as unchanged by it.
        weights: the strength of each.
        rank: of the result; by default the sum of all ranks, which is exact.
    """
    if len(loras) != len(weights) or not loras:
        raise LoraError(
            tr(
                "each LoRA needs a weight, got {loras} LoRAs and {weights} weights",
                loras=len(loras),
                weights=len(weights),
            )
        )
    whole = sum(lora.rank for lora in loras)
    pairs, lost, total = {}, 0.0, 0.0
    for layer in sorted({layer for lora in loras for layer in lora.pairs}):
        pair = _stacked(layer, loras, weights)
        if rank is not None and rank < whole:
            pair, missing, norm = _truncated(pair, rank)
            lost, total = lost + missing, total + norm
        pairs[layer] = pair
    return Merged(pairs, min(whole, rank or whole), (lost / total) ** 0.5 if total else 0.0)


def _stacked(layer: str, loras: Sequence[LoadedLora], weights: Sequence[float]) -> LoraPair:
    """Return the sum of a layer's products as one product, by putting the factors side by side."""
    shapes = {lora.pairs[layer].shape for lora in loras if layer in lora.pairs}
    if len(shapes) != 1:
        raise LoraError(
            tr(
                "{layer} must have one size in all LoRAs, got {sizes}; they have other bases",
                layer=layer,
                sizes=sorted(shapes),
            )
        )
    height, width = shapes.pop()
    downs, ups = [], []
    for lora, weight in zip(loras, weights, strict=True):
        blank = LoraPair(torch.zeros(lora.rank, width), torch.zeros(height, lora.rank))
        down, up = lora.pairs.get(layer, blank)
        downs.append(down.float())
        ups.append(up.float() * (weight * lora.scale))
    return LoraPair(torch.cat(downs), torch.cat(ups, dim=1))


def _truncated(pair: LoraPair, rank: int) -> tuple[LoraPair, float, float]:
    """Return the nearest product of a lower rank (Eckart and Young 1936), the squares lost, and all."""
    right, left = torch.linalg.qr(pair.up.double()), torch.linalg.qr(pair.down.double().T)
    u, values, v = torch.linalg.svd(right.R @ left.R.T)
    root = values[:rank].sqrt()
    up, down = right.Q @ u[:, :rank] * root, root[:, None] * (v[:rank] @ left.Q.T)
    squares = values.square()
    return LoraPair(down.float(), up.float()), squares[rank:].sum().item(), squares.sum().item()
