"""What was changed on a sheet, so that it can be undone: a stack for each place."""

from collections import deque
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from eval.casting.decisions import PlaceState
from eval.casting.picks import Place
from storykit.board.pages import ServedBoard

MOST_STEPS = 200


class Step(NamedTuple):
    """A change: what was there before, and the version that came of it."""

    before: PlaceState
    after: str


class ChangeHistory:
    """The last changes of each place since the board was started."""

    def __init__(self, board: ServedBoard) -> None:
        """Know none."""
        del board
        self._lock = Lock()
        self._steps: dict[tuple[Path, Place], deque[Step]] = {}

    def add(self, run: Path, before: PlaceState, after: PlaceState) -> None:
        """Remember a change."""
        if before.version == after.version:
            return
        with self._lock:
            steps = self._steps.setdefault((run, before.picks.place), deque(maxlen=MOST_STEPS))
            steps.append(Step(before, after.version))

    def last(self, run: Path, now: PlaceState) -> Step | None:
        """Return the change that led to what is there now; None where another made it, or there is none."""
        with self._lock:
            steps = self._steps.get((run, now.picks.place))
            return steps[-1] if steps and steps[-1].after == now.version else None

    def drop(self, run: Path, place: Place) -> None:
        """Forget the last change, which was undone."""
        with self._lock:
            if steps := self._steps.get((run, place)):
                steps.pop()
