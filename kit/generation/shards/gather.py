"""Merge run folders into one: what several machines drew of an experiment, each a shard of it.

Nothing is written before all parts were looked at, and nothing that is there is written over. A picture is
taken with its row where its file is the one that the row tells of; what is stopped goes on where it stopped.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from kit.errors import RunError
from kit.experiment.out_folder import check_out_folder, refuse_links_out, withdrawn_if_stopped
from kit.experiment.run import INPUTS, OWN, PanelRow, Run
from kit.files.atomic_write import copy_atomic, write_atomic
from kit.files.encodings import sha256_bytes, sha256_of
from kit.files.folder_lock import lock_folder
from kit.generation.batching import BATCHING
from kit.generation.shards.machines import GATHERED, RUN_JSON, distinct, machines_of, without_shard
from kit.generation.shards.missing_parts import absent_shards, unfinished_shards
from kit.generation.shards.run_parts import (
    RunPart,
    conflicts,
    input_files,
    left_behind,
    outdated,
    read_part,
)
from kit.generation.shards.shard import most_sets
from kit.images.decode import PictureError, read_picture_file
from kit.messages import joined, tr, trn
from kit.progress import Progress

_OF_A_RUN = ("experiment.toml", "panels.jsonl", RUN_JSON)
"""Files of which a folder has one that a run begun in it."""
_MOST_FAULTS = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class GatherReport:
    """What gathering did."""

    taken: int
    """Pictures that came from the parts."""
    there: int
    """Pictures that the run had already."""
    missing: int
    """Panels that the experiment wants and nobody drew."""
    shards: Sequence[str]
    """The shards that no folder holds, such as "2/3"; empty where nothing is missing, or nobody knows."""
    notes: Sequence[str] = field(default_factory=tuple)
    """Which parts are not finished, what was left where it is, and in what the parts are unlike."""


def gather(folder: Path, parts: Sequence[Path], progress: Progress | None = None) -> GatherReport:
    """Take what parts of an experiment were drawn into one run.

    Args:
        folder: the run; new, empty, or one of the same experiment, whose pictures stay.
        parts: run folders.
        progress: hears of every picture.

    Raises:
        RunError: a part is no run, or of another experiment, base or settings; two hold one panel with
            different keys; the folder holds something else. Nothing was written then.
    """
    check_out_folder(folder)
    places = dict.fromkeys(Path(os.path.realpath(part)) for part in parts)
    found = [read_part(place) for place in places if place != Path(os.path.realpath(folder))]
    if not found:
        raise RunError(tr("name the folders of the parts behind {folder}", folder=folder))
    with lock_folder(folder, "gathered"):
        refuse_links_out(folder, OWN)
        own = read_part(folder) if any((folder / name).exists() for name in _OF_A_RUN) else None
        if faults := list(conflicts([*([own] if own else []), *found])):
            more = [tr("and more")] if len(faults) > _MOST_FAULTS else []
            raise RunError(joined([*faults[:_MOST_FAULTS], *more], tr("; ")))
        return _Gathering(folder, own, found).run(progress)


class _Gathering:
    """Writes what parts have and a run lacks."""

    def __init__(self, folder: Path, own: RunPart | None, parts: Sequence[RunPart]) -> None:
        self._run, self._own, self._parts = Run(folder), own, parts
        self._source = own or parts[0]
        self._wanted = list(self._source.run.wanted())
        rows = (own.asked if own else {}).items()
        self._there = {slot for slot, row in rows if _is_whole(self._run, row)}
        self._notes: list[str] = []

    def run(self, progress: Progress | None) -> GatherReport:
        with withdrawn_if_stopped(self._run.folder, INPUTS):
            self._take_inputs()
        before = len(self._there)
        known = [part for part in (self._own, *self._parts) if part is not None]
        if self._own and (older := len(outdated(self._own))):
            self._notes.append(
                trn(
                    "{run}: {n} picture was drawn before the words of its panel were changed; gather into a "
                    "new folder, or have it drawn again",
                    "{run}: {n} pictures were drawn before the words of their panels were changed; gather "
                    "into a new folder, or have them drawn again",
                    older,
                    run=self._run.folder,
                )
            )
        lacking = set(self._wanted) - self._there
        if bringing := [part for part in self._parts if part.asked.keys() & lacking]:
            drawers = [self._own, *bringing] if self._own and self._own.rows else bringing
            self._notes += _write_told(self._run, drawers)
        if progress is not None:
            progress.begin(len(self._wanted), before)
        self._notes += chain.from_iterable(left_behind(part, self._run) for part in self._parts)
        for part in self._parts:
            self._take_pictures(part, progress)
        missing = [slot for slot in self._wanted if slot not in self._there]
        _write_faults(self._run, known, {self._run.panel_path(*slot) for slot in missing})
        return GatherReport(
            taken=len(self._there) - before,
            there=before,
            missing=len(missing),
            shards=self._absent() if missing else (),
            notes=[*unfinished_shards(known, self._wanted, len(missing)), *self._notes],
        )

    def _absent(self) -> list[str]:
        """Return the shards that no folder holds; a run that has nothing but the parts' counts as none."""
        brought = set(chain.from_iterable(part.asked for part in self._parts))
        own = [self._own] if self._own and not self._own.asked.keys() <= brought else []
        return absent_shards((part.identity for part in (*own, *self._parts)), most_sets(self._run))

    def _take_inputs(self) -> None:
        """Copy the experiment and what came with it, itself last: it makes a folder a run's.

        In a folder that is none yet what is there was left by who was killed, and may be another run's.
        """
        files = chain.from_iterable(input_files(part.run.folder) for part in reversed(self._parts))
        for name, path in dict(files).items():  # of each the first part's
            if self._own is None or not (self._run.folder / name).exists():
                copy_atomic(path, self._run.folder / name)
        if self._own is None:
            write_atomic(self._run.experiment_path, self._source.run.experiment_path.read_bytes())

    def _take_pictures(self, part: RunPart, progress: Progress | None) -> None:
        for slot in self._wanted:
            row = part.asked.get(slot)
            if row is None or slot in self._there:
                continue
            if reason := self._take(part.run, row):
                file = part.run.folder / row.file
                self._notes.append(tr("{file} stays behind: {reason}", file=file, reason=reason))
                continue
            self._there.add(slot)
            if progress is not None:
                progress.advance(1)

    def _take(self, part: Run, row: PanelRow) -> str:
        """Copy a picture and its row into the run, or return why it stays where it is."""
        try:
            data = read_picture_file(part.folder / row.file)
        except PictureError as error:
            gone = isinstance(error.__cause__, FileNotFoundError)
            return tr("the file is not there") if gone else str(error)
        if sha256_bytes(data) != row.sha256 or row.key.encode() not in data:
            return tr("it was changed after it was drawn")
        place = self._run.folder / row.file
        if place.exists() and place.read_bytes() != data:
            return tr("{file} is in its place", file=place)
        write_atomic(place, data)
        self._run.append(row)
        return ""


