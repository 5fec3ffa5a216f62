"""The `storykit finish` command: what was chosen, drawn as the contest draws, refined and enlarged."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kit.messages import against_threshold, joined, tr
from storykit.cli.experiment import say_drawn
from storykit.cli.scores import VERDICTS, page_kept_or_said
from storykit.cli.terminal.console import AsJson, Cluster, Devices, RunFolder, say, say_json, say_note
from storykit.cli.terminal.painters import ready_painters
from storykit.cli.terminal.progress import progress_bar
from storykit.cli.terminal.usage_errors import WrongUsage

if TYPE_CHECKING:
    from eval.scoring.records import StoryScore
    from kit.experiment.run import Run
    from reports.run.story_page import ChosenStory
    from storykit.finishing import FinishingPlan
    from submissions.finish import BothSides, Finals
    from submissions.finished_set import FinishedSet, TwoScores
    from submissions.packing.entry_plan import EntryPlan


def finish(
    run_folder: RunFolder,
    upscale: Annotated[
        str, typer.Option(help="Enlarge the chosen pictures by a network: mini, or a file such as ESRGAN's.")
    ] = "",
    refine: Annotated[
        float | None, typer.Option(help="Draw them again at a larger size: .3 details, .5 much.")
    ] = None,
    size: Annotated[
        int | None, typer.Option(help="Side of the finished pictures; else the network's, or twice.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The finals' folder; else RUN-final, beside the run.")
    ] = None,
    candidate: Annotated[str, typer.Option(help="Whose pictures; else the one that was cast.")] = "",
    order: Annotated[str, typer.Option(help="Which prompt order; else the one that was cast.")] = "",
    story: Annotated[str, typer.Option(help="Which story; needed when several were cast.")] = "",
    seed: Annotated[int | None, typer.Option(help="All eight of this seed; else what was cast.")] = None,
    devices: Devices = "auto",
    ray: Cluster = "",
    as_json: AsJson = False,
) -> None:
    """Draw the drafts that were chosen as the contest draws, and make the chosen eight larger.

    Finals are drawn from the drafts' noise into a run of their own; `pack` takes the eight panels. Finished
    pictures come beside those that they are made of and are chosen in their place. Stopped anywhere, the
    same command goes on.
    """
    from kit.experiment.identity import is_draft
    from kit.experiment.run import Run
    from storykit.finishing import FinishingWish, plan_finishing
    from submissions.finish import chosen_set
    from submissions.packing.entry_plan import EntryPlan

    run = Run.open(run_folder)
    wanted = plan_finishing(run, FinishingWish(upscale, refine, size))
    plan, told = EntryPlan(candidate=candidate, order=order, story=story, seed=seed), dict[str, object]()
    if is_draft(run):
        finals, told = _draw_finals(run, plan, out, (devices, ray), quiet=as_json)
        run, plan = finals.run, finals.plan
    elif out is not None:
        raise WrongUsage(tr("--out is for drafts: finished pictures lie beside those of their run"))
    if wanted.steps:
        with page_kept_or_said(run, quiet=as_json):
            told |= _finish(run, chosen_set(run, plan), wanted, (devices, ray), quiet=as_json)
    if as_json:
        say_json(told)


def _draw_finals(
    run: "Run", plan: "EntryPlan", out: Path | None, where: tuple[str, str], *, quiet: bool
) -> "tuple[Finals, dict[str, object]]":
    """Draw the finals of what was chosen, say so unless that is for machines, and return what there is."""
    from eval.scoring.summary import faults_said
    from submissions.finish import both_sides, chosen_drafts, draw_finals, final_experiment, usual_folder

    chosen, folder = chosen_drafts(run, plan), out or usual_folder(run)
    loaded = final_experiment(run, chosen, folder)
    with ready_painters(loaded.experiment.base, *where) as painters, progress_bar(tr("drawing")) as bar:
        finals = draw_finals(run, chosen, folder, painters, bar)
    with progress_bar(tr("scoring")) as bar:
        sides = both_sides(run, chosen, finals, bar)
    if not quiet:
        say_drawn(finals.drawn)
        for note in sides.scores.notes:
            say_note(note)
        for line in (*faults_said(sides.scores), *_lines(chosen, finals, sides)):
            say(line)
    return finals, _told(chosen, finals, sides)


def _finish(
    run: "Run", chosen: "ChosenStory", wanted: "FinishingPlan", where: tuple[str, str], *, quiet: bool
) -> dict[str, object]:
    """Make the finished pictures, say so unless that is for machines, and return what there is."""
    from eval.scoring.summary import faults_said
    from storykit.finishing import finished
    from submissions.finished_set import two_scores

    with ready_painters(run.loaded.experiment.base, *where) as painters, progress_bar(tr("drawing")) as bar:
        done = finished(run, chosen, wanted, painters, bar)
    with progress_bar(tr("scoring")) as bar:
        sides = two_scores(run, done, bar)
    if not quiet:
        for note in sides.scores.notes:
            say_note(note)
        for line in (*faults_said(sides.scores), *_finished_lines(run, done, sides)):
            say(line)
    scored = {"before": sides.before, "after": sides.after}
    return {
        "run": str(run.folder),
        "was": list(done.before.seeds),
        "finished": list(done.seeds),
        "threshold": sides.scores.gate.threshold,
        **{name: {"gate": one.gate, "values": dict(one.values)} for name, one in scored.items()},
    }


def _finished_lines(run: "Run", done: "FinishedSet", sides: "TwoScores") -> Iterator[str]:
    """Yield what was made of which set, the gate's score before and after, and what packs it."""
    from kit.experiment.steps import side_after
    from submissions.packing.entry_plan import EntryPlan, next_command, with_decisions

    before, rows = done.before, {(row.slot[:3], row.panel, row.seed): row for row in run.rows()}
    place = (before.candidate, before.order, before.story)
    row, drawn = rows[place, 1, done.seeds[0]], run.loaded.settings.size
    yield tr("set      {place}: seeds {seeds}", place=" ".join(place), seeds=" ".join(map(str, before.seeds)))
    said = joined((step.said() for step in row.chain if step.finishes), tr("; "))
    sizes = {"was": drawn, "now": side_after(drawn, row.chain)}
    yield tr("finished {was} to {now} pixels: {said}", said=said, **sizes)
    numbers = " ".join(map(str, dict.fromkeys(done.seeds)))
    yield tr("         number {numbers}, in place of them", numbers=numbers)
    least = sides.scores.gate.threshold
    yield tr(
        "gate     before {was}, now {now}; at least {least:g} is asked for",
        was=_gate_said(sides.before, least),
        now=_gate_said(sides.after, least),
        least=least,
    )
    named = before.story if len(run.loaded.stories) > 1 else ""
    plan = EntryPlan(candidate=before.candidate, order=before.order, story=named)
    yield tr("next     {command}", command=next_command(run, with_decisions(run, plan)[0]))


