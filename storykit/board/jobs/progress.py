"""How far a job is, as its command has written it for others."""

import time
from dataclasses import dataclass
from math import isfinite

from kit.messages import Message, joined, tr
from kit.retold import retold
from storykit.board.jobs.job import PROGRESS, BoardJob
from storykit.board.jobs.small_files import read_json
from storykit.cli.terminal.progress import lasting

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
    def told(self) -> Message:
        """How far it is, in a line without its note."""
        parts: list[str] = [self.task]
        if self.total:
            parts.append(tr("{done} of {all}", done=self.done, all=self.total))
        if self.left_s is not None:
            parts.append(tr("about {time} left", time=lasting(self.left_s)))
        return joined(parts, tr(", "))


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
