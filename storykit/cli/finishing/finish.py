"""The `storykit finish` command: what was chosen among drafts, drawn as the contest draws."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kit.messages import tr
from storykit.cli.experiment import ready_painters, say_drawn
from storykit.cli.scores import VERDICTS
from storykit.cli.terminal.console import AsJson, Devices, RunFolder, say, say_json, say_note
from storykit.cli.terminal.progress import progress_bar

if TYPE_CHECKING:
    from eval.scoring.records import StoryScore
    from reports.run.story_page import ChosenStory
    from submissions.finish import BothSides, Finals


def finish(
    run_folder: RunFolder,
    out: Annotated[
        Path | None, typer.Option("--out", help="The finals' folder; else RUN-final, beside the run.")
    ] = None,
    candidate: Annotated[str, typer.Option(help="Whose drafts; else the one that was cast.")] = "",
    order: Annotated[str, typer.Option(help="Which prompt order; else the one that was cast.")] = "",
    story: Annotated[str, typer.Option(help="Which story; needed when several were cast.")] = "",
    seed: Annotated[int | None, typer.Option(help="All eight of this seed; else what was cast.")] = None,
    devices: Devices = "auto",
    as_json: AsJson = False,
) -> None:
    """Draw the drafts that were chosen as the contest draws, from the same noise, into a run of their own.

    The new run is final: `pack` takes the eight panels. Stopped anywhere, the same command goes on; after
    another choice only what is new is drawn.
    """
    from eval.scoring.summary import faults_said
    from kit.experiment.run import Run
    from submissions.finish import both_sides, chosen_drafts, draw_finals, final_experiment, usual_folder
    from submissions.packing.entry_plan import EntryPlan

    run = Run.open(run_folder)
    plan = EntryPlan(candidate=candidate, order=order, story=story, seed=seed)
    chosen, folder = chosen_drafts(run, plan), out or usual_folder(run)
    loaded = final_experiment(run, chosen, folder)
    with ready_painters(loaded.experiment.base, devices) as painters, progress_bar(tr("drawing")) as bar:
        finals = draw_finals(run, chosen, folder, painters, bar)
    with progress_bar(tr("scoring")) as bar:
        sides = both_sides(run, chosen, finals, bar)
    if as_json:
        say_json(_told(chosen, finals, sides))
        return
    say_drawn(finals.drawn)
    for note in sides.scores.notes:
        say_note(note)
    for line in (*faults_said(sides.scores), *_lines(chosen, finals, sides)):
        say(line)


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
    yield tr(
        "gate    draft {was}, final {now}; at least {least:g} is asked for",
        was=_gate_said(sides.draft),
        now=_gate_said(sides.final),
        least=sides.scores.gate.threshold,
    )


def _gate_said(one: "StoryScore") -> str:
    """Return a set's mean aesthetic score and whether that is enough, or why there is none."""
    mean = one.values.get("aesthetic_mean")
    if mean is None or not one.gate:
        return tr("without a score ({faults})", faults=one.faults)
    return tr("{mean:.2f} ({verdict})", mean=mean, verdict=tr(VERDICTS[one.gate]))


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
