"""The stage that draws: every wanted panel that is not there yet, batch after batch.

A picture is known by its key. A panel whose key is already drawn somewhere in the run is copied, and a run
that was stopped goes on where it stopped: what is on disk and whole stays.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from kit.errors import RunError
from kit.experiment.config import LoadedExperiment, settings
from kit.experiment.run import PanelRow, Run
from kit.files.atomic_write import remove_partial_files, write_atomic
from kit.files.encodings import sha256_bytes, sha256_of
from kit.generation.batching import BATCHING, Batch, FinishedBatch, Pictures, ask_all, drawn_by, sets_of
from kit.generation.painter import BatchPlan, DrawFailure, Painter, PanelRequest
from kit.generation.recipe import Job, plan, refuse_misfits
from kit.images.png_metadata import png_bytes
from kit.progress import Progress


@dataclass(frozen=True, kw_only=True, slots=True)
class GenerateReport:
    """What a generate call did."""

    drawn: int
    """Pictures that were drawn."""
    kept: int
    """Panels that were there already, or whose picture another panel has."""
    faults: Mapping[str, str]
    """Why panels could not be drawn, by file; the same call tries them again."""
    seconds: float


class Written(NamedTuple):
    """What came of a batch."""

    panels: int
    """How many panels it was to fill."""
    drawn: int
    """How many of its pictures are new."""
    faults: Mapping[str, str]
    """Why panels have no picture, by file."""


def draw_experiment(
    loaded: LoadedExperiment, folder: Path, painters: Sequence[Painter], progress: Progress | None = None
) -> tuple[Run, GenerateReport]:
    """Draw what an experiment's run folder lacks; what does not fit is refused before it is touched."""
    refuse_misfits(loaded, painters[0])
    run = Run.create(folder, loaded)
    (folder / "race.json").unlink(missing_ok=True)  # of another drawing; a race writes it at its end
    return run, generate(run, painters, progress)


def generate(run: Run, painters: Sequence[Painter], progress: Progress | None = None) -> GenerateReport:
    """Draw every panel the run wants and lacks, and write run.json.

    Several painters of one base share the batches. Interrupted, it raises RunError saying how many panels
    are there; each of them is whole, and the same call goes on from there.
    """
    start = time.monotonic()
    jobs, identity = plan(run, painters[0])
    remove_partial_files(run.folder)
    run.write_json("run.json", identity)
    missing = _keep_what_is_there(run, jobs)
    labels = {job.request.label for job in missing}
    run.note_faults({file: reason for file, reason in run.faults().items() if file in labels})
    drawn, faults = 0, dict[str, str]()
    if progress is not None:
        progress.begin(len(jobs), len(jobs) - len(missing))
    try:
        batches = _batches(run, painters, sets_of(jobs, labels), labels)
        for written in _written(run, drawn_by(painters, run.loaded.experiment, batches)):
            drawn += written.drawn
            faults |= written.faults
            if progress is not None:
                progress.advance(written.panels)
    except KeyboardInterrupt as interrupt:
        there = {row.file: row.key for row in run.rows()}
        done = sum(there.get(job.request.label) == job.request.key for job in jobs)
        raise RunError(
            f"stopped: {done} of {len(jobs)} panels are there; run the same command to go on"
        ) from interrupt
    kept = len(jobs) - drawn - len(faults)
    return GenerateReport(drawn=drawn, kept=kept, faults=faults, seconds=time.monotonic() - start)


def _written(run: Run, drawn: Iterable[FinishedBatch]) -> Iterator[Written]:
    """Yield what is on disk of each batch; it is written while the next one is drawn."""
    with ThreadPoolExecutor(1) as writer:
        writing: Future[Written] | None = None
        for batch in drawn:
            before, writing = writing, writer.submit(_write, run, batch)
            if before is not None:
                yield before.result()
        if writing is not None:
            yield writing.result()


def _keep_what_is_there(run: Run, jobs: Sequence[Job]) -> list[Job]:
    """Return the jobs still to draw; what another panel already has is copied."""
    rows = {row.file: row for row in run.rows()}
    whole = {file: row for file, row in rows.items() if _is_whole(run.folder / file, row)}
    twins = {row.key: row for row in whole.values()}
    missing = []
    for job in jobs:
        row, twin = whole.get(job.request.label), twins.get(job.request.key)
        if row is not None and row.key == job.request.key:
            continue
        if twin is None or not _is_whole(run.folder / twin.file, twin):
            missing.append(job)
        else:
            _keep(run, job, (run.folder / twin.file).read_bytes(), 0.0)
    return missing


def _is_whole(path: Path, row: PanelRow) -> bool:
    return path.is_file() and sha256_of(path) == row.sha256


def _batches(
    run: Run, painters: Sequence[Painter], sets: Sequence[Pictures], missing: Set[str]
) -> list[Batch]:
    """Return what is to be drawn, at most one set of eight together; all prompts have then been read."""
    requests = [twins[0].request for pictures in sets for twins in pictures]
    if not requests:
        return []
    texts = [text for request in requests for text in (request.prompt, request.negative)]
    ask_all(painters, lambda painter: painter.encode_prompts(texts))
    batching = _settled(run, painters, requests)
    every = [
        Batch(pictures=pictures[first : first + batching.panels], missing=missing, batching=batching)
        for pictures in sets
        for first in range(0, len(pictures), batching.panels)
    ]
    return [batch for batch in every if batch.panels]


def _settled(run: Run, painters: Sequence[Painter], requests: Sequence[PanelRequest]) -> BatchPlan:
    """Return how pictures are drawn together; a run that goes on keeps to what it began with."""
    how = settings(run.loaded.experiment)
    asked = {**asdict(how), "device": painters[0].hardware, "panels": sum(1 for _ in run.wanted())}
    if (run.folder / BATCHING).is_file():
        noted = run.read_json(BATCHING)
        if isinstance(noted, dict) and noted.get("asked") == asked:
            return BatchPlan(**noted["settled"])
    share = requests[: -(-len(requests) // len(painters))]
    settled, *_ = ask_all(painters, lambda painter: painter.plan_batches(share, how))
    run.write_json(BATCHING, {"asked": asked, "settled": asdict(settled)})
    return settled


def _write(run: Run, done: FinishedBatch) -> Written:
    """Write what is missing of a batch."""
    batch = done.batch
    drawn, panels, faults, mended = 0, 0, dict[str, str](), set[str]()
    for jobs, picture in zip(batch.pictures, done.pictures, strict=True):
        missing = [job for job in jobs if job.request.label in batch.missing]
        panels += len(missing)
        if isinstance(picture, DrawFailure):
            faults |= {job.request.label: picture.reason for job in missing}
            continue
        drawn += bool(missing)
        data = png_bytes(picture, jobs[0].request.key, jobs[0].recipe)
        for job in missing:
            _keep(run, job, data, done.seconds)
            mended.add(job.request.label)
    noted = run.faults()
    if (now := {file: reason for file, reason in noted.items() if file not in mended} | faults) != noted:
        run.note_faults(now)
    return Written(panels=panels, drawn=drawn, faults=faults)


def _keep(run: Run, job: Job, data: bytes, seconds: float) -> None:
    """Write the picture, then its row: a row stands for a picture that is safely on disk."""
    write_atomic(run.folder / job.request.label, data)
    run.append(
        PanelRow(
            **job.slot._asdict(),
            key=job.request.key,
            file=job.request.label,
            sha256=sha256_bytes(data),
            prompt=job.request.prompt,
            negative=job.negative,
            seconds=seconds,
        )
    )
