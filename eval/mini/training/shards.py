"""Pictures of the drawn world on disk: rendered once by many processes, read by every stage.

A shard is an .npz with `pictures` (n, 256, 256, 3) uint8, `captions` (JSON: a list of texts a picture) and
`scenes` (JSON: a scene a picture).
"""

import dataclasses
import json
import os
import random
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eval.mini.training.zero_shot import LANGUAGES, rebuild
from kit.errors import TrainError
from kit.mini.training.shards import in_processes
from kit.world.captions import caption
from kit.world.render import render
from kit.world.scene import DEGRADATIONS, STYLES, Scene, is_held_out, sample_scene

SIZE = 1000
"""Pictures a shard."""
CAPTIONS = 4
"""Captions a picture and language."""
DEGRADED = 0.1
"""Share of pictures that are drawn degraded."""


class Labels(NamedTuple):
    """What a shard says about its pictures."""

    captions: list[list[str]]
    scenes: list[Scene]


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """A shard to be rendered."""

    folder: Path
    index: int
    count: int
    seed: int
    held_out: bool
    """Whether to draw only combinations that training never sees, or only the others."""


def render_shard(task: Task) -> Path:
    """Render one shard, unless it is there already, and return its file."""
    path = task.folder / f"shard-{task.index:05d}.npz"
    if path.is_file():
        return path
    rng = random.Random(f"{task.seed} {task.index} {task.held_out}")
    pictures: list[NDArray[np.uint8]] = []
    captions: list[list[str]] = []
    scenes: list[dict[str, Any]] = []
    while len(pictures) < task.count:
        scene = sample_scene(rng, STYLES[len(pictures) % len(STYLES)])
        if is_held_out(scene) != task.held_out:
            continue
        if not task.held_out and rng.random() < DEGRADED:
            kinds = tuple(rng.sample(DEGRADATIONS, rng.choice((1, 1, 2))))
            scene = dataclasses.replace(scene, degradations=kinds)
        pictures.append(np.asarray(render(scene).picture.convert("RGB")))
        captions.append([caption(scene, language, rng) for language in LANGUAGES for _ in range(CAPTIONS)])
        scenes.append(dataclasses.asdict(scene))
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        np.savez(file, pictures=np.stack(pictures), captions=json.dumps(captions), scenes=json.dumps(scenes))
    os.replace(part, path)
    return path


def render_shards(task: Task, workers: int) -> None:
    """Render `task.count` pictures into shards; `task.index` is ignored, shards that exist are kept."""
    task.folder.mkdir(parents=True, exist_ok=True)
    starts = range(0, task.count, SIZE)
    tasks = [
        dataclasses.replace(task, index=k, count=min(SIZE, task.count - start))
        for k, start in enumerate(starts)
    ]
    for _ in in_processes([partial(render_shard, task) for task in tasks], workers):
        pass


def paths_of(folder: Path) -> list[Path]:
    """Return the folder's shards by number, then name: the first ones show all styles alike."""
    paths = sorted(folder.glob("shard-*.npz"), key=lambda path: (path.stem.rpartition("-")[2], path.name))
    if not paths:
        raise TrainError(f"{folder}: must hold files named shard-*.npz; none found")
    return paths


def read_labels(path: Path) -> Labels:
    """Return a shard's texts and truths without its pictures."""
    with np.load(path, allow_pickle=False) as file:
        scenes = [rebuild(facts) for facts in _read(file["scenes"])]
        return Labels(_read(file["captions"]), scenes)


def read_pictures(path: Path) -> NDArray[np.uint8]:
    """Return a shard's pictures, (n, 256, 256, 3)."""
    with np.load(path, allow_pickle=False) as file:
        pictures: NDArray[np.uint8] = file["pictures"]
    return pictures


def _read(field: NDArray[np.str_]) -> list[Any]:
    """Return the field's JSON: one text for all pictures, or one a picture."""
    return list(json.loads(field.item())) if field.ndim == 0 else [json.loads(text) for text in field]
