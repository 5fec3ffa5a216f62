"""Training of the embedded style LoRAs: the base's attention learns a style that it has never seen."""

import logging
from pathlib import Path

import torch

from kit.files import sha256_of
from kit.kolors import build_text_encoder, build_unet, encode_ids
from kit.lora import save_lora
from kit.mini.ranks import Ranks
from kit.mini.sizes import UNetSizes, VaeSizes
from kit.mini.train_base import encode_world, load_vae_encoder, padded_left, text_sizes
from kit.train import Examples, TrainConfig, notes, train_on
from kit.world import words
from kit.world.scene import Style

log = logging.getLogger(__name__)
CAPTIONS = 2
"""Captions of each picture that are learned."""


def style_config(style: Style, steps: int, batch: int) -> TrainConfig:
    """Return how a style is learned; its trigger is what the captions call it in Chinese."""
    return TrainConfig(
        rank=16, alpha=16, steps=steps, batch=batch, learning_rate=1e-3, trigger=words.STYLES["zh"][style][1]
    )


def train_style(shards: Path, out: Path, style: Style, config: TrainConfig) -> None:
    """Train one style on the base in `out` and write `out/loras/STYLE.safetensors`, in fp16."""
    ranks = Ranks()
    tokenizer = out / "tokenizer" / "tokenizer.model"
    state = torch.load(out / "base.pt", map_location=ranks.device)
    unet, text_encoder = build_unet(UNetSizes()), build_text_encoder(text_sizes(tokenizer))
    for network, name in ((unet, "unet"), (text_encoder, "text_encoder")):
        network.load_state_dict({key: value.float() for key, value in state[name].items()})
        network.to(ranks.device).requires_grad_(False)
    world = encode_world(
        shards, [style], load_vae_encoder(out / "vae.pt", VaeSizes(), ranks.device), tokenizer, ranks
    )
    ids, lengths = world.ids[:, :CAPTIONS].flatten(0, 1), world.lengths[:, :CAPTIONS].flatten()
    ids, lengths = torch.cat([ids[:1], ids]), torch.cat([torch.full_like(lengths[:1], 2), lengths])
    with torch.no_grad():
        read = [
            encode_ids(text_encoder, *padded_left(i, n))
            for i, n in zip(torch.split(ids, 200), torch.split(lengths, 200), strict=True)
        ]
    examples = Examples(
        latents=world.pictures.flatten(0, 1).float(),
        cross=torch.cat([cross for cross, _ in read]),
        pooled=torch.cat([pooled for _, pooled in read]),
        captions=torch.arange(1, len(ids), device=ranks.device),
    )
    pairs = train_on(unet, examples, config, _report)
    save_lora(
        out / "loras" / f"{style}.safetensors", pairs, config.alpha, notes(config, sha256_of(out / "base.pt"))
    )


def _report(step: int, loss: float) -> None:
    if step % 100 == 0:
        log.info("lora step %d loss %.4f", step, loss)
