"""The process that is a job: gives storykit's command and writes down how it ended.

    python -m storykit.board.jobs.runner FOLDER LOCK COMMAND...

It leads a session of its own and holds the lock, an open file's number, until it is gone.
"""

import json
import os
import signal
import socket
import sys
from datetime import datetime
from pathlib import Path

from storykit.board.jobs.job import RESULT
from storykit.board.jobs.start import this_machine

ROOM = 256
"""Bytes of a result, which are taken at the beginning: there may be no room at the end."""


def run_job(own: Path, lock: int, arguments: list[str]) -> None:
    """Give a command in this process, and leave behind its exit status and when it ended."""
    _hear_ctrl_c()
    _say_who(own.name, lock)
    with (own / RESULT).open("wb", buffering=0) as result:
        result.write(b" " * ROOM)
        status = 1
        try:
            from storykit.cli.main import main

            main(arguments)
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
            raise
        finally:
            ended = datetime.now().astimezone().isoformat(timespec="seconds")
            told = json.dumps({"status": status, "ended": ended}).encode()
            os.pwrite(result.fileno(), told.ljust(ROOM), 0)


def _hear_ctrl_c() -> None:
    """Be one that can be stopped, also where the board was started in a shell's background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _say_who(job_id: str, lock: int) -> None:
    os.set_inheritable(lock, False)
    told = {"id": job_id, "process": os.getpid(), "machine": this_machine(), "host": socket.gethostname()}
    os.pwrite(lock, json.dumps(told).encode(), 0)


if __name__ == "__main__":
    run_job(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
