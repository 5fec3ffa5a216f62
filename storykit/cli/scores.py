"""The commands that judge: `storykit score`, `compare`, `report`, `gate` and `cast`."""

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kit.embedded import EMBEDDED
from kit.files.user_paths import shell_word
from kit.messages import against_threshold, joined, mark, tr
from storykit.cli.terminal.console import (
    AsJson,
    RunFolder,
    ScoringCluster,
    ScoringDevices,
    faults_counted,
    say,
    say_fault,
    say_json,
    say_note,
    say_unread,
    say_worker,
)
from storykit.cli.terminal.progress import progress_bar
from storykit.cli.terminal.usage_errors import WrongUsage, refuse_both

if TYPE_CHECKING:
    from eval.casting.cast import CastRequest
    from eval.gate.gate import FolderGate
    from eval.scorers.load import Scorers
    from kit.experiment.run import Run

VERDICTS = {"pass": mark("pass"), "fail": mark("fail")}
"""What `gate` finds."""
_CHOICE = re.compile(r"([1-8])=(?:seed)?-?(\d{1,19})")


def _choices(option: str, texts: Sequence[str]) -> list[tuple[int, int]]:
    """Return the panels and seeds in words such as 3=seed5."""
    chosen = []
    for text in texts:
        if (found := _CHOICE.fullmatch(text)) is None:
            raise WrongUsage(
                tr(
                    "{option} must be a panel from 1 to 8 and a seed, as 3=5, got {got!r}",
                    option=option,
                    got=text,
                )
            )
        chosen.append((int(found[1]), int(found[2])))
    return chosen


