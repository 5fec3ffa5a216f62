"""Repair by itself: the panel and the reason that the scores name, the mildest step first.

What is better is kept, and the next try begins with it. Every try follows from the pictures that are there alone, so the same call gives the same tries: what a call
that was stopped has drawn is not drawn again.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from PIL import Image, ImageDraw

from eval.casting.exchanged import Exchanged, exchanged_among
from eval.casting.misfits import Gauge, gauges_of, misfits, nameable
from eval.casting.more.draw_more import Workshop
from eval.casting.picks import Place
from eval.scorers.calibration import MisfitReason
from eval.scorers.load import Scorers
from eval.scoring.measure import Measured, measure
from eval.scoring.remembered import remembering
from eval.scoring.score import scorers_of
from kit.errors import InputError, ScoreError
from kit.experiment.extras.extra_pictures import origins_of
from kit.experiment.run import Run, Slot
from kit.experiment.steps import MOST_STEPS, Redraw, Vary, words_in
from kit.files.folder_lock import lock_folder
from kit.generation.repair.repair import Part, RepairTry, RepairWish, picture_at, repair
from kit.images.decode import open_picture
from kit.messages import tr
from kit.story.anchors import figures_of
from kit.story.prompt import COMMAS, clauses_of, prompt_of

Where = Literal["", "box", "character", "place"]
"""Which part of a picture is drawn again; empty: all of it."""
PARTS: Mapping[Where, Part] = {"character": "character", "place": "place"}


class Rung(NamedTuple):
    """A step of a ladder: how a picture is mended."""

    kind: Literal["vary", "redraw"]
    strength: float
    where: Where = ""


WHOLE = (Rung("redraw", 0.7), Rung("redraw", 0.9), Rung("redraw", 1.0))
LADDERS: Mapping[MisfitReason, Sequence[Rung]] = {
    "letters": (Rung("redraw", 0.7, "box"), Rung("redraw", 1.0, "box"), *WHOLE),
    "missing": (Rung("vary", 0.2), *WHOLE),
    "identity": (
        Rung("vary", 0.2),
        Rung("redraw", 0.7, "character"),
        Rung("redraw", 0.9, "character"),
        *WHOLE,
    ),
    "place": (Rung("vary", 0.2), Rung("redraw", 0.8, "place"), Rung("redraw", 1.0, "place"), *WHOLE),
}
"""By reason what is tried, the mildest first; what is behind the last is the last again, with other noise."""
CLEARLY = 0.75
"""What is wrong must shrink to so much of what it was, so that no picture is exchanged for nothing."""
MARGIN = 16
"""The box around letters is wider by the picture's side over this, on every side."""


class AutoTry(NamedTuple):
    """One try: why it was made, what came of it."""

    misfit: Gauge
    """The reason, as it was before."""
    made: RepairTry
    after: Gauge | None
    """The same with its picture; None where there is no usable one."""
    left: Sequence[Gauge]
    """Why panels do not belong in the set with its picture."""
    was: Exchanged | None
    """The set before; None where nothing can be said of it."""
    now: Exchanged | None
    better: bool
    """Whether it is kept, and what comes next begins with it."""


