"""How the embedded networks descend: plan, schedule, and the statistics they are left with."""

import logging
import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

log = logging.getLogger("eval.mini.training.main")
PASSES = 40
"""Batches that the final statistics of batch normalisation are taken from."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingPlan:
    """How long and how fast a network descends."""

    rate: float
    batch: int
    minutes: float
    steps: int | None
    """Ends the training instead of the minutes, where given; then the same seed gives the same weights."""
    seed: int
    device: str
    warmup: int = 200

    def precision(self) -> AbstractContextManager[object]:
        """Return bf16 autocast where there is a GPU."""
        return torch.autocast(self.device, torch.bfloat16, enabled=self.device == "cuda")

    def generator(self) -> torch.Generator:
        """Return the lot that batches are drawn by."""
        return torch.Generator(self.device).manual_seed(self.seed)


def train_network(network: nn.Module, loss_of: Callable[[], Tensor], plan: TrainingPlan) -> int:
    """Train the network under a cosine that ends with the minutes or the steps; return the steps.

    The rate is set by hand, for torch's schedules count steps alone.
    """
    weights = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    groups = [{"params": weights, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(
        groups, lr=plan.rate, betas=(0.9, 0.98), fused=plan.device == "cuda" or None
    )
    begin, step = time.monotonic(), 0
    while True:
        done = step / plan.steps if plan.steps else (time.monotonic() - begin) / (60 * plan.minutes)
        if done >= 1:
            return step
        for group in optimiser.param_groups:
            group["lr"] = plan.rate * min(1, (step + 1) / plan.warmup) * 0.5 * (1 + math.cos(math.pi * done))
        loss = loss_of()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        step += 1
        if step % 100 == 0 or step == plan.steps:
            log.info("step %d, %.0f %%, loss %.4f", step, 100 * done, loss.item())


@torch.no_grad()
def settle_statistics(network: nn.Module, show: Callable[[], object]) -> None:
    """Take the statistics of batch normalisation anew, from what `show` puts through the network."""
    norms = [part for part in network.modules() if isinstance(part, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    for _ in range(PASSES if norms else 0):
        show()
