"""The `storykit cast` command: which seed for which panel."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from eval.selection import Selection, Standing

_CHOICE = re.compile(r"([1-8])=(?:seed)?-?(\d{1,19})")


def _choices(texts: Sequence[str]) -> list[tuple[int, int]]:
    """Return the panels and seeds in words such as 3=seed5."""
    chosen = []
    for text in texts:
        if (found := _CHOICE.fullmatch(text)) is None:
            raise typer.BadParameter(f"must be a panel from 1 to 8 and a seed, as 3=seed5, got {text!r}")
        chosen.append((int(found[1]), int(found[2])))
    return chosen


def cast(
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="The run's folder.")],
    candidate: Annotated[str, typer.Option(help="Only this candidate.")] = "",
    order: Annotated[str, typer.Option(help="Only this prompt order.")] = "",
    story: Annotated[str, typer.Option(help="Only this story.")] = "",
    keep: Annotated[list[str], typer.Option(help="Panel and seed chosen by hand, as 3=seed5.")] = [],  # noqa: B006
    ban: Annotated[list[str], typer.Option(help="Panel and seed that must not be chosen.")] = [],  # noqa: B006
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,
) -> None:
    """Choose one of the seeds drawn for each panel, so that the set is best; pack and report use it."""
    from eval.cast import Wish
    from eval.cast import cast as choose
    from kit.run import Run
    from storykit_progress import progress_bar

    kept = _choices(keep)
    if len(dict(kept)) < len(kept):
        raise typer.BadParameter("a panel can be kept with one seed only", param_hint="--keep")
    wish = Wish(candidate=candidate, order=order, story=story, keep=dict(kept), ban=frozenset(_choices(ban)))
    with progress_bar("measuring") as progress:
        casting = choose(Run.open(run_folder), wish, progress=progress)
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in casting.selections], ensure_ascii=False, indent=1))
        return
    for one in casting.selections:
        for line in _lines(one, swaps=len(casting.selections) == 1):
            typer.echo(line)
    for place, reason in casting.refused.items():
        typer.echo(f"fault   {' '.join(place)}: {reason}")


def _lines(one: "Selection", *, swaps: bool) -> list[str]:
    """Return what was chosen, and what the next best would be."""
    seeds = " ".join(map(str, one.seeds))
    lines = [f"cast    {one.candidate} {one.order} {one.story}: seeds {seeds}, the best of {one.sets:,} sets"]
    lines.append(f"        {_said(one.standing)}")
    if one.single is not None:
        lines.append(f"        best single seed {one.single.seed}: {_said(one.single.standing)}")
    if swaps:
        for part in one.parts:
            kept = " (by hand)" if part.kept else ""
            swap = f"next best {part.swap.seed}: {_said(part.swap.standing)}" if part.swap else "no other"
            lines.append(f"panel {part.panel}  seed {part.seed}{kept}; {swap}")
    return lines


def _said(standing: "Standing") -> str:
    """Return how good a set is; deviations are from sets chosen by lot."""
    return f"weakest {standing.weakest} {standing.lowest:+.2f} sd, mean {standing.mean:+.2f} sd"
