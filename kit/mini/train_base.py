"""Training of the UNet and the text encoder together, on latents of the drawn world."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import sentencepiece
import torch
from torch import Tensor, nn

from kit.kolors import (
    SPECIAL_TOKENS,
    TRAIN_STEPS,
    ChatGLMModel,
    SDXLUNet,
    SDXLVAEEncoder,
    build_text_encoder,
    build_unet,
    build_vae_encoder,
    encode_ids,
    scheduler,
    time_ids,
)
from kit.mini.ranks import Average, Ranks, learning_rate
from kit.mini.shards import read_shards
from kit.mini.sizes import TOKENS, TextSizes, UNetSizes, VaeSizes
from kit.mini.train_vae import as_input
from kit.world.canvas import SIDE
from kit.world.scene import Style

log = logging.getLogger(__name__)
CAPTION_TOKENS = 80
"""No caption is longer; a tokenised caption is kept in so many 16-bit numbers."""
BASE_STYLES: tuple[Style, ...] = ("flat", "pixel", "papercut")


@dataclass(frozen=True, kw_only=True, slots=True)
class BaseConfig:
    """How the base is trained."""

    steps: int = 6000
    batch: int = 256
    """Pictures a step on each GPU."""
    peak_rate: float = 1.2e-3
    caption_dropout: float = 0.1
    snr_cap: float = 5.0
    """Min-SNR gamma (Hang et al. 2023)."""
    seed: int = 0
    limit_s: float = 1e9
    """Be done within so many seconds, with fewer steps if need be."""


@dataclass(frozen=True, slots=True)
class Latents:
    """What the base learns from, on the device."""

    pictures: Tensor
    """(n, 2, 4, 32, 32) fp16, scaled; the second is mirrored."""
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
                both = torch.stack([encoder(x), encoder(x.flip(3))], dim=1)
            pictures.append(both.half())
        count = len(shard.captions[0])
        i, n = tokenised([c for each in shard.captions for c in each], tokenizer)
        ids.append(i.view(-1, count, CAPTION_TOKENS).to(ranks.device))
        lengths.append(n.view(-1, count).to(ranks.device))
    return Latents(torch.cat(pictures), torch.cat(ids), torch.cat(lengths))


class Learner(nn.Module):
    """UNet and text encoder as one network that predicts noise; what is compiled."""

    def __init__(self, unet: SDXLUNet, text_encoder: ChatGLMModel) -> None:
        """Keep both networks."""
        super().__init__()
        self.unet, self.text_encoder = unet, text_encoder

    def forward(self, noisy: Tensor, times: Tensor, ids: Tensor, lengths: Tensor) -> Tensor:
        """Return the predicted noise, shape of `noisy`."""
        cross, pooled = encode_ids(self.text_encoder, *padded_left(ids, lengths))
        sizes = time_ids(len(noisy), SIDE, noisy.device)
        predicted: Tensor = self.unet(noisy, times, cross.to(noisy.dtype), sizes, pooled.to(noisy.dtype))
        return predicted


def train_base(shards: Path, out: Path, tokenizer: Path, config: BaseConfig) -> None:
    """Train on latents of the autoencoder in `out/vae.pt`; write averaged weights in fp16 to `out/base.pt`.

    Keeps `out/base-state.pt` every 1000 steps; the same command goes on from there.
    """
    ranks = Ranks()
    torch.manual_seed(config.seed)
    unet, text_encoder = build_unet(UNetSizes()), build_text_encoder(text_sizes(tokenizer))
    learner = Learner(unet.to(memory_format=torch.channels_last), text_encoder).to(ranks.device)
    parameters = [p for p in learner.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, config.peak_rate, betas=(0.9, 0.99), weight_decay=0.01)
    average = Average(parameters, 0.9993)
    first, spent = _resume(out / "base-state.pt", learner, optimizer, average, ranks)
    encoder = load_vae_encoder(out / "vae.pt", VaeSizes(), ranks.device)
    started = time.monotonic()
    world = encode_world(shards, BASE_STYLES, encoder, tokenizer, ranks)
    log.info("rank %d: %d pictures, std %.3f, %.0f s", ranks.rank, len(world.pictures),
             world.pictures[:2000].float().std().item(), time.monotonic() - started)  # fmt: skip
    torch.manual_seed(config.seed + 1000 * ranks.rank + 7 * first + 1)
    alphas = torch.tensor(scheduler().alphas_cumprod, device=ranks.device, dtype=torch.float32)
    if ranks.device.type == "cuda":
        learner.compile()
    clock = _Clock(config, ranks, time.monotonic() - spent)
    sums = torch.zeros(2, device=ranks.device)
    step = first
    while not clock.is_over(step):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(clock.progress, step, config.peak_rate, 300)
        loss, error = _loss(learner, world, alphas, ranks, config)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        ranks.average_gradients(parameters)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        average.update(parameters, step)
        sums += torch.stack([loss.detach(), error.detach()])
        step += 1
        if step % 100 == 0 and ranks.rank == 0:
            log.info("base step %d loss %.4f mse %.4f, %.0f s", step, *(sums / 100).tolist(), clock.spent)
        sums *= step % 100 > 0
        if step % 1000 == 0 and ranks.rank == 0:
            _keep(out / "base-state.pt", (step, clock.spent), learner, optimizer, average)
    if ranks.rank == 0:
        _finish(out / "base.pt", step, learner, average, parameters)
    ranks.leave()


class _Clock:
    """How far a training has come, by steps or by time, whichever is nearer its end."""

    def __init__(self, config: BaseConfig, ranks: Ranks, started: float) -> None:
        self.config, self.ranks, self.started = config, ranks, started
        self.progress = 0.0

    @property
    def spent(self) -> float:
        return time.monotonic() - self.started

    def is_over(self, step: int) -> bool:
        by_steps = step / self.config.steps
        if step % 20 == 0:
            self.progress = self.ranks.agree(max(by_steps, self.spent / self.config.limit_s))
        return self.progress >= 1 or by_steps >= 1


def _loss(
    learner: nn.Module, world: Latents, alphas: Tensor, ranks: Ranks, config: BaseConfig
) -> tuple[Tensor, Tensor]:
    """Return the weighted and the plain mean squared error of the predicted noise."""
    device, batch = ranks.device, config.batch
    rows = torch.randint(len(world.pictures), (batch,), device=device)
    captions = torch.randint(world.ids.shape[1], (batch,), device=device)
    latents = world.pictures[rows, torch.randint(2, (batch,), device=device)].float()
    ids, lengths = world.ids[rows, captions], world.lengths[rows, captions]
    lengths = torch.where(torch.rand(batch, device=device) < config.caption_dropout, 2, lengths)
    times = torch.randint(TRAIN_STEPS, (batch,), device=device)
    kept = alphas[times][:, None, None, None]
    noise = torch.randn_like(latents)
    noisy = (kept.sqrt() * latents + (1 - kept).sqrt() * noise).contiguous(memory_format=torch.channels_last)
    with ranks.autocast():
        predicted = learner(noisy, times.float(), ids, lengths)
    errors = ((predicted.float() - noise) ** 2).mean((1, 2, 3))
    weights = (config.snr_cap * (1 - kept) / kept).flatten().clamp(max=1.0)
    return (errors * weights).mean(), errors.mean()


def _resume(
    path: Path, learner: Learner, optimizer: torch.optim.Optimizer, average: Average, ranks: Ranks
) -> tuple[int, float]:
    """Return the steps and seconds already done."""
    if not path.exists():
        return 0, 0.0
    state = torch.load(path, map_location=ranks.device)
    learner.load_state_dict(state["learner"])
    optimizer.load_state_dict(state["optimizer"])
    average.values = state["average"]
    return int(state["step"]), float(state["spent"])


def _keep(
    path: Path, done: tuple[int, float], learner: Learner, optimizer: torch.optim.Optimizer, average: Average
) -> None:
    step, spent = done
    state = {"step": step, "spent": spent, "average": average.values}
    state |= {"learner": learner.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save(state, path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)


def _finish(
    path: Path, step: int, learner: Learner, average: Average, parameters: list[nn.Parameter]
) -> None:
    average.swap(parameters)
    halves = {name: {k: v.half() for k, v in part.state_dict().items()}
              for name, part in (("unet", learner.unet), ("text_encoder", learner.text_encoder))}  # fmt: skip
    torch.save({**halves, "step": step}, path)
