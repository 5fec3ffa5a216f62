"""A repair as people ask for it, by command or in a notebook: which picture, what is done, how it went."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from PIL import Image, ImageChops, ImageDraw

from eval.casting.decisions import refuse_unknown
from eval.casting.exchanged import Exchanged, exchanged
from eval.casting.picks import Place
from eval.casting.selection import seeds_cast
from eval.scoring.score import scorers_of
from kit.errors import InputError, RunError, ScoreError
from kit.experiment.run import Run, Slot
from kit.experiment.steps import MOST_SIDE, Instruct, Redraw, Restore, Step, Upscale
from kit.files.user_paths import shell_word
from kit.finishing.kept_networks import KeptNetwork, network_to_keep
from kit.generation.painter import Painter
from kit.generation.repair.part_masks import Part
from kit.generation.repair.repair import RepairTry, RepairWish, picture_at, repair
from kit.generation.repair.step_files import editor_files
from kit.images.decode import PictureError, open_picture
from kit.messages import Message, tr
from kit.story.story import PANELS
from reports.run.story_page import ChosenStory
from storykit.repair_options import EditWish, NetworkWish
from submissions.finish import place_of
from submissions.finished_set import unfinished
from submissions.packing.entry_plan import EntryPlan, with_decisions

if TYPE_CHECKING:
    from kit.progress import Progress

EDITING_STEPS = 20
"""Of an edit, as diffusers' own example for it has them."""
_BOX = re.compile(r"(\d{1,5}),(\d{1,5}),(\d{1,5}),(\d{1,5})")
_NUMBERS = re.compile(r"[-+\d,.;\s]+")
"""What is meant for a box and is no file."""
_PARTS: Mapping[str, Part] = {"character": "character", "place": "place"}


class AskedRepair(NamedTuple):
    """What is to be done to which picture."""

    wish: RepairWish
    seeds: tuple[int, ...]
    """Of the set that the picture is judged in."""


class RepairResult(NamedTuple):
    """What came of it."""

    source: Slot
    """The picture that was there."""
    tries: Sequence[RepairTry]
    standings: Mapping[int, Exchanged]
    """How good the set is with each picture of the panel, by its seed or number."""
    unjudged: str = ""
    """Why nothing is said of the set; empty where something is."""

    @property
    def best(self) -> int | None:
        """The number of the best try by the set's standing; None where none is better than what was there."""
        usable = [one.repair.number for one in self.tries if one.repair.number in self.standings]
        best = max(usable, key=lambda number: self.standings[number].standing.rank, default=None)
        was = self.standings.get(self.source.seed)
        if best is None or (was and was.standing.rank >= self.standings[best].standing.rank):
            return None
        return best


def asked_repair(
    run: Run,
    place: EntryPlan,
    panel: int,
    step: Step | EditWish | NetworkWish,
    mask: str = "",
    tries: int = 1,
) -> AskedRepair:
    """Return which picture of a panel is meant, and what is to be done to it.

    Args:
        run: drawn.
        place: candidate, order, story and seed as far as they are named; the rest is as it was chosen.
        panel: 1 to 8.
        step: the first try, or what is to make it.
        tries: pictures to draw.
        mask: character, place, a box as X,Y,WIDTH,HEIGHT in pixels, a picture's path, or empty for all.

    Raises:
        RunError: it is open which picture is meant, or there is none.
        InputError: the mask is none, or stands beside a step that takes none; the run names no editor.
        WeightsError: what is to finish or to edit it is no such network.
    """
    restoring = isinstance(step, NetworkWish) and step.kind == "restore"
    if mask and not restoring and not isinstance(step, Redraw | EditWish):
        raise InputError("mask", [tr("a mask is for --redraw, --instruct and --restore")])
    slot, seeds = _meant(run, place, panel)
    row = picture_at(run, slot)
    part = _PARTS.get(mask)
    drawn = _mask(mask, run.folder / row.file) if mask and part is None else None
    network = None
    if isinstance(step, EditWish):
        step = Instruct(**step._asdict(), steps=EDITING_STEPS, editor=editor_files(run).digest)
    elif isinstance(step, NetworkWish):
        network = network_to_keep(step.name)
        step = _network_step(step, network, open_picture(run.folder / row.file).width)
    wish = RepairWish(source=slot, step=step, mask=drawn, part=part, network=network, tries=tries)
    return AskedRepair(wish, seeds)


