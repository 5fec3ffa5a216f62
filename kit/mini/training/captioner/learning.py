"""How the embedded captioner learns: from the embedded encoder's first stages, on renders alone."""

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor

from kit.dataset.captioning.scenes.network import CELLS, LAYERS, SceneLogits, SceneNetwork, normalised
from kit.dataset.captioning.scenes.questions import FIGURE, SCENE, UNSEEN
from kit.mini.training.captioner.renders import Renders
from kit.mini.training.optimizer import AveragedOptimizer, DistributedRanks, Rates

log = logging.getLogger("kit.mini.training.captioner.learning")
REPORT_STEPS, KEEP_STEPS = 50, 200
"""So often the log gets a line, and the state is kept."""
LEAST_COVER = 0.05
"""Cells that a figure must cover to be looked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CaptionerTraining:
    """How the captioner is trained."""

    steps: int = 7000
    batch: int = 128
    peak_rate: float = 2e-3
    figure_weight: float = 2.0
    """Of each question about a figure, beside one about the picture."""
    look_weight: float = 0.3
    """Of looking for each figure where it is, which the first of its looks learns."""
    soft_share: float = 0.4
    """Pictures that are blurred a little, as what the embedded base draws."""
    seed: int = 0


class Truth(NamedTuple):
    """What is known of some renders, on the device."""

    scene: Tensor
    """(n, questions) numbers of the answers, or UNSEEN."""
    figures: Tensor
    """(n, 2, questions)."""
    cover: Tensor
    """(n, 2, COVER, COVER) shares of the cells."""


def train_captioner(renders: Renders, encoder: Path, out: Path, config: CaptionerTraining) -> None:
    """Train; write the weights to `out/captioner.pt`, and a state to go on from now and then.

    Args:
        renders: what is learned from.
        encoder: the embedded encoder's weights, with which the first stages begin; then all learns.
        out: where the states are kept.
        config: how to train.
    """
    ranks = DistributedRanks()
    torch.manual_seed(config.seed)
    network = SceneNetwork()
    begin_with(network, encoder)
    network.to(ranks.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.train()
    rates = Rates(peak=config.peak_rate, warmup=100, decay=0.05, average=0.99)
    descent = AveragedOptimizer({"captioner": network}, rates, ranks)
    started = time.monotonic() - descent.resume(out / "captioner-state.pt")
    while descent.step < config.steps:
        torch.manual_seed((config.seed << 32) + descent.step)  # of what is dropped
        rows = np.random.default_rng((config.seed, descent.step)).integers(
            0, len(renders.scene), config.batch
        )
        dice = torch.Generator(ranks.device).manual_seed((config.seed << 32) + descent.step)
        drawn = torch.from_numpy(renders.pictures[rows]).to(ranks.device)
        pictures = varied(drawn, config.soft_share, dice)
        with ranks.autocast():
            seen = network(pictures.contiguous(memory_format=torch.channels_last))
        loss = captioner_loss(seen, _truth(renders, rows, ranks.device), config)
        descent.descend(loss, descent.step / config.steps)
        if descent.step % REPORT_STEPS == 0:
            log.info("step %d loss %.3f, %.0f s", descent.step, loss.item(), time.monotonic() - started)
        if descent.step % KEEP_STEPS == 0:
            descent.keep(out / "captioner-state.pt", time.monotonic() - started)
    descent.settle()
    torch.save(network.state_dict(), out / "captioner.pt")


def begin_with(network: SceneNetwork, encoder: Path) -> None:
    """Give a network the encoder's stem and first three stages."""
    weights = {name.removeprefix("visual."): value.float() for name, value in load_file(encoder).items()}
    state = network.state_dict()
    for theirs, ours in encoder_names().items():
        for name in (name for name in state if name.startswith(f"{ours}.")):
            state[name] = weights[theirs + name.removeprefix(ours)].reshape(state[name].shape)
    network.load_state_dict(state)


def encoder_names() -> dict[str, str]:
    """Return the name of each layer of the network by the encoder's."""
    names = {
        f"{kind}{n}": f"stem.{3 * (n - 1) + at}" for n in (1, 2, 3) for at, kind in enumerate(("conv", "bn"))
    }
    inner = {"conv1": "body.0", "bn1": "body.1", "conv2": "body.3", "bn2": "body.4", "conv3": "body.7"}
    inner |= {"bn3": "body.8", "downsample.0": "shortcut.1", "downsample.1": "shortcut.2"}
    number = 0
    for stage, count in enumerate(LAYERS, 1):
        for block in range(count):
            names |= {f"layer{stage}.{block}.{a}": f"stages.{number}.{b}" for a, b in inner.items()}
            number += 1
    return names


def varied(pictures: Tensor, soft_share: float, dice: torch.Generator) -> Tensor:
    """Return (n, h, w, 3) uint8 as the network takes it, in other light, moved, noisy, some of them soft."""
    count, device = len(pictures), pictures.device
    x = normalised(pictures.permute(0, 3, 1, 2))
    x = x * torch.empty(count, 3, 1, 1, device=device).uniform_(0.9, 1.1, generator=dice)
    x = x + torch.empty(count, 3, 1, 1, device=device).uniform_(-0.15, 0.15, generator=dice)
    across, down = torch.randint(-6, 7, (2,), generator=dice, device=device).tolist()
    x = torch.roll(F.pad(x, (6, 6, 6, 6), mode="replicate"), (down, across), (2, 3))[:, :, 6:-6, 6:-6]
    soft = F.interpolate(F.avg_pool2d(x, 2), scale_factor=2, mode="bilinear")
    chosen = torch.rand((count, 1, 1, 1), generator=dice, device=device) < soft_share
    return torch.where(chosen, (x + soft) / 2, x) + 0.06 * torch.randn(x.shape, generator=dice, device=device)


def captioner_loss(seen: SceneLogits, truth: "Truth", config: CaptionerTraining) -> Tensor:
    """Return the sum of all questions' cross-entropies, and how far it looks beside the figures."""
    loss = _questions_loss(seen.scene.float(), truth.scene, [len(a) for a in SCENE.values()])
    figures = seen.figures.float().flatten(0, 1)
    loss = loss + config.figure_weight * _questions_loss(
        figures, truth.figures.flatten(0, 1), [len(a) for a in FIGURE.values()]
    )
    cover = F.interpolate(truth.cover, (CELLS, CELLS), mode="area").flatten(2)
    mass = cover.sum(-1)
    missed = -(cover / mass.clamp(min=1e-6)[..., None] * seen.looks[:, :, 0].float().log_softmax(-1)).sum(-1)
    there = mass > LEAST_COVER
    return loss + config.look_weight * (missed * there).sum() / there.sum().clamp(min=1)


def _questions_loss(logits: Tensor, labels: Tensor, sizes: list[int]) -> Tensor:
    """Return the sum of all questions' cross-entropies, each the mean over those that show an answer."""
    losses = [
        F.cross_entropy(part, labels[:, number], ignore_index=UNSEEN, reduction="sum")
        / (labels[:, number] != UNSEEN).sum().clamp(min=1)
        for number, part in enumerate(torch.split(logits, sizes, dim=1))
    ]
    return torch.stack(losses).sum()


def _truth(renders: Renders, rows: NDArray[np.int64], device: torch.device) -> "Truth":
    told = (renders.scene[rows], renders.figures[rows], renders.cover[rows].astype(np.float32))
    return Truth(*(torch.from_numpy(one).to(device) for one in told))
