"""Every picture measured once."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL.Image import Image

from eval.scorers.batches import batches_ahead
from eval.scorers.load import Scorers
from eval.scorers.protocols import Inscription, LetterReader, Stamp
from eval.scoring.letters import from_row, to_row
from eval.scoring.panel_file import PanelFile, read_panel
from eval.scoring.score_cache import ScoreCache
from kit.errors import ScoreError
from kit.experiment.extras.extra_pictures import all_slots
from kit.experiment.run import Run, Slot
from kit.experiment.steps import side_after
from kit.images.copies import Look, look_at
from kit.messages import mark, tr
from kit.progress import Progress
from kit.retold import retold

_SCORER, _ENCODER = mark("scorer"), mark("encoder")
CACHE = Path("cache") / "scores.sqlite"
"""Below a run's folder."""
BATCH = 64
"""Pictures measured and then kept at once; a stop loses no more than these."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """What was found; pictures are named by the sha256 of their file."""

    readings: Mapping[Slot, PanelFile]
    """Of every panel that was asked for, without its picture."""
    aesthetic: dict[str, float] = field(default_factory=dict)
    embeddings: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    """Rows of unit length."""
    looks: dict[str, Look] = field(default_factory=dict)
    """To know copies by; made anew each time, which costs less than to keep them."""
    letters: dict[str, tuple[Inscription, ...]] = field(default_factory=dict)
    """What is legible; empty where nobody asked for it."""
    fresh: list[str] = field(default_factory=list)
    """Pictures that were not known before."""
    notes: list[str] = field(default_factory=list)
    """What to mind that spoils no number."""


def measure(
    run: Run, tools: Scorers, progress: Progress | None = None, only: Collection[tuple[str, str, str]] = ()
) -> Measured:
    """Measure every panel the run wants; what the run's cache knows of the same weights is not done again.

    Args:
        run: whose panels.
        tools: what they are measured with.
        progress: hears of every batch.
        only: candidates, orders and stories; empty for all.
    """
    slots = [slot for slot in all_slots(run) if not only or slot[:3] in only]
    size = run.loaded.settings.size
    drawn = {row.slot: row for row in run.rows()}
    faults = {run.folder / file: retold(reason) for file, reason in run.faults().items()}
    readings: dict[Slot, PanelFile] = {}
    measured = Measured(readings=readings)
    if progress is not None:
        progress.begin(len(slots), 0)

    def read(slot: Slot) -> tuple[Slot, PanelFile, Look | None]:
        path = run.panel_path(*slot)
        row = drawn.get(slot)
        side = side_after(size, row.chain) if row else size
        reading = read_panel(path, row.sha256 if row else None, side, faults.get(path, ""))
        reading = replace(reading, finished=any(step.finishes_whole for step in row.chain) if row else False)
        return slot, reading, look_at(reading.picture) if reading.picture else None

    path = run.folder / CACHE
    with ScoreCache.open(path) as cache:
        for batch in batches_ahead(read, slots, BATCH):
            pictures = {reading.sha256: reading.picture for _, reading, _ in batch if reading.picture}
            measured.looks.update({reading.sha256: look for _, reading, look in batch if look})
            _measure_batch(pictures, tools, cache, measured)
            readings.update({slot: replace(reading, picture=None) for slot, reading, _ in batch})
            if progress is not None:
                progress.advance(len(batch))
        if cache.trouble:
            measured.notes.append(
                tr(
                    "{file} cannot be used ({trouble}): every picture was measured anew; delete it to have a "
                    "cache again",
                    file=path,
                    trouble=cache.trouble,
                )
            )
    return measured


def _measure_batch(
    pictures: Mapping[str, Image], tools: Scorers, cache: ScoreCache, measured: Measured
) -> None:
    """Add what is known of the pictures and what is measured now."""
    points, rows = key_of("aesthetic", tools.aesthetic.metric.stamp), key_of("picture", tools.encoder.stamp)
    scores, embeddings = cache.get(points, list(pictures)), cache.get(rows, list(pictures))
    new = {name: picture for name, picture in pictures.items() if name not in scores}
    unseen = {name: picture for name, picture in pictures.items() if name not in embeddings}
    if tools.tower is not None and (either := new | unseen):
        new, unseen = either, {}
        found, seen = tools.tower.look(list(either.values()))
        scores |= _keep(cache, points, either, found, _SCORER)
        embeddings |= _keep(cache, rows, either, seen, _ENCODER)
    elif new:
        scores |= _keep(cache, points, new, tools.aesthetic.score(list(new.values())), _SCORER)
    if unseen:
        embeddings |= _keep(cache, rows, unseen, tools.encoder.pictures(list(unseen.values())), _ENCODER)
    measured.aesthetic.update({name: float(row[0]) for name, row in scores.items()})
    measured.embeddings.update(embeddings)
    unread = _read_letters(pictures, tools.reader, cache, measured) if tools.reader else ()
    measured.fresh.extend(dict.fromkeys([*new, *unseen, *unread]))


def _read_letters(
    pictures: Mapping[str, Image], reader: LetterReader, cache: ScoreCache, measured: Measured
) -> Collection[str]:
    """Add what is known of the pictures' letters and what is read now; return which were read now."""
    key = key_of("letters", reader.stamp)
    known = cache.get(key, list(pictures))
    new = {name: picture for name, picture in pictures.items() if name not in known}
    found = reader.read(list(new.values())) if new else []
    if len(found) != len(new):
        raise ScoreError(
            tr(
                "the reader must answer for each of {n} pictures, got {got} answers",
                n=len(new),
                got=len(found),
            )
        )
    rows = {name: to_row(one) for name, one in zip(new, found, strict=True)}
    cache.put(key, rows)
    measured.letters.update({name: from_row(row) for name, row in (known | rows).items()})
    return new


def _keep(
    cache: ScoreCache, key: str, names: Collection[str], found: ArrayLike, who: str
) -> dict[str, NDArray[np.float32]]:
    """Return the rows by their picture's sha256, once they are known to be whole and are kept."""
    numbers = np.asarray(found, dtype=np.float32)
    if len(numbers) != len(names):
        raise ScoreError(
            tr(
                "the {who} must answer for each of {n} pictures, got {got} answers",
                who=tr(who),
                n=len(names),
                got=len(numbers),
            )
        )
    if not np.isfinite(numbers).all():
        wild = numbers[~np.isfinite(numbers)][0]
        raise ScoreError(
            tr("the {who} must give finite numbers, got {got}; check the weights", who=tr(who), got=wild)
        )
    rows = dict(zip(names, numbers.reshape(len(names), -1), strict=True))
    cache.put(key, rows)
    return rows


def key_of(kind: str, stamp: Stamp) -> str:
    """Return what a number depends on beside its picture."""
    return f"{kind} {stamp.weights_sha256} {stamp.preprocessing}"
