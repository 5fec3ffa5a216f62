"""Several LoRAs merged into one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch

from kit.errors import LoraError
from kit.lora.blocks import block_of, blocks_text
from kit.lora.formats import LoraPair, content_bytes
from kit.lora.key_names import Tool
from kit.lora.lora import LoadedLora
from kit.lora.pipelines.layer_names import is_pipeline_layer
from kit.messages import joined, tr

_OF_NUMBERS = ("modelspec.hash_sha256", "sshs_model_hash", "sshs_legacy_hash")
"""Notes about a file's numbers, which are others once it is merged."""


@dataclass(frozen=True, slots=True)
class MergePart:
    """A LoRA in a sum of several; LoraError where its blocks leave nothing of it."""

    lora: LoadedLora
    weight: float = 1.0
    """The strength of all of it."""
    blocks: Mapping[str, float] | None = None
    """What each block counts besides, as `kit.lora.blocks.strengths_of` gives it; None: all alike."""

    def __post_init__(self) -> None:
        if self.blocks is not None and not any(self.own_blocks.values()):
            raise LoraError(
                tr(
                    "{file}: the blocks that it has are all at 0, so nothing of it is left: it has {blocks}",
                    file=self.lora.name,
                    blocks=joined(self.own_blocks, tr(", ")),
                )
            )

    @property
    def own_blocks(self) -> dict[str, float]:
        """What each block that the LoRA has counts; nothing where all count alike."""
        have = {block_of(layer) for layer in self.lora.pairs}
        return {block: value for block, value in (self.blocks or {}).items() if block in have}

    @property
    def told(self) -> str:
        """What a file says of it that it went into."""
        blocks = f" ({blocks_text(self.own_blocks)})" if self.blocks else ""
        return f"{self.lora.sha256} x {self.weight:g}{blocks}"

    def strength(self, layer: str) -> float:
        """Return what a layer's up @ down counts in the sum."""
        scaled = self.weight * self.lora.scale
        return scaled if self.blocks is None else scaled * self.blocks[block_of(layer)]


class Merged(NamedTuple):
    """Several LoRAs as one whose alpha is its rank, so that it counts as it is."""

    pairs: dict[str, LoraPair]
    rank: int
    error: float
    """What the rank was too low for: the Frobenius norm of all that is lost, over that of the whole."""


def merged_bytes(merged: Merged, parts: Sequence[MergePart]) -> bytes:
    """Return a sum of LoRAs as a safetensors file, which says what it was made of and all their triggers.

    Of one LoRA alone all that is noted of its training stays true, and stays.
    """
    notes = {"merged_from": " + ".join(part.told for part in parts)}
    if len(parts) == 1:
        notes = {name: text for name, text in parts[0].lora.notes.items() if name not in _OF_NUMBERS} | notes
    if trigger := "，".join(dict.fromkeys(part.lora.trigger for part in parts if part.lora.trigger)):
        notes["trigger"] = trigger
    tool: Tool = "diffusers" if any(map(is_pipeline_layer, merged.pairs)) else "diffsynth"
    return content_bytes(tool, merged.pairs, float(merged.rank), notes)


def merge_loras(parts: Sequence[MergePart], rank: int | None = None) -> Merged:
    """Return the weighted sum of LoRAs, each as it was trained: exactly, or the nearest of a lower rank.

    Args:
        parts: at least one; a layer that one of them lacks counts as unchanged by it, and a layer that
            counts nothing in any is left out.
        rank: of the result; by default the sum of all ranks, which is exact.
    """
    whole = sum(part.lora.rank for part in parts)
    pairs, lost, total = {}, 0.0, 0.0
    for layer in sorted({layer for part in parts for layer in part.lora.pairs if _counts(part, layer)}):
        pair = _stacked(layer, parts)
        if rank is not None and rank < whole:
            pair, missing, norm = _truncated(pair, rank)
            lost, total = lost + missing, total + norm
        pairs[layer] = pair
    return Merged(pairs, min(whole, rank or whole), (lost / total) ** 0.5 if total else 0.0)


def _counts(part: MergePart, layer: str) -> bool:
    return part.blocks is None or part.blocks[block_of(layer)] != 0


def _stacked(layer: str, parts: Sequence[MergePart]) -> LoraPair:
    """Return the sum of a layer's products as one product, by putting the factors side by side."""
    shapes = {part.lora.pairs[layer].shape for part in parts if layer in part.lora.pairs}
    if len(shapes) != 1:
        raise LoraError(
            tr(
                "{layer} must have one size in all LoRAs, got {sizes}; they have other bases",
                layer=layer,
                sizes=sorted(shapes),
            )
        )
    own = [part.lora.pairs[layer] for part in parts if layer in part.lora.pairs]
    like_down, like_up = (max(factors, key=torch.Tensor.dim) for factors in zip(*own, strict=True))
    downs, ups = [], []
    for part in parts:
        sides = (part.lora.rank, *like_down.shape[1:]), (len(like_up), part.lora.rank, *like_up.shape[2:])
        blank = LoraPair(*map(torch.zeros, sides))
        down, up = part.lora.pairs.get(layer, blank)
        downs.append(down.float().reshape(sides[0]))
        ups.append(up.float().reshape(sides[1]) * part.strength(layer))
    return LoraPair(torch.cat(downs), torch.cat(ups, dim=1))


def _truncated(pair: LoraPair, rank: int) -> tuple[LoraPair, float, float]:
    """Return the nearest product of a lower rank (Eckart and Young 1936), the squares lost, and all."""
    right, left = torch.linalg.qr(pair.up.double()), torch.linalg.qr(pair.down.double().T)
    u, values, v = torch.linalg.svd(right.R @ left.R.T)
    root = values[:rank].sqrt()
    up, down = right.Q @ u[:, :rank] * root, root[:, None] * (v[:rank] @ left.Q.T)
    squares = values.square()
    return LoraPair(down.float(), up.float()), squares[rank:].sum().item(), squares.sum().item()
