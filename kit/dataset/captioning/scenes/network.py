"""The embedded captioner's network: a small ResNet, and an eye for each of two figures.

Its first three stages have the shape of CLIP's ResNets (arXiv 2103.00020), as the embedded encoder's.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from kit.dataset.captioning.scenes.questions import FIGURE, SCENE

SIDE = 192
"""Of the pictures it takes, in pixels."""
CELLS = 12
"""A side of the map in which it looks for figures."""
WIDTH, LAYERS = 16, (2, 3, 4)
"""Features of the first stage's convolutions, and bottlenecks of each stage."""
SEEN, FIGURES, LOOKS, THOUGHTS = 112, 2, 4, 192
"""Features of a cell, figures, places that are looked at for each, features of a figure."""


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


class SceneLogits(NamedTuple):
    """What the network answers."""

    scene: Tensor
    """(n, answers) logits of all questions about the picture, one behind the other."""
    figures: Tensor
    """(n, 2, answers) logits of all questions about a figure."""
    looks: Tensor
    """(n, 2, LOOKS, CELLS * CELLS) logits of where it looks for each figure."""


class SceneNetwork(nn.Module):
    """Says what is in pictures of the drawn world."""

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
        self.narrow = nn.Sequential(
            *_convolution(channels + 2, SEEN, 1), nn.ReLU(inplace=True),
            *_convolution(SEEN, SEEN, 3), nn.ReLU(inplace=True),
        )  # fmt: skip
        self.look = nn.Conv2d(SEEN, FIGURES * LOOKS, 1)
        self.think = nn.Sequential(
            nn.Dropout(0.2), nn.Linear(LOOKS * SEEN, THOUGHTS), nn.ReLU(), nn.Dropout(0.2)
        )
        self.figure = nn.Linear(THOUGHTS, sum(map(len, FIGURE.values())))
        self.scene = nn.Sequential(nn.Dropout(0.2), nn.Linear(2 * SEEN, sum(map(len, SCENE.values()))))

    def forward(self, pictures: Tensor) -> SceneLogits:
        """Return the answers for (n, 3, SIDE, SIDE) pictures, normalised."""
        return self.answers(self.stages(self.stem(pictures)))

    def answers(self, seen: Tensor) -> SceneLogits:
        """Return the answers by what the stages see, (n, channels, CELLS, CELLS)."""
        count = len(seen)
        at = torch.linspace(-1, 1, CELLS, device=seen.device, dtype=seen.dtype)
        across = at.expand(count, 1, CELLS, CELLS)
        x: Tensor = self.narrow(torch.cat([seen, across, across.transpose(2, 3)], 1))
        looks: Tensor = self.look(x).flatten(2)
        found = torch.einsum("nkc,ndc->nkd", looks.softmax(-1), x.flatten(2))
        figures = self.figure(self.think(found.reshape(count, FIGURES, -1)))
        whole = torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1)
        return SceneLogits(self.scene(whole), figures, looks.view(count, FIGURES, LOOKS, -1))


def _convolution(channels: int, features: int, side: int, stride: int = 1) -> tuple[nn.Module, nn.Module]:
    convolution = nn.Conv2d(channels, features, side, stride, side // 2, bias=False)
    return convolution, nn.BatchNorm2d(features)


def _pool(stride: int) -> nn.Module:
    return nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
