"""The commands that judge: `storykit score`, `compare`, `report`, `gate`, `cast` and `metrics`."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kit.embedded import EMBEDDED
from kit.files.user_paths import shell_word
from storykit.cli.console import (
    AsJson,
    CommandGroup,
    RunFolder,
    WrongUsage,
    counted,
    say,
    say_json,
    say_lines,
)
from storykit.cli.progress import progress_bar

if TYPE_CHECKING:
    from eval.casting.selection import Selection, SetQuality
    from eval.scorers.load import Scorers
    from eval.validation.drawn import DrawnTools
    from kit.experiment.run import Run

_CHOICE = re.compile(r"([1-8])=(?:seed)?-?(\d{1,19})")


def _choices(option: str, texts: Sequence[str]) -> list[tuple[int, int]]:
    """Return the panels and seeds in words such as 3=seed5."""
    chosen = []
    for text in texts:
        if (found := _CHOICE.fullmatch(text)) is None:
            raise WrongUsage(f"{option} must be a panel from 1 to 8 and a seed, as 3=5, got {text!r}")
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
    from eval.casting.cast import CastRequest
    from eval.casting.cast import cast as choose
    from kit.experiment.run import Run
    from storykit.cli.progress import progress_bar

    kept = _choices("--keep", keep)
    if len(dict(kept)) < len(kept):
        raise WrongUsage("--keep can name a panel once: one seed for each")
    wish = CastRequest(
        candidate=candidate, order=order, story=story, keep=dict(kept), ban=frozenset(_choices("--ban", ban))
    )
    run = Run.open(run_folder)
    with _page_kept_or_said(run, quiet=as_json), progress_bar("measuring") as progress:
        casting = choose(run, wish, progress=progress)
    if as_json:
        say_json([asdict(one) for one in casting.selections])
        return
    for one in casting.selections:
        for line in _lines(one, swaps=len(casting.selections) == 1):
            say(line)
    for place, reason in casting.refused.items():
        say(f"fault   {' '.join(place)}: {reason}")


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


def _said(standing: "SetQuality") -> str:
    """Return how good a set is; deviations are from sets chosen by lot."""
    return f"weakest {standing.weakest} {standing.lowest:+.2f} sd, mean {standing.mean:+.2f} sd"


metrics_app = typer.Typer(
    cls=CommandGroup,
    no_args_is_help=True,
    help="Hold the metrics against known damage.",
    rich_markup_mode=None,
)


@metrics_app.callback()
def metrics() -> None:
    """Hold the metrics against known damage."""


@metrics_app.command()
def validate(
    tales: Annotated[
        int | None, typer.Option(min=2, help="How many stories: 200 by default, 12 with --drawn.")
    ] = None,
    clip: Annotated[str, typer.Option(help="CLIP weights' folder, or 'mini'.")] = EMBEDDED,
    aesthetic: Annotated[str, typer.Option(help="The predictor's folder, or 'mini'.")] = EMBEDDED,
    drawn: Annotated[bool, typer.Option("--drawn", help="On pictures that a base draws.")] = False,
    base: Annotated[str, typer.Option(help="What draws: 'mini', 'kolors' or a folder.")] = EMBEDDED,
    steps: Annotated[int | None, typer.Option(min=1, help="Drawing steps, if not its own.")] = None,
    device: Annotated[str, typer.Option(help="Where to draw: auto, cpu or cuda.")] = "auto",
    out: Annotated[Path | None, typer.Option(help="A Markdown file for the tables.")] = None,
    calibration: Annotated[
        Path | None, typer.Option(help="Where to write what --drawn finds: calibration.toml by default.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,
) -> None:
    """Hold every metric against known damage and print what it sees, what it minds, and what fails."""
    from eval.scorers.calibration import calibration_bytes
    from eval.scorers.load import load_scorers
    from eval.validation.markdown import markdown
    from eval.validation.validate import validate as hold
    from eval.validation.validate import validate_drawn
    from kit.experiment.tables import can_read_letters
    from kit.files.atomic_write import write_atomic
    from storykit.cli.progress import progress_bar

    load = partial(load_scorers, aesthetic, clip, letters=can_read_letters())
    if not drawn and (base, steps, device, calibration) != (EMBEDDED, None, "auto", None):
        raise WrongUsage(
            "--base, --steps, --device and --calibration are for pictures that are drawn: add --drawn"
        )
    kept = calibration or Path("calibration.toml")
    _refuse_lost([path for path in (out, kept) if path is not None], kept if drawn else None)
    with progress_bar("validating") as progress:
        if drawn:
            progress.note("loading the base")
            tools = _drawn_tools(load(), base, steps, device)
            validation = validate_drawn(tools, tales or 12, progress)
        else:
            validation = hold(load, tales or 200, progress)
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
            say(f"calibration  {kept}: name it under [score] in an experiment that uses these weights")


def _refuse_lost(written: Sequence[Path], new: Path | None) -> None:
    """Refuse before an hour's work what could not be written after it, or would replace another's."""
    if new is not None and new.exists():
        raise WrongUsage(f"{new} is there already: give another name with --calibration")
    for path in written:
        if not path.parent.is_dir():
            raise WrongUsage(f"{path.parent} is no folder, so {path.name} cannot be written there")


def _drawn_tools(scorers: "Scorers", base: str, steps: int | None, device: str) -> "DrawnTools":
    """Return what draws stories with a base and scores them."""
    from eval.validation.drawn import DrawnTools, SceneDrawer
    from kit.generation.multi_gpu import load_painter

    return DrawnTools(scorers, SceneDrawer(load_painter(base, device), base, steps))


def score(run_folder: RunFolder) -> None:
    """Score every panel: aesthetics, consistency, agreement with the text, faults."""
    from kit.experiment.run import Run

    run = Run.open(run_folder)
    with _page_kept_or_said(run):
        score_run(run)


def score_run(run: "Run") -> None:
    """Score a run and say how many panels that were, what is wrong with which, and what has no number."""
    from eval.scoring.score import score as measure
    from eval.scoring.summary import faults_said, missing_said, undefined_said

    with progress_bar("scoring") as progress:
        scores = measure(run, progress=progress)
    faults = sum(panel.status != "ok" for panel in scores.panels)
    copied = sum(bool(story.values.get("copies")) for story in scores.stories)
    more = f", {copied} with copies of one picture" if copied else ""
    told = f"{len(scores.panels)} panels of {len(scores.stories)} stories, {counted(faults, 'fault')}"
    say(f"scored  {told}{more}")
    for note in scores.notes:
        say(f"note    {note}")
    for line in (*faults_said(scores), *undefined_said(scores), *missing_said(scores)):
        say(line)


@contextmanager
def _page_kept_or_said(run: "Run", *, quiet: bool = False) -> Iterator[None]:
    """Say when what was made of older numbers is gone, and how to make it again."""
    from kit.experiment.run import PAGE

    made = {"comparison.json": "compare", PAGE: "report"}
    before = [name for name in made if (run.folder / name).exists()]
    yield
    for name in before:
        if not quiet and not (run.folder / name).exists():
            say(f"note    {name} told of older numbers and was removed: `storykit {made[name]} {run.folder}`")


def compare(run_folder: RunFolder, as_json: AsJson = False) -> None:
    """Compare candidates and prompt orders, paired over seeds or stories."""
    from kit.experiment.run import Run

    run = Run.open(run_folder)
    with _page_kept_or_said(run, quiet=as_json):
        compare_run(run, as_json)


def compare_run(run: "Run", as_json: bool = False) -> None:
    """Compare a run's candidates and say who is better in what, or print comparison.json."""
    from eval.comparison.compare import compare as judge
    from eval.comparison.summary import summary_lines

    told = judge(run)
    if as_json:
        say_json(run.read_json("comparison.json"))
        return
    for line in summary_lines(told):
        say(line)


