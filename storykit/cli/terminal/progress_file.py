"""How far a command is, for another program to read: a small JSON file, named by STORYKIT_PROGRESS.

The board shows it. The file is told of nothing else, and a command works as well where it cannot be written.
"""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from kit.messages import all_in_english

VARIABLE = "STORYKIT_PROGRESS"
"""Names the file; without it nothing is written."""
EVERY_S = 0.5
"""Between two looks at how far a task is."""
SIGN_OF_LIFE_S = 10.0
"""After which a state is written again though nothing has changed."""


class TaskState(NamedTuple):
    """How far a task is."""

    task: str
    """Its name, such as drawing."""
    done: int
    total: int | None
    """None as long as it is not known."""
    note: str
    """What goes on, or how fast."""
    each_s: float | None
    """Seconds that a piece takes; None before the first."""
    left_s: float | None
    """Seconds that all the rest takes; None where that cannot be said."""


@contextmanager
def written_for_others(state: Callable[[], TaskState]) -> Iterator[None]:
    """Have a task's state written into the file that STORYKIT_PROGRESS names, twice a second at most.

    Each write takes the place of the one before, whole; English words, and `at`, in seconds since 1970.
    """
    path = os.environ.get(VARIABLE)
    if not path:
        yield
        return
    end = threading.Event()
    writer = threading.Thread(target=_write_until, args=(end, Path(path), state), daemon=True)
    writer.start()
    try:
        yield
    finally:
        end.set()
        writer.join()


def _write_until(end: threading.Event, path: Path, state: Callable[[], TaskState]) -> None:
    """Write what is new every half a second, and once more at the end."""
    last: tuple[object, ...] = ()
    wrote = 0.0
    ended = False
    while True:
        now = state()
        if now[:4] != last or time.monotonic() - wrote > SIGN_OF_LIFE_S:
            _write(path, now)
            last, wrote = now[:4], time.monotonic()
        if ended:
            return
        ended = end.wait(EVERY_S)


def _write(path: Path, state: TaskState) -> None:
    text = json.dumps(all_in_english({**state._asdict(), "at": time.time()}))
    part = path.with_name(f"{path.name}.part")
    with suppress(OSError):  # no room, or no such folder any more: the task itself goes on
        part.write_text(text, encoding="utf-8")
        part.replace(path)
