"""The stage that draws: every wanted panel that is not there yet, batch after batch.

A picture is known by its key. A panel whose key is already drawn somewhere in the run is copied, and a run
that was stopped goes on where it stopped: what is on disk and whole stays.
"""

import time
from collections.abc import Iterator, Mapping, Sequence, Set
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import NamedTuple, Protocol

from PIL.Image import Image
from PIL.PngImagePlugin import PngInfo

from kit.errors import RunError
from kit.experiment import settings
from kit.files import canonical_json, sha256_bytes, sha256_of, sweep, write_whole
from kit.painter import Fault, Painter
from kit.recipe import Job, installed, lora_of, plan
from kit.run import PanelRow, Run

PNG_CHUNK = "storykit"
"""The PNG text chunk that holds a picture's key and recipe as JSON."""


class Progress(Protocol):
    """Whoever wants to know how far the drawing is."""

    def begin(self, total: int, done: int) -> None:
        """Hear how many panels the run wants and how many of them are there already."""

    def advance(self, count: int) -> None:
        """Hear that so many more panels are on disk."""


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Pictures of one set of eight that are drawn together; each may belong to several panels.

    It is drawn whole, whatever is there already: pictures drawn with others differ in the last bit, so a
    resumed run would else not equal an uninterrupted one. On a GPU its size follows the free memory.
    """

    pictures: Sequence[Sequence[Job]]
    missing: Set[str]
    """Files to write; the others are there."""

    @property
    def panels(self) -> int:
        """How many panels the batch fills."""
        return sum(job.request.label in self.missing for jobs in self.pictures for job in jobs)


class Written(NamedTuple):
    """What came of a batch."""

    panels: int
    """How many panels it was to fill."""
    drawn: int
    """How many of its pictures are new."""
    faults: Mapping[str, str]
    """Why panels have no picture, by file."""


def generate(run: Run, painter: Painter, progress: Progress | None = None) -> GenerateReport:
    """Draw every panel the run wants and lacks, and write run.json.

    Interrupted, it raises RunError saying how many panels are there; each of them is whole, and the same
    call goes on from there.
    """
    start = time.monotonic()
    jobs, identity = plan(run, painter)
    sweep(run.folder)
    run.write_json("run.json", identity)
    missing = _keep_what_is_there(run, jobs)
    labels = {job.request.label for job in missing}
    run.note_faults({file: reason for file, reason in run.faults().items() if file in labels})
    drawn, faults = 0, dict[str, str]()
    if progress is not None:
        progress.begin(len(jobs), len(jobs) - len(missing))
    try:
        for written in _filled(run, painter, _dressed(run, painter, jobs, missing)):
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
    finally:
        painter.dress(None, 1.0)
    kept = len(jobs) - drawn - len(faults)
    return GenerateReport(drawn=drawn, kept=kept, faults=faults, seconds=time.monotonic() - start)


def _filled(run: Run, painter: Painter, batches: Iterator[Batch]) -> Iterator[Written]:
    """Yield what is on disk of each batch; it is written while the next one is drawn."""
    how = settings(run.loaded.experiment)
    with ThreadPoolExecutor(1) as writer:
        writing: Future[Written] | None = None
        for batch in batches:
            start = time.monotonic()
            pictures = painter.draw([jobs[0].request for jobs in batch.pictures], how)
            seconds = (time.monotonic() - start) / len(pictures)
            before, writing = writing, writer.submit(_write, run, batch, pictures, seconds)
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


def _dressed(run: Run, painter: Painter, jobs: Sequence[Job], missing: Sequence[Job]) -> Iterator[Batch]:
    """Yield the batches, the painter dressed for each; all prompts are read before the first."""
    experiment = run.loaded.experiment
    batches = list(_batches(jobs, missing, experiment.batch or painter.batch(settings(experiment))))
    requests = [picture[0].request for batch in batches for picture in batch.pictures]
    painter.read([text for request in requests for text in (request.prompt, request.negative)])
    painter.expect(sum(len(batch.pictures) for batch in batches))
    candidates = {candidate.name: candidate for candidate in experiment.candidates}
    worn = None
    for batch in batches:
        name = batch.pictures[0][0].slot.candidate
        if name != worn:
            worn = name
            painter.dress(lora_of(candidates[name]), candidates[name].strength)
        yield batch


def _batches(jobs: Sequence[Job], missing: Sequence[Job], size: int) -> Iterator[Batch]:
    """Yield what is to be drawn, each picture once, at most `size` of one set of eight together."""
    by_key: dict[str, list[Job]] = {}
    for job in jobs:
        by_key.setdefault(job.request.key, []).append(job)
    sets: dict[tuple[object, ...], list[list[Job]]] = {}
    for twins in by_key.values():
        sets.setdefault(twins[0].slot[:-1], []).append(twins)
    labels = {job.request.label for job in missing}
    for pictures in sets.values():
        for first in range(0, len(pictures), size):
            batch = Batch(pictures=pictures[first : first + size], missing=labels)
            if batch.panels:
                yield batch


def _write(run: Run, batch: Batch, pictures: Sequence[Image | Fault], seconds: float) -> Written:
    """Write what is missing of a batch."""
    drawn, panels, faults, mended = 0, 0, dict[str, str](), set[str]()
    for jobs, picture in zip(batch.pictures, pictures, strict=True):
        missing = [job for job in jobs if job.request.label in batch.missing]
        panels += len(missing)
        if isinstance(picture, Fault):
            faults |= {job.request.label: picture.reason for job in missing}
            continue
        drawn += bool(missing)
        data = png_bytes(picture, jobs[0])
        for job in missing:
            _keep(run, job, data, seconds)
            mended.add(job.request.label)
    noted = run.faults()
    if (now := {file: reason for file, reason in noted.items() if file not in mended} | faults) != noted:
        run.note_faults(now)
    return Written(panels=panels, drawn=drawn, faults=faults)


def _keep(run: Run, job: Job, data: bytes, seconds: float) -> None:
    """Write the picture, then its row: a row stands for a picture that is safely on disk."""
    write_whole(run.folder / job.request.label, data)
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


def png_bytes(picture: Image, job: Job) -> bytes:
    """Return the picture as a PNG that says how it was made; the same bytes for the same picture."""
    made = {"storykit": installed("storykit"), "key": job.request.key, **job.recipe}
    chunks = PngInfo()
    chunks.add_itxt(PNG_CHUNK, canonical_json(made).decode())
    file = BytesIO()
    picture.save(file, "PNG", pnginfo=chunks)
    return file.getvalue()