def _is_whole(run: Run, row: PanelRow) -> bool:
    path = run.folder / row.file
    return path.is_file() and sha256_of(path) == row.sha256


def _write_told(run: Run, drawers: Sequence[RunPart]) -> Iterator[str]:
    """Write what a run says of all its pictures, run.json and batching.json; yield in what parts are unlike.

    Before the pictures: a row stands for one of which both are true.
    """
    told = without_shard(drawers[0].identity)
    machines = [machine for part in drawers for machine in machines_of(part.identity)]
    if len(unlike := distinct(machines)) > 1:
        told[GATHERED] = unlike
        yield tr("the parts were drawn by machines that differ: run.json lists them as gathered")
    run.write_json(RUN_JSON, told)
    batches = drawers[0].batches
    if batches is not None and all(part.batches == batches for part in drawers):
        run.write_json(BATCHING, batches)
    else:
        (run.folder / BATCHING).unlink(missing_ok=True)
        yield tr(
            "the parts were drawn in other batches or on other devices, so no bundle can say how the very "
            "same bytes are drawn; set batch in the experiment for the next time"
        )


def _write_faults(run: Run, parts: Sequence[RunPart], missing: Iterable[Path]) -> None:
    """Write why panels are missing, as far as the parts say."""
    lacking = {path.relative_to(run.folder).as_posix() for path in missing}
    faults = dict(chain.from_iterable(part.run.faults().items() for part in parts))
    run.note_faults({file: why for file, why in faults.items() if file in lacking})
