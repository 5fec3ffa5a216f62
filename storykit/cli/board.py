"""The `storykit board` command."""

from pathlib import Path
from typing import Annotated

import typer

from kit.messages import tr
from storykit.cli.terminal.console import say, say_note

HERE = "127.0.0.1"


def board(
    folder: Annotated[
        Path, typer.Argument(help="The folder that holds your runs, stories and experiments.")
    ] = Path("."),
    host: Annotated[
        str, typer.Option(help="The address to listen at; others than this machine reach it by 0.0.0.0.")
    ] = HERE,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; else one that is free.")] = 0,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print the address.")] = False,
) -> None:
    """Open a page in the browser to choose, vote, write, watch and pack; Ctrl-C ends it.

    Everything it does is a file in the folder that the other commands read, too.
    """
    from storykit.board.server import serve

    if host != HERE:
        say_note(
            tr(
                "the board is open to everybody who reaches {host} and has its address; what is sent is not "
                "encrypted. Without --host it is for this machine alone",
                host=host,
            )
        )
    serve(folder, host=host, port=port, announce=_announce, browser=not no_browser)
    say(tr("closed  the board; what was chosen is kept"))


def _announce(address: str) -> None:
    say(tr("board   {address}", address=address))
    say(tr("        open it in a browser on this machine; Ctrl-C ends it"))
