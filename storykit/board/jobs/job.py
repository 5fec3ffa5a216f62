"""Jobs as they stand on disk: what was started, whether it runs, how it ended.

Each has a folder of its own in `.storykit-board/jobs`. Whether it runs is told by a lock that it holds as
long as it lives, and never by the number of a process, which another may have by then.
"""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from kit.errors import InputError, printable
from kit.files.folder_lock import is_held
from kit.messages import tr
from storykit.board.jobs.commands import JobOrder, job_order
from storykit.board.jobs.small_files import is_own_folder, open_guarded, read_json
from storykit.board.served_folder import OWN, ServedFolder

State = Literal["running", "stopping", "done", "failed", "stopped", "killed"]
"""Killed is who ended without a word: by the system, which may have run out of memory, or by a power cut."""
JOB, RESULT, LOG, PROGRESS = "job.json", "result.json", "log.txt", "progress.json"
STOP, KILL = "stop", "kill"
"""Empty files that say what was asked for."""
LOCK = "lock"
"""Beside the jobs' folders: held by the one that runs, and says which."""
_LONGEST = 300
"""Letters that are shown of a command that is not checked."""
ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{6}")


@dataclass(frozen=True, kw_only=True, slots=True)
class BoardJob:
    """A command that was started, and how it stands."""

    id: str
    folder: Path
    """Its own, with its log."""
    order: JobOrder | None
    """None where its files do not say what it was, or what it was told lies elsewhere by now."""
    command: str
    """As it was typed, for people; where `order` is None, what a file says that anybody may have written."""
    started: datetime
    state: State
    ended: datetime | None
    status: int | None
    """With which it ended; 0 is well."""

    @property
    def runs(self) -> bool:
        """Whether it is at work."""
        return self.state in ("running", "stopping")


def jobs_folder(folder: ServedFolder) -> Path:
    """Return where a served folder keeps its jobs; it need not be there."""
    return folder.root / OWN / "jobs"


def all_jobs(folder: ServedFolder) -> list[BoardJob]:
    """Return a folder's jobs, the newest first."""
    running = running_id(folder)
    found = (_job(folder, name, running) for name in job_ids(folder))
    return [job for job in found if job is not None]


def find_job(folder: ServedFolder, job_id: str) -> BoardJob | None:
    """Return the job of an id, if there is one."""
    if not ID.fullmatch(job_id) or not _is_jobs_folder(folder):
        return None
    return _job(folder, job_id, running_id(folder))


def running_job(folder: ServedFolder) -> BoardJob | None:
    """Return the job that is at work, if there is one."""
    running = running_id(folder)
    job = find_job(folder, running) if running else None
    return job if job is not None and job.runs else None


def job_ids(folder: ServedFolder) -> list[str]:
    """Return the ids of a folder's jobs, the newest first."""
    if not _is_jobs_folder(folder):
        return []
    with suppress(OSError):
        return sorted(filter(ID.fullmatch, os.listdir(jobs_folder(folder))), reverse=True)
    return []


def running_id(folder: ServedFolder) -> str:
    """Return the id of the job that holds the lock; empty where nobody does."""
    return str(holder(folder).get("id", ""))


def holder(folder: ServedFolder) -> dict[str, object]:
    """Return what the job that holds the lock says of itself: id, process, machine."""
    path = jobs_folder(folder) / LOCK
    if not _is_jobs_folder(folder):
        return {}
    with suppress(OSError):
        file = open_guarded(path)
        try:
            return read_json(path) if is_held(file) else {}
        finally:
            os.close(file)
    return {}


def _is_jobs_folder(folder: ServedFolder) -> bool:
    return all(map(is_own_folder, (folder.root / OWN, jobs_folder(folder))))


def _job(folder: ServedFolder, job_id: str, running: str) -> BoardJob | None:
    own = jobs_folder(folder) / job_id
    if not is_own_folder(own):
        return None
    told, result = read_json(own / JOB), read_json(own / RESULT)
    status = result.get("status")
    known = status if isinstance(status, int) else None
    order = _order(folder, told)
    return BoardJob(
        id=job_id,
        folder=own,
        order=order,
        command=order.command_line if order else _said(told),
        started=_time(told.get("started")) or _time_of(job_id),
        state=_state(own, known, job_id == running),
        ended=_time(result.get("ended")),
        status=known,
    )


def _state(own: Path, status: int | None, holds: bool) -> State:
    asked, by_force = (own / STOP).exists(), (own / KILL).exists()
    if status == 0:
        return "done"
    if status is not None:
        return "stopped" if asked else "failed"
    if holds:
        return "stopping" if asked else "running"
    return "stopped" if by_force else "killed"


def _order(folder: ServedFolder, told: dict[str, object]) -> JobOrder | None:
    """Return what a job was told, checked anew: its file may be a stranger's."""
    values = told.get("values")
    if not isinstance(values, dict):
        return None
    with suppress(InputError):
        words: Iterator[tuple[str, str]] = ((str(name), str(value)) for name, value in values.items())
        return job_order(folder, str(told.get("command")), dict(words))
    return None


def _said(told: dict[str, object]) -> str:
    line = printable(str(told.get("line") or ""))
    return line[:_LONGEST] if line else tr("a job that does not say what it was")


def _time_of(job_id: str) -> datetime:
    """Return when an id was made; of one that names no time the beginning of all."""
    try:
        return datetime.strptime(f"{job_id[:15]}Z", "%Y%m%d-%H%M%S%z").astimezone()
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0).astimezone()


def _time(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text)).astimezone()
    except (ValueError, OverflowError, OSError):
        return None
