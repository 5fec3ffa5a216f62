"""The judge of the embedded base: attribute classifiers trained on renders alone.

It never sees a picture of the base while it learns; it reads place, time, style, faults and, for the left and
the right figure, kind, colours, hair and pose. On a GPU:
`python -m tests.benchmarks.judge train --out judge.pt`; then
`python -m tests.benchmarks.judge check --judge judge.pt` prints its accuracy on fresh renders.
"""

import argparse
import json
import logging
import math
import random
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision.models import resnet18

from kit.world.render import render
from kit.world.scene import (
    DEGRADATIONS,
    PLACES,
    STYLES,
    Character,
    Colour,
    Expression,
    HairLength,
    Kind,
    Pose,
    Scene,
    Style,
    Time,
    sample_scene,
)

log = logging.getLogger("judge")
KINDS, COLOURS, POSES = get_args(Kind), get_args(Colour), get_args(Pose)
FIGURE: dict[str, tuple[str, ...]] = {
    "kind": KINDS,
    "colour": COLOURS,
    "hair": COLOURS,
    "hair_length": get_args(HairLength),
    "pose": POSES,
    "expression": get_args(Expression),
}
HEADS: dict[str, tuple[str, ...]] = {
    "count": ("1", "2"),
    "place": PLACES,
    "time": get_args(Time),
    "style": STYLES,
    **{f"{side} {name}": values for side in ("left", "right") for name, values in FIGURE.items()},
}
UNKNOWN = -1


def labels_of(scene: Scene) -> list[int]:
    """Return the index of the truth for each head, UNKNOWN where it cannot be seen; then one flag a fault."""
    figures: list[Character | None] = [*scene.characters, None][:2]
    found: dict[str, str | None] = {
        "count": str(len(scene.characters)), "place": scene.place, "time": scene.time, "style": scene.style
    }  # fmt: skip
    for side, figure in zip(("left", "right"), figures, strict=True):
        for name in FIGURE:
            value = getattr(figure, name) if figure else None
            if figure and figure.pose == "bathe" and name == "colour" and figure.hair:
                value = None
            if figure and figure.pose in ("sleep", "wish", "sing") and name == "expression":
                value = None
            found[f"{side} {name}"] = value
    heads = [HEADS[name].index(value) if (value := found[name]) else UNKNOWN for name in HEADS]
    return heads + [int(damage in scene.degradations) for damage in DEGRADATIONS]


class Judge(nn.Module):
    """The first three stages of a ResNet-18, a map of 4 x 4 cells, and a linear head for each question."""

    def __init__(self) -> None:
        """Start from nothing: no pretrained weights."""
        super().__init__()
        body = resnet18(weights=None)
        self.body = nn.Sequential(
            body.conv1, body.bn1, body.relu, body.maxpool, body.layer1, body.layer2, body.layer3
        )
        self.narrow = nn.Sequential(
            nn.Conv2d(256, 128, 1), nn.BatchNorm2d(128), nn.ReLU(), nn.AdaptiveAvgPool2d(4)
        )
        self.heads = nn.Linear(2048, sum(map(len, HEADS.values())) + len(DEGRADATIONS))

    def forward(self, pictures: Tensor) -> Tensor:
        """Return logits of all heads, then of all faults; pictures (n, 3, 256, 256) in [-1, 1]."""
        logits: Tensor = self.heads(self.narrow(self.body(pictures)).flatten(1))
        return logits


