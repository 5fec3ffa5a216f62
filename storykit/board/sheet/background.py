"""What is made ready while one looks: reduced pictures, and the tables that a set is cast from."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, Thread
from time import sleep
from typing import NamedTuple

from eval.casting.picks import Place
from eval.casting.pool import Pool, too_many
from eval.casting.session import CastingSession
from eval.scoring.records import FILE as SCORES
from kit.errors import StorykitError
from kit.experiment.run import PanelRow, Run
from kit.images.thumbnails import SHEET_SIDE, thumbnail_path
from storykit.board.pages import ServedBoard
from storykit.board.pictures import reduced

WORKERS = 3
"""One more than are reduced at once: it waits while the others make way."""
WAY_S = 0.002
"""Between two pictures, so that those a browser asks for are made first."""
MOST_AHEAD = 2000
"""Pictures of a run that are reduced before somebody looks at them."""


class HowFar(NamedTuple):
    """How many pictures are reduced, of how many."""

    done: int
    wanted: int


@dataclass
class _Queue:
    wanted: set[str] = field(default_factory=set)
    todo: deque[PanelRow] = field(default_factory=deque)
    at_work: int = 0
    """Threads, each with one picture."""

    @property
    def how_far(self) -> HowFar:
        """How many of the wanted pictures are reduced."""
        return HowFar(len(self.wanted) - len(self.todo) - self.at_work, len(self.wanted))


class ThumbnailsAhead:
    """Reduces the pictures of a run in a few threads, those on the page first."""

    def __init__(self, board: ServedBoard) -> None:
        """Have nothing to do."""
        del board
        self._lock = Lock()
        self._queues: dict[Path, _Queue] = {}

    def want(self, run: Run, first: Iterable[PanelRow], then: Iterable[PanelRow]) -> HowFar:
        """Have pictures reduced, these first; return how far that is."""
        with self._lock:
            queue = self._queues.setdefault(run.folder, _Queue())
            fresh = [row for row in first if self._is_new(run, queue, row)]
            queue.todo.extendleft(reversed(fresh))
            for row in then:
                if len(queue.wanted) >= MOST_AHEAD:
                    break
                if self._is_new(run, queue, row):
                    queue.todo.append(row)
            self._start(run, queue)
            return queue.how_far

    def how_far(self, run: Run) -> HowFar:
        """Return how far the pictures that were wanted are."""
        with self._lock:
            queue = self._queues.get(run.folder, _Queue())
            self._start(run, queue)
            return queue.how_far

    def _start(self, run: Run, queue: _Queue) -> None:
        for _ in range(min(WORKERS - queue.at_work, len(queue.todo))):
            queue.at_work += 1
            Thread(target=self._work, args=(run, queue), daemon=True).start()

    @staticmethod
    def _is_new(run: Run, queue: _Queue, row: PanelRow) -> bool:
        if row.sha256 in queue.wanted:
            return False
        queue.wanted.add(row.sha256)
        return not thumbnail_path(run.folder, row.sha256, SHEET_SIDE).exists()

    def _work(self, run: Run, queue: _Queue) -> None:
        try:
            while (row := self._next(queue)) is not None:
                reduced(run, row, SHEET_SIDE)
                sleep(WAY_S)
        finally:
            with self._lock:
                queue.at_work -= 1

    def _next(self, queue: _Queue) -> PanelRow | None:
        with self._lock:
            return queue.todo.popleft() if queue.todo else None


class CastingSessions:
    """The casting session of each run; places are made ready in a thread."""

    def __init__(self, board: ServedBoard) -> None:
        """Have none."""
        del board
        self._lock = Lock()
        self._sessions: dict[Path, CastingSession] = {}
        self._preparing: set[tuple[Path, Place]] = set()

    def of(self, run: Run) -> CastingSession:
        """Return the session of a run."""
        with self._lock:
            return self._sessions.setdefault(run.folder, CastingSession(run))

    def ready(self, run: Run, place: Place) -> Pool | None:
        """Return what a place is cast from where that is known; never slow."""
        return self.of(run).ready(place)

    def prepare(self, run: Run, place: Place) -> bool:
        """Have a place of a scored run made ready; return whether that goes on."""
        session = self.of(run)
        if session.ready(place) is not None or too_many(run) or not (run.folder / SCORES).exists():
            return False
        with self._lock:
            if (run.folder, place) not in self._preparing:
                self._preparing.add((run.folder, place))
                Thread(target=self._prepare, args=(session, run, place), daemon=True).start()
        return True

    def _prepare(self, session: CastingSession, run: Run, place: Place) -> None:
        try:
            session.pool(place)
        except (StorykitError, OSError):  # whoever casts is told why
            return
        finally:
            with self._lock:
                self._preparing.discard((run.folder, place))
