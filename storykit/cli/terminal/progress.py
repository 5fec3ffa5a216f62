"""Signs of life of every command that takes a while: a bar on a terminal, lines now and then elsewhere."""

import sys
import threading
import time
from bisect import bisect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from kit.messages import joined, tr
from storykit.cli.terminal.console import say, say_note
from storykit.cli.terminal.progress_file import TaskState, written_for_others

if TYPE_CHECKING:
    from rich.progress import Progress

EVERY_S = 30.0
"""Between two lines where there is no terminal; they go to standard error."""


class ProgressBar:
    """A progress bar with rate and time left on a terminal; elsewhere it tells the same in lines."""

    def __init__(self, progress: "Progress", task: str, *, quiet: bool = True) -> None:
        """Begin a task whose size is not known yet; a quiet one says nothing of its own accord."""
        self._progress, self._task, self._quiet = progress, task, quiet
        self._number = progress.add_task(task, total=None, pace="")
        self._counted = [(time.monotonic(), 0)]
        """When how many were done: at first, and after each batch."""

    @property
    def speed(self) -> float | None:
        """Return how many a second; None as long as nothing can be said."""
        return self._progress.tasks[0].speed

    def note(self, text: str) -> None:
        """Show what goes on while nothing can be counted; the first pace is measured from here."""
        self.show(text)
        if len(self._counted) == 1:
            self._counted = [(time.monotonic(), self._done)]

    def begin(self, total: int, done: int) -> None:
        """Say how many there are and how many are done."""
        self._progress.update(self._number, total=total, completed=done)
        self._counted = [(time.monotonic(), done)]
        if done < total and not self._quiet:
            self.tell()

    def advance(self, count: int, note: str = "") -> None:
        """Count that so many more are done, and show the note, or the rate."""
        first = len(self._counted) == 1
        self._progress.advance(self._number, count)
        if count:
            self._counted.append((time.monotonic(), self._done))
        self.show(note or (tr("{speed:.1f}/s", speed=self.speed) if self.speed else ""))
        if first and self._left and not self._quiet:
            self.tell()

    def show(self, text: str) -> None:
        """Say something else than the rate."""
        self._progress.update(self._number, pace=text)

    def tell(self) -> None:
        """Print a line: how far it is, what is noted, how long a piece takes and all that is left will."""
        state = self.state()
        counted = [tr("{done} of {all}", done=state.done, all=state.total)] if state.total else []
        parts: list[str] = [*counted]
        if state.note:
            parts.append(state.note)
        if state.each_s is not None and state.left_s is not None:
            each, left = state.each_s, lasting(state.left_s)
            parts += [tr("{seconds:.2g} s each", seconds=each), tr("about {time} left", time=left)]
        told = joined(parts, tr(", ")) or tr("at work")
        say(tr("... {task}: {told}", task=self._task, told=told), err=True)

    def state(self) -> TaskState:
        """Return how far it is, what is noted, how long a piece takes and all that is left will."""
        task = self._progress.tasks[0]
        total = int(task.total) if task.total else None
        left = self._left
        each = seconds_each(self._counted) if left else None
        left_s = each * left if each is not None else None
        return TaskState(self._task, self._done, total, task.fields["pace"], each, left_s)

    def tell_until(self, end: threading.Event, every_s: float) -> None:
        """Print a line every few seconds until the event is set."""
        while not end.wait(every_s):
            self.tell()

    @property
    def _done(self) -> int:
        return int(self._progress.tasks[0].completed)

    @property
    def _left(self) -> int:
        return int(self._progress.tasks[0].total or 0) - self._done


class NotesFirst:
    """A progress bar that says notes, each once, when the work begins: nothing was refused until then."""

    def __init__(self, bar: ProgressBar, notes: list[str]) -> None:
        """Take the bar, and the notes, which are taken out of their list as they are said."""
        self._bar, self._notes = bar, notes

    def note(self, text: str) -> None:
        """Show what goes on."""
        self._bar.note(text)

    def begin(self, total: int, done: int) -> None:
        """Say the notes, and how much there is to do."""
        while self._notes:
            say_note(self._notes.pop(0))
        self._bar.begin(total, done)

    def advance(self, count: int, note: str = "") -> None:
        """Count that so many more are done."""
        self._bar.advance(count, note)


def seconds_each(counted: Sequence[tuple[float, int]]) -> float | None:
    """Return how long a piece takes, None before the first.

    What counts is the later half of the time: the first batch loads what it needs, or compiles it.

    Args:
        counted: when, in seconds, how many were done; at first, and after each batch.

    >>> seconds_each([(0, 0), (70, 8), (80, 16), (90, 24), (100, 32), (110, 40), (120, 48), (140, 64)])
    1.25
    """
    (began, before), (now, done) = counted[0], counted[-1]
    if done == before:
        return None
    if now == began:
        return 0.0
    half = (began + now) / 2
    after = bisect(counted, half, key=lambda one: one[0])
    (start, there), (end, then) = counted[after - 1], counted[after]
    by_half = there + (then - there) * (half - start) / (end - start)
    return (now - half) / (done - by_half)


def lasting(seconds: float) -> str:
    """Return a time as people say it.

    >>> lasting(8), lasting(250), lasting(8000)
    ('8 s', '4 min', '2 h 13 min')
    """
    if seconds < 90:
        return tr("{seconds:.0f} s", seconds=seconds)
    hours, minutes = divmod(round(seconds / 60), 60)
    if not hours:
        return tr("{minutes} min", minutes=minutes)
    return tr("{hours} h {minutes} min", hours=hours, minutes=minutes)


@contextmanager
def progress_bar(
    task: str, *, announced: bool = False, transient: bool = False, every_s: float = EVERY_S
) -> Iterator[ProgressBar]:
    """Yield a progress bar for a task.

    Args:
        task: its name.
        announced: whether, without a terminal, a line tells its size at once, and another the first forecast.
        transient: whether the bar goes when it is done.
        every_s: seconds between two lines without a terminal.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    pace = TextColumn("{task.fields[pace]}", markup=False)
    columns = (TextColumn(f"{task:9}"), BarColumn(), MofNCompleteColumn(), pace, TimeRemainingColumn())
    console = Console(stderr=True)
    shown = sys.stderr.isatty() or (console.is_jupyter and find_spec("ipywidgets") is not None)
    with Progress(*columns, console=console, disable=not shown, transient=transient) as progress:
        bar = ProgressBar(progress, task, quiet=shown or not announced)
        with written_for_others(bar.state), _told_now_and_then(bar, 0 if shown else every_s):
            yield bar


@contextmanager
def _told_now_and_then(bar: ProgressBar, every_s: float) -> Iterator[None]:
    """Have a line printed every few seconds; none where that is 0."""
    if not every_s:
        yield
        return
    end = threading.Event()
    teller = threading.Thread(target=bar.tell_until, args=(end, every_s), daemon=True)
    teller.start()
    try:
        yield
    finally:
        end.set()
        teller.join()
