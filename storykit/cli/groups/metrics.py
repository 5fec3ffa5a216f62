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
from storykit.cli.terminal.painters import ready_painters
from storykit.cli.terminal.progress import progress_bar
from storykit.cli.terminal.usage_errors import CommandGroup, WrongUsage, refuse_both

if TYPE_CHECKING:
    from eval.scoring.shared_scorers import Load
    from eval.validation.validate import Validation

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
    drawn: Annotated[
        bool, typer.Option("--drawn", help="On pictures that a base draws, on the same devices.")
    ] = False,
    base: Annotated[
        str,
        typer.Option(help="What draws: mini, kolors, a folder, a hub's name, or an experiment's base."),
    ] = EMBEDDED,
    steps: Annotated[int | None, typer.Option(min=1, help="Drawing steps, if not its own.")] = None,
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
    from kit.experiment.tables import can_read_letters
    from kit.files.atomic_write import write_atomic

    load = partial(load_scorers, aesthetic, clip, letters=can_read_letters())
    if not drawn and (base, steps, calibration) != (EMBEDDED, None, None):
        raise WrongUsage(tr("--base, --steps and --calibration are for pictures that are drawn: add --drawn"))
    refuse_both(devices, ray)
    kept = calibration or Path("calibration.toml")
    _refuse_lost([path for path in (out, kept) if path is not None], kept if drawn else None)
    where = devices, ray
    if drawn:
        validation = _on_drawn(load, (base, steps), where, tales or 12)
    else:
        validation = _on_rendered(load, where, tales or 200)
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


def _on_rendered(load: "Load", where: tuple[str, str], tales: int) -> "Validation":
    """Return how the metrics do on true pictures."""
    from eval.validation.shared_trials import trials_on
    from eval.validation.validate import validate

    with progress_bar(tr("validating")) as progress:
        scorers = load()  # what cannot be loaded is told here, not in another process
        with trials_on(load, *where, say_worker) as trials:
            return validate(scorers, trials, tales, progress)


def _on_drawn(
    load: "Load", drawing: tuple[str, int | None], where: tuple[str, str], tales: int
) -> "Validation":
    """Return how the metrics do on what a base draws in so many steps, scored where it is drawn."""
    from eval.scoring.shared_scorers import scorers_beside
    from eval.validation.drawn import DrawnTools, SceneDrawer
    from eval.validation.validate import validate_drawn
    from kit.errors import InputError
    from kit.experiment.drawing.base_named import base_named
    from kit.models.bases.pipeline_class import pipeline_folder

    base, steps = base_named(drawing[0]), drawing[1]
    if (folder := pipeline_folder(base)) is not None:
        told = mark(
            "{folder}: the drawn tales are told in Chinese, which CLIP does not read: name Kolors or mini"
        )
        raise InputError("base", [tr(told, folder=folder)])
    with ready_painters(base, *where) as painters, progress_bar(tr("validating")) as progress:
        progress.note(tr("loading the scorers"))
        scorers = scorers_beside(load, painters)
        tools = [DrawnTools(scorers, SceneDrawer(one, base, steps)) for one in painters]
        return validate_drawn(tools, tales, progress)
