"""The commands that draw: `storykit demo`, `run`, `generate` and `download`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

import kit
from kit.hub.repository import Hub
from storykit.cli.console import Devices, ExperimentFile, OutFolder, say
from storykit.cli.progress import progress_bar
from storykit.cli.scores import compare, report, score
from submissions.packing.entry import seeds_of

if TYPE_CHECKING:
    from kit.experiment.config import LoadedExperiment
    from kit.experiment.run import Run
    from kit.generation.painter import Painter

Model = Annotated[Literal["kolors"], typer.Argument(metavar="MODEL", help="What to fetch: kolors.")]


def download(
    model: Model,
    out: Annotated[
        Path | None, typer.Option(help="The folder; by default where base = 'kolors' looks.")
    ] = None,
    source: Annotated[Hub, typer.Option("--from", help="Which hub.")] = "modelscope",
) -> None:
    """Fetch Kolors (18 GB), or what is missing of it; a stopped download goes on."""
    from kit.hub.repository import kolors_folder
    from kit.models.download import REPOSITORY, SOURCES
    from kit.models.download import download as fetch

    folder = (out or kolors_folder()).absolute()
    fetched = fetch(folder, SOURCES[source](REPOSITORY))
    typer.echo(f"{model}  {folder}  ({len(fetched)} files fetched)")
    if out is not None:
        typer.echo(f'Draw with it: base = "{folder}" in the experiment')


DEMO = Path(kit.__file__).parent / "examples" / "demo.toml"
"""The experiment of `demo`."""


def demo(out: OutFolder = Path("runs/demo")) -> None:
    """Run the shipped example, all seven stages, on the embedded base."""
    from eval.casting.cast import CastRequest
    from eval.casting.cast import cast as choose
    from kit.experiment.run import Run
    from submissions.bundle.bundle import open_bundle
    from submissions.contest.rules import load_rules
    from submissions.packing.entry import Entry
    from submissions.packing.pack import pack as pack_entry
    from submissions.verification.verify import verify as verify_bundle

    generate(DEMO, out)
    score(out)
    compare(out)
    opened = Run.open(out)
    loaded = opened.loaded
    with progress_bar("measuring") as progress:
        casting = choose(opened, CastRequest(), progress=progress)
    count, seeds = len(casting.selections), len(loaded.experiment.seeds)
    say(f"cast    {count} sets of panels, each the best of its {seeds} seeds")
    report(out)
    place = (loaded.experiment.candidates[-1].name, loaded.experiment.orders[0], loaded.stories[0].name)
    entry = Entry(
        candidate=place[0],
        order=place[1],
        story=place[2],
        seeds=seeds_of(opened, place, None),
        rules=load_rules("practice"),
        team="storykit",
        title="demo",
        introduction="A style LoRA of the embedded base, trained on the drawn world.",
        out=out / "bundle" / "demo.zip",
    )
    packed = pack_entry(opened, entry)
    faults = verify_bundle(open_bundle(packed.path))
    say(f"bundle  {packed.path}  ({len(packed.files)} files, {len(faults)} faults)")
    say(f"report  {out / 'report.html'}")


def run(
    experiment: ExperimentFile,
    out: OutFolder,
    devices: Devices = "auto",
    race: Annotated[
        str, typer.Option(metavar="METRIC", help="Draw no further who cannot win on this metric any more.")
    ] = "",
) -> None:
    """Draw, score, compare and report an experiment; goes on where it stopped."""
    if race:
        _race(experiment, out, devices, race)
    else:
        generate(experiment, out, devices)
    score(out)
    compare(out)
    report(out)


def generate(experiment: ExperimentFile, out: OutFolder, devices: Devices = "auto") -> None:
    """Draw every panel of an experiment that is not drawn yet."""
    from kit.experiment.config import load_experiment
    from kit.generation.devices import painters_on

    loaded = load_experiment(experiment)
    with painters_on(loaded.experiment.base, devices) as painters:
        _draw(loaded, out, painters)


def _race(experiment: Path, out: Path, devices: str, metric: str) -> None:
    """Draw an experiment as a race, and say who left it."""
    from eval.comparison.racing import race as hold
    from kit.experiment.config import load_experiment
    from kit.generation.devices import painters_on

    loaded = load_experiment(experiment)
    with painters_on(loaded.experiment.base, devices) as painters:
        gone = hold(loaded, metric, lambda part: _draw(part, out, painters))
    for one in gone:
        say(
            f"out     {one.candidate} after {one.seeds} seeds: {one.behind:.3g} behind {one.leader}, "
            f"chance to win {one.chance:.2%}"
        )


def _draw(loaded: "LoadedExperiment", out: Path, painters: "Sequence[Painter]") -> "Run":
    """Draw what a run lacks, say so, and return the run."""
    from kit.experiment.run import Run
    from kit.generation.generate import generate as draw
    from kit.generation.recipe import refuse_misfits

    refuse_misfits(loaded, painters[0])  # before the folder is touched
    opened = Run.create(out, loaded)
    (out / "race.json").unlink(missing_ok=True)  # of another drawing; a race writes it at its end
    with progress_bar("drawing") as progress:
        done = draw(opened, painters, progress)
    for file, reason in done.faults.items():
        say(f"fault   {file}: {reason}")
    pace = f", {done.seconds / done.drawn:.2f} s a panel" if done.drawn else ""
    say(f"drawn   {done.drawn} panels, {done.kept} were there{pace}")
    return opened