@dataclass(kw_only=True, slots=True)
class AutoRepair:
    """A set of eight that is being repaired."""

    run: Run
    place: Place
    seeds: list[int]
    """Of panels 1 to 8, seeds or numbers of repairs; the best so far."""
    only: int | None
    """The panel to look at; None: all."""
    first_seed: int
    """The first try's noise."""
    tools: Scorers
    gauges: list[Gauge]
    tries: list[AutoTry] = field(default_factory=list)
    taken: Counter[tuple[int, MisfitReason]] = field(default_factory=Counter)
    """How far up its ladder each reason of a panel is."""

    @property
    def left(self) -> list[Gauge]:
        """Why panels do not belong in the set, of those that are looked at; the worst first."""
        return [one for one in misfits(self.gauges) if self.only in (None, one.panel)]

    @property
    def named(self) -> list[MisfitReason]:
        """What the scorers can name in this run."""
        return nameable(self.run, self.tools)

    @property
    def changed(self) -> dict[int, int]:
        """By panel the number of its repair, of those that are better now."""
        kept = {one.made.repair.number for one in self.tries if one.better}
        return {panel: seed for panel, seed in enumerate(self.seeds, 1) if seed in kept}

    def nearest(self, misfit: Gauge) -> AutoTry | None:
        """Return the try that came nearest to mending what is left; None where none came nearer."""
        tried = [
            one
            for one in self.tries
            if one.after and (one.misfit.panel, one.misfit.reason) == (misfit.panel, misfit.reason)
        ]
        return min(tried, key=lambda one: one.after.behind if one.after else 0.0, default=None)


def looked_at(
    run: Run,
    meant: tuple[Place, Sequence[int]],
    only: int | None = None,
    first_seed: int = 0,
    tools: Scorers | None = None,
) -> AutoRepair:
    """Return what the scores name in a set, before anything is drawn.

    Args:
        run: drawn.
        meant: the place, and the seeds of its panels 1 to 8.
        only: the panel to look at; None: all.
        first_seed: of the first try.
        tools: what pictures are measured with; by default what the experiment's [score] table names.

    Raises:
        RunError: a picture of the set was changed by hand.
        ScoreError: a panel has no usable picture.
    """
    place, seeds = meant
    tools = remembering(tools or scorers_of(run.loaded), run)
    for panel, seed in enumerate(seeds, 1):
        picture_at(run, Slot(*place, seed, panel))
    gauges = gauges_of(run, _measured(run, tools, place), place, seeds, tools)
    return AutoRepair(
        run=run,
        place=place,
        seeds=list(seeds),
        only=only,
        first_seed=first_seed,
        tools=tools,
        gauges=gauges,
    )


def auto_tries(mending: AutoRepair, shop: Workshop, most: int) -> Iterator[AutoTry]:
    """Yield each try, until nothing is named any more or there were so many; `mending` is kept up to date."""
    for number in range(most):
        if not mending.left:
            return
        misfit = _next(mending)
        made = _drawn(mending, misfit, shop, mending.first_seed + number + 1)
        if made is None:
            return
        tried = _judged(mending, misfit, made)
        mending.tries.append(tried)
        yield tried


def _next(mending: AutoRepair) -> Gauge:
    """Return what is mended next: the worst, but none a second time up its ladder before others were."""
    return min(
        mending.left,
        key=lambda one: mending.taken[one.panel, one.reason] // len(LADDERS[one.reason]),
    )


def _drawn(mending: AutoRepair, misfit: Gauge, shop: Workshop, seed: int) -> RepairTry | None:
    """Return the next try of a reason; a step that does not fit the picture or the story is passed over."""
    ladder, key = LADDERS[misfit.reason], (misfit.panel, misfit.reason)
    for _ in ladder:
        rung = ladder[min(mending.taken[key], len(ladder) - 1)]
        mending.taken[key] += 1
        wish = _wish(mending, misfit, rung, seed)
        if wish is None:
            continue
        with shop.showing(tr("drawing")) as progress:
            try:
                return repair(mending.run, shop.painters[0], wish, progress)[0]
            except InputError:
                if rung == ladder[-1]:
                    raise
    return None


