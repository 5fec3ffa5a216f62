"""The `storykit share` command: a story to show to friends."""

from pathlib import Path
from typing import Annotated

import typer

import storykit
from kit.messages import tr
from storykit.cli.terminal.console import RunFolder, say, say_note


def share(
    run_folder: RunFolder,
    out: Annotated[Path | None, typer.Option(help="The folder to write; else RUN/share.")] = None,
    candidate: Annotated[str, typer.Option(help="Whose pictures; else the one that was cast.")] = "",
    order: Annotated[str, typer.Option(help="Which prompt order.")] = "authored",
    story: Annotated[str, typer.Option(help="Which story; needed when there are several.")] = "",
    seed: Annotated[int | None, typer.Option(help="Which seed; else what was cast, else the first.")] = None,
    scores: Annotated[bool, typer.Option("--scores", help="Show the set's scores, too.")] = False,
) -> None:
    """Write one page of the chosen story to show to others, and a picture for a post."""
    run = storykit.open_run(run_folder)
    done = storykit.share(run, out, candidate=candidate, order=order, story=story, seed=seed, scores=scores)
    if not done.captions:
        say_note(
            tr("the picture has panel numbers only: no font here has its letters, install Noto Sans CJK")
        )
    say(tr("page    {address}", address=done.page))
    say(tr("picture {path}", path=done.picture))
