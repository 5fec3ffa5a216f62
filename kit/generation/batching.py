"""Which pictures are drawn in one batch, and the painters that share the batches.

Pictures drawn with others differ in the last bit, so a run keeps to the batches it began with: batching.json
says which, and packing reads it to tell how a panel was drawn.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from queue import SimpleQueue
from typing import NamedTuple, TypeVar

from PIL.Image import Image
from pydantic import BaseModel, ValidationError

from kit.errors import RunError
from kit.experiment.run import PanelRow, Run
from kit.files.documents import faults_of
from kit.generation.painter import BatchPlan, DrawFailure, Painter, PanelRequest
from kit.generation.recipe import Job, RunPlan

BATCHING = "batching.json"
"""The run's file that says how pictures are drawn together."""


P = TypeVar("P", Job, PanelRow)
Answer = TypeVar("Answer")


def group_sets(panels: Iterable[P]) -> list[list[list[P]]]:
    """Return the sets of eight, each picture once, with all panels that it belongs to.

    A picture that several sets have is drawn with the first.
    """
    by_key: dict[str, list[P]] = {}
    for panel in panels:
        by_key.setdefault(panel.key, []).append(panel)
    sets: dict[tuple[object, ...], list[list[P]]] = {}
    for same in by_key.values():
        sets.setdefault(same[0].slot[:-1], []).append(same)
    return list(sets.values())


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Pictures of one set of eight that are drawn together, whole, whatever is there already."""

    pictures: Sequence[Sequence[Job]]
    """Of each picture the panels that it belongs to."""
    missing: Set[str]
    """Files to write; the others are there."""
    plan: BatchPlan

    @property
    def lacking(self) -> list[Job]:
        """The panels that the batch fills."""
        return [job for jobs in self.pictures for job in jobs if job.request.label in self.missing]


class BatchResult(NamedTuple):
    """A batch that was drawn."""

    batch: Batch
    pictures: Sequence[Image | DrawFailure]
    seconds: float
    """What each took."""


def split_into_batches(
    run: Run, painters: Sequence[Painter], jobs: Sequence[Job], missing: Set[str]
) -> list[Batch]:
    """Return what is to be drawn, at most one set of eight together; all prompts have then been encoded."""
    sets = [
        pictures
        for pictures in group_sets(jobs)
        if any(job.request.label in missing for same in pictures for job in same)
    ]
    requests = [same[0].request for pictures in sets for same in pictures]
    if not requests:
        return []
    texts = [text for request in requests for text in (request.prompt, request.negative)]
    _ask_all(painters, lambda painter: painter.encode_prompts(texts))
    plan = _batch_plan(run, painters, requests)
    every = [
        Batch(pictures=pictures[first : first + plan.panels], missing=missing, plan=plan)
        for pictures in sets
        for first in range(0, len(pictures), plan.panels)
    ]
    return [batch for batch in every if batch.lacking]


def _batch_plan(run: Run, painters: Sequence[Painter], requests: Sequence[PanelRequest]) -> BatchPlan:
    """Return how pictures are drawn together; a run that goes on keeps to what it began with."""
    how = run.loaded.settings
    asked = {**asdict(how), "device": painters[0].hardware, "panels": sum(1 for _ in run.wanted())}
    try:
        recorded = _read_batching(run)
    except ValidationError:
        recorded = None
    if recorded is not None and recorded.asked == asked:
        return recorded.settled
    share = requests[: -(-len(requests) // len(painters))]
    plan, *_ = _ask_all(painters, lambda painter: painter.plan_batches(share, how))
    run.write_json(BATCHING, {"asked": asked, "settled": asdict(plan)})
    return plan


def _ask_all(painters: Sequence[Painter], ask: Callable[[Painter], Answer]) -> list[Answer]:
    """Ask all painters the same and return what they answer; one alone is asked in this thread."""
    if len(painters) == 1:
        return [ask(painters[0])]
    with ThreadPoolExecutor(len(painters)) as pool:
        return list(pool.map(ask, painters))


def draw_batches(
    painters: Sequence[Painter], plan: RunPlan, batches: Sequence[Batch]
) -> Iterator[BatchResult]:
    """Yield the batches as pictures; several painters each take the next batch when they are free."""
    free: SimpleQueue[_PainterWorker] = SimpleQueue()
    for painter in painters:
        free.put(_PainterWorker(painter, plan))

    def draw(batch: Batch) -> BatchResult:
        worker = free.get()
        try:
            return worker.draw(batch)
        finally:
            free.put(worker)

    if len(painters) == 1:
        yield from map(draw, batches)
        return
    pool = ThreadPoolExecutor(len(painters))
    try:
        yield from pool.map(draw, batches)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


class _PainterWorker:
    """A painter, and the candidate whose LoRA it has."""

    def __init__(self, painter: Painter, plan: RunPlan) -> None:
        self._painter, self._plan, self._candidate = painter, plan, ""

    def draw(self, batch: Batch) -> BatchResult:
        """Return the batch as pictures of its candidate."""
        start = time.monotonic()
        name = batch.pictures[0][0].slot.candidate
        if name != self._candidate:
            self._painter.set_lora(*self._plan.loras[name])
            self._candidate = name
        requests = [jobs[0].request for jobs in batch.pictures]
        pictures = self._painter.draw(requests, self._plan.settings, batch.plan)
        return BatchResult(batch, pictures, (time.monotonic() - start) / len(pictures))


class _BatchingFile(BaseModel, frozen=True):
    """What batching.json holds."""

    asked: dict[str, object] = {}
    """What the plan was made for."""
    settled: BatchPlan


def _read_batching(run: Run) -> _BatchingFile | None:
    """Return what batching.json holds, None where there is none; ValidationError when it is not ours."""
    if not (run.folder / BATCHING).is_file():
        return None
    return _BatchingFile.model_validate(run.read_json(BATCHING))


class RecordedBatch(NamedTuple):
    """Pictures that were drawn in one batch."""

    rows: Sequence[PanelRow]
    """One a picture, in the batch's order."""
    compiled: bool
    """Whether the UNet was compiled."""


def recorded_batches(run: Run) -> list[RecordedBatch]:
    """Return the batches that a finished run was drawn in; none when it does not say how."""
    try:
        recorded = _read_batching(run)
    except ValidationError as error:
        raise RunError(f"{run.folder / BATCHING}: {'; '.join(faults_of(error))}; delete it") from error
    if recorded is None:
        return []
    plan, rows = recorded.settled, {row.slot: row for row in run.rows()}
    return [
        RecordedBatch([same[0] for same in pictures[first : first + plan.panels]], plan.compiled)
        for pictures in group_sets(rows[slot] for slot in run.wanted() if slot in rows)
        for first in range(0, len(pictures), plan.panels)
    ]
