"""Jobs as pages show them: how far, the last lines, how they ended and what came out."""

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import NamedTuple
from urllib.parse import urlencode

from kit.experiment.run import PAGE
from kit.files.path_contents import kind_at
from kit.files.user_paths import shell_word
from kit.messages import Message, joined, mark, tr
from kit.retold import retold
from storykit.board.jobs.job import LOG, PROGRESS, BoardJob, State
from storykit.board.jobs.log_tail import last_lines
from storykit.board.jobs.small_files import read_json
from storykit.board.served_folder import ServedFolder
from storykit.cli.terminal.progress import lasting

STATES: dict[State, str] = {
    "running": mark("at work"),
    "stopping": mark("stopping"),
    "done": mark("done"),
    "failed": mark("failed"),
    "stopped": mark("stopped"),
    "killed": mark("ended without a word"),
}
"""How a job stands, in words."""
TITLES: dict[str, str] = {
    "run": mark("Draw and judge an experiment"),
    "generate": mark("Only draw an experiment"),
    "score": mark("Score a run"),
    "compare": mark("Compare a run's candidates"),
    "cast": mark("Choose the best set of panels"),
    "repair": mark("Repair a panel"),
    "finish": mark("Finish the chosen set"),
    "report": mark("Write a run's report"),
    "train": mark("Train a LoRA"),
    "pack": mark("Pack an entry"),
    "reproduce": mark("Draw a bundle again"),
}
"""What the commands do, in words for people who never used a terminal."""
_LITTLE_ROOM = 200 * 2**20
"""Bytes of a disk that is as good as full."""
_MOST = 10**12
"""A number that is no joke."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JobProgress:
    """How far a job's present task is, in the reader's words."""

    task: str
    note: str
    done: int
    total: int | None
    """None where it is not known."""
    left_s: float | None
    """Seconds from now on; None where that cannot be said."""

    @property
    def percent(self) -> int | None:
        """How much of it is done; None where that is not known."""
        return min(100, 100 * self.done // self.total) if self.total else None

    @property
    def told(self) -> Message:
        """How far it is, in a line without its note."""
        if not self.total:
            return joined([self.task])
        far: dict[str, object] = {"task": self.task, "done": self.done, "all": self.total}
        if self.left_s is None:
            return tr("{task}: {done} of {all}", **far)
        return tr("{task}: {done} of {all}, about {time} left", **far, time=lasting(self.left_s))


def progress_of(job: BoardJob) -> JobProgress | None:
    """Return how far a job is; None before it says anything, and where what it says is torn."""
    told = read_json(job.folder / PROGRESS)
    task, done, total = told.get("task"), _number(told.get("done")), _number(told.get("total"))
    if not isinstance(task, str) or done is None:
        return None
    left, at = _number(told.get("left_s")), _number(told.get("at"))
    return JobProgress(
        task=retold(task[:200]),
        note=retold(str(told.get("note") or "")[:200]),
        done=int(done),
        total=int(total) if total else None,
        left_s=None if left is None or at is None else max(0.0, left - max(0.0, time.time() - at)),
    )


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if isfinite(value) and 0 <= value < _MOST else None


class Link(NamedTuple):
    """What came out of a job, to look at."""

    address: str
    """Empty for what the board does not show."""
    label: str


@dataclass(frozen=True, kw_only=True, slots=True)
class JobView:
    """A job as a page shows it."""

    job: BoardJob
    title: str
    state: str
    when: str
    """When it began, and how long it took or takes."""
    to_copy: str
    """What to type in a terminal; empty for a job whose file may hold anything."""
    progress: JobProgress | None
    lines: list[str]
    reason: str
    """Why it did not end well; empty where it did, or has not ended."""
    links: list[Link]
    resumes: bool
    """Whether the same command goes on where it stopped."""


def view_of(folder: ServedFolder, job: BoardJob) -> JobView:
    """Return a job as a page shows it."""
    lines = last_lines(job.folder / LOG)
    command = job.order.command if job.order else ""
    return JobView(
        job=job,
        title=tr(TITLES[command]) if command else job.command,
        state=tr(STATES[job.state]),
        when=_when(job),
        to_copy=f"cd {shell_word(folder.root)} && {job.command}" if job.order else "",
        progress=progress_of(job) if job.runs else None,
        lines=lines,
        reason=_reason(folder, job, lines),
        links=list(_links(folder, job)) if not job.runs else [],
        resumes=command in ("run", "generate", "finish", "train"),
    )


def _when(job: BoardJob) -> str:
    now = datetime.now().astimezone()
    at = job.started.strftime("%H:%M" if job.started.date() == now.date() else "%Y-%m-%d %H:%M")
    end = now if job.runs else job.ended
    if end is None:
        return tr("since {at}", at=at)
    took = lasting(max(0.0, (end - job.started).total_seconds()))
    return tr("since {at}, {time}", at=at, time=took) if job.runs else tr("{at}, {time}", at=at, time=took)


def _reason(folder: ServedFolder, job: BoardJob, lines: list[str]) -> str:
    """Return why a job did not end well, in a sentence or two."""
    told: list[str] = []
    if job.state == "failed":
        told.append(lines[-1] if lines else tr("it ended with status {n} and said nothing", n=job.status))
    elif job.state == "killed":
        told.append(
            tr(
                "It was killed or the machine went down, perhaps because memory was short. "
                "Every file that was finished is there."
            )
        )
    if told and (free := _free(folder)) is not None and free < _LITTLE_ROOM:
        told.append(tr("Only {n:,} MB are left on the disk: make room first.", n=free // 2**20))
    return joined(told, " ")


def _free(folder: ServedFolder) -> int | None:
    try:
        return shutil.disk_usage(folder.root).free
    except OSError:
        return None


def _links(folder: ServedFolder, job: BoardJob) -> Iterator[Link]:
    """Yield what a job left behind: a run's pages, a LoRA's folder, a bundle."""
    if job.order is None:
        return
    values = job.order.values
    name = values.get("out", values.get("run", "")).removeprefix("./")
    if job.order.command == "reproduce":
        name = f"{values['bundle'].removeprefix('./').removesuffix('.zip')}-reproduced"
    path = folder.root if name == "." else folder.root / name
    if job.order.command in ("pack", "reproduce", "train"):
        if path.exists():
            yield Link("", name)
    elif kind_at(path) == "run":
        query = urlencode({"run": name})
        yield Link(f"/sheet?{query}", tr("Pictures"))
        if (path / PAGE).is_file():
            yield Link(f"/report?{query}", tr("Report"))
