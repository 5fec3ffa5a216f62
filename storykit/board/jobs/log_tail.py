"""The last lines of a job's log, however long it is and whatever has got into it."""

import os
import re
from contextlib import suppress
from pathlib import Path

from kit.errors import printable
from storykit.board.jobs.small_files import open_guarded

LINES = 20
_BYTES = 32 * 1024
"""Read from the end; longer lines are cut at their beginning."""
_LONGEST = 500
"""Letters of a line that are shown."""
_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-_]")
"""What a terminal obeys: colours, places, titles."""


def last_lines(log: Path, count: int = LINES) -> list[str]:
    """Return the last lines of a file that are not empty, without what a terminal would obey.

    Of a line that was written over, as bars are, the last state counts. A file that is not there has none.
    """
    data = b""
    with suppress(OSError):
        file = open_guarded(log)
        try:
            size = os.fstat(file).st_size
            data = os.pread(file, _BYTES, max(0, size - _BYTES))
        finally:
            os.close(file)
    lines = [_shown(line) for line in data.decode("utf-8", "replace").split("\n")]
    return [line for line in lines if line][-count:]


def _shown(line: str) -> str:
    states = [state for state in _CONTROL.sub("", line).split("\r") if state.strip()]
    return printable(states[-1].rstrip()[:_LONGEST]) if states else ""
