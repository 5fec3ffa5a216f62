"""The stage that repairs: pictures of one panel that are made of another picture of it, each by one step.

What is asked for is written down in RUN/extras.json before it is drawn. So a repair that was stopped is gone
on with by the same call, or by drawing the run again, and gives the same pictures.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from PIL import Image

from kit.errors import InputError, RunError
from kit.experiment.extras.extra_pictures import (
    Repair,
    all_slots,
    fresh_numbers,
    keep_repair,
    origins_of,
    read_extras,
)
from kit.experiment.fields import MOST_SEED
from kit.experiment.identity import is_draft
from kit.experiment.run import PanelRow, Run, Slot
from kit.experiment.step_sizes import refuse_size
from kit.experiment.steps import (
    MOST_STEPS,
    Instruct,
    Outpaint,
    Redraw,
    Restore,
    Step,
    Upscale,
    Vary,
    check_step,
    side_after,
)
from kit.files.encodings import sha256_of
from kit.files.folder_lock import lock_folder
from kit.files.user_paths import shell_word
from kit.finishing.kept_networks import KeptNetwork
from kit.generation.generate import generate
from kit.generation.painter import Painter, RedrawRequest, mask_faults
from kit.generation.recipe import SHOWN, Job, RunPlan, plan_run
from kit.generation.repair.part_masks import Part, part_mask
from kit.generation.repair.step_files import StepFiles, files_of, keep_mask, keep_network
from kit.images.decode import open_picture
from kit.messages import mark, tr
from kit.progress import Progress

MOST_TRIES = 64
"""Of one call."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RepairWish:
    """What is to be tried on one picture."""

    source: Slot
    """The picture that is repaired."""
    step: Step
    """The first try; those after it have the next seeds."""
    mask: Image.Image | None = None
    """"L", of the picture's size: white is made anew; for Redraw, Instruct and Restore. None: all of it."""
    part: Part | None = None
    """Which part is made anew, in place of a mask."""
    network: KeptNetwork | None = None
    """What makes it, for Upscale and Restore."""
    tries: int = 1
    anew: bool = True
    """Whether a step that was taken before is passed over for one with another seed; else it is that one."""


class RepairTry(NamedTuple):
    """One picture that a repair made."""

    repair: Repair
    reason: str
    """Why there is no picture; empty where there is one."""


def repair(run: Run, painter: Painter, wish: RepairWish, progress: Progress | None = None) -> list[RepairTry]:
    """Draw what a wish asks for, beside what is there, and return each try; what is there stays.

    Args:
        run: drawn.
        painter: of its base.
        wish: what is wanted.
        progress: hears of every picture.

    Raises:
        RunError: it is a draft, is not there, was drawn otherwise than it would be now, or cannot have the
            step.
        InputError: strength, words or mask do not fit.
    """
    if not 1 <= wish.tries <= MOST_TRIES:
        raise InputError(
            "tries", [tr("must be from 1 to {most}, got {got}", most=MOST_TRIES, got=wish.tries)]
        )
    check_step(wish.step)
    _refuse_drafts(run)
    with lock_folder(run.folder, "repaired"):
        plan = plan_run(run, painter)
        source = _source_of(run, wish.source, plan)
        _refuse_unfit(source, wish, painter, run)
        if wish.part is not None:
            painter.set_lora(*plan.loras[source.slot.candidate])
            wish = replace(wish, mask=part_mask(run, source, wish.part, painter))
            _refuse_unfit(source, wish, painter, run)
        step = _drawn_here(wish, painter)
        if isinstance(step, Redraw | Instruct | Restore) and wish.mask is not None:
            step = replace(step, mask=keep_mask(run, wish.mask))
        if wish.network is not None:
            keep_network(run, wish.network)
        asked = [_ask_for(run, wish.source, one) for one in _tries(run, wish, step, source)]
        return _made(run, painter, asked, progress)


