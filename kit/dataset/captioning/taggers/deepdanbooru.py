"""DeepDanbooru's ResNet in its port to torch, model-resnet_custom_v3.pt: Danbooru's tags of a picture.

The port (github.com/AUTOMATIC1111/TorchDeepDanbooru, v1) folds the batch norms away and numbers its
convolutions n_Conv_0 to n_Conv_178 in the order of the graph; the tags lie beside them in the file.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from kit.dataset.captioning.network_errors import network_errors
from kit.dataset.captioning.taggers.tags import IF_SILENT, Tag, told_tags
from kit.errors import WeightsError
from kit.files.tensors.checkpoint_files import Checkpoint, open_checkpoint
from kit.files.user_paths import missing_file
from kit.messages import Language, tr

TAGS = "tags"
SIDE = 512
BLOCKS = (3, 8, 20, 20, 3, 3)
"""Bottlenecks of each stage; every stage but the first halves the sides."""
LATE_SHORTCUT = 3
"""The stage whose shortcut is numbered behind its first bottleneck, not before it."""
_RATING = "rating:"


class Convolution(nn.Conv2d):
    """A convolution that pads as TensorFlow's "same" does: what is left over goes to the right and below."""

    def __init__(self, weight: Tensor, stride: int = 1, *, bias: bool = True) -> None:
        """Be as large as a weight, (out, in, side, side)."""
        out, channels, side = weight.shape[:3]
        super().__init__(channels, out, side, stride, bias=bias)
        around = side - stride if side > 1 else 0
        self._pad = (around // 2, around - around // 2) * 2

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, out, h / stride, w / stride)."""
        return super().forward(F.pad(x, self._pad))


class Bottleneck(nn.Module):
    """Three convolutions beside a shortcut, each followed by a ReLU, the last behind the sum."""

    def __init__(self, weights: list[Tensor], stride: int, shortcut: Tensor | None) -> None:
        """Be as large as the weights of its convolutions."""
        super().__init__()
        reduce, conv, expand = weights
        self.convolutions = nn.Sequential(
            Convolution(reduce), nn.ReLU(), Convolution(conv, stride), nn.ReLU(), Convolution(expand)
        )
        self.shortcut = nn.Identity() if shortcut is None else Convolution(shortcut, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, out, h / stride, w / stride)."""
        return F.relu(self.convolutions(x) + self.shortcut(x))


class DeepDanbooruNetwork(nn.Module):
    """From (n, 3, 512, 512) RGB in [0, 1] to (n, tags) probabilities."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        """Be as large as weights, which may be without numbers, under the port's names."""
        super().__init__()
        of = {number: weights[f"n_Conv_{number}.weight"] for number in range(LAST + 1)}
        self.stem = Convolution(of[0], 2)
        self.blocks = nn.Sequential(
            *(
                Bottleneck([of[n] for n in inner], stride, None if shortcut is None else of[shortcut])
                for inner, stride, shortcut in layout()
            )
        )
        self.head = Convolution(of[LAST], bias=False)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return (n, tags) probabilities."""
        x = F.pad(F.relu(self.stem(pictures)), (0, 1, 0, 1), value=float("-inf"))
        x = self.head(self.blocks(F.max_pool2d(x, 3, 2)))
        probabilities: Tensor = x.mean((2, 3)).sigmoid()
        return probabilities


def layout() -> Iterator[tuple[list[int], int, int | None]]:
    """Yield the numbers of each bottleneck's convolutions, its stride, and its shortcut's number if any."""
    number = 1
    for stage, count in enumerate(BLOCKS):
        for block in range(count):
            late = stage == LATE_SHORTCUT
            first = number if block or late else number + 1
            shortcut = None if block else (number + 3 if late else number)
            yield [first, first + 1, first + 2], 2 if stage and not block else 1, shortcut
            number += 3 if block else 4


LAST = 3 * sum(BLOCKS) + len(BLOCKS) + 1
"""The number of the last convolution, which gives the tags."""


def port_names() -> dict[str, str]:
    """Return the name of each tensor of the network by the port's."""
    modules = {0: "stem", LAST: "head"}
    for block, (inner, _, shortcut) in enumerate(layout()):
        modules |= {n: f"blocks.{block}.convolutions.{2 * place}" for place, n in enumerate(inner)}
        if shortcut is not None:
            modules[shortcut] = f"blocks.{block}.shortcut"
    return {
        f"n_Conv_{number}.{kind}": f"{module}.{kind}"
        for number, module in sorted(modules.items())
        for kind in ("weight", "bias")
        if (number, kind) != (LAST, "bias")
    }


