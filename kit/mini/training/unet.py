"""Training of the UNet and the text encoder together, on latents of the drawn world."""

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol, cast

import torch
from diffsynth.models.kolors_text_encoder import ChatGLMModel
from diffsynth.models.sdxl_unet import SDXLUNet
from torch import Tensor, nn
from torch.func import functional_call

from kit.mini.training.corpus import Latents, encode_world, load_vae_encoder, padded_left
from kit.mini.training.networks import untrained_text_encoder, untrained_unet
from kit.mini.training.optimizer import AveragedOptimizer, DistributedRanks, Rates
from kit.models.kolors.scheduler import TRAIN_STEPS, scheduler
from kit.models.kolors.text_encoder import encode_ids
from kit.models.kolors.unet import time_ids
from kit.models.networks import TOKENIZER
from kit.models.sizes import BaseSizes
from kit.world.canvas import SIDE
from kit.world.scene import Style

log = logging.getLogger(__name__)
BASE_STYLES: tuple[Style, ...] = ("flat", "pixel", "papercut")
START = "start.pt"
"""Weights that a training goes on from, as `out/base.pt` holds them."""
REPORT_STEPS, KEEP_STEPS = 100, 1000
"""So often the log gets a line, and the state is kept."""


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


class Learner(nn.Module):
    """UNet and text encoder as one network that predicts noise, in bf16 on a GPU; the weights stay fp32."""

    def __init__(self, unet: SDXLUNet, text_encoder: ChatGLMModel, ranks: DistributedRanks) -> None:
        """Keep both networks, which are on the ranks' device."""
        super().__init__()
        self.unet, self.text_encoder, self.ranks = unet, text_encoder, ranks
        self.sizes = time_ids(1, SIDE, ranks.device)

    def forward(self, noisy: Tensor, times: Tensor, ids: Tensor, lengths: Tensor) -> Tensor:
        """Return the predicted noise, shape of `noisy`."""
        with self.ranks.autocast():
            cross, pooled = encode_ids(self.text_encoder, *padded_left(ids, lengths))
        sizes = self.sizes.repeat(len(noisy))
        noisy, cross, pooled = (self.ranks.as_used(each) for each in (noisy, cross, pooled))
        weights = {name: self.ranks.as_used(each) for name, each in self.unet.named_parameters()}
        predicted: Tensor = functional_call(self.unet, weights, (noisy, times, cross, sizes, pooled))
        return predicted.float()


class LessonBatch(NamedTuple):
    """What one step learns from."""

    rows: Tensor
    """(B,): the pictures' places in the world."""
    told: tuple[Tensor, Tensor, Tensor, Tensor]
    """What the learner takes."""
    noise: Tensor
    kept: Tensor
    """(B, 1, 1, 1): how much of each picture's variance the noise has left."""


class Teacher(Protocol):
    """Who gives lessons and tells how wrong a learner is."""

    ranks: DistributedRanks

    def loss(self, learner: nn.Module) -> tuple[Tensor, Tensor]:
        """Return the weighted and the plain mean squared error over one batch."""


