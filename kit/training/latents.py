"""What a training sees: pictures as latents and captions as text states, encoded once and kept by content."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from kit.dataset.read import CaptionedPicture, open_cropped
from kit.files.atomic_write import write_atomic
from kit.files.encodings import canonical_json, sha256_bytes, sha256_of
from kit.files.safetensors_files import read_tensors, tensor_bytes
from kit.images.decode import decode_picture
from kit.models.kolors.text_encoder import encode_prompts
from kit.models.kolors.vae import pixels_of
from kit.models.networks import Base
from kit.story.trigger import captions_of
from kit.training.config import TrainConfig

WIDEST = 2.0
"""Longer side over shorter side of the most stretched bucket; wider pictures lose their ends."""
STEP = 64
"""Sides of buckets are multiples of it, as Kolors' latents must be of 8."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EncodedDataset:
    """What training sees, encoded once."""

    latents: Sequence[Tensor]
    """One a picture: (4, height/8, width/8), scaled."""
    cross: Tensor
    """(captions + 1, 256, hidden): the distinct captions' states, the empty caption first."""
    pooled: Tensor
    """(captions + 1, hidden)."""
    captions: Tensor
    """(pictures,): each picture's row in `cross` and `pooled`."""

    def states(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the UNet reads of captions: (B, 256, hidden) and (B, hidden)."""
        return self.cross[rows], self.pooled[rows]


class Side(NamedTuple):
    """A picture's size as training sees it, in pixels."""

    height: int
    width: int


def buckets(size: int) -> list[Side]:
    """Return the aspect-ratio buckets: shapes of at most size x size pixels, from tall to wide.

    >>> [tuple(side) for side in buckets(256)]
    [(320, 192), (256, 256), (192, 320)]
    """
    longest = {
        shorter: longer
        for longer in range(size, int(size * WIDEST) + 1, STEP)
        if longer <= WIDEST * (shorter := size * size // longer // STEP * STEP)
    }
    tall = [Side(longer, shorter) for shorter, longer in sorted(longest.items())]
    wide = [Side(side.width, side.height) for side in reversed(tall) if side.width != side.height]
    return tall + wide


def side_for(width: int, height: int, config: TrainConfig) -> Side:
    """Return the shape that a picture is trained in: the square, or the bucket nearest to its own."""
    if not config.buckets:
        return Side(config.size, config.size)
    ratio = np.log(width / height)
    return min(buckets(config.size), key=lambda side: abs(np.log(side.width / side.height) - ratio))


class EncodingCache:
    """Encoded tensors in a folder, each in a file named by what it was made from."""

    def __init__(self, folder: Path) -> None:
        """Name the folder; it is made when the first tensor is kept."""
        self._folder = folder

    def get(self, recipe: object) -> dict[str, Tensor] | None:
        """Return what was kept under a recipe; None when there is nothing whole."""
        try:
            return read_tensors(self._path(recipe))[0]
        except ValueError:
            return None

    def keep(self, recipe: object, tensors: dict[str, Tensor]) -> None:
        """Keep tensors under a recipe."""
        write_atomic(self._path(recipe), tensor_bytes(tensors, {}))

    def _path(self, recipe: object) -> Path:
        return self._folder / f"{sha256_bytes(canonical_json(recipe))}.safetensors"


def encode_dataset(
    base: Base, dataset: Sequence[CaptionedPicture], config: TrainConfig, cache: EncodingCache, device: str
) -> EncodedDataset:
    """Return a dataset as the UNet reads it; networks are loaded only for what is not in the cache.

    The picture encoder's latent is its mean, so keeping it changes no number.
    """
    latents = list(encode_latents(base, dataset, config, cache, device))
    captions = captions_of([entry.text for entry in dataset], config.trigger, config.language)
    distinct = list(dict.fromkeys(["", *captions]))
    rows = {text: row for row, text in enumerate(distinct)}
    states = _states(base, distinct, cache, device)
    return EncodedDataset(
        latents=latents,
        cross=torch.stack([states[text]["cross"] for text in distinct]),
        pooled=torch.stack([states[text]["pooled"] for text in distinct]),
        captions=torch.tensor([rows[caption] for caption in captions]),
    )


def encode_latents(
    base: Base, dataset: Sequence[CaptionedPicture], config: TrainConfig, cache: EncodingCache, device: str
) -> Iterator[Tensor]:
    """Yield each picture's latent, on the CPU."""
    weights = {name: sha256 for name, sha256 in base.sha256.items() if "vae" in name}
    encode: Callable[[Tensor], Tensor] | None = None
    for entry in dataset:
        side = _side_of(entry.path, config)
        recipe = {"picture": sha256_of(entry.path), "side": side, "weights": weights}
        found = cache.get(recipe)
        if found is None:
            encode = encode or base.vae_encoder(device)
            with torch.no_grad():
                latent = encode(pixels_of(open_cropped(entry.path, side), device))[0]
            found = {"latent": latent.cpu().contiguous()}
            cache.keep(recipe, found)
        yield found["latent"]


def _side_of(path: Path, config: TrainConfig) -> Side:
    width, height = decode_picture(path).picture.size if config.buckets else (1, 1)
    return side_for(width, height, config)


def _states(
    base: Base, texts: Sequence[str], cache: EncodingCache, device: str
) -> dict[str, dict[str, Tensor]]:
    """Return each text's states, on the CPU; the text encoder is freed again."""
    dtype = base.precision(device)
    recipes = {text: {"text": text, "weights": base.text_files, "dtype": str(dtype)} for text in texts}
    states = {text: found for text in texts if (found := cache.get(recipes[text])) is not None}
    missing = [text for text in texts if text not in states]
    if not missing:
        return states
    encoder, prompter = base.text_encoder(device, dtype), base.prompter()
    with torch.no_grad():
        for text, cross, pooled in encode_prompts(encoder, prompter, missing, device):
            states[text] = {"cross": cross.contiguous(), "pooled": pooled.contiguous()}
            cache.keep(recipes[text], states[text])
    return states
