"""The `storykit metrics` commands: whether the numbers can be trusted."""

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Hold the metrics against known damage.", rich_markup_mode=None)


@app.callback()
def metrics() -> None:
    """Hold the metrics against known damage."""


@app.command()
def validate(
    tales: Annotated[int, typer.Option(min=2, help="How many stories; 40 are a quick look.")] = 200,
    clip: Annotated[str, typer.Option(help="CLIP weights' folder, or 'mini'.")] = "mini",
    aesthetic: Annotated[str, typer.Option(help="The predictor's folder, or 'mini'.")] = "mini",
    out: Annotated[Path | None, typer.Option(help="A Markdown file for the tables.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,
) -> None:
    """Hold every metric against known damage and print what it sees, what it minds, and what fails."""
    from eval.instruments import load_instruments
    from eval.validate import validate as hold
    from eval.validation_tables import markdown
    from kit.files import write_whole
    from storykit_progress import progress_bar

    load = partial(load_instruments, aesthetic, clip)
    with progress_bar("validating") as progress:
        validation = hold(load, tales, progress)
    text = markdown(validation)
    if out is not None:
        write_whole(out, text.encode())
    typer.echo(json.dumps(asdict(validation), ensure_ascii=False, indent=1) if as_json else text, nl=as_json)
