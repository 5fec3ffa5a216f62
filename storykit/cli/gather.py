"""The `storykit gather` command: one run of what several machines drew."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from kit.files.user_paths import shell_word
from kit.messages import joined, tr
from storykit.cli.terminal.console import AsJson, say, say_json, say_note
from storykit.cli.terminal.progress import progress_bar

MOST_TOLD = 20
"""Shards that a line names, and notes; --json has all."""


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
    for note in done.notes[:MOST_TOLD]:
        say_note(note)
    if (more := len(done.notes) - MOST_TOLD) > 0:
        say_note(tr("and {n} more; --json has all", n=more))
    if done.shards:
        told, others = done.shards[:MOST_TOLD], ["…"] if len(done.shards) > MOST_TOLD else []
        say(tr("missing shards {shards}", shards=joined([*told, *others], tr(", "))))
    if done.missing:
        say_note(
            tr(
                "what is missing is drawn by `storykit generate {experiment} --out {run}`, or comes when the "
                "parts are finished and gathered again",
                experiment=shell_word(run_folder / "experiment.toml"),
                run=shell_word(run_folder),
            )
        )
    say(
        tr(
            "gather  {taken} panels into {run}, {there} were there, {missing} missing",
            taken=done.taken,
            run=run_folder,
            there=done.there,
            missing=done.missing,
        )
    )