class DeepDanbooru:
    """Names what is in a picture."""

    language: Language = "en"
    if_silent = IF_SILENT

    def __init__(self, network: DeepDanbooruNetwork, tags: list[Tag], device: str, weights: Path) -> None:
        """Take a network, the tags of its outputs, and the file that both are of."""
        self._network, self._tags, self._device = network.to(device).eval(), tags, device
        self._weights = weights

    def __call__(self, picture: Image.Image) -> list[str]:
        """Return the tags of an RGB picture, the surest first; it is seen squeezed into a square."""
        fitted = np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC), np.float32) / 255
        with network_errors(self._weights), torch.inference_mode():
            given = self._network(torch.from_numpy(fitted).permute(2, 0, 1)[None].to(self._device))
            probabilities = given[0].double().cpu().numpy()
        return told_tags(self._tags, probabilities)


def open_deepdanbooru(path: Path, threshold: float, device: str) -> DeepDanbooru:
    """Return a tagger.

    Args:
        path: the port's file, or a folder with one such file.
        threshold: probability from which a tag counts; ratings never do.
        device: "cpu" or "cuda".

    Raises:
        WeightsError: the file cannot be read without running code, or is no such network.
    """
    file = _file_in(path)
    try:
        checkpoint = open_checkpoint(file, [TAGS])
        network = _network(checkpoint)
        names = checkpoint.lists[TAGS]
    except FileNotFoundError as error:
        raise WeightsError(tr("{file} {why}", file=file, why=missing_file(file))) from error
    except ValueError as error:
        raise WeightsError(tr("{file} {why}", file=file, why=error)) from error
    tags = [Tag(name, None if name.startswith(_RATING) else threshold) for name in names]
    return DeepDanbooru(network, tags, device, file)


def _file_in(path: Path) -> Path:
    if not path.is_dir():
        return path
    found = sorted(path.glob("*.pt"))
    if len(found) != 1:
        told = {"folder": path, "n": len(found)}
        raise WeightsError(
            tr(
                "{folder} must hold model-resnet_custom_v3.pt, got {n} files of that kind: name the file",
                **told,
            )
        )
    return found[0]


def _network(checkpoint: Checkpoint) -> DeepDanbooruNetwork:
    """Return the network of a file; ValueError says why it is none."""
    names, spots = port_names(), checkpoint.spots
    strange = next(iter(sorted(set(names) ^ set(spots))), "")
    if strange or TAGS not in checkpoint.lists:
        told = tr(
            "is no DeepDanbooru, by its tensors ({name}): give model-resnet_custom_v3.pt",
            name=strange or TAGS,
        )
        raise ValueError(told)
    weights = {name: torch.empty(spots[name].shape, device="meta") for name in names}
    if weights[f"n_Conv_{LAST}.weight"].shape[:1] != (len(checkpoint.lists[TAGS]),):
        raise ValueError(tr("has another number of tags than of outputs: download it again"))
    state = {ours: checkpoint.load(theirs).float() for theirs, ours in names.items()}
    try:
        with torch.device("meta"):
            network = DeepDanbooruNetwork(weights)
        network.load_state_dict(state, assign=True)
    except (RuntimeError, ValueError) as error:
        raise ValueError(
            tr("has the names of DeepDanbooru's tensors and other shapes: download it again")
        ) from error
    return network
