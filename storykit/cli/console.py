"""Arguments and output that several commands share."""

import json
from pathlib import Path
from typing import Annotated

import typer

from kit.errors import printable

ExperimentFile = Annotated[Path, typer.Argument(metavar="EXPERIMENT", help="The experiment's TOML file.")]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="The run's folder.")]
OutFolder = Annotated[Path, typer.Option("--out", help="The run's folder; made when it is not there.")]
Devices = Annotated[
    str, typer.Option(help="Where to draw: auto, all (every GPU), or a list such as cuda:0,cuda:1.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print numbers as JSON, for machines.")]


def say(line: str, *, err: bool = False) -> None:
    """Print a line; what it holds of strangers' words does nothing to the terminal."""
    typer.echo(printable(line), err=err)


def say_lines(text: str) -> None:
    """Print several lines, each as `say` does."""
    for line in text.splitlines():
        say(line)


def say_json(value: object) -> None:
    """Print a value as JSON, for machines; it does nothing to a terminal either."""
    text = json.dumps(value, ensure_ascii=False, indent=1)
    shown = (one if one.isprintable() or one == "\n" else json.dumps(one)[1:-1] for one in text)
    typer.echo("".join(shown))
