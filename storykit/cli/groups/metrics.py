"""The `storykit metrics` command: the metrics held against known damage."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kit.embedded import EMBEDDED
from kit.messages import mark, tr
from storykit.cli.terminal.console import (
    ScoringCluster,
    ScoringDevices,
    say,
    say_json,
    say_lines,
    say_worker,
)
from storykit.cli.terminal.help import Command
from storykit.cli.terminal.progress import progress_bar
from storykit.cli.terminal.usage_errors import CommandGroup, WrongUsage, refuse_both

if TYPE_CHECKING:
    from eval.scorers.load import Scorers
    from eval.validation.drawn import DrawnTools

metrics_app = typer.Typer(
    cls=CommandGroup,
    no_args_is_help=True,
    help="Hold the metrics against known damage.",
    rich_markup_mode=None,
)


@metrics_app.callback()
def metrics() -> None:
    """Hold the metrics against known damage."""


@metrics_app.command(cls=Command)
def validate(
    tales: Annotated[
        int | None, typer.Option(min=2, help="How many stories: 200 by default, 12 with --drawn.")
    ] = None,
    clip: Annotated[str, typer.Option(help="CLIP weights' folder, or 'mini'.")] = EMBEDDED,
    aesthetic: Annotated[str, typer.Option(help="The predictor's folder, or 'mini'.")] = EMBEDDED,
    drawn: Annotated[bool, typer.Option("--drawn", help="On pictures that a base draws.")] = False,
    base: Annotated[
        str,
        typer.Option(help="What draws: mini, kolors, a folder, a hub's name, or an experiment's base."),
    ] = EMBEDDED,
    steps: Annotated[int | None, typer.Option(min=1, help="Drawing steps, if not its own.")] = None,
    device: Annotated[str, typer.Option(help="Where to draw: auto, cpu or cuda.")] = "auto",
    out: Annotated[Path | None, typer.Option(help="A Markdown file for the tables.")] = None,
    calibration: Annotated[
        Path | None, typer.Option(help="Where to write what --drawn finds: calibration.toml by default.")
    ] = None,
    devices: ScoringDevices = "auto",
    ray: ScoringCluster = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,
) -> None:
    """Hold every metric against known damage and print what it sees, what it minds, and what fails."""
    from eval.scorers.calibration import calibration_bytes
    from eval.scorers.load import load_scorers
    from eval.validation.markdown import markdown
    from eval.validation.shared_trials import trials_on
    from eval.validation.validate import validate as hold
    from eval.validation.validate import validate_drawn
    from kit.experiment.tables import can_read_letters
    from kit.files.atomic_write import write_atomic

    load = partial(load_scorers, aesthetic, clip, letters=can_read_letters())
    if not drawn and (base, steps, device, calibration) != (EMBEDDED, None, "auto", None):
        raise WrongUsage(
            tr("--base, --steps, --device and --calibration are for pictures that are drawn: add --drawn")
        )
    refuse_both(devices, ray)
    if drawn and (devices, ray) != ("auto", ""):
        raise WrongUsage(tr("--drawn draws and measures on one --device: leave --devices and --ray out"))
    kept = calibration or Path("calibration.toml")
    _refuse_lost([path for path in (out, kept) if path is not None], kept if drawn else None)
    with progress_bar(tr("validating")) as progress:
        if drawn:
            progress.note(tr("loading the base"))
            tools = _drawn_tools(load(), base, steps, device)
            validation = validate_drawn(tools, tales or 12, progress)
        else:
            scorers = load()  # what cannot be loaded is told here, not in another process
            with trials_on(load, devices, ray, say_worker) as trials:
                validation = hold(scorers, trials, tales or 200, progress)
    text = markdown(validation)
    if out is not None:
        write_atomic(out, text.encode())
    if as_json:
        say_json(asdict(validation))
    else:
        say_lines(text)
    if drawn and validation.calibration is not None:
        write_atomic(kept, calibration_bytes(validation.calibration))
        if not as_json:
            say(
                tr(
                    "calibration  {file}: name it under [score] in an experiment that uses these weights",
                    file=kept,
                )
            )


def _refuse_lost(written: Sequence[Path], new: Path | None) -> None:
    """Refuse before an hour's work what could not be written after it, or would replace another's."""
    if new is not None and new.exists():
        raise WrongUsage(tr("{file} is there already: give another name with --calibration", file=new))
    for path in written:
        if not path.parent.is_dir():
            told = {"folder": path.parent, "file": path.name}
            raise WrongUsage(tr("{folder} is no folder, so {file} cannot be written there", **told))


def _drawn_tools(scorers: "Scorers", base: str, steps: int | None, device: str) -> "DrawnTools":
    """Return what draws stories with a base and scores them."""
    from eval.validation.drawn import DrawnTools, SceneDrawer
    from kit.errors import InputError
    from kit.experiment.drawing.base_named import base_named
    from kit.generation.devices.multi_gpu import load_painter
    from kit.models.bases.pipeline_class import pipeline_folder

    named = base_named(base)
    if (folder := pipeline_folder(named)) is not None:
        told = mark(
            "{folder}: the drawn tales are told in Chinese, which CLIP does not read: name Kolors or mini"
        )
        raise InputError("base", [tr(told, folder=folder)])
    return DrawnTools(scorers, SceneDrawer(load_painter(named, device), named, steps))