def finish_pictures(
    run: Run, painter: Painter, sources: Sequence[Slot], step: Step, progress: Progress | None = None
) -> list[RepairTry]:
    """Make a picture more of each of some, all by the same step; the same call makes no other ones.

    Args:
        run: drawn.
        painter: of its base.
        sources: the pictures.
        step: what is done to them; a picture that has its noise behind it gets the next seed's.
        progress: hears of every picture.

    Raises:
        RunError: a picture is a draft, is not there, was drawn otherwise than it would be now, or cannot have
            the step.
        InputError: the step cannot be.
    """
    check_step(step)
    _refuse_drafts(run)
    with lock_folder(run.folder, "repaired"):
        plan, asked = plan_run(run, painter), []
        for slot in sources:
            source = _source_of(run, slot, plan)
            _refuse_unfit(source, RepairWish(source=slot, step=step), painter, run)
            asked.append((slot, _with_own_noise(step, source)))
        number = _number_of_set(run, asked)
        return _made(run, painter, [_ask_for(run, *one, number) for one in asked], progress)


def _number_of_set(run: Run, asked: Sequence[tuple[Slot, Step]]) -> int:
    """Return by what the pictures of a set are known together: what one of them is known by already."""
    known = {(one.origin, one.step): one.number for one in read_extras(run).repairs}
    return next((known[one] for one in asked if one in known), next(fresh_numbers(run)))


def _drawn_here(wish: RepairWish, painter: Painter) -> Step:
    """Return the step as it is drawn on this machine.

    With the UNet for inpainting where one is there and it draws but a part; edited in fp16 on a GPU.
    """
    if isinstance(wish.step, Instruct):
        return replace(wish.step, dtype="float16" if painter.device.startswith("cuda") else "float32")
    if isinstance(wish.step, Outpaint) or (isinstance(wish.step, Redraw) and wish.mask is not None):
        return replace(wish.step, inpainting=painter.inpainting)
    return wish.step


def _refuse_drafts(run: Run) -> None:
    if is_draft(run):
        raise RunError(
            tr(
                "{folder} holds drafts: choose among them, `storykit finish {word}`, and repair the finals",
                folder=run.folder,
                word=shell_word(run.folder),
            )
        )


def _made(run: Run, painter: Painter, asked: Sequence[Repair], progress: Progress | None) -> list[RepairTry]:
    """Draw what is asked for, and return what became of it."""
    generate(run, [painter], progress, only=frozenset(one.slot for one in asked))
    files, faults = {one: run.panel_path(*one.slot).relative_to(run.folder) for one in asked}, run.faults()
    return [RepairTry(one, faults.get(file.as_posix(), "")) for one, file in files.items()]


def _seeds_behind(source: Job) -> set[int | None]:
    """Return whose noise a picture was made from: from that again it comes out nearly as it is."""
    return {source.request.seed, *(one.seed for one in source.chain)}


def _with_own_noise(step: Step, source: Job) -> Step:
    """Return the step with the first seed from its own on that the picture does not come from."""
    behind = _seeds_behind(source)
    while not isinstance(step, Upscale | Restore) and step.seed in behind:
        step = replace(step, seed=step.seed + 1 if step.seed < MOST_SEED else 0)
    return step


def picture_at(run: Run, slot: Slot) -> PanelRow:
    """Return the row of a picture of a run; raises RunError where it is not there as it was drawn."""
    row = next((row for row in run.rows() if row.slot == slot), None)
    if row is None or slot not in all_slots(run):
        raise RunError(
            tr(
                "{folder} has no picture of panel {panel}, seed {seed}, of {place}",
                folder=run.folder,
                panel=slot.panel,
                seed=slot.seed,
                place=" ".join(slot[:3]),
            )
        )
    path = run.folder / row.file
    if not path.is_file() or sha256_of(path) != row.sha256:
        raise RunError(
            tr(
                "{file} is not there as it was drawn: `storykit generate EXPERIMENT.toml --out {folder}` "
                "draws it again",
                file=path,
                folder=run.folder,
            )
        )
    return row


def _source_of(run: Run, slot: Slot, plan: RunPlan) -> Job:
    """Return how the picture to repair is made; RunError where it was made otherwise."""
    row = picture_at(run, slot)
    job = next(job for job in plan.jobs if job.slot == slot)
    if job.key != row.key:
        raise RunError(
            tr(
                "{file} was drawn with other weights, words or settings than it would be now, or on another "
                "kind of device: draw it again first, `storykit generate EXPERIMENT.toml --out {folder} "
                "--again`",
                file=run.folder / row.file,
                folder=run.folder,
            )
        )
    return job


