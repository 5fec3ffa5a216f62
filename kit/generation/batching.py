"""Which panels are drawn in one batch, and the workers that share the batches."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue
from typing import NamedTuple, TypeVar

from PIL.Image import Image
from pydantic import BaseModel, PositiveInt, ValidationError

from kit.errors import RunError
from kit.experiment.config import Experiment, settings
from kit.experiment.run import PanelRow, Run, Slot
from kit.files.documents import faults_of
from kit.generation.painter import BatchPlan, DrawFailure, Painter
from kit.generation.recipe import Job, lora_of

Answer = TypeVar("Answer")
Pictures = Sequence[Sequence[Job]]
"""Of each picture the panels that it belongs to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Pictures of one set of eight that are drawn together; each may belong to several panels.

    It is drawn whole, whatever is there already: pictures drawn with others differ in the last bit, so a
    resumed run would else not equal an uninterrupted one.
    """

    pictures: Pictures
    missing: Set[str]
    """Files to write; the others are there."""
    batching: BatchPlan

    @property
    def panels(self) -> int:
        """How many panels the batch fills."""
        return sum(job.request.label in self.missing for jobs in self.pictures for job in jobs)


class FinishedBatch(NamedTuple):
    """A batch and its pictures."""

    batch: Batch
    pictures: Sequence[Image | DrawFailure]
    seconds: float
    """What each took."""


def sets_of(jobs: Sequence[Job], missing: Set[str]) -> list[Pictures]:
    """Return the sets of eight that lack a panel, each picture once, with all panels it belongs to."""
    return [
        pictures
        for pictures in sets_by_key((KeyedPanel(job.request.key, job.slot), job) for job in jobs)
        if any(job.request.label in missing for twins in pictures for job in twins)
    ]


def drawn_by(
    painters: Sequence[Painter], experiment: Experiment, batches: Sequence[Batch]
) -> Iterator[FinishedBatch]:
    """Yield the batches as pictures; several painters each take the next batch when they are free."""
    free: SimpleQueue[PainterWorker] = SimpleQueue()
    for painter in painters:
        free.put(PainterWorker(painter, experiment))

    def draw(batch: Batch) -> FinishedBatch:
        hand = free.get()
        try:
            return hand.draw(batch)
        finally:
            free.put(hand)

    if len(painters) == 1:
        yield from map(draw, batches)
        return
    pool = ThreadPoolExecutor(len(painters))
    try:
        yield from pool.map(draw, batches)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def ask_all(painters: Sequence[Painter], ask: Callable[[Painter], Answer]) -> list[Answer]:
    """Ask all painters the same and return what they answer; one alone is asked in this thread."""
    if len(painters) == 1:
        return [ask(painters[0])]
    with ThreadPoolExecutor(len(painters)) as pool:
        return list(pool.map(ask, painters))


class PainterWorker:
    """A painter, and whose LoRA it wears."""

    def __init__(self, painter: Painter, experiment: Experiment) -> None:
        """Take a painter, whatever it wears."""
        self._painter, self._settings = painter, settings(experiment)
        self._candidates = {candidate.name: candidate for candidate in experiment.candidates}
        self._worn = ""

    def draw(self, batch: Batch) -> FinishedBatch:
        """Return the batch as pictures of its candidate."""
        start = time.monotonic()
        name = batch.pictures[0][0].slot.candidate
        if name != self._worn:
            candidate = self._candidates[name]
            self._painter.set_lora(lora_of(candidate), candidate.strength)
            self._worn = name
        requests = [jobs[0].request for jobs in batch.pictures]
        pictures = self._painter.draw(requests, self._settings, batch.batching)
        return FinishedBatch(batch, pictures, (time.monotonic() - start) / len(pictures))


BATCHING = "batching.json"
"""The run's file that says how pictures are drawn together."""
T = TypeVar("T")


class _Settled(BaseModel, frozen=True):
    panels: PositiveInt
    compiled: bool


class _Noted(BaseModel, frozen=True):
    """What of the file matters here."""

    settled: _Settled


class KeyedPanel(NamedTuple):
    """A panel: what shapes its picture, and where it belongs."""

    key: str
    slot: Slot


def sets_by_key(panels: Iterable[tuple[KeyedPanel, T]]) -> list[list[list[T]]]:
    """Return the sets of eight, each picture once, with all panels that it belongs to.

    A picture that several sets have is drawn with the first.
    """
    by_key: dict[str, list[tuple[Slot, T]]] = {}
    for keyed, panel in panels:
        by_key.setdefault(keyed.key, []).append((keyed.slot, panel))
    sets: dict[tuple[object, ...], list[list[T]]] = {}
    for twins in by_key.values():
        sets.setdefault(twins[0][0][:-1], []).append([panel for _, panel in twins])
    return list(sets.values())


class DrawnBatch(NamedTuple):
    """Pictures that were drawn in one batch."""

    rows: Sequence[PanelRow]
    """One a picture, in the batch's order."""
    compiled: bool
    """Whether the UNet was compiled."""


def drawn_together(run: Run) -> list[DrawnBatch]:
    """Return the batches that a finished run was drawn in; none when it does not say how."""
    if not (run.folder / BATCHING).is_file():
        return []
    try:
        settled = _Noted.model_validate(run.read_json(BATCHING)).settled
    except ValidationError as error:
        raise RunError(f"{run.folder / BATCHING}: {'; '.join(faults_of(error))}; delete it") from error
    rows = {run.slot_of(row): row for row in run.rows()}
    known = ((KeyedPanel(rows[slot].key, slot), rows[slot]) for slot in run.wanted() if slot in rows)
    return [
        DrawnBatch([twins[0] for twins in pictures[first : first + settled.panels]], settled.compiled)
        for pictures in sets_by_key(known)
        for first in range(0, len(pictures), settled.panels)
    ]
