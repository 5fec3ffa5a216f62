"""Training of the embedded style LoRAs: the base learns a style it has never seen, in its attention alone."""

import logging
from collections.abc import Mapping
from pathlib import Path

import torch
from diffsynth.models.kolors_text_encoder import ChatGLMModel
from torch import Tensor

from kit.lora.formats import LoraPair
from kit.lora.lora import save_lora
from kit.mini.training.corpus import Latents, encode_world, padded_left
from kit.mini.training.networks import load_networks
from kit.mini.training.optimizer import DistributedRanks
from kit.models.kolors.text_encoder import encode_ids
from kit.models.mini_layout import EmbeddedFolder
from kit.models.networks import TOKENIZER
from kit.training.config import ON_MINI, PRESETS, TrainConfig
from kit.training.latents import EncodedDataset
from kit.training.loop import TrainState, TrainStep, precision_of
from kit.training.lora_layers import train_lora
from kit.training.train import notes
from kit.world import words
from kit.world.scene import Style

log = logging.getLogger(__name__)
READ_BATCH = 200
"""Captions read at once."""
RATE = 1e-3
"""Thousands of pictures allow a slower learning than the few dozen of a user."""
RANKS: dict[Style, int] = {"ink": 8, "watercolour": 8, "cyberpunk": 16}
"""Cyberpunk redraws every line; with rank 8 it lost more of its faces."""


def style_config(style: Style, steps: int, batch: int) -> TrainConfig:
    """Return how a style is learned; its trigger is what the captions call it in Chinese."""
    mine = {
        "rank": RANKS[style],
        "alpha": RANKS[style],
        "steps": steps,
        "batch": batch,
        "learning_rate": RATE,
        "precision": "auto",
        "trigger": words.STYLES["zh"][style][1],
    }
    return TrainConfig.model_validate({**PRESETS["style"], **ON_MINI, **mine})


def train_style(shards: Path, out: Path, style: Style, base: EmbeddedFolder, config: TrainConfig) -> None:
    """Train one style on the base and write `out/loras/STYLE.safetensors`, in fp16; on one GPU."""
    ranks = DistributedRanks()
    networks = load_networks(base, str(ranks.device))
    encoder = networks.encoder.to(memory_format=torch.channels_last)
    world = encode_world(shards, [style], encoder, base.folder / TOKENIZER, ranks)
    examples = _examples(world, networks.text_encoder)
    unet = networks.unet.to(precision_of(config, ranks.device))
    pairs = train_lora(unet, examples, config, _Diary())
    identity = {"base": base.name, "base_sha256": base.unet_sha256, "dataset_sha256": ""}
    metadata = notes(config, style, len(examples.latents), config.steps, identity)
    save_lora(out / "loras" / f"{style}.safetensors", pairs, config.alpha, metadata)


@torch.no_grad()
def _examples(world: Latents, text_encoder: ChatGLMModel) -> EncodedDataset:
    """Return each picture with one of its captions, all languages in turn; the first text read is empty."""
    rows = torch.arange(len(world.pictures), device=world.ids.device)
    turns = rows % world.ids.shape[1]
    ids, lengths = world.ids[rows, turns], world.lengths[rows, turns]
    ids, lengths = torch.cat([ids[:1], ids]), torch.cat([torch.full_like(lengths[:1], 2), lengths])
    cross, pooled = _read(text_encoder, ids, lengths)
    return EncodedDataset(
        latents=list(world.pictures.float()),
        cross=cross,
        pooled=pooled,
        captions=torch.arange(1, len(ids), device=ids.device),
    )


def _read(text_encoder: ChatGLMModel, ids: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    batches = zip(torch.split(ids, READ_BATCH), torch.split(lengths, READ_BATCH), strict=True)
    states = [encode_ids(text_encoder, *padded_left(i, n)) for i, n in batches]
    return torch.cat([cross for cross, _ in states]), torch.cat([pooled for _, pooled in states])


class _Diary:
    """Logs a training that is short enough to begin anew."""

    def begin(self) -> TrainState | None:
        """Begin anew."""
        return None

    def on_step(self, step: TrainStep) -> None:
        """Log every hundredth step."""
        if step.number % 100 == 0:
            log.info("lora step %d loss %.4f", step.number, step.loss)

    def save_checkpoint(self, state: TrainState, pairs: Mapping[str, LoraPair]) -> None:
        """Keep nothing."""