def _refuse_unfit(source: Job, wish: RepairWish, painter: Painter, run: Run) -> None:
    """Raise where a step cannot follow the picture."""
    if len(source.chain) >= MOST_STEPS:
        raise RunError(
            tr(
                "the picture has {most} steps behind it, which is the most: begin with another",
                most=MOST_STEPS,
            )
        )
    match wish.step:
        case Vary() if source.chain:
            raise RunError(
                tr(
                    "a repaired picture has no noise of its own to vary: vary the one that was drawn, seed "
                    "{seed}, or redraw",
                    seed=origins_of(run)[wish.source].drawn.seed,
                )
            )
        case Upscale() | Restore() as step:
            picture = open_picture(run.folder / source.request.label, ("PNG",))
            _refuse_unfinishable(step, wish, picture)
        case Redraw(strength=strength):
            picture = open_picture(run.folder / source.request.label, ("PNG",)).convert("RGB")
            RedrawRequest(request=source.request, picture=picture, strength=strength, mask=wish.mask)
        case Instruct() as step:
            picture = open_picture(run.folder / source.request.label, ("PNG",))
            _refuse_uneditable(step, wish.mask, picture, files_of(run, painter.device))
        case _:
            pass
    refuse_size(wish.step, side_after(run.loaded.settings.size, source.chain))
    if faults := painter.step_refusals(wish.step, wish.part or ""):
        raise InputError(wish.step.step, faults)
    if (prompt := wish.step.prompt) and not run.loaded.experiment.long_prompts:
        _refuse_long(prompt, painter)


def _refuse_unfinishable(step: Upscale | Restore, wish: RepairWish, picture: Image.Image) -> None:
    """Raise InputError where a picture cannot be finished as it is wished."""
    faults = [] if wish.mask is None else mask_faults(wish.mask, picture)
    masked = wish.mask is not None or wish.part is not None
    if wish.network is not None and (fault := wish.network.use.fault(step.step, masked=masked)):
        faults.append(fault)
    if wish.tries > 1:
        faults.append(tr("a network makes the same picture each time: ask for one try"))
    if faults:
        raise InputError(step.step, faults)


def _refuse_uneditable(
    step: Instruct, mask: Image.Image | None, picture: Image.Image, files: StepFiles
) -> None:
    """Raise InputError where a picture cannot be edited as it is wished, WeightsError without an editor."""
    from kit.models.token_counts import CLIP_TOKENS

    faults = [] if mask is None else mask_faults(mask, picture)
    if end := files.editor(step.editor).truncated_tail(step.instruction):
        told = {"most": CLIP_TOKENS, "end": end[:SHOWN]}
        faults.append(tr("must be at most {most} tokens, {end!r} and what follows would be cut", **told))
    if faults:
        raise InputError(step.step, faults)


def _refuse_long(prompt: str, painter: Painter) -> None:
    """Raise InputError where words are more than the text encoder reads."""
    if end := painter.truncated_tail(prompt):
        told = mark("must be at most {most} tokens, {end!r} and what follows would be cut")
        raise InputError("prompt", [tr(told, most=painter.prompt_tokens, end=end[:SHOWN])])


def _tries(run: Run, wish: RepairWish, step: Step, source: Job) -> Iterator[Step]:
    """Yield the step with the next seeds that no picture has been made with, from the wished one on.

    A step without noise makes the same picture each time, so it has one try. What was made before is passed
    over, unless the wish says otherwise.
    """
    if isinstance(step, Upscale | Restore):
        yield step
        return
    made = {row.slot for row in run.rows()}
    done = {
        one.step
        for one in read_extras(run).repairs
        if wish.anew and one.origin == wish.source and one.slot in made
    }
    behind = _seeds_behind(source)
    seed, left = step.seed, wish.tries
    while left:
        one = replace(step, seed=seed)
        if seed not in behind and one not in done:
            left -= 1
            yield one
        seed = seed + 1 if seed < MOST_SEED else 0


def _ask_for(run: Run, source: Slot, step: Step, number: int | None = None) -> Repair:
    """Write down a picture that is wanted, and return it; one that was asked for before stays as it is.

    It is known by the number, where no other picture of its panel is.
    """
    before = read_extras(run).repairs
    same = (one for one in before if (one.origin, one.step) == (source, step))
    if (there := next(same, None)) is not None:
        return there
    if number is None or any(one.slot == source._replace(seed=number) for one in before):
        number = next(fresh_numbers(run))
    wanted = Repair(
        candidate=source.candidate,
        order=source.order,
        story=source.story,
        panel=source.panel,
        number=number,
        source=source.seed,
        step=step,
    )
    keep_repair(run, wanted)
    return wanted
