"""What is made ready while one looks: reduced pictures, and the tables that a set is cast from."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, Thread
from typing import NamedTuple

from eval.casting.picks import Place
from eval.casting.pool import Pool, too_many
from eval.casting.session import CastingSession
from eval.scoring.records import FILE as SCORES
from kit.errors import StorykitError
from kit.experiment.run import PanelRow, Run
from storykit.board.pages import ServedBoard
from storykit.board.pictures import SIDES, reduced, thumbnail_path

WORKERS = 2
MOST_AHEAD = 2000
"""Pictures of a run that are reduced before somebody looks at them."""


class HowFar(NamedTuple):
    """How many pictures are reduced, of how many."""

    done: int
    wanted: int


@dataclass
class _Queue:
    wanted: set[str] = field(default_factory=set)
    done: int = 0
    todo: deque[PanelRow] = field(default_factory=deque)
    at_work: int = 0


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
            for _ in range(min(WORKERS - queue.at_work, len(queue.todo))):
                queue.at_work += 1
                Thread(target=self._work, args=(run, queue), daemon=True).start()
            return HowFar(queue.done, len(queue.wanted))

    def how_far(self, run: Run) -> HowFar:
        """Return how far the pictures that were wanted are."""
        with self._lock:
            queue = self._queues.get(run.folder, _Queue())
            return HowFar(queue.done, len(queue.wanted))

    @staticmethod
    def _is_new(run: Run, queue: _Queue, row: PanelRow) -> bool:
        if row.sha256 in queue.wanted:
            return False
        queue.wanted.add(row.sha256)
        if thumbnail_path(run, row.sha256, SIDES[0]).exists():
            queue.done += 1
            return False
        return True

    def _work(self, run: Run, queue: _Queue) -> None:
        while True:
            with self._lock:
                if not queue.todo:
                    queue.at_work -= 1
                    return
                row = queue.todo.popleft()
            try:
                reduced(run, row, SIDES[0])
            finally:
                with self._lock:
                    queue.done += 1


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
