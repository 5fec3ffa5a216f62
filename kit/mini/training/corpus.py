"""What the embedded base is trained on: latents of rendered scenes, and a tokenizer of their captions."""

import io
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import sentencepiece
import torch
from diffsynth.models.sdxl_vae_encoder import SDXLVAEEncoder
from torch import Tensor

from kit.files.atomic_write import write_atomic
from kit.mini.training.optimizer import DistributedRanks
from kit.mini.training.shards import read_shards
from kit.models.kolors.text_encoder import SPECIAL_TOKENS
from kit.models.kolors.vae import build_vae_encoder
from kit.models.sizes import EMBEDDED_SIZES, TOKENS, TextSizes, VaeSizes
from kit.world.captions import caption
from kit.world.scene import DEGRADATIONS, STYLES, Scene, Style, sample_scene

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
    return replace(EMBEDDED_SIZES.text, vocabulary=-(-(pieces + SPECIAL_TOKENS) // 64) * 64)


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
    shards: Path, styles: Sequence[Style], encoder: SDXLVAEEncoder, tokenizer: Path, ranks: DistributedRanks
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


PIECES = 1000
CAPTIONS = 24_000
ENGLISH_CAPTIONS = 6000
"""Captions searched for English words."""
MARKS = ("，", ",", "、", "。", ".")


def train_tokenizer(path: Path, seed: int = 0, captions: int = CAPTIONS) -> None:
    """Write a sentencepiece model trained on captions; the same seed gives the same file."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=_lines(random.Random(seed), captions),
        model_writer=model,
        vocab_size=PIECES,
        model_type="unigram",
        character_coverage=1.0,
        hard_vocab_limit=False,
        user_defined_symbols=[*MARKS, *_english_words()],
        num_threads=1,
        minloglevel=2,
    )
    write_atomic(path, model.getvalue())


def _lines(rng: random.Random, captions: int) -> Iterator[str]:
    for number in range(captions):
        scene = _sample(rng)
        if number % 3 == 0:
            yield caption(scene, "en", rng)
        else:
            yield MARKS[0].join(_pairs(caption(scene, "zh", rng), rng))


def _sample(rng: random.Random) -> Scene:
    """Return a scene of any style, often with faults, so that negative prompts find their words too."""
    scene = sample_scene(rng, rng.choice(STYLES))
    return replace(scene, degradations=tuple(rng.sample(DEGRADATIONS, rng.choice((0, 0, 1, 2)))))


def _pairs(text: str, rng: random.Random) -> Iterator[str]:
    """Cut a text after every one or two characters by lot, so that no longer piece is ever seen."""
    start = 0
    while start < len(text):
        end = start + rng.choice((1, 2, 2))
        yield text[start:end]
        start = end


def _english_words() -> list[str]:
    """Return every English word of captions with three letters or more, as sentencepiece writes it."""
    rng = random.Random(0)
    texts = (caption(_sample(rng), "en", rng) for _ in range(ENGLISH_CAPTIONS))
    seen = {word for text in texts for word in re.findall("[a-z]{3,}", text)}
    return sorted("\u2581" + word for word in seen)