class Lessons:
    """Noisy latents with captions, drawn by lot, and how wrong the noise predicted for them is."""

    def __init__(self, world: Latents, config: BaseConfig, ranks: DistributedRanks, first: int) -> None:
        """Draw by the seed, the rank and the first step, so that a resumed training sees new lots."""
        self.world, self.config, self.ranks = world, config, ranks
        self.alphas = torch.tensor(scheduler().alphas_cumprod, device=ranks.device, dtype=torch.float32)
        self.dice = torch.Generator(ranks.device)
        self.dice.manual_seed(config.seed + 1000 * ranks.rank + 7 * first + 1)

    def lesson(self) -> LessonBatch:
        """Return what one step is to learn from."""
        world, batch = self.world, self.config.batch
        rows, captions = self._lots(len(world.pictures)), self._lots(world.ids.shape[1])
        latents = world.pictures[rows].float()
        ids, lengths = world.ids[rows, captions], world.lengths[rows, captions]
        dropped = torch.rand(batch, device=self.ranks.device, generator=self.dice)
        lengths = torch.where(dropped < self.config.caption_dropout, 2, lengths)
        times = self._lots(TRAIN_STEPS)
        kept = self.alphas[times][:, None, None, None]
        noise = torch.randn(latents.shape, device=self.ranks.device, generator=self.dice)
        noisy = kept.sqrt() * latents + (1 - kept).sqrt() * noise
        noisy = noisy.contiguous(memory_format=torch.channels_last)
        return LessonBatch(rows, (noisy, times.float(), ids, lengths), noise, kept)

    def loss(self, learner: nn.Module) -> tuple[Tensor, Tensor]:
        """Return the weighted and the plain mean squared error over one batch."""
        lesson = self.lesson()
        return self.errors(lesson, learner(*lesson.told))

    def errors(self, lesson: LessonBatch, predicted: Tensor) -> tuple[Tensor, Tensor]:
        """Return the weighted and the plain mean squared error of a prediction."""
        errors = ((predicted - lesson.noise) ** 2).mean((1, 2, 3))
        weights = (self.config.snr_cap * (1 - lesson.kept) / lesson.kept).flatten().clamp(max=1.0)
        return (errors * weights).mean(), errors.mean()

    def example(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return what the learner takes, in the shapes of a batch."""
        world, rows = self.world, torch.zeros(self.config.batch, dtype=torch.long, device=self.ranks.device)
        noisy = world.pictures[rows].float().contiguous(memory_format=torch.channels_last)
        return noisy, rows.float(), world.ids[rows, 0], world.lengths[rows, 0]

    def _lots(self, options: int) -> Tensor:
        return torch.randint(options, (self.config.batch,), device=self.ranks.device, generator=self.dice)


def train_base(shards: Path, out: Path, sizes: BaseSizes, config: BaseConfig) -> None:
    """Train on latents of the autoencoder in `out/vae.pt`; write averaged weights in fp16 to `out/base.pt`.

    Begins at the weights in `out/start.pt`, at random ones where there are none. Keeps `out/base-state.pt`
    every 1000 steps; the same command goes on from there.
    """
    ranks = DistributedRanks()
    learner = build_learner(sizes, config.seed, ranks)
    networks = {"unet": learner.unet, "text_encoder": learner.text_encoder}
    _begin(networks, out / START)
    rates = Rates(peak=config.peak_rate, warmup=300, decay=0.01, average=0.9993)
    descent = AveragedOptimizer(networks, rates, ranks)
    spent = descent.resume(out / "base-state.pt")
    encoder = load_vae_encoder(out / "vae.pt", sizes.vae, ranks.device)
    started = time.monotonic()
    world = encode_world(shards, BASE_STYLES, encoder, out / TOKENIZER, ranks)
    spread, took = world.pictures[:2000].float().std().item(), time.monotonic() - started
    log.info("rank %d: %d pictures, std %.3f, %.0f s", ranks.rank, len(world.pictures), spread, took)
    clock = Clock(config, ranks, time.monotonic() - spent)
    lessons = Lessons(world, config, ranks, descent.step)
    learn(captured(learner, lessons.example(), ranks), descent, lessons, clock, out / "base-state.pt")
    descent.settle()
    if ranks.rank == 0:
        torch.save({**descent.halves(), "step": descent.step}, out / "base.pt")
    ranks.leave()


def _begin(networks: dict[str, nn.Module], path: Path) -> None:
    if path.exists():
        weights = torch.load(path, map_location="cpu")
        for name, network in networks.items():
            network.load_state_dict(weights[name])


def build_learner(sizes: BaseSizes, seed: int, ranks: DistributedRanks) -> Learner:
    """Return the untrained networks on the device."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        unet, text_encoder = untrained_unet(sizes.unet), untrained_text_encoder(sizes.text)
    unet = unet.to(ranks.device, memory_format=torch.channels_last)
    return Learner(unet, text_encoder.to(ranks.device), ranks)


def captured(learner: nn.Module, example: tuple[Tensor, ...], ranks: DistributedRanks) -> nn.Module:
    """Return the learner with its kernels launched as one graph on a GPU; as it is on a CPU.

    At 256 pictures a step, launching the kernels one by one takes longer than running them.
    """
    if ranks.device.type != "cuda":
        return learner
    return cast(nn.Module, torch.cuda.make_graphed_callables(learner, example, allow_unused_input=True))


class Clock:
    """How far a training has come, by steps or time, whichever is nearer its end; the same in all ranks."""

    def __init__(self, config: BaseConfig, ranks: DistributedRanks, started: float) -> None:
        """Begin at a moment of `time.monotonic`."""
        self.config, self.ranks, self.started = config, ranks, started
        self.progress = 0.0

    @property
    def spent(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.started

    def is_over(self, step: int) -> bool:
        """Return whether no step is left after so many."""
        by_steps = step / self.config.steps
        if step % 20 == 0:
            self.progress = self.ranks.agree(max(by_steps, self.spent / self.config.limit_s))
        return self.progress >= 1 or by_steps >= 1


def learn(
    learner: nn.Module, descent: AveragedOptimizer, lessons: Teacher, clock: Clock, state: Path
) -> None:
    """Descend until the clock is over, and keep the state every 1000 steps."""
    sums, before = torch.zeros(2, device=lessons.ranks.device), clock.spent
    while not clock.is_over(descent.step):
        loss, error = lessons.loss(learner)
        descent.descend(loss, clock.progress)
        sums += torch.stack([loss.detach(), error.detach()])
        if descent.step % REPORT_STEPS == 0:
            means, now = (sums / REPORT_STEPS).tolist(), clock.spent
            step_ms = 1000 * (now - before) / REPORT_STEPS
            if lessons.ranks.rank == 0:
                log.info("step %d loss %.4f mse %.4f, %.1f ms a step, %.0f s", descent.step, *means,
                         step_ms, now)  # fmt: skip
            before = now
            sums.zero_()
        if descent.step % KEEP_STEPS == 0:
            descent.keep(state, clock.spent)
