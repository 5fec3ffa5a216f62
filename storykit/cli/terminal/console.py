"""Arguments, output and the words for a wrong command line, which all commands share."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import BaseModel

from kit.errors import RunError, printable
from kit.files.user_paths import shell_word
from kit.messages import all_in_english, joined, tr, trn

if TYPE_CHECKING:
    from kit.experiment.run import Run

ExperimentFile = Annotated[Path, typer.Argument(metavar="EXPERIMENT", help="The experiment's TOML file.")]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="The run's folder.")]
OutFolder = Annotated[Path, typer.Option("--out", help="The run's folder; made when it is not there.")]
Devices = Annotated[
    str, typer.Option(help="Where to draw: auto, all (every GPU), or a list such as cuda:0,cuda:1.")
]
Cluster = Annotated[
    str,
    typer.Option(
        "--ray", metavar="ADDRESS", help="Draw on all GPUs of your Ray cluster: auto, or HOST:PORT."
    ),
]
ScoringDevices = Annotated[
    str,
    typer.Option("--devices", help="Where to score: auto, all (every GPU), or a list such as cuda:0,cuda:1."),
]
ScoringCluster = Annotated[
    str,
    typer.Option(
        "--ray", metavar="ADDRESS", help="Score on all GPUs of your Ray cluster: auto, or HOST:PORT."
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")]

Draft = Annotated[
    bool,
    typer.Option("--draft", help="Draw drafts, by the table [draft]: cheap, and from the finals' noise."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print numbers as JSON, for machines.")]


_LINES = 8
"""Of a file, that a note names."""


def say(line: str, *, err: bool = False) -> None:
    """Print a line; what it holds of strangers' words does nothing to the terminal."""
    typer.echo(printable(line), err=err)


def say_lines(text: str) -> None:
    """Print several lines, each as `say` does."""
    for line in text.splitlines():
        say(line)


def say_json(value: object) -> None:
    """Print a value as JSON, for machines; it does nothing to a terminal either."""
    text = json.dumps(all_in_english(value), ensure_ascii=False, indent=1, default=_dumped)
    shown = (one if one.isprintable() or one == "\n" else json.dumps(one)[1:-1] for one in text)
    typer.echo("".join(shown))


def _dumped(value: object) -> object:
    """Return a table that is a model of pydantic's as plain values."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"no JSON for {type(value).__name__}")


def padded(text: str, width: int) -> str:
    """Return a text with spaces behind it, or before it for a negative width; a Chinese letter takes two.

    >>> padded("种子", 6) + "|", padded("seed", -6)
    ('种子  |', '  seed')
    """
    from rich.cells import cell_len

    spaces = " " * (abs(width) - cell_len(text))
    return f"{spaces}{text}" if width < 0 else f"{text}{spaces}"


def say_note(text: str) -> None:
    """Print what is worth knowing."""
    say(tr("note    {note}", note=text))


def say_unread(run: "Run") -> None:
    """Print which lines of a run's panels cannot be read, while panels are missing, and what draws them."""
    from kit.generation.shards.machines import SHARD, shard_told

    if not (lines := run.unread_lines()):
        return
    drawn = {row.slot for row in run.rows()}
    if missing := min(len(lines), sum(slot not in drawn for slot in run.wanted())):
        again = f"{shell_word(run.experiment_path)} --out {shell_word(run.folder)}"
        if shard := shard_told(run).get(SHARD):
            again += f" --shard {shell_word(str(shard))}"
        told = {
            "file": run.rows_path,
            "command": f"`storykit generate {again}`",
            "lines": joined([*map(str, lines[:_LINES]), *(["…"] if lines[_LINES:] else [])], tr(", ")),
        }
        say_note(
            trn(
                "{file} line {lines} cannot be read: {n} panel counts as not drawn; {command} draws it again",
                "{file} line {lines} cannot be read: {n} panels count as not drawn; {command} draws them",
                missing,
                **told,
            )
        )


def say_worker(told: str) -> None:
    """Print what became of one who shares the work, beside the results."""
    say(tr("note    {note}", note=told), err=True)


def say_fault(place: str, reason: str) -> None:
    """Print what is wrong, and where."""
    say(tr("fault   {place}: {reason}", place=place, reason=reason))


def faults_counted(number: int) -> str:
    """Return a number of faults in words.

    >>> faults_counted(1)
    '1 fault'
    """
    return trn("{n} fault", "{n} faults", number)


def refuse_what_is_there(out: Path, *, overwrite: bool) -> None:
    """Raise RunError where a file, or a folder with anything in it, would be written over."""
    if overwrite:
        return
    if out.is_dir() and any(out.iterdir()):
        raise RunError(
            tr("{out} is not empty: choose another --out, or add --overwrite to write into it", out=out)
        )
    if out.exists() and not out.is_dir():
        raise RunError(
            tr("{out} is there already: choose another --out, or add --overwrite to replace it", out=out)
        )
