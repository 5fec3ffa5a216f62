"""The drawn world as the UNet learns it: latents of its pictures, tokens of its captions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import sentencepiece
import torch
from torch import Tensor

from kit.kolors import SPECIAL_TOKENS, SDXLVAEEncoder, build_vae_encoder
from kit.mini.ranks import Ranks
from kit.mini.shards import read_shards
from kit.mini.sizes import TOKENS, TextSizes, VaeSizes
from kit.world.scene import Style

CAPTION_TOKENS = 80
"""No caption is longer; a tokenised caption is kept in so many 16-bit numbers."""


@dataclass(frozen=True, slots=True)
class Latents:
    """Pictures and captions on the device."""

    pictures: Tensor
    """(n, 4, 32, 32) fp16, scaled. Not mirrored: letters and bedrooms have one way round."""
    ids: Tensor
    """(n, captions, CAPTION_TOKENS) int16, prefix included, padded on the right."""
    lengths: Tensor
    """(n, captions) int16."""


def text_sizes(tokenizer: Path) -> TextSizes:
    """Return the text encoder's sizes for a tokenizer: its vocabulary in whole 64s."""
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(tokenizer)).vocab_size()
    return TextSizes(vocabulary=-(-(pieces + SPECIAL_TOKENS) // 64) * 64)


def tokenised(captions: Sequence[str], tokenizer: Path) -> tuple[Tensor, Tensor]:
    """Return (n, CAPTION_TOKENS) ids with Kolors' two prefix tokens and (n,) lengths, both int16."""
    processor = sentencepiece.SentencePieceProcessor(model_file=str(tokenizer))
    prefix = [processor.vocab_size() + 1, processor.vocab_size() + 3]
    ids = np.zeros((len(captions), CAPTION_TOKENS), np.int16)
    lengths = np.zeros(len(captions), np.int16)
    for row, tokens in enumerate(processor.encode(list(captions))):
        whole = (prefix + tokens)[:CAPTION_TOKENS]
        ids[row, : len(whole)] = whole
        lengths[row] = len(whole)
    return torch.from_numpy(ids), torch.from_numpy(lengths)


def padded_left(ids: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return ids, mask and positions as Kolors' tokenizer pads them, (n, 256) each, on the device."""
    place = torch.arange(TOKENS, device=ids.device)[None] - (TOKENS - lengths.long()[:, None])
    there = place >= 0
    position = place.clamp(min=0)
    gathered = torch.gather(ids.long(), 1, position.clamp(max=ids.shape[1] - 1))
    return torch.where(there, gathered, 0), there.long(), position


def as_input(pictures: Tensor) -> Tensor:
    """Return (n, 3, h, w) in [-1, 1] from (n, h, w, 3) uint8."""
    scaled = pictures.permute(0, 3, 1, 2).float().div(127.5).sub(1)
    return scaled.contiguous(memory_format=torch.channels_last)


def load_vae_encoder(path: Path, sizes: VaeSizes, device: torch.device) -> SDXLVAEEncoder:
    """Return the trained encoder of `vae.pt`, scaled."""
    state = torch.load(path, map_location=device)
    encoder = build_vae_encoder(sizes).to(device)
    encoder.load_state_dict({name: value.float() for name, value in state["encoder"].items()})
    encoder.scaling_factor = float(state["scaling_factor"])
    return encoder.to(memory_format=torch.channels_last)


@torch.no_grad()
def encode_world(
    shards: Path, styles: Sequence[Style], encoder: SDXLVAEEncoder, tokenizer: Path, ranks: Ranks
) -> Latents:
    """Return this process's share of the world as latents and tokenised captions."""
    pictures, ids, lengths = [], [], []
    for shard in read_shards(shards, styles, (ranks.rank, ranks.count)):
        for chunk in torch.split(torch.from_numpy(shard.pictures), 250):
            x = as_input(chunk.to(ranks.device))
            with ranks.autocast():
                pictures.append(encoder(x).half())
        count = len(shard.captions[0])
        i, n = tokenised([c for each in shard.captions for c in each], tokenizer)
        ids.append(i.view(-1, count, CAPTION_TOKENS).to(ranks.device))
        lengths.append(n.view(-1, count).to(ranks.device))
    return Latents(torch.cat(pictures), torch.cat(ids), torch.cat(lengths))
