"""Renders of the drawn world on disk: the data all embedded networks are trained on.

A shard is an .npz of one style: `pictures` (n, 256, 256, 3) uint8, `captions` (some a picture, JSON) and
`scenes` (JSON, as `dataclasses.asdict`). Which scenes a shard holds follows from its style and number alone.
"""

import json
import random
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from kit.errors import TrainError
from kit.messages import Language
from kit.world import words
from kit.world.captions import caption
from kit.world.render import render
from kit.world.scene import DEGRADATIONS, STYLES, Scene, Style, is_held_out, sample_scene

Made = TypeVar("Made")

PER_SHARD = 500
"""Pictures in a shard, unless told otherwise; shards of one training have one size."""
READERS = 8
"""Threads that unpack shards."""
LANGUAGES: tuple[Language, ...] = ("zh", "zh", "zh", "zh", "en", "en")
"""One caption of a picture for each."""
DEGRADED_SHARE = 0.1
STRAY_SHARE = 0.08
"""Captions with a clause that means nothing, so that unknown words do no harm."""
HELD_OUT_STYLES: tuple[Style, ...] = ("ink", "watercolour", "cyberpunk")
"""Styles the base never sees; LoRAs bring them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shard:
    """The content of one file."""

    style: Style
    pictures: NDArray[np.uint8]
    captions: list[list[str]]
    scenes: list[Scene]


def training_scene(style: Style, number: int) -> Scene:
    """Return the n-th training scene of a style: never held out, one in ten degraded."""
    rng = random.Random(f"{style} {number}")
    scene = sample_scene(rng, style)
    while is_held_out(scene):
        scene = sample_scene(rng, style)
    if rng.random() < DEGRADED_SHARE:
        chosen = rng.sample(DEGRADATIONS, rng.choice((1, 1, 2)))
        scene = replace(scene, degradations=tuple(chosen))
    return scene


def training_captions(scene: Scene) -> list[str]:
    """Return one caption for each of LANGUAGES."""
    rng = random.Random(scene.seed)
    captions = []
    for language in LANGUAGES:
        text = caption(scene, language, rng)
        if scene.style not in HELD_OUT_STYLES and rng.random() < STRAY_SHARE:
            mark = "，" if language == "zh" else ", "
            parts = [text, _stray(language, rng)]
            rng.shuffle(parts)
            text = mark.join(parts)
        captions.append(text)
    return captions


def _stray(language: Language, rng: random.Random) -> str:
    """Return a clause without a picture: words of a style the base does not know, or any characters."""
    if rng.random() < 0.6:
        return rng.choice(words.STYLES[language][rng.choice(HELD_OUT_STYLES)])
    if language == "zh":
        return "".join(chr(rng.randrange(0x4E00, 0x9FA5)) for _ in range(rng.randint(1, 5)))
    return "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randint(3, 9)))


def write_shard(folder: Path, style: Style, index: int, size: int = PER_SHARD) -> Path:
    """Render one shard, unless it is there; returns its file."""
    path = folder / f"shard-{style}-{index:05d}.npz"
    if path.exists():
        return path
    scenes = [training_scene(style, index * size + i) for i in range(size)]
    content = {
        "pictures": np.stack([np.asarray(render(scene).picture) for scene in scenes]),
        "captions": np.array(json.dumps([training_captions(scene) for scene in scenes], ensure_ascii=False)),
        "scenes": np.array(json.dumps([asdict(scene) for scene in scenes])),
    }
    partial = path.with_suffix(".part")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, array in content.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array)
    return partial.rename(path)


def render_shards(
    folder: Path, counts: dict[Style, int], workers: int, first: int = 0, size: int = PER_SHARD
) -> Iterator[Path]:
    """Render as many shards of each style as asked for, numbered from `first`, several at once.

    Yields each file when done.
    """
    folder.mkdir(parents=True, exist_ok=True)
    last = first + max(counts.values(), default=0)
    jobs = [(style, index) for index in range(first, last) for style in STYLES
            if index < first + counts.get(style, 0)]  # fmt: skip
    yield from in_processes(
        [partial(write_shard, folder, style, index, size) for style, index in jobs], workers
    )


def in_processes(jobs: Iterable[Callable[[], Made]], workers: int) -> Iterator[Made]:
    """Yield what jobs return, in their order, done by so many processes; one alone is this one.

    They are begun anew and not forked: a fork of a process that has threads may never go on.
    """
    if workers == 1:
        yield from (job() for job in jobs)
        return
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        for done in [pool.submit(job) for job in jobs]:
            yield done.result()


def read_shard(path: Path) -> Shard:
    """Return the content of a shard's file."""
    with np.load(path) as content:
        return Shard(
            style=STYLES[STYLES.index(path.stem.split("-")[1])],
            pictures=content["pictures"],
            captions=json.loads(str(content["captions"])),
            scenes=TypeAdapter(list[Scene]).validate_json(str(content["scenes"])),
        )


def read_shards(folder: Path, styles: Sequence[Style], part: tuple[int, int] = (0, 1)) -> Iterator[Shard]:
    """Yield the shards of these styles; `part` = (i, n) gives every n-th shard from the i-th on."""
    paths = [path for style in styles for path in sorted(folder.glob(f"shard-{style}-*.npz"))]
    if not paths:
        raise TrainError(f"{folder}: must hold shards of {' or '.join(styles)}, got none; render them first")
    with ThreadPoolExecutor(READERS) as pool:
        yield from pool.map(read_shard, paths[part[0] :: part[1]])
