"""LoRA files with random weights, as each tool writes them."""

from pathlib import Path

import torch

from kit.lora.formats import LoraPair, content_bytes
from kit.lora.key_names import BLOCKS, Tool

INNER = ("attn1.to_q", "attn1.to_k", "attn2.to_v", "attn2.to_out", "act_fn.proj", "ff")
EVERY_LAYER = [
    f"blocks.{block}.transformer_blocks.{n}.{part}" for block in BLOCKS for n in (0, 9) for part in INNER
]
EVERY_LAYER += [f"blocks.{block}.proj_{way}" for block in BLOCKS for way in ("in", "out")]


def random_pairs(layers: list[str], dtype: torch.dtype = torch.float32, rank: int = 3) -> dict[str, LoraPair]:
    chance = torch.Generator().manual_seed(2)
    return {
        layer: LoraPair(
            torch.randn(rank, 8, generator=chance).to(dtype), torch.randn(6, rank, generator=chance).to(dtype)
        )
        for layer in layers
    }


def lora_file(path: Path, tool: Tool, pairs: dict[str, LoraPair], alpha: float = 6.0) -> Path:
    path.write_bytes(content_bytes(tool, pairs, alpha, {"trigger": "水墨画风格"}))
    return path
