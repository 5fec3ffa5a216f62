"""The `storykit repair` command: one panel made anew from the picture that is there."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from kit.errors import InputError
from kit.files.user_paths import shell_word
from kit.messages import Message, in_english, tr
from storykit.cli.finishing.auto_repair import AutoWish, repair_by_itself
from storykit.cli.terminal.console import AsJson, RunFolder, say, say_fault, say_json
from storykit.cli.terminal.painters import ready_painters
from storykit.cli.terminal.progress import progress_bar
from storykit.cli.terminal.usage_errors import WrongUsage

if TYPE_CHECKING:
    from kit.experiment.run import Run
    from storykit.repairing import RepairResult


def repair(
    run_folder: RunFolder,
    panel: Annotated[
        int | None, typer.Option(min=1, max=8, help="Which panel; with --auto only this one, else any.")
    ] = None,
    auto: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=64,
            help="Take the panel and the reason that the scores name; at most so many pictures.",
        ),
    ] = None,
    vary: Annotated[
        float | None, typer.Option(help="Mix the noise with another seed's: .1 little, .5 much.")
    ] = None,
    redraw: Annotated[
        float | None, typer.Option(help="Draw again from the picture: .3 details, .6 poses, .9 nearly all.")
    ] = None,
    instruct: Annotated[
        str,
        typer.Option(
            metavar="TEXT",
            help="Edit it as a sentence says, such as 'make it night', by the experiment's editor.",
        ),
    ] = "",
    guidance: Annotated[
        float | None, typer.Option(help="With --instruct: how strongly it follows the sentence; else 7.5.")
    ] = None,
    picture_guidance: Annotated[
        float | None, typer.Option(help="With --instruct: how strongly it keeps to the picture; else 1.5.")
    ] = None,
    outpaint: Annotated[
        str, typer.Option(help="Draw on beyond the edges: pixels for each side, or LEFT,TOP,RIGHT,BOTTOM.")
    ] = "",
    restore: Annotated[
        str,
        typer.Option(
            metavar="FILE", help="Clean it with a network; a face restorer needs --mask around the face."
        ),
    ] = "",
    upscale: Annotated[
        str, typer.Option(metavar="FILE", help="Enlarge it with a network: mini, or a file as of ESRGAN.")
    ] = "",
    size: Annotated[
        int | None,
        typer.Option(help="With --upscale: pixels of a side; else as the network makes it, at most 2048."),
    ] = None,
    prompt: Annotated[
        str, typer.Option(help="With --redraw and --outpaint: other words for the panel.")
    ] = "",
    mask: Annotated[
        str,
        typer.Option(
            help="With --redraw, --instruct and --restore, only there: character, place, X,Y,WIDTH,HEIGHT in "
            "pixels, or a picture with white."
        ),
    ] = "",
    seed: Annotated[
        int | None, typer.Option(help="Which picture of the panel; else the one that was chosen.")
    ] = None,
    candidate: Annotated[str, typer.Option(help="Whose panel; else the one that was cast.")] = "",
    order: Annotated[str, typer.Option(help="Of which prompt order; else the one that was cast.")] = "",
    story: Annotated[str, typer.Option(help="Of which story; needed when several were cast.")] = "",
    tries: Annotated[
        int | None, typer.Option(min=1, max=64, help="Pictures to draw, each with its own noise; else 1.")
    ] = None,
    step_seed: Annotated[int, typer.Option(min=0, help="The first try's noise; the others follow.")] = 0,
    devices: Annotated[str, typer.Option(help="Where to draw: auto, or a device such as cuda:0.")] = "auto",
    as_json: AsJson = False,
) -> None:
    """Mend one panel and keep the others: vary its noise, draw again, edit, draw on, restore or enlarge.

    What was there stays. Each try is one more picture of the panel, with a number of its own, and is shown
    with what it does to the set; `cast --keep` takes it. --auto chooses panel and step by the scores, the
    mildest step first, until nothing is named any more.
    """
    from kit.experiment.run import Run
    from storykit.repair_options import RepairOptions
    from storykit.repairing import asked_repair, finished_said, repaired
    from submissions.packing.entry_plan import EntryPlan

    asks = RepairOptions(
        vary=vary,
        redraw=redraw,
        instruct=instruct,
        guidance=guidance,
        picture_guidance=picture_guidance,
        outpaint=outpaint,
        restore=restore,
        upscale=upscale,
        size=size,
        prompt=prompt,
        mask=mask,
        tries=tries,
    )
    try:
        asks.refuse_unclear(auto, panel)
        step = None if auto else asks.step(step_seed)
    except InputError as error:
        raise WrongUsage(str(error)) from error
    run = Run.open(run_folder)
    plan = EntryPlan(candidate=candidate, order=order, story=story, seed=seed)
    if auto or step is None or panel is None:
        wish = AutoWish(auto or 1, panel, step_seed, devices)
        repair_by_itself(run, plan, wish, as_json=as_json)
        return
    asked = asked_repair(run, plan, panel, step, mask, tries or 1)
    with ready_painters(run.loaded.experiment.base, devices) as painters, progress_bar(tr("drawing")) as bar:
        done = repaired(run, painters[0], asked, bar)
    if as_json:
        say_json(_told(run, done))
        return
    for line in (*_lines(run, done), *finished_said(run, done.source[:3])):
        say(line)
    for one in done.tries:
        if one.reason:
            say_fault(str(one.repair.number), one.reason)


def _lines(run: "Run", done: "RepairResult") -> Iterator[Message]:
    """Yield how good the set is with the picture that was there and with each try."""
    from eval.casting.summary import standing_said

    def said(number: int) -> Message:
        one = done.standings.get(number)
        if one is None:
            return tr("not judged") if done.unjudged else tr("no usable picture")
        told = standing_said(one.standing)
        return tr("aesthetic {points:.2f}; the set with it: {told}", points=one.aesthetic, told=told)

    slot = done.source
    was = {"panel": slot.panel, "seed": slot.seed, "told": said(slot.seed)}
    yield tr("was     panel {panel}, seed {seed}: {told}", **was)
    for one in done.tries:
        yield tr("try     number {number}: {told}", number=one.repair.number, told=said(one.repair.number))
        yield tr("        {file}", file=run.panel_path(*one.repair.slot))
    if any(one.repair.step.inpainting for one in done.tries):
        yield tr("drawn by Kolors-Inpainting, whose folder lies beside the base's")
    if done.unjudged:
        yield tr("the set cannot be judged: {reason}", reason=done.unjudged)
        return
    if done.best is None:
        yield tr("by these numbers none is better than what was there; look at them yourself")
        return
    yield tr(
        "take it with `storykit cast {folder} --candidate {candidate} --order {order} --story {story} "
        "--keep {panel}={number}`",
        folder=shell_word(run.folder),
        candidate=shell_word(slot.candidate),
        order=shell_word(slot.order),
        story=shell_word(slot.story),
        panel=slot.panel,
        number=done.best,
    )


def _told(run: "Run", done: "RepairResult") -> dict[str, object]:
    """Return the same for machines."""
    from kit.experiment.steps import step_told

    def told(number: int) -> dict[str, object]:
        one = done.standings.get(number)
        return {"aesthetic": one and one.aesthetic, "standing": one and asdict(one.standing)}

    tries = [
        {
            "number": one.repair.number,
            "step": step_told(one.repair.step),
            "file": run.panel_path(*one.repair.slot).relative_to(run.folder).as_posix(),
            "reason": one.reason,
            **told(one.repair.number),
        }
        for one in done.tries
    ]
    return {
        **done.source._asdict(),
        "was": told(done.source.seed),
        "tries": tries,
        "best": done.best,
        "unjudged": in_english(done.unjudged),
    }