def _lines(chosen: "ChosenStory", finals: "Finals", sides: "BothSides") -> Iterator[str]:
    """Yield what was chosen, each metric of it as drafts and as finals, and what packs it."""
    from submissions.packing.entry_plan import EntryPlan, next_command, with_decisions

    place = " ".join((chosen.candidate, chosen.order, chosen.story))
    yield tr("set     {place}: seeds {seeds}", place=place, seeds=" ".join(map(str, chosen.seeds)))
    yield from _sides_said(sides)
    plan = EntryPlan(candidate=chosen.candidate, order=chosen.order)
    command = next_command(finals.run, with_decisions(finals.run, plan)[0])
    yield tr("finals  {folder}; next: {command}", folder=finals.run.folder, command=command)


def _sides_said(sides: "BothSides") -> Iterator[str]:
    from eval.metrics.registry import METRICS, judged

    for name in judged():
        draft, final = sides.draft.values.get(name), sides.final.values.get(name)
        if draft is not None and final is not None:
            metric = METRICS[name].said_here
            yield tr(
                "        {metric}: draft {was:.3f}, final {now:.3f}", metric=metric, was=draft, now=final
            )
    least = sides.scores.gate.threshold
    yield tr(
        "gate    draft {was}, final {now}; at least {least:g} is asked for",
        was=_gate_said(sides.draft, least),
        now=_gate_said(sides.final, least),
        least=least,
    )


def _gate_said(one: "StoryScore", least: float) -> str:
    """Return a set's mean aesthetic score and whether that is enough, or why there is none."""
    mean = one.values.get("aesthetic_mean")
    if mean is None or not one.gate:
        return tr("without a score ({faults})", faults=one.faults)
    return tr("{mean:s} ({verdict})", mean=against_threshold(mean, least, 2), verdict=tr(VERDICTS[one.gate]))


def _told(chosen: "ChosenStory", finals: "Finals", sides: "BothSides") -> dict[str, object]:
    """Return the same for machines."""
    scored = {"draft": sides.draft, "final": sides.final}
    return {
        "finals": str(finals.run.folder),
        "candidate": chosen.candidate,
        "order": chosen.order,
        "story": chosen.story,
        "seeds": list(chosen.seeds),
        "seed": finals.number,
        "drawn": finals.drawn.drawn,
        "kept": finals.drawn.kept,
        "faults": dict(finals.drawn.faults),
        "threshold": sides.scores.gate.threshold,
        **{name: {"gate": one.gate, "values": dict(one.values)} for name, one in scored.items()},
    }
