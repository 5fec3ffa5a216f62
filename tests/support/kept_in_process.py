"""What a process of its own makes for each command is made once for all that a process of tests gives.

That is the tree of commands, in each language, and the embedded scorers with the texts that they have read.
"""

from functools import cache, wraps
from pathlib import Path
from typing import Any

import typer

from eval.scorers import load
from eval.scorers.load import Scorers
from kit.messages import asked_language

_made, _loaded = typer.main.get_command, load.load_scorers


@cache
def _command(app: typer.Typer, _language: str) -> Any:
    return _made(app)


@cache
def _embedded(letters: bool, on: str) -> Scorers:
    return _loaded("mini", "mini", letters=letters, on=on)


@wraps(_loaded)
def _scorers(
    aesthetic: str | Path,
    clip: str | Path,
    calibration: Path | None = None,
    *,
    letters: bool = False,
    on: str = "auto",
) -> Scorers:
    if (aesthetic, clip, calibration) == ("mini", "mini", None):
        return _embedded(letters, on)
    return _loaded(aesthetic, clip, calibration, letters=letters, on=on)


typer.main.get_command = lambda app: _command(app, asked_language())  # its help is translated where it stands
load.load_scorers = _scorers
