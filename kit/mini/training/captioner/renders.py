"""Renders that the embedded captioner learns from: small pictures, where each figure is, and the answers."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kit.dataset.captioning.scenes.network import FIGURES, SIDE
from kit.dataset.captioning.scenes.questions import FIGURE, SCENE, labels_of
from kit.errors import TrainError
from kit.mini.training.shards import in_processes, training_scene
from kit.world.render import render
from kit.world.scene import STYLES, Scene, Style

FIRST, APART = 900_000, 10_000
"""Numbers of the first training scene of the first part, and between parts; no other training goes so far."""
PART: dict[Style, int] = {
    "flat": 2400, "ink": 900, "watercolour": 600, "cyberpunk": 900, "pixel": 600, "papercut": 600
}  # fmt: skip
"""Renders of each style in a part."""
COVER = 16
"""A side of the map that says where a figure is."""


class LabelledRender(NamedTuple):
    """A render and what is known of it."""

    picture: NDArray[np.uint8]
    """(SIDE, SIDE, 3) RGB."""
    cover: NDArray[np.float16]
    """(FIGURES, COVER, COVER): the share of each cell that a figure covers."""
    scene: list[int]
    figures: list[list[int]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Renders:
    """Renders and what is known of them."""

    pictures: NDArray[np.uint8]
    """(n, SIDE, SIDE, 3) RGB."""
    cover: NDArray[np.float16]
    """(n, FIGURES, COVER, COVER)."""
    scene: NDArray[np.int64]
    """(n, questions) numbers of the answers, or UNSEEN."""
    figures: NDArray[np.int64]
    """(n, FIGURES, questions)."""


def labelled(scene: Scene) -> LabelledRender:
    """Return a scene's render and what is known of it."""
    drawn = render(scene)
    cover = np.zeros((FIGURES, COVER, COVER), np.float16)
    for number, mask in enumerate(drawn.subjects):
        cover[number] = mask.reshape(COVER, -1, COVER, mask.shape[1] // COVER).mean((1, 3))
    picture = drawn.picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return LabelledRender(np.asarray(picture), cover, *labels_of(scene))


def write_part(folder: Path, style: Style, part: int) -> Path:
    """Render one style of a part, unless it is there; returns its file."""
    path = folder / f"renders-{part:02d}-{style}.npz"
    if path.exists():
        return path
    first = FIRST + part * APART
    drawn = [labelled(training_scene(style, number)) for number in range(first, first + PART[style])]
    partial = path.with_suffix(".part")
    with partial.open("wb") as file:
        columns = {name: np.array([getattr(one, name) for one in drawn]) for name in LabelledRender._fields}
        np.savez(file, allow_pickle=False, **columns)
    return partial.rename(path)


def render_parts(folder: Path, parts: int, workers: int) -> Iterator[Path]:
    """Render so many parts of 6000 scenes, several files at once; yields each file when done."""
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [partial(write_part, folder, style, part) for part in range(parts) for style in STYLES]
    yield from in_processes(jobs, workers)


def read_parts(folder: Path) -> Renders:
    """Return all renders of a folder; TrainError where there are none."""
    paths = sorted(folder.glob("renders-*.npz"))
    if not paths:
        raise TrainError(f"{folder} holds no renders: run the stage render first")
    parts: dict[str, list[NDArray[Any]]] = {name: [] for name in LabelledRender._fields}
    for path in paths:
        with np.load(path) as content:
            for name, gathered in parts.items():
                gathered.append(content[name])
    whole = {name: np.concatenate(gathered) for name, gathered in parts.items()}
    assert whole["scene"].shape[1:] == (len(SCENE),)
    assert whole["figures"].shape[1:] == (FIGURES, len(FIGURE))
    return Renders(
        pictures=whole["picture"], cover=whole["cover"], scene=whole["scene"], figures=whole["figures"]
    )
