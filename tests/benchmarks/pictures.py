"""Draws sets of pictures batch by batch; what is drawn is kept, so an interrupted bench goes on."""

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor

from kit.embedded import EMBEDDED
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.files.encodings import canonical_json, sha256_bytes
from kit.generation.painter import Painter, PanelRequest
from kit.lora.lora import find_lora
from kit.lora.pipelines.embeddings import Embedding, read_embedding

SETTINGS = DrawSettings(steps=25, cfg=4.0, size=256, noise="portable")
BATCH = 8
"""Pictures of one file: what two cores draw in a quarter of a minute."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PictureSet:
    """Pictures that are drawn alike."""

    name: str
    prompts: Sequence[str]
    seeds: Sequence[int]
    negative: str = ""
    lora: str = ""
    """A LoRA as an experiment names it, such as "mini:ink"."""
    strength: float = 1.0
    embedding: str = ""
    """A word's file, of the embedded base."""

    def batches(self) -> Iterator["PictureSet"]:
        """Yield the set in parts of BATCH pictures."""
        for first in range(0, len(self.prompts), BATCH):
            part = slice(first, first + BATCH)
            yield replace(self, prompts=self.prompts[part], seeds=self.seeds[part])


def draw(painter: Painter, wanted: PictureSet, folder: Path) -> Tensor:
    """Return the set's pictures, (n, 256, 256, 3) uint8; batches that are in the folder are not drawn."""
    lora = find_lora(wanted.lora) if wanted.lora else None
    recipe: dict[str, object] = {"painter": dict(painter.identity), "lora": lora and lora.sha256}
    recipe["strength"] = wanted.strength
    words = (read_embedding(Path(wanted.embedding), None, EMBEDDED),) if wanted.embedding else ()
    recipe |= {"embeddings": [one.shaping for one in words]} if words else {}
    batches = list(wanted.batches())
    paths = [folder / wanted.name / f"{_key(batch, recipe)}.npz" for batch in batches]
    missing = [(path, batch) for path, batch in zip(paths, batches, strict=True) if not path.is_file()]
    if missing:
        painter.encode_prompts([text for _, batch in missing for text in (*batch.prompts, batch.negative)])
        painter.set_lora(lora, wanted.strength)
        for number, (path, batch) in enumerate(missing, 1):
            started = time.monotonic()
            _write(path, _paint(painter, batch, words))
            pace = f"{time.monotonic() - started:.1f} s"
            print(f"{wanted.name}: batch {number} of {len(missing)}, {pace}", file=sys.stderr, flush=True)
        painter.set_lora(None, 1.0)
    return torch.from_numpy(np.concatenate([_read(path) for path in paths]))


def _key(batch: PictureSet, recipe: dict[str, object]) -> str:
    asked = {"prompts": list(batch.prompts), "seeds": list(batch.seeds), "negative": batch.negative}
    drawn = {"steps": SETTINGS.steps, "cfg": SETTINGS.cfg, "size": SETTINGS.size, "noise": SETTINGS.noise}
    return sha256_bytes(canonical_json(recipe | asked | drawn))[:24]


def _paint(painter: Painter, batch: PictureSet, words: tuple[Embedding, ...]) -> NDArray[np.uint8]:
    requests = [
        PanelRequest(
            key=f"{seed} {prompt}",
            prompt=prompt,
            negative=batch.negative,
            seed=seed,
            label=f"{batch.name} {seed}",
            embeddings=words,
        )
        for prompt, seed in zip(batch.prompts, batch.seeds, strict=True)
    ]
    return np.stack([np.asarray(picture) for picture in painter.draw(requests, SETTINGS)])


def _write(path: Path, pictures: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    with partial.open("wb") as file:
        np.savez_compressed(file, pictures=pictures)
    partial.rename(path)


def _read(path: Path) -> NDArray[np.uint8]:
    with np.load(path) as content:
        pictures: NDArray[np.uint8] = content["pictures"]
    return pictures


def sheet(pictures: Tensor, right: Sequence[bool], columns: int = 8, side: int = 192) -> Image.Image:
    """Return the pictures in rows of `columns`, those that are not right framed in red."""
    rows = -(-len(pictures) // columns)
    page = Image.new("RGB", (columns * side, rows * side), "white")
    for place, (picture, good) in enumerate(zip(pictures.numpy(), right, strict=True)):
        small = Image.fromarray(picture).resize((side - 8, side - 8), Image.Resampling.LANCZOS)
        framed = ImageOps.expand(small, 4, "white" if good else "red")
        page.paste(framed, (place % columns * side, place // columns * side))
    return page


def distances(pictures: Sequence[Tensor]) -> list[float]:
    """Return the mean absolute difference of each two pictures, of 255 grey levels, in percent."""
    flat = [picture.float() for picture in pictures]
    return [(one - other).abs().mean().item() / 2.55 for i, one in enumerate(flat) for other in flat[i + 1 :]]
