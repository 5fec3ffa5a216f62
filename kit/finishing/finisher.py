"""A network that makes a finished picture of a drawn one: larger, cleaner, or with a restored face."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from kit.embedded import EMBEDDED, FINISHER
from kit.errors import WeightsError
from kit.files.encodings import sha256_of
from kit.finishing.memory import CPU_TILE, free_bytes, pixel_bytes, tile_that_fits, with_smaller_tiles
from kit.finishing.network_files import FinisherKind, LoadedNetwork, load_network
from kit.messages import tr
from kit.models.tiles import TileGrid, in_tiles

if TYPE_CHECKING:
    from torch import Tensor

MARGIN = 16
"""Pixels around a tile that are seen and not kept."""
BLEND = 16
"""Pixels on either side of a border over which one tile gives way to the next."""
FACE_SIDE = 512
"""Pixels of the picture that face restorers take, and none other."""
_PLAIN = frozenset({"Compact", "ESRGAN"})
"""Convolutions alone: a CPU takes half the time for them where a pixel's channels lie together."""


class Finisher:
    """Makes finished pictures of drawn ones; on the CPU the same picture gives the same bytes."""

    def __init__(self, name: str, sha256: str, network: LoadedNetwork, device: str) -> None:
        """Put the network on the device."""
        import torch

        self.name = name
        """ "mini", or the file's name."""
        self.sha256 = sha256
        """Of the file."""
        self.device = device
        self.use = network.use
        self.for_faces = network.for_faces
        """Whether it restores faces: it takes a whole picture for one, and makes one of whatever it sees."""
        self.architecture = network.descriptor.architecture.name
        self.scale = self.use.scale
        """How many times larger its pictures are: 1, 2, 3, 4 or 8."""
        self.kind: FinisherKind = self.use.kind
        together = network.descriptor.architecture.id in _PLAIN
        self._layout = torch.channels_last if together else torch.contiguous_format
        self._network = network.descriptor.to(device)
        self._network.model.to(memory_format=self._layout)
        self._tile = 0
        """What lasted for the last picture."""

    def apply(self, picture: Image.Image) -> Image.Image:
        """Return the finished picture, RGB, `scale` times as wide and high.

        Args:
            picture: RGB, of any size; for a face restorer one face, from hair to chin.

        Raises:
            WeightsError: memory does not last for the smallest tile, or the network's pixels are no numbers.
        """
        import torch

        rgb = picture.convert("RGB")
        seen = rgb.resize((FACE_SIDE, FACE_SIDE), Image.Resampling.LANCZOS) if self.for_faces else rgb
        pixels = torch.from_numpy(np.array(seen, np.uint8)).to(self.device)
        small = pixels.permute(2, 0, 1)[None].float().div(255)
        with torch.inference_mode(), _seeded(self.device):
            large = with_smaller_tiles(
                lambda tile: self._in_tiles(small, tile), self._first_tile(small), self.device
            )
        finished = self._picture(large)
        return finished.resize(rgb.size, Image.Resampling.LANCZOS) if self.for_faces else finished

    def _in_tiles(self, small: "Tensor", tile: int) -> "Tensor":
        if self.for_faces:
            return self._seen(small)
        large = in_tiles(self._seen, small, TileGrid(1, self.scale, MARGIN, BLEND), tile)
        self._tile = min(tile, self._tile or tile)
        return large

    def _seen(self, part: "Tensor") -> "Tensor":
        seen: Tensor = self._network(part.contiguous(memory_format=self._layout))
        return seen

    def _first_tile(self, small: "Tensor") -> int:
        """Return the side of the tiles: fixed on the CPU, by room on a GPU; all where tiles would show."""
        import torch
        from spandrel import ModelTiling

        if self._network.tiling != ModelTiling.SUPPORTED:
            return max(small.shape)
        if self.device == "cpu" or self._tile:
            return self._tile or CPU_TILE
        device = torch.device(self.device)
        return tile_that_fits(free_bytes(device), pixel_bytes(self._seen, device))

    def _picture(self, large: "Tensor") -> Image.Image:
        if not bool(large.isfinite().all()):
            raise WeightsError(
                tr("finisher {file} gives pixels that are no numbers: get the file again", file=self.name)
            )
        rounded = large[0].clamp(0, 1).mul(255).round().permute(1, 2, 0)
        return Image.fromarray(rounded.cpu().numpy().astype(np.uint8))


@contextmanager
def _seeded(device: str) -> Iterator[None]:
    """Give a network that draws noise, as GFPGAN does, the same each time, and disturb nobody else's."""
    import torch

    with torch.random.fork_rng(devices=[] if device == "cpu" else [device]):
        torch.manual_seed(0)
        yield


def open_finisher(name: str | Path, device: str = "auto") -> Finisher:
    """Return a finisher, ready on a device.

    Args:
        name: "mini" for the embedded one, which makes the embedded base's pictures four times larger; or a
            file (safetensors, or torch's .pth, .pt, .ckpt, .bin) of a network that spandrel knows.
        device: "auto" is CUDA where there is one.

    Raises:
        WeightsError: the file cannot be read, is no such network, or the device is not here.
        RunError: the file cannot be opened.
    """
    from kit.workers.devices import pick_device

    path = FINISHER if str(name) == EMBEDDED else Path(name)
    where = pick_device(device)
    network = load_network(path)
    return Finisher(EMBEDDED if path == FINISHER else path.name, sha256_of(path), network, where)
