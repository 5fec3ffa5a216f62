"""The training loop: only what it is given learns, step by step; it can be stopped and gone on with."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeVar

import torch
from diffsynth.models.sdxl_unet import SDXLUNet
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from kit.errors import TrainError
from kit.messages import tr
from kit.models.kolors.scheduler import TRAIN_STEPS, scheduler
from kit.models.kolors.unet import time_ids
from kit.models.sizes import STRIDE
from kit.training.config import TrainConfig
from kit.training.lr_schedule import BatchSampler, learning_rate, seeded_generator

Result = TypeVar("Result")
Learned = TypeVar("Learned", contravariant=True)


class TrainStep(NamedTuple):
    """One finished step."""

    number: int
    """From 1."""
    loss: float
    learning_rate: float


class TrainState(NamedTuple):
    """A training between two steps: all that the next one hangs on."""

    step: int
    """How many steps are done."""
    weights: Mapping[str, Tensor]
    """What learns by name, in fp32: a LoRA's factors, or a word's vectors."""
    mean: Mapping[str, Tensor]
    """Their running mean; empty without one."""
    optimizer: dict[str, object]
    scaler: dict[str, object]


class Checkpointer(Protocol[Learned]):
    """Whoever keeps a training's states."""

    def begin(self) -> TrainState | None:
        """Return where to go on from; None at the very beginning."""

    def on_step(self, step: TrainStep) -> None:
        """Hear of a finished step."""

    def save_checkpoint(self, state: TrainState, learned: Learned) -> None:
        """Keep the training as it stands, and the LoRA, or the word, that it would end with here."""


