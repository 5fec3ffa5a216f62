"""The `storykit gather` command: one run of what several machines drew."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from kit.messages import joined, tr
from storykit.cli.terminal.console import AsJson, say, say_json, say_note
from storykit.cli.terminal.progress import progress_bar

MOST_TOLD = 20
"""Shards that a line names; --json has all."""


def gather(
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="The run; made when it is not there.")],
    parts: Annotated[list[Path], typer.Argument(metavar="PART", help="Folders drawn with --shard.")],
    as_json: AsJson = False,
) -> None:
    """Merge what several machines drew of an experiment into one run; nothing is written over."""
    from kit.generation.shards.gather import gather as gather_parts

    with progress_bar(tr("gathering")) as progress:
        done = gather_parts(run_folder, parts, progress)
    if as_json:
        say_json(asdict(done))
        return
    for note in done.notes:
        say_note(note)
    if done.shards:
        told, more = done.shards[:MOST_TOLD], ["…"] if len(done.shards) > MOST_TOLD else []
        say(tr("missing shards {shards}", shards=joined([*told, *more], tr(", "))))
    say(
        tr(
            "gather  {taken} panels into {run}, {there} were there, {missing} missing",
            taken=done.taken,
            run=run_folder,
            there=done.there,
            missing=done.missing,
        )
    )
