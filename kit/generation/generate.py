"""The stage that draws: every wanted panel that is not there yet, batch after batch.

A picture is known by its key. A panel whose key is already drawn somewhere in the run is copied, and a run
that was stopped goes on where it stopped: what is on disk and whole stays.
"""

import os
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from kit.errors import RunError
from kit.experiment.config import LoadedExperiment
from kit.experiment.extras.extra_pictures import refuse_taken_seeds
from kit.experiment.out_folder import check_out_folder
from kit.experiment.run import PanelRow, Run, Slot
from kit.files.atomic_write import remove_partial_files, write_atomic
from kit.files.encodings import sha256_bytes, sha256_of
from kit.files.folder_lock import lock_folder
from kit.generation.batching import BatchResult, draw_missing
from kit.generation.controls.run_controls import keep_maps
from kit.generation.painter import DrawFailure, DrawResult, Painter
from kit.generation.recipe import Job, RunPlan, check_drawable, plan_run
from kit.generation.redrawing import redrawing, refuse_redrawing, set_aside
from kit.generation.repair.draw_steps import draw_steps
from kit.generation.shards.machines import RUN_JSON, SHARD, SHARD_PANELS, resumed_identity, shard_told
from kit.generation.shards.shard import RunShard, shard_slots
from kit.images.png_metadata import png_bytes
from kit.images.thumbnails import SHEET_SIDE, keep_thumbnail, thumbnail_path
from kit.messages import tr
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
    again: int = 0
    """Panels that had a picture which other words or settings had shaped; they were to be drawn again."""
    aside: Sequence[Path] = ()
    """Where pictures are now that were changed after they were drawn."""


_ENCODERS = min(8, os.cpu_count() or 1)
"""Files that are encoded at once: PNG takes a fifth of a second each, and several GPUs draw many in one."""


class _Written(NamedTuple):
    """What came of a batch."""

    panels: int
    """How many panels it was to fill."""
    drawn: int
    """How many of its pictures are new."""
    faults: Mapping[str, str]
    """Why panels have no picture, by file."""


@contextmanager
def drawing_in(folder: Path) -> Iterator[None]:
    """Have a run's folder alone while drawing there; a folder that holds something else is refused."""
    check_out_folder(folder)
    with lock_folder(folder, "drawn"):
        yield


def draw_experiment(
    loaded: LoadedExperiment,
    folder: Path,
    painters: Sequence[Painter],
    progress: Progress | None = None,
    *,
    again: bool = False,
) -> tuple[Run, GenerateReport]:
    """Draw what an experiment's run folder lacks; what does not fit is refused before it is touched.

    Args:
        loaded: the experiment.
        folder: the run's; new, empty or one that this experiment goes on with.
        painters: of one base; they share the batches.
        progress: hears of every batch.
        again: whether pictures may be replaced that were drawn with other settings; words of single panels
            may change without it.

    Raises:
        RunError: the folder holds something else, is at work, or would lose pictures.
    """
    check_drawable(loaded, painters[0])
    with drawing_in(folder):
        if not again:
            refuse_redrawing(folder, loaded, painters[0])
        return _drawn_into(folder, loaded, painters, progress)


def draw_shard(
    loaded: LoadedExperiment,
    folder: Path,
    painters: Sequence[Painter],
    progress: Progress | None,
    shard: RunShard,
) -> tuple[Run, GenerateReport]:
    """Draw what a folder lacks of a part of an experiment's run; nothing is replaced.

    Args:
        loaded: the experiment.
        folder: a run's that holds this part; as `draw_experiment` takes it.
        painters: of one base; they share the batches.
        progress: hears of every batch.
        shard: the part.

    Raises:
        RunError: as `draw_experiment` does.
    """
    check_drawable(loaded, painters[0])
    with drawing_in(folder):
        refuse_redrawing(folder, loaded, painters[0], in_place=False)
        return _drawn_into(folder, loaded, painters, progress, shard)


