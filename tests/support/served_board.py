"""A board that is served to tests: to a client in this process, or by a process of its own to a browser."""

import atexit
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

from anyio.from_thread import BlockingPortal, start_blocking_portal
from nursery import BOARD, Born, bear
from starlette.testclient import TestClient

from storykit.board.access import Access
from storykit.board.app import board_app
from storykit.board.pages import ServedBoard
from storykit.board.served_folder import ServedFolder

PORT = 8131
HERE = f"http://127.0.0.1:{PORT}"


def board_client(folder: Path, language: str = "en") -> TestClient:
    """Return a client with the owner's cookie and the form token, as the pages of the board send it."""
    access = Access(port=PORT)
    app = board_app(ServedBoard(folder=ServedFolder.open(folder), access=access))
    headers = {"origin": HERE, "x-form-token": access.form_token, "accept-language": language}
    client = TestClient(app, base_url=HERE, headers=headers, follow_redirects=False)
    client.cookies.set(access.cookie, access.token)
    client.portal = _event_loop()
    return client


@cache
def _event_loop() -> BlockingPortal:
    """Start the loop that serves every client; without it each request would start one, and threads."""
    until_the_end = ExitStack()
    atexit.register(until_the_end.close)
    return until_the_end.enter_context(start_blocking_portal())


def access_of(client: TestClient) -> Access:
    """Return the tokens of a client's board."""
    return client.app.state.board.access


class ServingProcess(NamedTuple):
    """A board in a process of its own."""

    process: "subprocess.Popen[str] | Born"
    address: str
    """With its token."""

    @property
    def root(self) -> str:
        return self.address.partition("/?")[0]

    def kill(self) -> None:
        """End it as a power failure would."""
        self.process.kill()
        self.process.wait()


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[ServingProcess]:
    """Serve a folder at a free port; the process is ended afterwards, unless it was killed before.

    The port is no other board's soon: a page that is still open asks it for news.
    """
    if "--port" not in options:
        options = (*options, "--port", _free_port())
    with (
        closing(bear(["board", str(folder), "--no-browser", *options], BOARD)) as process,
        _until_it_ends(process) as serves,
    ):
        yield serves


@contextmanager
def serving_from_scratch(folder: Path) -> Iterator[ServingProcess]:
    """Serve a folder as a user starts it, which takes longer; for what hangs on signals and exit codes."""
    command = [sys.executable, "-m", "storykit", "board", str(folder), "--no-browser"]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process,
        _until_it_ends(process) as serves,
    ):
        yield serves


def _free_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


@contextmanager
def _until_it_ends(process: "subprocess.Popen[str] | Born") -> Iterator[ServingProcess]:
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        yield ServingProcess(process, re.search(r"http\S+", line).group())
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
