"""The embedded captioner's network: what the embedded encoder sees, and an eye for each of two figures.

The encoder's picture tower is CLIP's ResNet (arXiv 2103.00020) in a small size; it is read from the encoder's
own file, its last pooling left out. What is learned on top of it is the captioner's.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kit.dataset.captioning.scenes.questions import FIGURE, SCENE

SIDE = 192
"""Of the pictures it takes, in pixels."""
CELLS = 12
"""A side of the map in which it looks for figures."""
WIDTH, LAYERS = 16, (2, 3, 4, 2)
"""Features of the first stage's convolutions, and bottlenecks of each stage."""
NEAR, FAR, SEEN = 96, 128, 128
"""Features taken from the third stage and from the fourth, and those of a cell."""
FIGURES, LOOKS, THOUGHTS = 2, 4, 256
"""Figures, places that are looked at for each, features of a figure."""
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
"""Of a channel in [0, 1], by which pictures are normalised, as for CLIP."""


def normalised(pixels: Tensor) -> Tensor:
    """Return (..., 3, h, w) uint8 RGB as the network takes it."""
    mean, std = (torch.tensor(told, device=pixels.device)[:, None, None] for told in (MEAN, STD))
    return (pixels.float() / 255 - mean) / std


class Residual(nn.Module):
    """Three convolutions beside a shortcut; where the sides are halved, by the mean of four pixels."""

    def __init__(self, channels: int, features: int, stride: int) -> None:
        """Give four times as many channels as there are features inside."""
        super().__init__()
        out = 4 * features
        self.body = nn.Sequential(
            *_convolution(channels, features, 1),
            nn.ReLU(inplace=True),
            *_convolution(features, features, 3),
            nn.ReLU(inplace=True),
            _pool(stride),
            *_convolution(features, out, 1),
        )
        same = stride == 1 and channels == out
        self.shortcut = (
            nn.Identity() if same else nn.Sequential(_pool(stride), *_convolution(channels, out, 1))
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, 4 * features, h / stride, w / stride)."""
        total: Tensor = self.body(x) + self.shortcut(x)
        return total.relu()


class SeenPictures(NamedTuple):
    """What the encoder sees in pictures."""

    near: Tensor
    """(n, 16 * WIDTH, CELLS, CELLS): its third stage."""
    far: Tensor
    """(n, 32 * WIDTH, CELLS / 2, CELLS / 2): its fourth."""


class EncoderTower(nn.Module):
    """The encoder's picture tower up to its pooling."""

    def __init__(self) -> None:
        """Start from random weights."""
        super().__init__()
        half = WIDTH // 2
        self.stem = nn.Sequential(
            *_convolution(3, half, 3, 2), nn.ReLU(inplace=True),
            *_convolution(half, half, 3), nn.ReLU(inplace=True),
            *_convolution(half, WIDTH, 3), nn.ReLU(inplace=True),
            nn.AvgPool2d(2),
        )  # fmt: skip
        stages: list[nn.Module] = []
        channels = WIDTH
        for stage, count in enumerate(LAYERS):
            features = WIDTH << stage
            for block in range(count):
                stages.append(Residual(channels, features, 2 if stage and not block else 1))
                channels = 4 * features
        self.stages = nn.Sequential(*stages)

    def forward(self, pictures: Tensor) -> SeenPictures:
        """Return what is seen in (n, 3, SIDE, SIDE) pictures, normalised."""
        near = self.stages[: -LAYERS[-1]](self.stem(pictures))
        return SeenPictures(near, self.stages[-LAYERS[-1] :](near))


class SceneLogits(NamedTuple):
    """What the network answers."""

    scene: Tensor
    """(n, answers) logits of all questions about the picture, one behind the other."""
    figures: Tensor
    """(n, 2, answers) logits of all questions about a figure."""
    looks: Tensor
    """(n, 2, LOOKS, CELLS * CELLS) logits of where it looks for each figure."""


class SceneReader(nn.Module):
    """Says by what the encoder sees what is in pictures of the drawn world."""

    def __init__(self) -> None:
        """Start from random weights."""
        super().__init__()
        self.near = nn.Conv2d(16 * WIDTH + 2, NEAR, 1, bias=False)
        self.far = nn.Conv2d(32 * WIDTH, FAR, 1, bias=False)
        self.cells = nn.Sequential(
            nn.BatchNorm2d(NEAR + FAR), nn.ReLU(), *_convolution(NEAR + FAR, SEEN, 3), nn.ReLU()
        )
        self.look = nn.Conv2d(SEEN, FIGURES * LOOKS, 1)
        self.figure = nn.Sequential(
            nn.Dropout(0.1), nn.Linear(LOOKS * SEEN, THOUGHTS), nn.ReLU(),
            nn.Dropout(0.1), nn.Linear(THOUGHTS, sum(map(len, FIGURE.values()))),
        )  # fmt: skip
        self.scene = nn.Sequential(nn.Dropout(0.1), nn.Linear(2 * SEEN, sum(map(len, SCENE.values()))))

    def forward(self, seen: SeenPictures) -> SceneLogits:
        """Return the answers."""
        count = len(seen.near)
        at = torch.linspace(-1, 1, CELLS, device=seen.near.device, dtype=seen.near.dtype)
        across = at.expand(count, 1, CELLS, CELLS)
        near = self.near(torch.cat([seen.near, across, across.transpose(2, 3)], 1))
        x: Tensor = self.cells(torch.cat([near, F.interpolate(self.far(seen.far), scale_factor=2.0)], 1))
        looks: Tensor = self.look(x).flatten(2)
        found = torch.einsum("nkc,ndc->nkd", looks.softmax(-1), x.flatten(2))
        figures = self.figure(found.reshape(count, FIGURES, -1))
        whole = torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1)
        return SceneLogits(self.scene(whole), figures, looks.view(count, FIGURES, LOOKS, -1))


def encoder_names() -> dict[str, str]:
    """Return the name of each layer of the tower by the encoder's, both without what stands before."""
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


def _convolution(channels: int, features: int, side: int, stride: int = 1) -> tuple[nn.Module, nn.Module]:
    convolution = nn.Conv2d(channels, features, side, stride, side // 2, bias=False)
    return convolution, nn.BatchNorm2d(features)


def _pool(stride: int) -> nn.Module:
    return nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
