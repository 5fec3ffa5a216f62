"""The progress bar of every command that takes a while."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress


class ProgressBar:
    """A progress bar with rate and time left on a terminal, and nothing elsewhere."""

    def __init__(self, progress: "Progress", task: str) -> None:
        """Begin a task whose size is not known yet."""
        self._progress = progress
        self._number = progress.add_task(task, total=None, pace="")

    @property
    def speed(self) -> float | None:
        """Return how many a second; None as long as nothing can be said."""
        return self._progress.tasks[0].speed

    def begin(self, total: int, done: int) -> None:
        """Say how many there are and how many are done."""
        self._progress.update(self._number, total=total, completed=done)

    def advance(self, count: int, note: str = "") -> None:
        """Count that so many more are done, and show the note, or the rate."""
        self._progress.advance(self._number, count)
        self.show(note or (f"{self.speed:.1f}/s" if self.speed else ""))

    def show(self, text: str) -> None:
        """Say something else than the rate."""
        self._progress.update(self._number, pace=text)


@contextmanager
def progress_bar(task: str) -> Iterator[ProgressBar]:
    """Yield a progress bar for a task."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    pace = TextColumn("{task.fields[pace]}")
    columns = (TextColumn(f"{task:9}"), BarColumn(), MofNCompleteColumn(), pace, TimeRemainingColumn())
    console = Console(stderr=True)
    shown = sys.stderr.isatty() or (console.is_jupyter and find_spec("ipywidgets") is not None)
    with Progress(*columns, console=console, disable=not shown) as progress:
        yield ProgressBar(progress, task)