def _drawn_into(
    folder: Path,
    loaded: LoadedExperiment,
    painters: Sequence[Painter],
    progress: Progress | None,
    shard: RunShard | None = None,
) -> tuple[Run, GenerateReport]:
    refuse_taken_seeds(Run(folder), loaded.experiment.seeds)
    run = Run.create(folder, loaded, reworded=True)
    (folder / "race.json").unlink(missing_ok=True)  # of another drawing; a race writes it at its end
    return run, generate(run, painters, progress, shard)


def generate(
    run: Run,
    painters: Sequence[Painter],
    progress: Progress | None = None,
    only: Collection[Slot] | RunShard | None = None,
) -> GenerateReport:
    """Draw every panel the run wants and lacks, and write run.json.

    Several painters of one base share the batches. Interrupted, it raises RunError saying how many panels
    are there; each of them is whole, and the same call goes on from there.

    Args:
        run: its folder.
        painters: of one base.
        progress: hears of every batch.
        only: of the panels that the run wants those to draw, in batches of their own, or the shard that is
            drawn; the others stay as they are, drawn or not. None: all.
    """
    with lock_folder(run.folder, "drawn"):
        plan = plan_run(run, painters[0])
        chosen = shard_slots(run, plan.jobs, only) if isinstance(only, RunShard) else only
        asked = [job for job in plan.jobs if chosen is None or job.slot in chosen]
        others = {job.request.label for job in plan.jobs} - {job.request.label for job in asked}
        if isinstance(only, RunShard):
            part = {SHARD: str(only), SHARD_PANELS: len(asked)}
        else:  # pictures beside the seeds make no whole run of a part
            part = {} if only is None else shard_told(run)
        plan = plan._replace(identity={**plan.identity, **part})
        return _generate(run, painters, plan._replace(jobs=asked), others, progress)


def _generate(
    run: Run, painters: Sequence[Painter], plan: RunPlan, others: Set[str], progress: Progress | None
) -> GenerateReport:
    """Draw what is missing of a plan; what is said of the files of others stays."""
    start = time.monotonic()
    remove_partial_files(run.folder)
    keep_maps(run.folder, chain.from_iterable(job.request.control for job in plan.jobs), plan.maps)
    again = len(redrawing(run.folder, run.rows(), plan.jobs).lost)
    missing, aside = _keep_what_is_there(run, plan.jobs)
    identity = resumed_identity(run, plan.identity, missing)
    if not missing or not run.rows():
        run.write_json(RUN_JSON, identity)
    untried = missing | others
    run.note_faults({file: reason for file, reason in run.faults().items() if file in untried})
    drawn, faults = 0, dict[str, str]()
    if progress is not None:
        progress.begin(len(plan.jobs), len(plan.jobs) - len(missing))
    try:
        drawings = [
            draw_missing(run, painters, plan, missing, progress),
            draw_steps(run, painters[0], plan, missing),
        ]
        told = (_telling(run, identity, drawing) for drawing in drawings)
        for written in chain.from_iterable(_written(run, missing, drawing) for drawing in told):
            drawn += written.drawn
            faults |= written.faults
            if progress is not None:
                progress.advance(written.panels)
    except KeyboardInterrupt as interrupt:
        there = {row.file: row.key for row in run.rows() if (run.folder / row.file).is_file()}
        done = sum(there.get(job.request.label) == job.key for job in plan.jobs)
        raise RunError(
            tr(
                "stopped: {done} of {wanted} panels are there; run the same command to go on",
                done=done,
                wanted=len(plan.jobs),
            )
        ) from interrupt
    kept = len(plan.jobs) - drawn - len(faults)
    seconds = time.monotonic() - start
    return GenerateReport(drawn=drawn, kept=kept, faults=faults, seconds=seconds, again=again, aside=aside)


def _telling(
    run: Run, identity: Mapping[str, object], drawing: Iterable[BatchResult]
) -> Iterator[BatchResult]:
    """Yield what is drawn; from the first batch on run.json tells who draws: before, others drew all."""
    for number, result in enumerate(drawing):
        if not number:
            run.write_json(RUN_JSON, identity)
        yield result