def _network_step(wish: NetworkWish, network: KeptNetwork, side: int) -> Upscale | Restore:
    """Return what a network is to do to a picture of so many pixels a side."""
    if wish.kind == "restore":
        return Restore(finisher=network.sha256)
    size = min(MOST_SIDE, side * network.use.scale) if wish.size is None else wish.size
    return Upscale(finisher=network.sha256, size=size)


def repaired(
    run: Run, painter: Painter, asked: AskedRepair, progress: "Progress | None" = None
) -> RepairResult:
    """Draw what is asked for, and measure the panel's pictures in the set."""
    tries = repair(run, painter, asked.wish, progress)
    source = asked.wish.source
    try:
        standings = exchanged(run, source, asked.seeds, scorers_of(run.loaded), progress)
    except ScoreError as error:  # the pictures are there all the same
        return RepairResult(source, tries, {}, error.message)
    return RepairResult(source, tries, standings)


def _meant(run: Run, plan: EntryPlan, panel: int) -> tuple[Slot, tuple[int, ...]]:
    """Return the picture that is meant, and the seeds of the set that it is judged in."""
    place, cast = _place_meant(run, plan)
    drawn = run.loaded.experiment.seeds
    seeds = tuple(cast or (plan.seed if plan.seed in drawn else drawn[0],) * PANELS)
    return Slot(*place, seeds[panel - 1] if plan.seed is None else plan.seed, panel), seeds


def set_meant(run: Run, plan: EntryPlan, panel: int | None) -> tuple[Place, tuple[int, ...]]:
    """Return the place that is meant, and the seeds of the set that is repaired by itself.

    They are those that were cast; where a seed is named, the panel's is that, of no panel all eight. Raises
    RunError where it is open which set is meant.
    """
    if panel is not None:
        slot, seeds = _meant(run, plan, panel)
        return slot[:3], (*seeds[: panel - 1], slot.seed, *seeds[panel:])
    place, cast = _place_meant(run, plan)
    if plan.seed is not None:
        return place, (plan.seed,) * PANELS
    return place, cast or (run.loaded.experiment.seeds[0],) * PANELS


def _place_meant(run: Run, plan: EntryPlan) -> tuple[Place, tuple[int, ...]]:
    """Return the place that is meant, and the seeds that were cast there."""
    decided, _ = with_decisions(run, plan)
    place = place_of(run, decided)
    refuse_unknown(run, place)
    cast, drawn = seeds_cast(run, *place), run.loaded.experiment.seeds
    if plan.seed is None and not cast and len(drawn) > 1:
        raise RunError(
            tr(
                "nothing is chosen of {place} yet: name the picture with --seed, or first `storykit cast "
                "{folder}`",
                place=" ".join(place),
                folder=shell_word(run.folder),
            )
        )
    return place, _before_finishing(run, place)


def _before_finishing(run: Run, place: Place) -> tuple[int, ...]:
    """Return the seeds of the chosen set; of finished pictures what they were made of: size comes last."""
    candidate, order, story = place
    seeds = seeds_cast(run, *place)
    chosen = ChosenStory(candidate=candidate, order=order, story=story, seeds=seeds)
    return unfinished(run, chosen).seeds


def finished_said(run: Run, place: Place) -> Iterator[Message]:
    """Yield, where the chosen set was finished, that repairs begin before that and it is to be done again."""
    if _before_finishing(run, place) != seeds_cast(run, *place):
        yield tr(
            "note    the chosen pictures are finished ones: repairs begin with what they were made of; take "
            "what is better, then `storykit finish` again"
        )


def _mask(told: str, picture: Path) -> Image.Image:
    """Return the mask of a picture, "L"."""
    if (found := _BOX.fullmatch(told)) is None:
        if _NUMBERS.fullmatch(told):
            raise InputError("mask", [tr("a box is X,Y,WIDTH,HEIGHT in whole pixels, got {got!r}", got=told)])
        try:
            painted = open_picture(Path(told))
        except PictureError as error:
            raise InputError(told, [str(error)]) from error
        white = painted.convert("L")
        if not painted.has_transparency_data:
            return white
        return ImageChops.multiply(white, painted.convert("RGBA").getchannel("A"))
    left, top, width, height = map(int, found.groups())
    mask = Image.new("L", open_picture(picture).size)
    if left >= mask.width or top >= mask.height:
        size = {"wide": mask.width, "high": mask.height}
        raise InputError(
            "mask", [tr("the box lies outside the picture, which has {wide} x {high} pixels", **size)]
        )
    if width and height:
        ImageDraw.Draw(mask).rectangle((left, top, left + width - 1, top + height - 1), fill=255)
    return mask
