"""Pairs that the embedded finisher learns from: renders of 1024 pixels, and the same as a base draws them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from kit.embedded import BASE_WEIGHTS
from kit.errors import TrainError
from kit.mini.training.corpus import as_input
from kit.mini.training.shards import in_processes, training_scene
from kit.models.mini_layout import open_embedded
from kit.world.render import render
from kit.world.scene import STYLES, Scene, Style

SCALE = 4
"""Pixels of a large picture to one of a small one."""
PICTURES: dict[Style, int] = {
    "flat": 160, "ink": 50, "watercolour": 40, "cyberpunk": 70, "pixel": 40, "papercut": 30
}  # fmt: skip
"""Renders of each style; the LoRAs bring three of them, and the finisher meets all."""
TOGETHER = 4
"""Pictures that go through the autoencoder at once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pairs:
    """Pictures of one style, uint8 RGB."""

    large: NDArray[np.uint8]
    """(n, 1024, 1024, 3): as drawn."""
    small: NDArray[np.uint8]
    """(n, 256, 256, 3): the same with fewer pixels."""
    decoded: NDArray[np.uint8]
    """(n, 256, 256, 3): the small ones through the base's autoencoder, as smeared as its pictures."""


def pair_scene(style: Style, number: int) -> Scene:
    """Return the n-th training scene of a style without its faults, which no finisher is to keep."""
    return replace(training_scene(style, number), degradations=())


def smaller(large: Image.Image, number: int) -> Image.Image:
    """Return the picture with a quarter of the side: by area and by Lanczos in turns, for both are met."""
    if number % 2:
        side = large.width // SCALE
        return large.resize((side, side), Image.Resampling.LANCZOS)
    return large.reduce(SCALE)


def through_autoencoder(small: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return (n, 256, 256, 3) pictures as the embedded base's decoder gives them back."""
    base = open_embedded(BASE_WEIGHTS)
    encoder, decoder = base.vae_encoder(), base.vae_decoder()
    back = []
    with torch.inference_mode():
        for chunk in torch.split(torch.from_numpy(small), TOGETHER):
            decoded = decoder(encoder(as_input(chunk))).clamp(-1, 1).add(1).mul(127.5)
            back.append(decoded.round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy())
    return np.concatenate(back)


def write_pairs(folder: Path, style: Style, count: int) -> Path:
    """Render one style's pairs, unless they are there; returns their file."""
    path = folder / f"pairs-{style}.npz"
    if path.exists():
        return path
    large = [render(pair_scene(style, number), SCALE).picture for number in range(count)]
    small = np.stack([np.asarray(smaller(picture, number)) for number, picture in enumerate(large)])
    partial = path.with_suffix(".part")
    with partial.open("wb") as file:
        np.savez(
            file,
            large=np.stack([np.asarray(p) for p in large]),
            small=small,
            decoded=through_autoencoder(small),
        )
    return partial.rename(path)


def render_pairs(folder: Path, counts: dict[Style, int], workers: int) -> Iterator[Path]:
    """Render the pairs of each style, several styles at once; yields each file when done."""
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [partial(write_pairs, folder, style, count) for style, count in counts.items()]
    yield from in_processes(jobs, workers)


def read_pairs(folder: Path, styles: Sequence[Style] = STYLES) -> Pairs:
    """Return the pairs of these styles, one after the other; TrainError where one is missing."""
    paths = [folder / f"pairs-{style}.npz" for style in styles]
    if missing := next((path for path in paths if not path.exists()), None):
        raise TrainError(f"{missing} is missing: run the stage pairs first")
    parts: dict[str, list[NDArray[np.uint8]]] = {"large": [], "small": [], "decoded": []}
    for path in paths:
        with np.load(path) as content:
            for name, gathered in parts.items():
                gathered.append(content[name])
    whole = {name: np.concatenate(gathered) for name, gathered in parts.items()}
    return Pairs(large=whole["large"], small=whole["small"], decoded=whole["decoded"])