def _written(run: Run, missing: Set[str], drawn: Iterable[BatchResult]) -> Iterator[_Written]:
    """Yield what is on disk of each batch; it is written while the next one is drawn."""
    with ThreadPoolExecutor(_ENCODERS) as encoders, ThreadPoolExecutor(1) as writer:
        writing: Future[_Written] | None = None
        for result in drawn:
            before, writing = writing, writer.submit(_write, run, missing, result, encoders)
            if before is not None:
                yield before.result()
        if writing is not None:
            yield writing.result()


def _keep_what_is_there(run: Run, jobs: Sequence[Job]) -> tuple[set[str], list[Path]]:
    """Return the files still to draw, and where pictures that someone changed are now.

    What another panel already has is copied.
    """
    rows = {row.file: row for row in run.rows()}
    whole = {file: row for file, row in rows.items() if _is_whole(run.folder / file, row)}
    by_key = {row.key: row for row in whole.values()}
    missing, aside = set(), []
    for job in jobs:
        file, twin = job.request.label, by_key.get(job.key)
        if file in whole and whole[file].key == job.key:
            continue
        if (moved := set_aside(run, job, rows.get(file))) is not None:
            aside.append(moved)
        if twin is None or not _is_whole(run.folder / twin.file, twin):
            missing.add(file)
        else:
            _keep(run, job, (run.folder / twin.file).read_bytes(), 0.0)
    return missing, aside


def _is_whole(path: Path, row: PanelRow) -> bool:
    return path.is_file() and sha256_of(path) == row.sha256


def _write(run: Run, missing: Set[str], result: BatchResult, encoders: Executor) -> _Written:
    """Write what is missing of a batch, in its order; its files are encoded at the same time."""
    drawn, faults = 0, dict[str, str]()
    lacking = [[job for job in jobs if job.request.label in missing] for jobs in result.batch]
    files = encoders.map(partial(_encoded, run), lacking, result.pictures)
    for jobs, picture, data in zip(lacking, result.pictures, files, strict=True):
        if isinstance(picture, DrawFailure):
            faults |= {job.request.label: picture.reason for job in jobs}
            continue
        drawn += bool(jobs)
        for job in jobs:
            _keep(run, job, data, result.seconds)
    tried = {job.request.label for jobs in lacking for job in jobs}
    run.note_faults({file: why for file, why in run.faults().items() if file not in tried} | faults)
    return _Written(panels=len(tried), drawn=drawn, faults=faults)


def _encoded(run: Run, jobs: Sequence[Job], picture: DrawResult) -> bytes:
    """Return the file of a picture, its small copy kept; nothing where there is no picture, or none lacks."""
    if not jobs or isinstance(picture, DrawFailure):
        return b""
    data = png_bytes(picture, jobs[0].key, jobs[0].recipe, jobs[0].lora_hash)
    keep_thumbnail(thumbnail_path(run.folder, sha256_bytes(data), SHEET_SIDE), picture, SHEET_SIDE)
    return data


def _keep(run: Run, job: Job, data: bytes, seconds: float) -> None:
    """Write the picture, then its row: a row stands for a picture that is safely on disk."""
    write_atomic(run.folder / job.request.label, data)
    run.append(
        PanelRow(
            **job.slot._asdict(),
            key=job.key,
            file=job.request.label,
            sha256=sha256_bytes(data),
            prompt=job.request.prompt,
            negative=job.request.negative,
            anchors=job.request.anchors,
            consistency=job.request.consistency,
            bystanders=job.request.bystanders,
            control=tuple(one.record for one in job.request.control),
            image_prompts=tuple(one.record for one in job.request.image_prompts),
            noise_seed=job.request.seed if job.request.seed != job.slot.seed else None,
            chain=job.chain,
            seconds=seconds,
        )
    )
