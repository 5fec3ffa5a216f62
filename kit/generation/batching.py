"""Which pictures are drawn in one batch, and the painters that share the batches.

Pictures drawn with others differ in the last bit, so a run keeps to the batches it began with: batching.json
says which, and packing reads it to tell how a panel was drawn.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import NamedTuple, TypeAlias, TypeVar

from pydantic import BaseModel, ValidationError

from kit.errors import RunError
from kit.experiment.extras.extra_pictures import all_slots, extra_slots
from kit.experiment.run import PanelRow, Run, Slot
from kit.files.documents import faults_of
from kit.generation.painter import BatchPlan, DrawResult, Painter, PanelRequest
from kit.generation.recipe import Job, RunPlan
from kit.messages import joined, tr
from kit.progress import Progress
from kit.story.story import PANELS

BATCHING = "batching.json"
"""The run's file that says how pictures are drawn together."""


P = TypeVar("P", Job, PanelRow)
Answer = TypeVar("Answer")


NOT_APART: Mapping[Slot, object] = {}


def drawn_apart(run: Run) -> Mapping[Slot, object]:
    """Return which panels of a run are not drawn with the rest of their set, and with which they are.

    Extra pictures were asked for later; in a set that is put together of several seeds those of one seed are
    drawn together, as a bundle says of a batch.
    """
    extra: dict[Slot, object] = dict.fromkeys(extra_slots(run), "extra")
    experiment = run.loaded.experiment
    if experiment.panel_seeds is None or experiment.noise_per_panel:
        return extra
    return {slot: experiment.seed_of(slot.seed, slot.panel) for slot in run.wanted()} | extra


def group_batches(
    panels: Iterable[P], size: int, apart: Mapping[Slot, object] = NOT_APART
) -> list[list[list[P]]]:
    """Return batches of at most `size` pictures of one set of eight, each with all panels it belongs to.

    A picture that several sets have is drawn with the first.

    Args:
        panels: what is to be drawn, or was.
        size: pictures at most.
        apart: of panels that are drawn without the others of their set those that are drawn together.
    """
    by_key: dict[str, list[P]] = {}
    for panel in panels:
        by_key.setdefault(panel.key, []).append(panel)
    sets: dict[tuple[object, ...], list[list[P]]] = {}
    for same in by_key.values():
        sets.setdefault((same[0].slot[:-1], apart.get(same[0].slot)), []).append(same)
    return [
        pictures[first : first + size]
        for pictures in sets.values()
        for first in range(0, len(pictures), size)
    ]


Batch: TypeAlias = Sequence[Sequence[Job]]
"""Pictures of one set of eight that are drawn together; of each the panels that it belongs to."""


class BatchResult(NamedTuple):
    """A batch that was drawn."""

    batch: Batch
    pictures: Sequence[DrawResult]
    seconds: float
    """What each took."""


def draw_missing(
    run: Run,
    painters: Sequence[Painter],
    plan: RunPlan,
    missing: Set[str],
    progress: Progress | None = None,
) -> Iterator[BatchResult]:
    """Yield every batch that holds a missing file, drawn whole, whatever of it is there already.

    What is made of other pictures by steps is not drawn here.

    All prompts are encoded first. Several painters each take the next batch when they are free. The progress
    hears what goes on before the first batch is drawn.
    """

    def note(text: str) -> None:
        if progress is not None:
            progress.note(text)

    apart, drawn = drawn_apart(run), [job for job in plan.jobs if not job.chain]

    def lacking(size: int) -> list[Batch]:
        return [
            batch
            for batch in group_batches(drawn, size, apart)
            if any(job.request.label in missing for same in batch for job in same)
        ]

    requests = [same[0].request for batch in lacking(PANELS) for same in batch]
    if not requests:
        return
    note(tr("reading the prompts"))
    texts = [text for request in requests for text in request.texts]
    _ask_all(painters, lambda painter: painter.encode_prompts(texts))
    note(tr("loading the base"))
    recorded = _batching(run, painters, requests, missing)
    together = recorded.settled
    note(tr("drawing the first"))
    for number, result in enumerate(_draw(painters, plan, together, lacking(together.panels))):
        if not number:  # who draws nothing after all changes nothing of what is told
            run.write_json(BATCHING, recorded.model_dump(exclude_defaults=True))
        yield result


def _batching(
    run: Run, painters: Sequence[Painter], requests: Sequence[PanelRequest], missing: Set[str]
) -> "_BatchingFile":
    """Return how pictures are drawn together; a run that goes on keeps to what it began with."""
    how, wanted = run.loaded.settings, set(all_slots(run))
    asked = {**how.told, "device": painters[0].hardware, "panels": sum(1 for _ in run.wanted())}
    before = None
    with suppress(ValidationError):
        before = _read_batching(run)
    if before is not None and before.asked == asked:
        plan = before.settled
    else:
        plan, *_ = _ask_all(painters, lambda painter: painter.plan_batches(requests, how))
    stays = any(row.slot in wanted and row.file not in missing for row in run.rows())
    otherwise = before is None or before.mixed or before.settled != plan
    return _BatchingFile(asked=asked, settled=plan, mixed=stays and otherwise)


def _ask_all(painters: Sequence[Painter], ask: Callable[[Painter], Answer]) -> list[Answer]:
    """Ask all painters the same and return what they answer; one alone is asked in this thread."""
    if len(painters) == 1:
        return [ask(painters[0])]
    with _threads(len(painters)) as pool:
        return list(pool.map(ask, painters))


@contextmanager
def _threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """Yield threads that nobody waits for when the block is left, as by ctrl-c."""
    pool = ThreadPoolExecutor(count)
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _draw(
    painters: Sequence[Painter], plan: RunPlan, together: BatchPlan, batches: Sequence[Batch]
) -> Iterator[BatchResult]:
    free: SimpleQueue[tuple[Painter, str]] = SimpleQueue()
    for painter in painters:
        free.put((painter, ""))

    def draw(batch: Batch) -> BatchResult:
        painter, candidate = free.get()
        start = time.monotonic()
        wanted = batch[0][0].slot.candidate
        try:
            if wanted != candidate:
                painter.set_lora(*plan.loras[wanted])
            requests = [same[0].request for same in batch]
            pictures = painter.draw(requests, plan.settings, together)
        finally:
            free.put((painter, wanted))
        return BatchResult(batch, pictures, (time.monotonic() - start) / len(pictures))

    if len(painters) == 1:
        yield from map(draw, batches)
        return
    with _threads(len(painters)) as pool:
        yield from pool.map(draw, batches)


class _BatchingFile(BaseModel, frozen=True):
    """What batching.json holds."""

    asked: dict[str, object] = {}
    """What the plan was made for."""
    settled: BatchPlan
    mixed: bool = False
    """Whether others stay that were drawn otherwise, or nobody knows how: it tells of the last alone."""


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
        raise RunError(
            tr(
                "{file}: {faults}; delete it",
                file=run.folder / BATCHING,
                faults=joined(faults_of(error), tr("; ")),
            )
        ) from error
    if recorded is None or recorded.mixed:
        return []
    plan, rows = recorded.settled, {row.slot: row for row in run.rows()}
    drawn = (rows[slot] for slot in all_slots(run) if slot in rows and not rows[slot].chain)
    apart = drawn_apart(run)
    return [
        RecordedBatch([same[0] for same in pictures], plan.compiled)
        for pictures in group_batches(drawn, plan.panels, apart)
    ]