def split(logits: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """Return the logits of each head, and those of the faults."""
    sizes = [*map(len, HEADS.values()), len(DEGRADATIONS)]
    parts = logits.split(sizes, dim=1)  # type: ignore[no-untyped-call]
    return dict(zip(HEADS, parts[:-1], strict=True)), parts[-1]


def judge_scene(seed: int) -> Scene:
    """Return a scene for the judge: any combination, half of them flat, a quarter with faults."""
    rng = random.Random(f"judge {seed}")
    style: Style = "flat" if rng.random() < 0.5 else rng.choice(STYLES[1:])
    scene = sample_scene(rng, style)
    if rng.random() < 0.25:
        scene = replace(scene, degradations=tuple(rng.sample(DEGRADATIONS, rng.choice((1, 1, 2)))))
    return scene


def _draw(seed: int) -> tuple[NDArray[np.uint8], list[int]]:
    scene = judge_scene(seed)
    return np.asarray(render(scene).picture), labels_of(scene)


def renders(first: int, count: int, workers: int) -> tuple[Tensor, Tensor]:
    """Return (count, 256, 256, 3) uint8 pictures and (count, heads + faults) labels."""
    pictures = np.empty((count, 256, 256, 3), np.uint8)
    labels = np.empty((count, len(HEADS) + len(DEGRADATIONS)), np.int64)
    with ProcessPoolExecutor(workers) as pool:
        for i, (picture, label) in enumerate(pool.map(_draw, range(first, first + count), chunksize=50)):
            pictures[i], labels[i] = picture, label
    return torch.from_numpy(pictures), torch.from_numpy(labels)


def _batches(pictures: Tensor, labels: Tensor, steps: int, device: str) -> Iterator[tuple[Tensor, Tensor]]:
    for _ in range(steps):
        rows = torch.randint(len(pictures), (192,))
        x = pictures[rows].to(device).permute(0, 3, 1, 2).float() / 127.5 - 1
        x = x * torch.empty(len(x), 3, 1, 1, device=device).uniform_(0.9, 1.1) + torch.empty(
            len(x), 3, 1, 1, device=device).uniform_(-0.08, 0.08)  # fmt: skip
        shift = torch.randint(-8, 9, (2,)).tolist()
        x = torch.roll(F.pad(x, (8, 8, 8, 8), mode="replicate"), shift, (2, 3))[:, :, 8:-8, 8:-8]
        if torch.rand(()) < 0.4:
            x = F.interpolate(F.avg_pool2d(x, 2), scale_factor=2, mode="bilinear") * 0.5 + x * 0.5
        x = x + 0.03 * torch.randn_like(x)
        yield x, labels[rows].to(device)


def loss_of(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean of all heads' cross-entropies and the faults' binary one."""
    heads, faults = split(logits)
    losses = [
        F.cross_entropy(head, labels[:, i], ignore_index=UNKNOWN) for i, head in enumerate(heads.values())
    ]
    losses.append(F.binary_cross_entropy_with_logits(faults, labels[:, len(HEADS) :].float()))
    return torch.stack(losses).sum()


def train(out: Path, count: int, steps: int, workers: int) -> None:
    """Train on `count` renders and write the judge in fp16."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(0)
    started = time.monotonic()
    pictures, labels = renders(0, count, workers)
    log.info("%d renders, %.0f s", count, time.monotonic() - started)
    judge = Judge().to(device)
    judge.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(judge.parameters(), 2e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, steps)
    for step, (x, y) in enumerate(_batches(pictures, labels, steps, device)):
        with torch.autocast(device, torch.bfloat16):
            loss = loss_of(judge(x.contiguous(memory_format=torch.channels_last)), y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        if step % 500 == 0:
            log.info("judge step %d loss %.3f, %.0f s", step, loss.item(), time.monotonic() - started)
    torch.save(
        {
            name: value.half() if value.is_floating_point() else value
            for name, value in judge.state_dict().items()
        },
        out,
    )


def load(path: Path, device: str = "cpu") -> Judge:
    """Return a trained judge."""
    judge = Judge()
    state = torch.load(path, map_location="cpu")
    judge.load_state_dict(
        {name: value.float() if value.is_floating_point() else value for name, value in state.items()}
    )
    return judge.to(device).eval()


@torch.no_grad()
def verdicts(judge: Judge, pictures: Tensor) -> tuple[dict[str, list[str]], Tensor, Tensor]:
    """Return what the judge sees by head, each fault's probability (n, 5), each style's log10 of it (n, 6).

    Args:
        judge: a trained judge.
        pictures: (n, 256, 256, 3) uint8.
    """
    device = next(judge.parameters()).device
    seen: dict[str, list[str]] = {name: [] for name in HEADS}
    faults, styles = [], []
    for chunk in pictures.split(64):  # type: ignore[no-untyped-call]
        heads, damage = split(judge(chunk.to(device).permute(0, 3, 1, 2).float() / 127.5 - 1))
        for name, logits in heads.items():
            seen[name] += [HEADS[name][i] for i in logits.argmax(1).tolist()]
        faults.append(damage.sigmoid().cpu())
        styles.append(heads["style"].double().log_softmax(1).cpu() / math.log(10))
    return seen, torch.cat(faults), torch.cat(styles)


def check(path: Path, count: int, workers: int) -> dict[str, float]:
    """Return the judge's accuracy by head on renders it has never seen."""
    judge = load(path, "cuda" if torch.cuda.is_available() else "cpu")
    pictures, labels = renders(10_000_000, count, workers)
    seen, faults, _ = verdicts(judge, pictures)
    table: dict[str, float] = {}
    for i, (name, values) in enumerate(HEADS.items()):
        known = [k for k in range(count) if labels[k, i] != UNKNOWN]
        table[name] = round(sum(seen[name][k] == values[labels[k, i]] for k in known) / max(1, len(known)), 4)
    truth = labels[:, len(HEADS) :].bool()
    table["faults"] = round(((faults > 0.5) == truth).float().mean().item(), 4)
    return table


def main(arguments: Sequence[str] | None = None) -> None:
    """Train or check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=("train", "check"))
    parser.add_argument("--out", type=Path, default=Path("judge.pt"))
    parser.add_argument("--judge", type=Path, default=Path("judge.pt"))
    parser.add_argument("--count", type=int, default=70_000)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    if given.action == "train":
        train(given.out, given.count, given.steps, given.workers)
    else:
        print(json.dumps(check(given.judge, given.count, given.workers), indent=1))


if __name__ == "__main__":
    main()
