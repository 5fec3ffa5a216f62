"""Arguments and output that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

ExperimentFile = Annotated[Path, typer.Argument(metavar="EXPERIMENT", help="The experiment's TOML file.")]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="The run's folder.")]
OutFolder = Annotated[Path, typer.Option("--out", help="The run's folder; made when it is not there.")]
Devices = Annotated[
    str, typer.Option(help="Where to draw: auto, all (every GPU), or a list such as cuda:0,cuda:1.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print numbers as JSON, for machines.")]


def say(line: str) -> None:
    """Print a line."""
    typer.echo(line)