def report(run_folder: RunFolder) -> None:
    """Write report.html: one page with pictures, scores and verdicts."""
    from kit.experiment.run import Run

    run = Run.open(run_folder)
    report_run(run)
    for name, what, stage in (("scores.json", "scores", "score"), ("comparison.json", "verdicts", "compare")):
        if not (run.folder / name).exists():
            command = f"`storykit {stage} {shell_word(run.folder)}`"
            say(f"note    the page has no {what} yet: type {command}, then report again")
            return


def report_run(run: "Run") -> None:
    """Write a run's page and say where it is."""
    from reports.run.report import write_report

    say(f"report  {write_report(run)}")


def gate(
    folder: Annotated[Path, typer.Argument(help="Any folder of pictures.")],
    weights: Annotated[
        str, typer.Option(help="The predictor's folder, or 'mini' for the embedded one.")
    ] = EMBEDDED,
    calibration: Annotated[
        Path | None, typer.Option(help="What `metrics validate --drawn` found of these weights.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Score a folder as the contest does: the mean over every file directly in it."""
    from eval.gate import gate as folder_gate
    from eval.scorers.aesthetic import AestheticScorer
    from eval.scorers.calibration import calibration_of, said_of
    from eval.scorers.load import device

    scorer = AestheticScorer.load(weights, device())
    known = calibration_of(scorer.metric.stamp, path=calibration)
    result = folder_gate(folder, scorer, calibration=known)
    if as_json:
        say_json(asdict(result))
        return
    for fault in result.faults:
        say(f"fault   {fault}")
    if result.mean is None:
        say(f"{folder}: no score, every file must be a picture")
        return
    named = " (embedded predictor, not the contest's)" if result.stamp.embedded else ""
    verdict = f"{result.mean:.4f}, {result.verdict} at {result.threshold:g}"
    say(f"{folder}: {verdict}{named}; weakest {result.weakest}")
    means = ", ".join(f"{mean:.4f} {how}" for how, mean in result.elsewhere.items())
    close = any(
        (mean >= result.threshold) != (result.verdict == "pass") for mean in result.elsewhere.values()
    )
    say(f"the same pictures: {means}" + ("; too close to be sure" if close else ""))
    say(f"note    {said_of(result.calibration)}")
