"""The board's server: an address with a token, a browser, Ctrl-C."""

import socket
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Timer

from kit.errors import BoardError
from kit.messages import tr
from storykit.board.access import Access
from storykit.board.served_folder import ServedFolder

LOOPBACK = "127.0.0.1"
USUAL_PORT = 8131
"""Where the board is if nothing else is there; else any free port."""
_PATIENCE_S = 1
"""For answers under way when the board ends."""


def serve(
    folder: Path,
    *,
    host: str = LOOPBACK,
    port: int = 0,
    announce: Callable[[str], None],
    browser: bool = True,
) -> None:
    """Serve a folder until Ctrl-C.

    Args:
        folder: of runs.
        host: the address to listen at.
        port: 0 for the usual one, or any that is free.
        announce: hears the address, token included, once it answers.
        browser: whether the address is opened.

    Raises:
        BoardError: the folder is none, or the address cannot be had.
    """
    served = ServedFolder.open(folder)
    listening = _listen(host, port)
    taken = listening.getsockname()[1]
    access = Access(port=taken, any_address=host != LOOPBACK)
    if host != LOOPBACK:
        access.hosts |= {host.lower(), socket.gethostname().lower()}
    address = f"http://{_shown(host)}:{taken}/?token={access.token}"
    announce(address)
    if browser:
        opener = Timer(0.5, _open, [address])
        opener.daemon = True
        opener.start()
    _run(served, access, listening)


def _run(served: ServedFolder, access: Access, listening: socket.socket) -> None:
    import uvicorn

    from storykit.board.app import board_app
    from storykit.board.pages import ServedBoard

    board = ServedBoard(folder=served, access=access)
    config = uvicorn.Config(
        board_app(board),
        log_level="error",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_PATIENCE_S,
    )
    server = uvicorn.Server(config)
    board.closing = lambda: server.should_exit
    with suppress(KeyboardInterrupt):
        server.run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for one in (port,) if port else (USUAL_PORT, 0):
        # asyncio sends at once (TCP_NODELAY) only where the protocol is named; else answers wait for 40 ms
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, one))
            listening.listen(128)
        except (OSError, OverflowError) as error:
            listening.close()
            if one == port or not one:
                reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
                raise BoardError(
                    tr(
                        "the board cannot be served at {host}, port {port}: {error}; "
                        "another port is chosen where none is given",
                        host=host,
                        port=one,
                        error=reason,
                    )
                ) from error
        else:
            return listening
    raise AssertionError("a port that is free was asked for")


def _shown(host: str) -> str:
    """Return how an address is written for a browser on this machine."""
    if host in ("0.0.0.0", "::"):
        return "localhost"
    return f"[{host}]" if ":" in host else host


def _open(address: str) -> None:
    with suppress(webbrowser.Error, OSError):
        webbrowser.open(address)
