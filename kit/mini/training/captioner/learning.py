"""How the embedded captioner learns: on renders alone, by what the embedded encoder sees in them."""

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from kit.dataset.captioning.scenes.network import (
    CELLS,
    EncoderTower,
    SceneLogits,
    SceneReader,
    SeenPictures,
    normalised,
)
from kit.dataset.captioning.scenes.questions import FIGURE, SCENE, UNSEEN
from kit.mini.training.captioner.renders import Renders
from kit.mini.training.optimizer import AveragedOptimizer, DistributedRanks, Rates

log = logging.getLogger("kit.mini.training.captioner.learning")
REPORT_STEPS, KEEP_STEPS = 100, 400
"""So often the log gets a line, and the state is kept."""
TOGETHER = 50
"""Pictures that the encoder sees at once."""
LEAST_COVER = 0.05
"""Cells that a figure must cover to be looked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CaptionerTraining:
    """How the captioner is trained."""

    steps: int = 3000
    batch: int = 64
    peak_rate: float = 2.5e-3
    figure_weight: float = 2.0
    """Of each question about a figure, beside one about the picture."""
    look_weight: float = 0.5
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


def train_captioner(renders: Renders, tower: EncoderTower, out: Path, config: CaptionerTraining) -> None:
    """Train; write the weights to `out/captioner.pt`, and a state to go on from now and then.

    Args:
        renders: what is learned from.
        tower: the encoder's, which stays as it is.
        out: where the states are kept.
        config: how to train.
    """
    ranks = DistributedRanks()
    started = time.monotonic()
    seen = what_is_seen(renders, tower, config, ranks.device)
    log.info("%d renders seen, %.0f s", len(seen.near), time.monotonic() - started)
    torch.manual_seed(config.seed)
    reader = SceneReader().to(ranks.device)
    rates = Rates(peak=config.peak_rate, warmup=150, decay=0.02, average=0.99)
    descent = AveragedOptimizer({"captioner": reader}, rates, ranks)
    started = time.monotonic() - descent.resume(out / "captioner-state.pt")
    truth = Truth(*(torch.from_numpy(one) for one in (renders.scene, renders.figures, renders.cover)))
    while descent.step < config.steps:
        torch.manual_seed((config.seed << 32) + descent.step)
        rows = torch.randint(len(renders.scene), (config.batch,))
        answers = reader(SeenPictures(*(part[rows].to(ranks.device).float() for part in seen)))
        known = Truth(*(part[rows].to(ranks.device) for part in truth))
        loss = captioner_loss(answers, known, config)
        descent.descend(loss, descent.step / config.steps)
        if descent.step % REPORT_STEPS == 0:
            log.info("step %d loss %.3f, %.0f s", descent.step, loss.item(), time.monotonic() - started)
        if descent.step % KEEP_STEPS == 0:
            descent.keep(out / "captioner-state.pt", time.monotonic() - started)
    descent.settle()
    torch.save(reader.state_dict(), out / "captioner.pt")


@torch.inference_mode()
def what_is_seen(
    renders: Renders, tower: EncoderTower, config: CaptionerTraining, device: torch.device
) -> SeenPictures:
    """Return what the encoder sees in the renders, each varied once, in fp16 on the CPU."""
    tower.to(device).eval()
    dice = torch.Generator(device).manual_seed(config.seed)
    near, far = [], []
    for part in torch.split(torch.from_numpy(renders.pictures), TOGETHER):
        seen = tower(varied(part.to(device), config.soft_share, dice))
        near.append(seen.near.half().cpu())
        far.append(seen.far.half().cpu())
    return SeenPictures(torch.cat(near).clone(), torch.cat(far).clone())


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
    x = torch.where(chosen, (x + soft) / 2, x)
    return x + 0.06 * torch.randn(x.shape, generator=dice, device=device)


def captioner_loss(answers: SceneLogits, truth: Truth, config: CaptionerTraining) -> Tensor:
    """Return the sum of all questions' cross-entropies, and how far it looks beside the figures."""
    scene = _questions_loss(answers.scene, truth.scene, [len(known) for known in SCENE.values()])
    figures, labels = answers.figures.flatten(0, 1), truth.figures.flatten(0, 1)
    each = _questions_loss(figures, labels, [len(known) for known in FIGURE.values()])
    cover = F.interpolate(truth.cover.float(), (CELLS, CELLS), mode="area").flatten(2)
    mass = cover.sum(-1)
    missed = -(cover / mass.clamp(min=1e-6)[..., None] * answers.looks[:, :, 0].log_softmax(-1)).sum(-1)
    there = mass > LEAST_COVER
    looking = (missed * there).sum() / there.sum().clamp(min=1)
    return scene + config.figure_weight * each + config.look_weight * looking


def _questions_loss(logits: Tensor, labels: Tensor, sizes: list[int]) -> Tensor:
    """Return the sum of all questions' cross-entropies, each the mean over those that show an answer."""
    losses = [
        F.cross_entropy(part, labels[:, number], ignore_index=UNSEEN, reduction="sum")
        / (labels[:, number] != UNSEEN).sum().clamp(min=1)
        for number, part in enumerate(torch.split(logits, sizes, dim=1))
    ]
    return torch.stack(losses).sum()
