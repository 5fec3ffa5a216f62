"""One look at every picture of a run: its aesthetic score and its embedding, or what is wrong with it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL.Image import Image

from eval.ahead import batches_ahead
from eval.cache import Cache, key_of
from eval.instruments import Instruments
from eval.reading import Reading, read_panel
from kit.errors import ScoreError
from kit.experiment import settings
from kit.run import Run, Slot

Pictures = Mapping[str, Image]
"""Pictures by the sha256 of their file."""
Rows = Mapping[str, NDArray[np.float32]]
"""Rows of numbers by the sha256 of their picture."""

BATCH = 64
"""Pictures measured and then kept at once; a stop loses no more than these."""


class Progress(Protocol):
    """Whoever wants to know how far the scoring is."""

    def begin(self, total: int, done: int) -> None:
        """Hear how many panels the run wants, and how many of them are done already."""

    def advance(self, count: int) -> None:
        """Hear that so many more panels are done."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """What was found; pictures are named by the sha256 of their file."""

    readings: Mapping[Slot, Reading]
    """Of every panel the run wants, without its picture."""
    aesthetic: dict[str, float] = field(default_factory=dict)
    embeddings: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    """Rows of unit length."""
    fresh: list[str] = field(default_factory=list)
    """Pictures that were not known before."""


def measure(run: Run, tools: Instruments, progress: Progress | None = None) -> Measured:
    """Measure every panel the run wants; what the run's cache knows of the same weights is not done again."""
    slots, size = list(run.wanted()), settings(run.loaded.experiment).size
    drawn = {run.slot_of(row): row.sha256 for row in run.rows()}
    faults = {run.folder / file: reason for file, reason in run.faults().items()}
    readings: dict[Slot, Reading] = {}
    measured = Measured(readings=readings)
    if progress is not None:
        progress.begin(len(slots), 0)

    def read(slot: Slot) -> tuple[Slot, Reading]:
        path = run.panel_path(*slot)
        return slot, read_panel(path, drawn.get(slot), size, faults.get(path, ""))

    with Cache.open(run.folder / "cache" / "scores.sqlite") as cache:
        for batch in batches_ahead(read, slots, BATCH):
            pictures = {reading.sha256: reading.picture for _, reading in batch if reading.picture}
            _measure_batch(pictures, tools, cache, measured)
            readings.update({slot: replace(reading, picture=None) for slot, reading in batch})
            if progress is not None:
                progress.advance(len(batch))
    return measured


def _measure_batch(pictures: Pictures, tools: Instruments, cache: Cache, measured: Measured) -> None:
    """Add what is known of the pictures and what is measured now."""
    points, rows = key_of("aesthetic", tools.aesthetic.stamp), key_of("picture", tools.encoder.stamp)
    scores, embeddings = cache.get(points, list(pictures)), cache.get(rows, list(pictures))
    new = {name: picture for name, picture in pictures.items() if name not in scores}
    unseen = {name: picture for name, picture in pictures.items() if name not in embeddings}
    if tools.tower is not None and (either := new | unseen):
        new, unseen = either, {}
        found, seen = tools.tower.look(list(either.values()))
        scores |= _keep(cache, points, either, found, "scorer")
        embeddings |= _keep(cache, rows, either, seen, "encoder")
    elif new:
        scores |= _keep(cache, points, new, tools.aesthetic.score(list(new.values())), "scorer")
    if unseen:
        embeddings |= _keep(cache, rows, unseen, tools.encoder.pictures(list(unseen.values())), "encoder")
    measured.aesthetic.update({name: float(row[0]) for name, row in scores.items()})
    measured.embeddings.update(embeddings)
    measured.fresh.extend(new | unseen)


def _keep(cache: Cache, key: str, names: Collection[str], found: ArrayLike, who: str) -> Rows:
    """Return the rows by their picture's sha256, once they are known to be whole and are kept."""
    numbers = np.asarray(found, dtype=np.float32)
    if len(numbers) != len(names):
        raise ScoreError(
            f"the {who} must answer for each of {len(names)} pictures, got {len(numbers)} answers"
        )
    if not np.isfinite(numbers).all():
        wild = numbers[~np.isfinite(numbers)][0]
        raise ScoreError(f"the {who} must give finite numbers, got {wild}; check the weights")
    rows = dict(zip(names, numbers.reshape(len(names), -1), strict=True))
    cache.put(key, rows)
    return rows
