"""The progress bar of every command that takes a while."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kit.generate import Progress


@contextmanager
def progress_bar(task: str) -> "Iterator[Progress]":
    """Yield a progress bar with rate and time left on a terminal, and nothing elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    pace = TextColumn("{task.fields[pace]}")
    columns = (TextColumn(f"{task:9}"), BarColumn(), MofNCompleteColumn(), pace, TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        number = bar.add_task(task, total=None, pace="")

        class Bar:
            def begin(self, total: int, done: int) -> None:
                bar.update(number, total=total, completed=done)

            def advance(self, count: int) -> None:
                bar.advance(number, count)
                speed = bar.tasks[0].speed
                bar.update(number, pace=f"{speed:.1f}/s" if speed else "")

        yield Bar()
