"""The training loop: only the LoRA's layers learn, step by step, and it can be stopped and gone on with."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple, Protocol

import torch
from diffsynth.models.sdxl_unet import SDXLUNet
from peft import LoraConfig, inject_adapter_in_model
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from kit.errors import TrainError
from kit.lora.formats import LoraPair
from kit.messages import tr
from kit.models.kolors.scheduler import TRAIN_STEPS, scheduler
from kit.models.kolors.unet import time_ids
from kit.models.sizes import STRIDE
from kit.training.config import TrainConfig
from kit.training.latents import EncodedDataset
from kit.training.lora_layers import TARGETS, FusedLoraLinear
from kit.training.lr_schedule import BatchSampler, learning_rate, seeded_generator


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
    """The LoRA's factors by name, in fp32."""
    mean: Mapping[str, Tensor]
    """Their running mean; empty without one."""
    optimizer: dict[str, object]
    scaler: dict[str, object]


class Checkpointer(Protocol):
    """Whoever keeps a training's states."""

    def begin(self) -> TrainState | None:
        """Return where to go on from; None at the very beginning."""

    def on_step(self, step: TrainStep) -> None:
        """Hear of a finished step."""

    def save_checkpoint(self, state: TrainState, pairs: Mapping[str, LoraPair]) -> None:
        """Keep the training as it stands, and the LoRA that it would end with here."""


def train_lora(
    unet: SDXLUNet, examples: EncodedDataset, config: TrainConfig, checkpointer: Checkpointer | None = None
) -> dict[str, LoraPair]:
    """Return a LoRA trained on encoded examples; the UNet is as it was, but frozen.

    Runs where the UNet is. Same config, examples and machine: same LoRA, whether it was stopped on the way or
    not.

    Raises:
        TrainError: the loss stopped being a number; what was kept last is good.
    """
    sampler = BatchSampler([latent.shape for latent in examples.latents], config.batch, config.seed)
    with _injected(unet, config) as working:
        trainer = _Trainer(unet, examples, config, working)
        done = trainer.resume(checkpointer.begin() if checkpointer else None)
        for number in range(done + 1, config.steps + 1):
            step = trainer.take_step(number, sampler.batch(number))
            if checkpointer is None:
                continue
            checkpointer.on_step(step)
            if number % config.save_every == 0 or number == config.steps:
                checkpointer.save_checkpoint(trainer.state(number), trainer.pairs())
        return trainer.pairs()


class _Trainer:
    """The weights that learn, and what moves them."""

    def __init__(
        self,
        unet: SDXLUNet,
        examples: EncodedDataset,
        config: TrainConfig,
        working: Mapping[str, nn.Parameter],
    ) -> None:
        self._unet, self._examples, self._config = unet, examples, config
        self._device, self._dtype = unet.conv_in.weight.device, unet.conv_in.weight.dtype
        self._working: list[Tensor] = list(working.values())
        """What the UNet computes with, in its own precision."""
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

    def take_step(self, number: int, chosen: list[int]) -> TrainStep:
        """Learn from one batch."""
        rate = learning_rate(self._config, number)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        loss = self._loss(number, chosen)
        value = loss.item()
        if not math.isfinite(value):
            raise TrainError(
                tr(
                    "the loss must be a number, got {loss} at step {step}; lower learning_rate",
                    loss=value,
                    step=number,
                )
            )
        torch.autograd.backward(self._scaler.scale(loss))
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
        return TrainStep(number, value, rate)

    def _loss(self, number: int, chosen: list[int]) -> Tensor:
        """Return the weighted error of the predicted noise over one batch."""
        config, examples, device = self._config, self._examples, self._device
        drawn = draw_step_noise(config, number, examples.latents[chosen[0]].shape, len(chosen))
        clean = torch.stack([examples.latents[k] for k in chosen]).to(device)
        rows = torch.where(drawn.captioned.to(examples.captions.device), examples.captions[chosen], 0)
        noise, kept = drawn.noise.to(device), drawn.kept.to(device)
        noisy = kept.sqrt()[:, None, None, None] * clean + (1 - kept).sqrt()[:, None, None, None] * noise
        sizes = time_ids(len(chosen), (clean.shape[-2] * STRIDE, clean.shape[-1] * STRIDE), device)
        cross, pooled = (part[rows].to(device, self._dtype) for part in (examples.cross, examples.pooled))
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

    def pairs(self) -> dict[str, LoraPair]:
        """Return the LoRA as it stands: the running mean where there is one."""
        found = {name: value.detach().cpu().clone() for name, value in (self._mean or self._weights).items()}
        layers = sorted({name.rpartition(".")[0] for name in found})
        return {layer: LoraPair(found[f"{layer}.down"], found[f"{layer}.up"]) for layer in layers}


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


def draw_step_noise(config: TrainConfig, number: int, shape: torch.Size, count: int) -> StepNoise:
    """Return what is drawn for a step, from the seed and its number alone."""
    generator = seeded_generator(config.seed, "step", number)
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


@contextmanager
def _injected(unet: SDXLUNet, config: TrainConfig) -> Iterator[dict[str, nn.Parameter]]:
    """Yield the new weights that learn, by layer and half; the UNet's own layers are back afterwards.

    The first weights are peft's "gaussian" ones, as in the contest's baseline, from our own seed.
    """
    lora = LoraConfig(
        r=config.rank, lora_alpha=config.alpha, use_rslora=config.rslora, target_modules=list(TARGETS)
    )
    # peft documents no public way to put in a layer of one's own
    lora._register_custom_module({nn.Linear: FusedLoraLinear})
    with torch.random.fork_rng(devices=[]):
        inject_adapter_in_model(lora, unet)
    layers = {name: module for name, module in unet.named_modules() if isinstance(module, FusedLoraLinear)}
    generator, weights = seeded_generator(config.seed, "first weights"), dict[str, nn.Parameter]()
    for name, layer in layers.items():
        down, up = layer.lora_A["default"].weight, layer.lora_B["default"].weight
        own = layer.base_layer.weight
        down.data = (torch.randn(down.shape, generator=generator) / config.rank).to(own)
        up.data = torch.zeros_like(up, dtype=own.dtype)
        weights |= {f"{name}.down": down, f"{name}.up": up}
    unet.train()
    try:
        yield weights
    finally:
        unet.eval()
        for name, layer in layers.items():
            unet.set_submodule(name, layer.base_layer)
        del unet.peft_config