def _wish(mending: AutoRepair, misfit: Gauge, rung: Rung, seed: int) -> RepairWish | None:
    """Return what a rung asks for; None where it does not fit the picture or the story."""
    run, panel = mending.run, misfit.panel
    slot = Slot(*mending.place, mending.seeds[panel - 1], panel)
    origin = origins_of(run).get(slot)
    chain = origin.chain if origin else ()
    if rung.kind == "vary":
        return None if chain else _asking(slot, Vary(seed=seed, strength=rung.strength))
    story = next(one.story for one in run.loaded.stories if one.name == slot.story)
    trigger = next(one.trigger for one in run.loaded.experiment.candidates if one.name == slot.candidate)
    reworded = bool(words_in(chain))
    parted = rung.where in ("character", "place")
    unfit = parted and (reworded or not figures_of(story, panel - 1))
    if unfit or len(chain) >= MOST_STEPS or (rung.where == "box" and misfit.box is None):
        return None
    prompt = prompt_of(story, panel - 1, slot.order, trigger) if reworded else ""
    if rung.where == "place":
        shown = [one.text for one in clauses_of(story, panel - 1) if one.role in ("style", "place")]
        prompt = COMMAS[story.language].join([trigger, *shown] if trigger else shown)
    wish = _asking(slot, Redraw(seed=seed, strength=rung.strength, prompt=prompt), PARTS.get(rung.where))
    if rung.where == "box" and misfit.box is not None:
        size = open_picture(run.panel_path(*slot), ("PNG",)).size
        wish = replace(wish, mask=_around(misfit.box, size))
    return wish


def _asking(slot: Slot, step: Vary | Redraw, part: Part | None = None) -> RepairWish:
    return RepairWish(source=slot, step=step, part=part, anew=False)


def _around(box: tuple[int, int, int, int], size: tuple[int, int]) -> Image.Image:
    """Return the mask of a box and what is close around it."""
    margin = max(size) // MARGIN
    left, top, right, bottom = box
    mask = Image.new("L", size)
    ImageDraw.Draw(mask).rectangle(
        (left - margin, top - margin, right - 1 + margin, bottom - 1 + margin), fill=255
    )
    return mask


def _judged(mending: AutoRepair, misfit: Gauge, made: RepairTry) -> AutoTry:
    """Return what a try is worth; one that is better takes its place in the set."""
    number, panel = made.repair.number, misfit.panel
    before = mending.seeds[panel - 1]
    measured = _measured(mending.run, mending.tools, mending.place)
    seeds = [*mending.seeds[: panel - 1], number, *mending.seeds[panel:]]
    try:
        gauges = gauges_of(mending.run, measured, mending.place, seeds, mending.tools)
    except ScoreError:  # no picture came of it
        return AutoTry(misfit, made, None, mending.left, None, None, False)
    standings = _standings(mending, measured, panel)
    now, better = standings.get(number), _is_better(gauges, mending.gauges)
    floor = mending.tools.calibration.aesthetic_floor if mending.tools.calibration else None
    if now is not None and floor is not None and now.aesthetic < floor:
        better = False
    same = [one for one in gauges if (one.panel, one.reason) == (panel, misfit.reason)]
    after = max(same, key=lambda one: one.behind, default=None)
    if better:
        mending.seeds, mending.gauges = seeds, gauges
    return AutoTry(misfit, made, after, misfits(gauges), standings.get(before), now, better)


def _is_better(gauges: Sequence[Gauge], than: Sequence[Gauge]) -> bool:
    """Return whether less is wrong in a set than in another: fewer things, or as many and clearly less."""
    found, before = misfits(gauges), misfits(than)
    if len(found) != len(before):
        return len(found) < len(before)
    return sum(one.behind for one in found) <= CLEARLY * sum(one.behind for one in before)


def _standings(mending: AutoRepair, measured: Measured, panel: int) -> Mapping[int, Exchanged]:
    """Return how good the set is with each picture of a panel; nothing where that cannot be told."""
    part = Slot(*mending.place, mending.seeds[panel - 1], panel)
    try:
        return exchanged_among(mending.run, measured, part, mending.seeds, mending.tools)
    except ScoreError:
        return {}


def _measured(run: Run, tools: Scorers, place: Place) -> Measured:
    with lock_folder(run.folder, "scored"):
        return measure(run, tools, None, [place])
