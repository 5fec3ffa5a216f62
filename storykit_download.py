"""The `storykit download` command: fetch a base's weights."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from kit.models import Hub

Model = Annotated[Literal["kolors"], typer.Argument(metavar="MODEL", help="What to fetch: kolors.")]


def download(
    model: Model,
    out: Annotated[
        Path | None, typer.Option(help="The folder; by default where base = 'kolors' looks.")
    ] = None,
    source: Annotated[Hub, typer.Option("--from", help="Which hub.")] = "modelscope",
) -> None:
    """Fetch Kolors (18 GB), or what is missing of it; a stopped download goes on."""
    from kit.download import SOURCES
    from kit.download import download as fetch
    from kit.models import kolors_folder

    folder = (out or kolors_folder()).absolute()
    fetched = fetch(folder, SOURCES[source]())
    typer.echo(f"{model}  {folder}  ({len(fetched)} files fetched)")
    if out is not None:
        typer.echo(f'Draw with it: base = "{folder}" in the experiment')
