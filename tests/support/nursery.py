"""Commands in processes born of one that has imported what they need: each begins in a tenth of the time."""

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from typing import IO

PATIENCE_S = 600.0
"""After which a process that does nothing is taken for dead."""
BOARD = ("uvicorn", "pandas", "storykit.board.app")
DRAWING = ("kit.generation.kolors.kolors_painter", "kit.generation.generate")
PUBLISHING = ("submissions.publish",)
"""What a board, drawing and publishing would import first; not the SDK, which reads its environment then."""
_NURSERY = """
import atexit, importlib, json, os, signal, socket, sys
from storykit.cli.main import main
from submissions.bundle import mosaic

mosaic.CELL = 64  # as small_mosaics.py has it
for module in sys.argv[2:]:
    importlib.import_module(module)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
asked = socket.socket(fileno=int(sys.argv[1]))
while True:
    told, files, _, _ = socket.recv_fds(asked, 1, 3)
    if not told:
        break
    while not told.endswith(b"\\n"):
        told += asked.recv(1 << 16)
    out, err, status = files
    if os.fork():  # the nursery
        for file in files:
            os.close(file)
        continue
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    asked.close()
    if command := os.fork():  # who waits for the command
        os.write(status, f"{command}\\n".encode())
        for file in (out, err):
            os.close(file)
        os.write(status, f"{os.waitstatus_to_exitcode(os.waitpid(command, 0)[1])}\\n".encode())
        os._exit(0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.dup2(out, 1)
    os.dup2(err, 2)
    for file in files:
        os.close(file)
    wanted = json.loads(told)
    os.environ.clear()
    os.environ.update(wanted["environment"])
    os.chdir(wanted["folder"])
    try:
        main(wanted["words"])
    except SystemExit as end:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code or 0)  # taking apart what was imported would take a second
"""


class Born:
    """A command's process: what it prints, and its end."""

    def __init__(self, out: IO[str], err: IO[str], status: IO[bytes]) -> None:
        self.stdout = out
        self._err, self._status = err, status
        self.pid = int(status.readline())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return None while it lives, then its exit code, negative where a signal ended it."""
        if self.returncode is None and select.select([self._status], [], [], 0)[0]:
            self.returncode = int(self._status.readline())
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def wait(self) -> int:
        """Return the exit code once it has ended."""
        assert select.select([self._status], [], [], PATIENCE_S)[0], f"process {self.pid} does not end"
        code = self.poll()
        assert code is not None
        return code

    def communicate(self) -> tuple[str, str]:
        """Return what it printed and said on standard error until its end."""
        out = self.stdout.read()
        self.wait()
        self._err.seek(0)
        return out, self._err.read()

    def close(self) -> None:
        """End it, if it lives."""
        if self.poll() is None:
            self.kill()
            self.wait()
        for file in (self.stdout, self._err, self._status):
            file.close()


def bear(words: Sequence[str], needs: tuple[str, ...]) -> Born:
    """Start `storykit` with these words, in this process's folder and environment as they are now."""
    (read, write), (heard, status) = os.pipe(), os.pipe()
    err = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - `Born.close` closes it
    wanted = {"words": list(words), "environment": dict(os.environ), "folder": os.getcwd()}
    told = json.dumps(wanted).encode() + b"\n"
    nursery = _nursery(needs)
    socket.send_fds(nursery, [told[:1]], [write, err.fileno(), status])
    nursery.sendall(told[1:])
    os.close(write)
    os.close(status)
    return Born(os.fdopen(read, encoding="utf-8"), err, os.fdopen(heard, "rb", buffering=0))


@cache
def _nursery(needs: tuple[str, ...]) -> socket.socket:
    ours, theirs = socket.socketpair()
    with theirs:
        command = [sys.executable, "-c", _NURSERY, str(theirs.fileno()), *needs]
        process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)

    def close() -> None:
        ours.close()
        process.kill()
        process.wait()

    atexit.register(close)
    return ours
