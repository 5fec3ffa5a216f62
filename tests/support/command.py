"""The storykit command as a user gives it: in this process, or in one of its own that can be killed."""

import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import pytest
from nursery import DRAWING, PATIENCE_S, Born, bear

from storykit.cli.main import main


class Answer(NamedTuple):
    """What a command left behind besides its files."""

    code: int
    out: str
    err: str


def tell(*words: object) -> Answer:
    """Give a command; whatever is no exit, a traceback to the user, is raised."""
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    return Answer(int(end.value.code or 0), out.getvalue(), without_signs_of_life(err.getvalue()))


def without_signs_of_life(err: str) -> str:
    """Return what was said on standard error but for the lines that only say how far a command is."""
    return "".join(line for line in err.splitlines(keepends=True) if not line.startswith("... "))


def said(*words: object) -> str:
    """Give a command that must succeed and return what it printed."""
    answer = tell(*words)
    assert (answer.code, answer.err) == (0, ""), answer.err
    return answer.out


def refused(*words: object) -> str:
    """Give a command that must fail, in one line and with exit code 1, and return the line's reason."""
    answer = tell(*words)
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.startswith("Error: ")
    assert answer.err.endswith("\n")
    assert answer.err.count("\n") == 1
    return answer.err.removeprefix("Error: ").rstrip("\n")


@contextmanager
def drawing_elsewhere(run: Path, *words: object) -> Iterator[Born]:
    """Give a command in a process of its own, and go on once the run has a panel; it is ended afterwards."""
    with closing(bear(list(map(str, words)), DRAWING)) as process:
        _wait_for_a_row(run / "panels.jsonl", process)
        yield process


def stopped_at_the_first_panel(run: Path, by: signal.Signals, *words: object) -> Answer:
    """Give a command in a process of its own, which gets a signal once the run has a panel."""
    with drawing_elsewhere(run, *words) as process:
        process.send_signal(by)
        out, err = process.communicate()
        return Answer(process.wait(), out, without_signs_of_life(err))


def _wait_for_a_row(rows: Path, process: Born) -> None:
    end = time.monotonic() + PATIENCE_S
    while not (rows.exists() and b"\n" in rows.read_bytes()):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "no panel was drawn"
        time.sleep(0.002)


def tree(folder: Path) -> Mapping[str, bytes]:
    """Return every file under a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
