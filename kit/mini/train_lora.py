"""Training of the embedded style LoRAs: the base learns a style it has never seen, in its attention alone."""

import logging
from pathlib import Path

import torch
from torch import Tensor

from kit.base import load_networks
from kit.embedded import TOKENIZER, EmbeddedFolder
from kit.kolors import ChatGLMModel, encode_ids
from kit.lora import save_lora
from kit.mini.latents import Latents, encode_world, padded_left
from kit.mini.ranks import Ranks
from kit.train import Examples, TrainConfig, notes, train_on
from kit.world import words
from kit.world.scene import Style

log = logging.getLogger(__name__)
READ_BATCH = 200
"""Captions read at once."""
RANKS: dict[Style, int] = {"ink": 8, "watercolour": 8, "cyberpunk": 16}
"""Cyberpunk redraws every line; with rank 8 it lost more of its faces."""


def style_config(style: Style, steps: int, batch: int) -> TrainConfig:
    """Return how a style is learned; its trigger is what the captions call it in Chinese."""
    return TrainConfig(
        rank=RANKS[style],
        alpha=RANKS[style],
        steps=steps,
        batch=batch,
        learning_rate=1e-3,
        trigger=words.STYLES["zh"][style][1],
    )


def train_style(shards: Path, out: Path, style: Style, base: EmbeddedFolder, config: TrainConfig) -> None:
    """Train one style on the base and write `out/loras/STYLE.safetensors`, in fp16; on one GPU."""
    ranks = Ranks()
    networks = load_networks(base, str(ranks.device))
    encoder = networks.encoder.to(memory_format=torch.channels_last)
    world = encode_world(shards, [style], encoder, base.folder / TOKENIZER, ranks)
    pairs = train_on(networks.unet, _examples(world, networks.text_encoder), config, _report)
    save_lora(out / "loras" / f"{style}.safetensors", pairs, config.alpha, notes(config, base.unet_sha256))


@torch.no_grad()
def _examples(world: Latents, text_encoder: ChatGLMModel) -> Examples:
    """Return each picture with one of its captions, all languages in turn; the first text read is empty."""
    rows = torch.arange(len(world.pictures), device=world.ids.device)
    turns = rows % world.ids.shape[1]
    ids, lengths = world.ids[rows, turns], world.lengths[rows, turns]
    ids, lengths = torch.cat([ids[:1], ids]), torch.cat([torch.full_like(lengths[:1], 2), lengths])
    cross, pooled = _read(text_encoder, ids, lengths)
    return Examples(
        latents=world.pictures.float(),
        cross=cross,
        pooled=pooled,
        captions=torch.arange(1, len(ids), device=ids.device),
    )


def _read(text_encoder: ChatGLMModel, ids: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    batches = zip(torch.split(ids, READ_BATCH), torch.split(lengths, READ_BATCH), strict=True)
    states = [encode_ids(text_encoder, *padded_left(i, n)) for i, n in batches]
    return torch.cat([cross for cross, _ in states]), torch.cat([pooled for _, pooled in states])


def _report(step: int, loss: float) -> None:
    if step % 100 == 0:
        log.info("lora step %d loss %.4f", step, loss)