def cast(
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="The run's folder.")],
    candidate: Annotated[str, typer.Option(help="Only this candidate.")] = "",
    order: Annotated[str, typer.Option(help="Only this prompt order.")] = "",
    story: Annotated[str, typer.Option(help="Only this story.")] = "",
    keep: Annotated[list[str], typer.Option(help="Panel and seed chosen by hand, as 3=seed5.")] = [],  # noqa: B006
    ban: Annotated[list[str], typer.Option(help="Panel and seed that must not be chosen.")] = [],  # noqa: B006
    forget: Annotated[bool, typer.Option("--forget", help="Drop what was picked by hand before.")] = False,
    like_votes: Annotated[
        bool, typer.Option("--like-votes", help="Weigh the metrics as the run's votes agree with them.")
    ] = False,
    draw: Annotated[
        int | None,
        typer.Option(
            metavar="PICTURES",
            min=1,
            help="Draw so many more at most, of panels where one more most likely raises the set.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,
) -> None:
    """Choose one of the seeds drawn for each panel, so that the set is best; pack and report use it.

    What is kept and banned by hand stays so, here and on the board, until it is decided anew or forgotten.
    """
    from eval.casting.cast import CastRequest
    from eval.casting.cast import cast as choose
    from eval.casting.summary import obeyed_said, set_said, told_of
    from eval.votes.weights import metric_weights
    from kit.experiment.run import Run
    from storykit.cli.terminal.progress import progress_bar

    kept = _choices("--keep", keep)
    if len(dict(kept)) < len(kept):
        raise WrongUsage(tr("--keep can name a panel once: one seed for each"))
    run = Run.open(run_folder)
    wish = CastRequest(
        candidate=candidate,
        order=order,
        story=story,
        keep=dict(kept),
        ban=frozenset(_choices("--ban", ban)),
        forget=forget,
        weights=metric_weights(run) if like_votes else {},
    )
    if draw is not None:
        with page_kept_or_said(run, quiet=as_json):
            _draw_and_cast(run, wish, draw, as_json=as_json)
        return
    with page_kept_or_said(run, quiet=as_json), progress_bar(tr("measuring")) as progress:
        casting = choose(run, wish, progress=progress)
    if as_json:
        say_json([told_of(one) for one in casting.selections])
        return
    for picks in casting.obeyed.values():
        say(obeyed_said(picks))
    for one in casting.selections:
        for line in set_said(one, swaps=len(casting.selections) == 1):
            say(line)
    for place, reason in casting.refused.items():
        say_fault(" ".join(place), reason)


def _draw_and_cast(run: "Run", wish: "CastRequest", budget: int, *, as_json: bool) -> None:
    """Spend a budget of pictures on the set that is cast, and say of each round what it gave."""
    from eval.casting.decisions import state_of
    from eval.casting.more.draw_more import RoundDrawn, Workshop, draw_more, place_meant
    from eval.casting.more.summary import end_said, round_said, spending_told
    from eval.casting.summary import obeyed_said, set_said, told_of
    from kit.generation.devices.multi_gpu import painters_on

    def heard(done: RoundDrawn) -> None:
        if not as_json:
            say(round_said(done))

    picks = state_of(run, place_meant(run, wish)).picks
    if picks and not (as_json or wish.decides or wish.forget):
        say(obeyed_said(picks))
    with ExitStack() as stack:
        with progress_bar(tr("loading"), transient=True) as progress:
            progress.note(tr("checking the base"))
            painters = stack.enter_context(painters_on(run.loaded.experiment.base, "auto"))
        shop = Workshop(painters=painters, showing=lambda task: progress_bar(task, transient=True))
        done = draw_more(run, wish, budget, shop, heard)
    if as_json:
        say_json([told_of(done.selection) | {"drawn": spending_told(done)}])
        return
    for line in (*set_said(done.selection, swaps=True), *end_said(done)):
        say(line)


def score(run_folder: RunFolder, devices: ScoringDevices = "auto", ray: ScoringCluster = "") -> None:
    """Score every panel: aesthetics, consistency, agreement with the text, faults."""
    from eval.scoring.score import scorer_loader
    from eval.scoring.shared_scorers import scorers_on
    from kit.experiment.run import Run

    refuse_both(devices, ray)
    run = Run.open(run_folder)
    with page_kept_or_said(run), ExitStack() as stack:
        with progress_bar(tr("loading"), transient=True) as progress:
            progress.note(tr("loading the scorers"))
            tools = stack.enter_context(scorers_on(scorer_loader(run.loaded), devices, ray, say_worker))
        score_run(run, tools)


def score_run(run: "Run", tools: "Scorers") -> None:
    """Score a run and say how many panels that were, what is wrong with which, and what has no number.

    Args:
        run: drawn.
        tools: what pictures are measured with.
    """
    from eval.scoring.score import score as measure
    from eval.scoring.summary import faults_said, missing_said, undefined_said

    with progress_bar(tr("scoring")) as progress:
        scores = measure(run, tools, progress)
    faults = sum(panel.status != "ok" for panel in scores.panels)
    copied = sum(bool(story.values.get("copies")) for story in scores.stories)
    more = tr(", {n} with copies of one picture", n=copied) if copied else ""
    say(
        tr(
            "scored  {panels} panels of {stories} stories, {faults}{more}",
            panels=len(scores.panels),
            stories=len(scores.stories),
            faults=faults_counted(faults),
            more=more,
        )
    )
    for note in scores.notes:
        say_note(note)
    for line in (*faults_said(scores), *undefined_said(scores), *missing_said(scores)):
        say(line)


@contextmanager
def page_kept_or_said(run: "Run", *, quiet: bool = False) -> Iterator[None]:
    """Say what of the run cannot be read, when what was made of older numbers is gone, and what to do."""
    from kit.experiment.run import PAGE

    if not quiet:
        say_unread(run)
    made = {"comparison.json": "compare", PAGE: "report"}
    before = [name for name in made if (run.folder / name).exists()]
    yield
    for name in before:
        if not quiet and not (run.folder / name).exists():
            command = f"`storykit {made[name]} {run.folder}`"
            say_note(
                tr("{file} told of older numbers and was removed: {command}", file=name, command=command)
            )


def compare(run_folder: RunFolder, as_json: AsJson = False) -> None:
    """Compare candidates and prompt orders, paired over seeds or stories."""
    from eval.scoring.summary import drawn_since_said
    from kit.experiment.run import Run

    run = Run.open(run_folder)
    with page_kept_or_said(run, quiet=as_json):
        compare_run(run, as_json)
    for since in () if as_json else drawn_since_said(run):
        say_note(since)


def compare_run(run: "Run", as_json: bool = False, *, just_scored: bool = False) -> None:
    """Compare a run's candidates and say who is better in what, or print comparison.json.

    Args:
        run: scored.
        as_json: for machines.
        just_scored: the scoring has just told what may be believed of its numbers.
    """
    from eval.comparison.compare import compare as judge
    from eval.comparison.summary import summary_lines

    told = judge(run)
    if as_json:
        say_json(run.read_json("comparison.json"))
        return
    for line in summary_lines(replace(told, calibration="") if just_scored else told):
        say(line)


def report(run_folder: RunFolder) -> None:
    """Write report.html: one page with pictures, scores and verdicts."""
    from eval.scoring.summary import drawn_since_said
    from kit.experiment.run import Run

    run = Run.open(run_folder)
    say_unread(run)
    report_run(run)
    for since in drawn_since_said(run):
        say_note(since)
    lacking = (
        ("scores.json", "score", mark("the page has no scores yet: type {command}, then report again")),
        (
            "comparison.json",
            "compare",
            mark("the page has no verdicts yet: type {command}, then report again"),
        ),
    )
    for name, stage, told in lacking:
        if not (run.folder / name).exists():
            command = f"`storykit {stage} {shell_word(run.folder)}`"
            say_note(tr(told, command=command))
            return


def report_run(run: "Run") -> None:
    """Write a run's page and say where it is."""
    from reports.run.report import write_report

    say(tr("report  {path}", path=write_report(run)))


def gate(
    folder: Annotated[Path, typer.Argument(help="Any folder of pictures.")],
    weights: Annotated[
        str, typer.Option(help="The predictor's folder, or 'mini' for the embedded one.")
    ] = EMBEDDED,
    calibration: Annotated[
        Path | None, typer.Option(help="What `metrics validate --drawn` found of these weights.")
    ] = None,
    devices: ScoringDevices = "auto",
    ray: ScoringCluster = "",
    as_json: AsJson = False,
) -> None:
    """Score a folder as the contest does: the mean over every file directly in it."""
    from eval.gate.gate import gate as folder_gate
    from eval.scorers.calibration import calibration_of
    from eval.scoring.shared_scorers import predictor_on

    refuse_both(devices, ray)
    with predictor_on(weights, devices, ray, say_worker) as scorer:
        known = calibration_of(scorer.metric.stamp, path=calibration)
        result = folder_gate(folder, scorer, calibration=known)
    _say_gate(folder, result, as_json=as_json)
    if result.mean is None:
        raise typer.Exit(1)


def _say_gate(folder: Path, result: "FolderGate", *, as_json: bool) -> None:
    """Say what the contest's script says of a folder, or print it as JSON."""
    from eval.scorers.calibration import said_of

    if as_json:
        say_json(asdict(result))
        return
    for fault in result.faults:
        say(tr("fault   {told}", told=fault))
    if result.mean is None:
        say(tr("{folder}: no score, as every file must be a picture: take the others out", folder=folder))
        return
    named = tr(" (embedded predictor, not the contest's)") if result.stamp.embedded else ""
    say(
        tr(
            "{folder}: {mean:s}, {verdict} at {threshold:g}{named}; weakest {weakest}",
            folder=folder,
            mean=against_threshold(result.mean, result.threshold, 4),
            verdict=tr(VERDICTS[result.verdict]),
            threshold=result.threshold,
            named=named,
            weakest=result.weakest,
        )
    )
    say(_said_elsewhere(result))
    say_note(said_of(result.calibration))


def _said_elsewhere(result: "FolderGate") -> str:
    """Return what the same pictures would score after harmless changes, or why that was not tried."""
    from eval.gate.gate import REACH

    if not result.elsewhere and result.mean is not None:
        return tr(
            "as JPEG or a little smaller: not tried, as the threshold is {margin:.2f} points away "
            "(below {reach:g} it is tried)",
            margin=abs(result.mean - result.threshold),
            reach=REACH,
        )
    moved = ((how, against_threshold(mean, result.threshold, 4)) for how, mean in result.elsewhere.items())
    means = joined((f"{mean} {how}" for how, mean in moved), tr("; "))
    passes = result.verdict == "pass"
    close = any((mean >= result.threshold) != passes for mean in result.elsewhere.values())
    told = (
        tr("the same pictures: {means}", means=means)
        if result.tried == len(result.files)
        else tr(
            "the same pictures, as {tried} of {count} tell: {means}",
            tried=result.tried,
            count=len(result.files),
            means=means,
        )
    )
    return joined([told, tr("; too close to be sure")], "") if close else told
