"""The `storykit repair` command: one panel made anew from the picture that is there."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kit.errors import RunError
from kit.files.user_paths import shell_word
from kit.messages import Message, tr
from storykit.cli.experiment import ready_painters
from storykit.cli.terminal.console import AsJson, RunFolder, say, say_fault, say_json
from storykit.cli.terminal.progress import progress_bar
from storykit.cli.terminal.usage_errors import WrongUsage

if TYPE_CHECKING:
    from PIL.Image import Image

    from eval.casting.exchanged import Exchanged
    from kit.experiment.run import Run, Slot
    from kit.experiment.steps import Redraw, Vary
    from kit.generation.repair.repair import RepairTry

_BOX = re.compile(r"(\d{1,5}),(\d{1,5}),(\d{1,5}),(\d{1,5})")


def repair(
    run_folder: RunFolder,
    panel: Annotated[int, typer.Option(min=1, max=8, help="Which panel.")],
    vary: Annotated[
        float | None, typer.Option(help="Mix the noise with another seed's: .1 little, .5 much.")
    ] = None,
    redraw: Annotated[
        float | None,
        typer.Option(help="Draw again from the picture: .3 details, .6 poses, .9 nearly all."),
    ] = None,
    prompt: Annotated[str, typer.Option(help="With --redraw: other words for the panel.")] = "",
    mask: Annotated[
        str,
        typer.Option(
            help="With --redraw, only there: character, place, X,Y,WIDTH,HEIGHT in pixels, or a picture with "
            "white."
        ),
    ] = "",
    seed: Annotated[
        int | None, typer.Option(help="Which picture of the panel; else the one that was chosen.")
    ] = None,
    candidate: Annotated[str, typer.Option(help="Whose panel; else the one that was cast.")] = "",
    order: Annotated[str, typer.Option(help="Of which prompt order; else the one that was cast.")] = "",
    story: Annotated[str, typer.Option(help="Of which story; needed when several were cast.")] = "",
    tries: Annotated[int, typer.Option(min=1, max=64, help="Pictures to draw, each with its own noise.")] = 1,
    step_seed: Annotated[int, typer.Option(min=0, help="The first try's noise; the others follow.")] = 0,
    devices: Annotated[str, typer.Option(help="Where to draw: auto, or a device such as cuda:0.")] = "auto",
    as_json: AsJson = False,
) -> None:
    """Mend one panel and keep the others: vary its noise, or draw again from the picture, whole or in part.

    What was there stays. Each try is one more picture of the panel, with a number of its own, and is shown
    with what it does to the set; `cast --keep` takes it.
    """
    from eval.casting.exchanged import exchanged
    from eval.scoring.score import scorers_of
    from kit.experiment.run import Run
    from kit.generation.repair.repair import Part, RepairWish, picture_at
    from kit.generation.repair.repair import repair as repaired

    run = Run.open(run_folder)
    step = _step(vary, redraw, prompt, mask, step_seed)
    slot, seeds = _meant(run, (candidate, order, story), panel, seed)
    row = picture_at(run, slot)
    part: Part | None = "character" if mask == "character" else "place" if mask == "place" else None
    drawn = None if part else _mask(mask, run.folder / row.file)
    wish = RepairWish(source=slot, step=step, mask=drawn, part=part, tries=tries)
    with ready_painters(run.loaded.experiment.base, devices) as painters, progress_bar(tr("drawing")) as bar:
        done = repaired(run, painters[0], wish, bar)
    with progress_bar(tr("measuring"), transient=True) as bar:
        found = exchanged(run, slot, seeds, scorers_of(run.loaded), bar)
    if as_json:
        say_json(_told(run, slot, done, found))
        return
    for line in _lines(run, slot, done, found):
        say(line)
    for one in done:
        if one.reason:
            say_fault(str(one.repair.number), one.reason)


def _step(vary: float | None, redraw: float | None, prompt: str, mask: str, seed: int) -> "Vary | Redraw":
    from kit.experiment.steps import Redraw, Vary

    if (vary is None) == (redraw is None):
        raise WrongUsage(tr("say what is to be done: --vary STRENGTH or --redraw STRENGTH"))
    if redraw is None and (prompt or mask):
        raise WrongUsage(tr("--prompt and --mask are for --redraw"))
    strength = redraw if redraw is not None else vary
    if strength is None or not 0 < strength <= 1:
        raise WrongUsage(tr("a strength must be above 0 and at most 1, got {got}", got=strength))
    if redraw is None:
        return Vary(seed=seed, strength=strength)
    return Redraw(seed=seed, strength=strength, prompt=prompt.strip())


def _meant(
    run: "Run", asked: tuple[str, str, str], panel: int, seed: int | None
) -> "tuple[Slot, tuple[int, ...]]":
    """Return the picture that is meant, and the seeds of the set that it is judged in."""
    from eval.casting.decisions import refuse_unknown
    from eval.casting.selection import seeds_cast
    from kit.experiment.run import Slot
    from kit.story.story import PANELS
    from submissions.finish import place_of
    from submissions.packing.entry_plan import EntryPlan, with_decisions

    candidate, order, story = asked
    plan, _ = with_decisions(run, EntryPlan(candidate=candidate, order=order, story=story))
    place = place_of(run, plan)
    refuse_unknown(run, place)
    cast, drawn = seeds_cast(run, *place), run.loaded.experiment.seeds
    if seed is None and not cast and len(drawn) > 1:
        raise RunError(
            tr(
                "nothing is chosen of {place} yet: name the picture with --seed, or first `storykit cast "
                "{folder}`",
                place=" ".join(place),
                folder=shell_word(run.folder),
            )
        )
    seeds = tuple(cast or (seed if seed in drawn else drawn[0],) * PANELS)
    return Slot(*place, seeds[panel - 1] if seed is None else seed, panel), seeds


def _mask(told: str, picture: Path) -> "Image | None":
    """Return the mask of a picture, "L"; None where nothing is said."""
    from PIL import Image, ImageDraw

    from kit.errors import InputError
    from kit.images.decode import PictureError, open_picture

    if not told:
        return None
    size = open_picture(picture).size
    if (found := _BOX.fullmatch(told)) is not None:
        left, top, width, height = map(int, found.groups())
        mask = Image.new("L", size)
        if width and height:
            ImageDraw.Draw(mask).rectangle((left, top, left + width - 1, top + height - 1), fill=255)
        return mask
    try:
        return open_picture(Path(told)).convert("L")
    except PictureError as error:
        raise InputError(told, [str(error)]) from error


def _lines(
    run: "Run", slot: "Slot", done: "Sequence[RepairTry]", found: "Mapping[int, Exchanged]"
) -> Iterator[Message]:
    """Yield how good the set is with the picture that was there and with each try."""
    from eval.casting.summary import standing_said

    def said(number: int) -> Message:
        one = found.get(number)
        if one is None:
            return tr("no usable picture")
        told = standing_said(one.standing)
        return tr("aesthetic {points:.2f}; the set with it: {told}", points=one.aesthetic, told=told)

    was = {"panel": slot.panel, "seed": slot.seed, "told": said(slot.seed)}
    yield tr("was     panel {panel}, seed {seed}: {told}", **was)
    for one in done:
        yield tr("try     number {number}: {told}", number=one.repair.number, told=said(one.repair.number))
        yield tr("        {file}", file=run.panel_path(*one.repair.slot))
    usable = [one.repair.number for one in done if one.repair.number in found]
    best = max(usable, key=lambda number: found[number].standing.rank, default=None)
    if best is None:
        return
    if slot.seed in found and found[slot.seed].standing.rank >= found[best].standing.rank:
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
        number=best,
    )


def _told(
    run: "Run", slot: "Slot", done: "Sequence[RepairTry]", found: "Mapping[int, Exchanged]"
) -> dict[str, object]:
    """Return the same for machines."""
    from kit.experiment.steps import step_told

    def told(number: int) -> dict[str, object]:
        one = found.get(number)
        return {"aesthetic": one and one.aesthetic, "standing": one and asdict(one.standing)}

    tries = [
        {
            "number": one.repair.number,
            "step": step_told(one.repair.step),
            "file": run.panel_path(*one.repair.slot).relative_to(run.folder).as_posix(),
            "reason": one.reason,
            **told(one.repair.number),
        }
        for one in done
    ]
    return {**slot._asdict(), "was": told(slot.seed), "tries": tries}