class Examples(Protocol):
    """What is learned from."""

    @property
    def latents(self) -> Sequence[Tensor]:
        """Return one a picture: (4, height/8, width/8), scaled."""

    @property
    def captions(self) -> Tensor:
        """Return (pictures,): each picture's row among the captions; row 0 is the empty one."""

    def states(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the UNet reads of captions: (B, 256, hidden) and (B, hidden)."""


class WeightedExamples(NamedTuple):
    """Examples, and how often their loss counts."""

    examples: Examples
    weight: float = 1.0
    name: str = "step"
    """What its noise hangs on besides seed and step."""


def learn(
    trainer: "Trainer",
    config: TrainConfig,
    result: Callable[[Mapping[str, Tensor]], Result],
    checkpointer: Checkpointer[Result] | None,
) -> Result:
    """Return what a trainer ends with, having taken every step that is not taken yet."""
    done = trainer.resume(checkpointer.begin() if checkpointer else None)
    for number in range(done + 1, config.steps + 1):
        step = trainer.take_step(number)
        if checkpointer is None:
            continue
        checkpointer.on_step(step)
        if number % config.save_every == 0 or number == config.steps:
            checkpointer.save_checkpoint(trainer.state(number), result(trainer.learned()))
    return result(trainer.learned())


class Trainer:
    """The weights that learn, and what moves them."""

    def __init__(
        self,
        unet: SDXLUNet,
        lessons: Sequence[WeightedExamples],
        config: TrainConfig,
        working: Mapping[str, nn.Parameter],
    ) -> None:
        """Take what learns.

        Args:
            unet: predicts the noise; in its precision all is computed.
            lessons: what is learned in each step; their losses add up.
            config: how.
            working: the weights that learn, as the networks compute with them.
        """
        self._unet, self._config = unet, config
        self._lessons = [(lesson, _sampler(lesson.examples, config)) for lesson in lessons]
        self._device, self._dtype = unet.conv_in.weight.device, unet.conv_in.weight.dtype
        self._working: list[Tensor] = list(working.values())
        """What the networks compute with, in their own precision."""
        self._weights = {name: nn.Parameter(weight.detach().float()) for name, weight in working.items()}
        """What learns, in fp32."""
        self._learned: list[Tensor] = list(self._weights.values())
        self._optimizer = torch.optim.AdamW(
            self._learned, config.learning_rate, weight_decay=config.weight_decay
        )
        self._scaler = torch.amp.grad_scaler.GradScaler(enabled=self._dtype == torch.float16)
        self._mean = {name: w.detach().clone() for name, w in self._weights.items()} if config.ema else {}

    def resume(self, state: TrainState | None) -> int:
        """Take up a training where it was left; returns how many steps are done."""
        if state is None:
            return 0
        with torch.no_grad():
            for name, weight in self._weights.items():
                weight.copy_(state.weights[name])
            for name, mean in self._mean.items():
                mean.copy_(state.mean[name])
        self._copy_to_unet()
        self._optimizer.load_state_dict(state.optimizer)
        if state.scaler:
            self._scaler.load_state_dict(state.scaler)
        return state.step

    @torch.no_grad()
    def _copy_to_unet(self) -> None:
        # one kernel for some thousand small tensors; torch has no public name for it
        torch._foreach_copy_(self._working, self._learned)

    def take_step(self, number: int) -> TrainStep:
        """Learn from one batch of each lesson."""
        rate, value = learning_rate(self._config, number), 0.0
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        for lesson, sampler in self._lessons:
            loss = lesson.weight * self._loss(number, lesson, sampler.batch(number))
            value += loss.item()
            if not math.isfinite(value):
                raise TrainError(
                    tr(
                        "the loss must be a number, got {loss} at step {step}; lower learning_rate",
                        loss=value,
                        step=number,
                    )
                )
            torch.autograd.backward(self._scaler.scale(loss))
        self._move(number)
        return TrainStep(number, value, rate)

    def _move(self, number: int) -> None:
        for weight, working in zip(self._learned, self._working, strict=True):
            weight.grad = None if working.grad is None else working.grad.float()
            working.grad = None
        self._scaler.unscale_(self._optimizer)
        if self._config.clip is not None:
            nn.utils.clip_grad_norm_(self._weights.values(), self._config.clip)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self._copy_to_unet()
        self._update_mean(number)

    def _loss(self, number: int, lesson: WeightedExamples, chosen: list[int]) -> Tensor:
        """Return the weighted error of the predicted noise over one batch."""
        config, device, examples = self._config, self._device, lesson.examples
        generator = seeded_generator(config.seed, lesson.name, number)
        drawn = draw_step_noise(config, generator, examples.latents[chosen[0]].shape, len(chosen))
        clean = torch.stack([examples.latents[k] for k in chosen]).to(device)
        rows = torch.where(drawn.captioned.to(examples.captions.device), examples.captions[chosen], 0)
        noise, kept = drawn.noise.to(device), drawn.kept.to(device)
        noisy = kept.sqrt()[:, None, None, None] * clean + (1 - kept).sqrt()[:, None, None, None] * noise
        sizes = time_ids(len(chosen), (clean.shape[-2] * STRIDE, clean.shape[-1] * STRIDE), device)
        cross, pooled = (part.to(device, self._dtype) for part in examples.states(rows))
        predicted = self._unet(
            noisy.to(self._dtype), drawn.levels.float().to(device), cross, sizes, pooled,
            use_gradient_checkpointing=config.checkpointing,
        )  # fmt: skip
        return weighted_loss(predicted.float(), noise, kept, config.min_snr_gamma)

    def _update_mean(self, number: int) -> None:
        """Move the running mean; early on it forgets faster, so that it does not hold on to the start.

        By hand, for swa_utils.AveragedModel keeps a copy of a whole module and knows no such beginning.
        """
        keeps = min(self._config.ema or 0.0, number / (number + 9))
        for name, mean in self._mean.items():
            mean.lerp_(self._weights[name].detach(), 1 - keeps)

    def state(self, step: int) -> TrainState:
        """Return all that the next step hangs on."""
        weights = {name: weight.detach().cpu().clone() for name, weight in self._weights.items()}
        mean = {name: value.cpu().clone() for name, value in self._mean.items()}
        return TrainState(step, weights, mean, self._optimizer.state_dict(), self._scaler.state_dict())

    def learned(self) -> dict[str, Tensor]:
        """Return what was learned, as it stands: the running mean where there is one."""
        return {name: value.detach().cpu().clone() for name, value in (self._mean or self._weights).items()}


def _sampler(examples: Examples, config: TrainConfig) -> BatchSampler:
    return BatchSampler([latent.shape for latent in examples.latents], config.batch, config.seed)


class StepNoise(NamedTuple):
    """What is drawn at random for one step."""

    levels: Tensor
    """(B,) noise levels, 0 (little noise) to 1099."""
    kept: Tensor
    """(B,) share of the picture that is left at each level: alpha bar."""
    noise: Tensor
    """(B, 4, h, w)."""
    captioned: Tensor
    """(B,) whether the picture is learned with its caption."""


def draw_step_noise(
    config: TrainConfig, generator: torch.Generator, shape: torch.Size, count: int
) -> StepNoise:
    """Return what is drawn for a step, from a generator that hangs on the seed and its number alone."""
    levels = torch.randint(TRAIN_STEPS, (count,), generator=generator)
    noise = torch.randn((count, *shape), generator=generator)
    captioned = torch.rand(count, generator=generator) >= config.caption_dropout
    if config.noise_offset:
        noise = noise + config.noise_offset * torch.randn((count, shape[0], 1, 1), generator=generator)
    return StepNoise(levels, torch.tensor(scheduler().alphas_cumprod)[levels], noise, captioned)


def weighted_loss(predicted: Tensor, noise: Tensor, kept: Tensor, gamma: float | None) -> Tensor:
    """Return the mean squared error of the predicted noise; with a gamma each picture by its min-SNR weight.

    Args:
        predicted: (B, 4, h, w).
        noise: what was to be predicted.
        kept: (B,) alpha bar of each picture's level.
        gamma: source: arXiv 2303.09556; none weighs all levels alike, as the contest's baseline does.
    """
    if gamma is None:
        return mse_loss(predicted, noise)
    errors = (predicted - noise).square().mean(dim=(1, 2, 3))
    return ((gamma * (1 - kept) / kept).clamp(max=1) * errors).mean()


def precision_of(config: TrainConfig, device: torch.device) -> torch.dtype:
    """Return what the UNet computes in: a CPU has fp32 alone, a GPU before Ampere no bf16 of its own."""
    if device.type == "cpu" or config.precision == "fp32":
        return torch.float32
    if config.precision == "auto" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.float16
    return torch.float16 if config.precision == "fp16" else torch.bfloat16
