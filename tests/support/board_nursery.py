"""Boards born of one process that has imported everything: each begins in a tenth of the time."""

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import cache
from typing import TextIO

PATIENCE_S = 60.0
_NURSERY = """
import json, os, signal, socket, sys
import uvicorn
import storykit.board.app
from storykit.cli.main import main
from submissions.bundle import mosaic

mosaic.CELL = 64  # as small_mosaics.py has it
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
asked = socket.socket(fileno=int(sys.argv[1]))
while True:
    told, files, _, _ = socket.recv_fds(asked, 1, 1)
    if not told:
        break
    while not told.endswith(b"\\n"):
        told += asked.recv(1 << 16)
    (out,) = files
    if os.fork():
        os.close(out)
        continue
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    asked.close()
    os.dup2(out, 1)
    os.close(out)
    wanted = json.loads(told)
    os.environ.clear()
    os.environ.update(wanted["environment"])
    os.chdir(wanted["folder"])
    print(os.getpid(), flush=True)
    main(wanted["words"])
"""


class BornBoard:
    """A board's process: what it prints, and its end."""

    def __init__(self, out: TextIO) -> None:
        self.stdout = out
        self._pid = int(out.readline())

    def poll(self) -> int | None:
        """Return None while it lives."""
        try:
            os.kill(self._pid, 0)
        except ProcessLookupError:
            return 0
        return None

    def kill(self) -> None:
        if self.poll() is None:
            os.kill(self._pid, signal.SIGKILL)

    terminate = kill
    """All that was confirmed is on disk, so there is nothing to wait for."""

    def wait(self) -> None:
        end = time.monotonic() + PATIENCE_S
        while self.poll() is None:
            assert time.monotonic() < end, f"process {self._pid} does not end"
            time.sleep(0.005)
        self.stdout.close()


def bear(words: Sequence[str]) -> BornBoard:
    """Start `storykit` with these words, in this process's folder and environment as they are now."""
    read, write = os.pipe()
    wanted = {"words": list(words), "environment": dict(os.environ), "folder": os.getcwd()}
    told = json.dumps(wanted).encode() + b"\n"
    nursery = _nursery()
    socket.send_fds(nursery, [told[:1]], [write])
    nursery.sendall(told[1:])
    os.close(write)
    return BornBoard(os.fdopen(read, encoding="utf-8"))


@cache
def _nursery() -> socket.socket:
    ours, theirs = socket.socketpair()
    with theirs:
        command = [sys.executable, "-c", _NURSERY, str(theirs.fileno())]
        process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)

    def close() -> None:
        ours.close()
        process.kill()
        process.wait()

    atexit.register(close)
    return ours
