"""The `storykit` command: one thin command a stage, each reading what the one before left on disk."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from kit.errors import StorykitError
from kit.quiet import hush
from storykit_bundle import pack, publish, seeds_of
from storykit_cast import cast
from storykit_dataset import app as dataset_app
from storykit_download import download
from storykit_lora import app as lora_app
from storykit_metrics import app as metrics_app
from storykit_progress import progress_bar
from storykit_train import train
from storykit_verify import verify

if TYPE_CHECKING:
    from kit.experiment import LoadedExperiment
    from kit.painter import Painter
    from kit.run import Run

DEMO = Path(__file__).parent / "examples" / "demo.toml"
"""The experiment of `demo`; it lies beside this file in a checkout, and no wheel holds it."""
INTERRUPTED = 130
"""How Typer exits when the user presses ctrl-c."""


app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Make, score, compare and pack LoRA-styled eight-panel picture stories.",
)
app.add_typer(dataset_app, name="dataset")
app.add_typer(lora_app, name="lora")
app.add_typer(metrics_app, name="metrics")
for _command in (cast, train, pack, verify, publish, download):
    app.command()(_command)

ExperimentFile = Annotated[Path, typer.Argument(metavar="EXPERIMENT", help="The experiment's TOML file.")]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="The run's folder.")]
OutFolder = Annotated[Path, typer.Option("--out", help="The run's folder; made when it is not there.")]
Devices = Annotated[
    str, typer.Option(help="Where to draw: auto, all (every GPU), or a list such as cuda:0,cuda:1.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print numbers as JSON, for machines.")]


@app.command()
def demo(out: OutFolder = Path("runs/demo")) -> None:
    """Run the shipped example, all seven stages, on the embedded base."""
    from eval.cast import Wish
    from eval.cast import cast as choose
    from kit.run import Run
    from submissions.entry import Entry
    from submissions.pack import pack as pack_entry
    from submissions.rules import load_rules
    from submissions.verify import verify as verify_bundle

    if not DEMO.is_file():
        raise StorykitError(
            f"{DEMO} is not there: only storykit's repository has it; run `make demo` in that"
        )
    generate(DEMO, out)
    score(out)
    compare(out)
    opened = Run.open(out)
    loaded = opened.loaded
    with progress_bar("measuring") as progress:
        casting = choose(opened, Wish(), progress=progress)
    count, seeds = len(casting.selections), len(loaded.experiment.seeds)
    _say(f"cast    {count} sets of panels, each the best of its {seeds} seeds")
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
    faults = verify_bundle(packed.path)
    _say(f"bundle  {packed.path}  ({len(packed.files)} files, {len(faults)} faults)")
    _say(f"report  {out / 'report.html'}")


@app.command()
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


@app.command()
def generate(experiment: ExperimentFile, out: OutFolder, devices: Devices = "auto") -> None:
    """Draw every panel of an experiment that is not drawn yet."""
    from kit.crew import painters_on
    from kit.experiment import load_experiment

    loaded = load_experiment(experiment)
    with painters_on(loaded.experiment.base, devices) as painters:
        _draw(loaded, out, painters)


def _race(experiment: Path, out: Path, devices: str, metric: str) -> None:
    """Draw an experiment as a race, and say who left it."""
    from eval.race import race as hold
    from kit.crew import painters_on
    from kit.experiment import load_experiment

    loaded = load_experiment(experiment)
    with painters_on(loaded.experiment.base, devices) as painters:
        gone = hold(loaded, metric, lambda part: _draw(part, out, painters))
    for one in gone:
        _say(
            f"out     {one.candidate} after {one.seeds} seeds: {one.behind:.3g} behind {one.leader}, "
            f"chance to win {one.chance:.2%}"
        )


def _draw(loaded: "LoadedExperiment", out: Path, painters: "Sequence[Painter]") -> "Run":
    """Draw what a run lacks, say so, and return the run."""
    from kit.generate import generate as draw
    from kit.recipe import refuse_misfits
    from kit.run import Run

    refuse_misfits(loaded, painters[0])  # before the folder is touched
    opened = Run.create(out, loaded)
    (out / "race.json").unlink(missing_ok=True)  # of another drawing; a race writes it at its end
    with progress_bar("drawing") as progress:
        done = draw(opened, painters, progress)
    for file, reason in done.faults.items():
        _say(f"fault   {file}: {reason}")
    pace = f", {done.seconds / done.drawn:.2f} s a panel" if done.drawn else ""
    _say(f"drawn   {done.drawn} panels, {done.kept} were there{pace}")
    return opened


@app.command()
def score(run_folder: RunFolder) -> None:
    """Score every panel: aesthetics, consistency, agreement with the text, faults."""
    from eval.score import score as measure
    from kit.run import Run

    with progress_bar("scoring") as progress:
        scores = measure(Run.open(run_folder), progress=progress)
    faults = sum(panel.status != "ok" for panel in scores.panels)
    copied = sum(bool(story.copies) for story in scores.stories)
    more = f", {copied} with copies of one picture" if copied else ""
    _say(f"scored  {len(scores.panels)} panels of {len(scores.stories)} stories, {faults} faults{more}")


@app.command()
def compare(run_folder: RunFolder, as_json: AsJson = False) -> None:
    """Compare candidates and prompt orders, paired over seeds or stories."""
    from eval.compare import compare as judge
    from kit.run import Run

    opened = Run.open(run_folder)
    judge(opened)
    told = opened.read_json("comparison.json")
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False, indent=1))
        return
    clear = sum(row["verdict"] in ("a", "b") for row in told["comparisons"])
    _say(f"compared {len(told['comparisons'])} pairs {told['claim']}: {clear} clear differences")


@app.command()
def report(run_folder: RunFolder) -> None:
    """Write report.html: one page with pictures, scores and verdicts."""
    from kit.run import Run
    from reports.report import write_report

    _say(f"report  {write_report(Run.open(run_folder))}")


@app.command()
def gate(
    folder: Annotated[Path, typer.Argument(help="Any folder of pictures.")],
    weights: Annotated[
        str, typer.Option(help="The predictor's folder, or 'mini' for the embedded one.")
    ] = "mini",
    as_json: AsJson = False,
) -> None:
    """Score a folder as the contest does: the mean over every file directly in it."""
    from eval.aesthetic import AestheticScorer
    from eval.gate import gate as folder_gate
    from eval.instruments import device

    result = folder_gate(folder, AestheticScorer.load(weights, device()))
    if as_json:
        typer.echo(json.dumps(asdict(result), ensure_ascii=False, indent=1))
        return
    for fault in result.faults:
        _say(f"fault   {fault}")
    if result.mean is None:
        _say(f"{folder}: no score, every file must be a picture")
        return
    named = " (embedded predictor, not the contest's)" if result.stamp.embedded else ""
    verdict = f"{result.mean:.4f}, {result.verdict} at {result.threshold:g}"
    _say(f"{folder}: {verdict}{named}; weakest {result.weakest}")
    means = ", ".join(f"{mean:.4f} {how}" for how, mean in result.elsewhere.items())
    close = any(
        (mean >= result.threshold) != (result.verdict == "pass") for mean in result.elsewhere.values()
    )
    _say(f"the same pictures: {means}" + ("; too close to be sure" if close else ""))


def _say(line: str) -> None:
    typer.echo(line)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; our own errors and the machine's are one line, every other one keeps its traceback."""
    hush()
    try:
        app(arguments, prog_name="storykit")
    except StorykitError as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except SystemExit as end:
        if end.code != INTERRUPTED:
            raise
        _fail("stopped; every file that is finished stays")


def _fail(reason: str) -> NoReturn:
    typer.echo(f"Error: {' '.join(reason.splitlines())}", err=True)
    sys.exit(1)


if __name__ == "__main__":
    main()
