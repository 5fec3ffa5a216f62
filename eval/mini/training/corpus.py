"""The training set in memory: pictures on one device, and every text that holds for them."""

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from eval.mini.training.architecture import CONTEXT, MEAN, STD
from eval.mini.training.shards import paths_of, read_labels, read_pictures
from eval.mini.training.zero_shot import name_scene, shorten
from kit.mini.training.shards import in_processes
from kit.world.scene import Scene

CHUNK = 20_000
"""Texts that are tokenised at once."""
STYLE_WEIGHT = 10.0
"""How many times more often than others a rare style's picture may be drawn."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Corpus:
    """Pictures on one device, ready to draw batches from."""

    pictures: Tensor
    """(n, side, side, 3) uint8."""
    scenes: Sequence[Scene]
    weights: Tensor
    """(n,) how often a picture is drawn; all styles count alike."""
    alike: "Buckets"
    """The pictures by place and style."""
    degradations: Tensor
    """(n,) how many degradations were drawn in."""

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Return (count,) pictures by lot."""
        return torch.multinomial(self.weights, count, replacement=True, generator=generator)

    def draw_alike(self, count: int, each: int, generator: torch.Generator) -> Tensor:
        """Return (count,) pictures by lot, about `each` of one place and style at once."""
        anchors = self.draw(-(-count // each), generator).repeat_interleave(each)[:count]
        bucket = self.alike.of[anchors]
        lot = torch.rand(count, generator=generator, device=anchors.device)
        steps = (lot * self.alike.sizes[bucket]).long().minimum(self.alike.sizes[bucket] - 1)
        return self.alike.order[self.alike.starts[bucket] + steps]


class Buckets(NamedTuple):
    """Pictures sorted into buckets."""

    of: Tensor
    """(n,) each picture's bucket."""
    order: Tensor
    """(n,) all pictures, bucket by bucket."""
    starts: Tensor
    sizes: Tensor


class Texts(NamedTuple):
    """What can be said about a corpus' pictures."""

    distinct: tuple[str, ...]
    options: Tensor
    """(n, k) rows of `distinct` that hold for each picture: captions, their clauses and single facts."""
    captions: int
    """How many options, the first ones, are whole captions."""


def read_corpus(folder: Path, limit: int, device: str, side: int) -> Corpus:
    """Return up to `limit` pictures of a folder of shards, reduced once to their side in pixels."""
    paths = paths_of(folder)
    scenes = [scene for path in paths for scene in read_labels(path).scenes][:limit]
    pictures: list[Tensor] = []
    with ThreadPoolExecutor(16) as pool:
        for shard in pool.map(read_pictures, paths):
            left = max(0, limit - sum(map(len, pictures)))
            pictures.append(_reduce(torch.from_numpy(shard[:left]).to(device), side))
    return Corpus(
        pictures=torch.cat(pictures),
        scenes=scenes,
        weights=_balance([scene.style for scene in scenes]).to(device),
        alike=_sort([f"{scene.place} {scene.style}" for scene in scenes], device),
        degradations=torch.tensor([float(len(scene.degradations)) for scene in scenes], device=device),
    )


def read_texts(folder: Path, limit: int, workers: int) -> Texts:
    """Return the texts of the pictures that `read_corpus` reads."""
    shards = in_processes([partial(collect_texts, path) for path in paths_of(folder)], workers)
    lists = [texts for shard in shards for texts in shard][:limit]
    rows: dict[str, int] = {}
    options = [[rows.setdefault(text, len(rows)) for text in texts] for texts in lists]
    rng, width = random.Random(0), max(map(len, options))
    padded = [row + rng.choices(row, k=width - len(row)) for row in options]
    with_captions = len(read_labels(paths_of(folder)[0]).captions[0])
    return Texts(tuple(rows), torch.tensor(padded), with_captions)


def collect_texts(path: Path) -> list[list[str]]:
    """Return for each picture of a shard its captions, one or two clauses of each, and single facts."""
    labels, rng = read_labels(path), random.Random(path.name)
    return [
        [*captions, *(shorten(caption, rng) for caption in captions), *name_scene(scene, rng)]
        for captions, scene in zip(*labels, strict=True)
    ]


def _reduce(pictures: Tensor, side: int) -> Tensor:
    if pictures.shape[1] == side:
        return pictures
    parts = [resize(as_floats(part), side) * 255 for part in torch.split(pictures, 500)]
    return torch.cat([part.round().byte().permute(0, 2, 3, 1) for part in parts]).contiguous()


def _sort(names: Sequence[str], device: str) -> Buckets:
    keys = {name: k for k, name in enumerate(sorted(set(names)))}
    of = torch.tensor([keys[name] for name in names], device=device)
    sizes = of.bincount(minlength=len(keys))
    return Buckets(of, of.argsort(stable=True), sizes.cumsum(0) - sizes, sizes)


def _balance(styles: Sequence[str]) -> Tensor:
    counts = {style: styles.count(style) for style in set(styles)}
    share = len(styles) / len(counts)
    return torch.tensor([min(STYLE_WEIGHT, share / counts[style]) for style in styles])


def tokenise(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> Tensor:
    """Return (texts, context) int16 tokens; many times faster than the tokenizer's own call."""
    engine = tokenizer.backend_tokenizer
    engine.enable_truncation(CONTEXT)
    engine.enable_padding(length=CONTEXT, pad_id=tokenizer.pad_token_id, pad_token=tokenizer.pad_token)
    chunks = (texts[start : start + CHUNK] for start in range(0, len(texts), CHUNK))
    rows = [np.array([code.ids for code in engine.encode_batch(chunk)], dtype=np.int16) for chunk in chunks]
    return torch.from_numpy(np.concatenate(rows))


def as_floats(pictures: Tensor) -> Tensor:
    """Return (n, 3, h, w) values in [0, 1] of (n, h, w, 3) bytes."""
    return pictures.permute(0, 3, 1, 2).float() / 255


def flip(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Return the pictures, each mirrored with a chance of one half."""
    toss = torch.rand(len(pictures), 1, 1, 1, generator=generator, device=pictures.device) < 0.5
    return torch.where(toss, pictures.flip(-1), pictures)


def resize(pictures: Tensor, side: int) -> Tensor:
    """Return the pictures at another size, with the bicubic filter of scoring."""
    if pictures.shape[-1] == side:
        return pictures
    return F.interpolate(pictures, (side, side), mode="bicubic", antialias=True).clamp(0, 1)


def normalise(pictures: Tensor) -> Tensor:
    """Return the pictures on the towers' scale."""
    mean, std = (torch.tensor(v, device=pictures.device)[:, None, None] for v in (MEAN, STD))
    return (pictures - mean) / std
