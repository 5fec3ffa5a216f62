"""Repair by itself: the panel and the reason that the scores name, the mildest step first.

What is better is kept, and the next try begins with it. Every try follows from the pictures that are there
alone, so the same call gives the same tries: what a call that was stopped has drawn is not drawn again.
"""

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

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
from kit.experiment.extras.extra_pictures import read_extras
from kit.experiment.run import Run, Slot
from kit.files.folder_lock import lock_folder
from kit.generation.repair.repair import RepairTry, picture_at, repair
from kit.messages import tr
from storykit.repair_ladders import LADDERS, wish_of
from storykit.repairing import set_meant
from submissions.packing.entry_plan import EntryPlan

if TYPE_CHECKING:
    from pandas import DataFrame

CLEARLY = 0.75
"""What is wrong must shrink to so much of what it was, so that no picture is exchanged for nothing."""


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
        return [one for one in misfits(self.firm(self.gauges)) if self.only in (None, one.panel)]

    def firm(self, gauges: Sequence[Gauge]) -> list[Gauge]:
        """Return gauges that ask more of the panels and reasons that were tried already."""
        return [one.firm if self.taken[one.panel, one.reason] else one for one in gauges]

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
            continue
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
    slot = Slot(*mending.place, mending.seeds[misfit.panel - 1], misfit.panel)
    for _ in ladder:
        rung = ladder[min(mending.taken[key], len(ladder) - 1)]
        mending.taken[key] += 1
        wish = wish_of(mending.run, slot, misfit.box, rung, seed)
        if wish is None:
            continue
        with shop.showing(tr("drawing")) as progress:
            try:
                return repair(mending.run, shop.painters[0], wish, progress)[0]
            except InputError:
                if rung == ladder[-1]:
                    raise
    return None


def _judged(mending: AutoRepair, misfit: Gauge, made: RepairTry) -> AutoTry:
    """Return what a try is worth; one that is better takes its place in the set."""
    number, panel = made.repair.number, misfit.panel
    before = mending.seeds[panel - 1]
    measured = _until(mending.run, _measured(mending.run, mending.tools, mending.place), made)
    seeds = [*mending.seeds[: panel - 1], number, *mending.seeds[panel:]]
    try:
        plain = gauges_of(mending.run, measured, mending.place, seeds, mending.tools)
    except ScoreError:  # no picture came of it
        return AutoTry(misfit, made, None, mending.left, None, None, False)
    gauges, standings = mending.firm(plain), _standings(mending, measured, panel)
    now, better = standings.get(number), _is_better(gauges, mending.firm(mending.gauges), panel)
    floor = mending.tools.calibration.aesthetic_floor if mending.tools.calibration else None
    if now is not None and floor is not None and now.aesthetic < floor:
        better = False
    same = [one for one in gauges if (one.panel, one.reason) == (panel, misfit.reason)]
    after = max(same, key=lambda one: one.behind, default=None)
    if better:
        mending.seeds, mending.gauges = seeds, plain
    return AutoTry(misfit, made, after, misfits(gauges), standings.get(before), now, better)


def _is_better(gauges: Sequence[Gauge], than: Sequence[Gauge], panel: int) -> bool:
    """Return whether less is wrong than before: fewer things, or as many and the panel's clearly less."""
    found, before = misfits(gauges), misfits(than)
    if len(found) != len(before):
        return len(found) < len(before)
    all_, all_before = (sum(one.behind for one in of) for of in (found, before))
    own, own_before = (sum(one.behind for one in of if one.panel == panel) for of in (found, before))
    return all_ < all_before and own <= CLEARLY * own_before


def _standings(mending: AutoRepair, measured: Measured, panel: int) -> Mapping[int, Exchanged]:
    """Return how good the set is with each picture of a panel; nothing where that cannot be told."""
    part = Slot(*mending.place, mending.seeds[panel - 1], panel)
    try:
        return exchanged_among(mending.run, measured, part, mending.seeds, mending.tools)
    except ScoreError:
        return {}


def _until(run: Run, measured: Measured, made: RepairTry) -> Measured:
    """Return what was measured but for repairs that came after one: a call given again sees what it saw."""
    repairs = read_extras(run).repairs
    later = {one.slot for one in repairs[repairs.index(made.repair) + 1 :]}
    readings = {slot: one for slot, one in measured.readings.items() if slot not in later}
    return replace(measured, readings=readings)


def _measured(run: Run, tools: Scorers, place: Place) -> Measured:
    with lock_folder(run.folder, "scored"):
        return measure(run, tools, None, [place])


def auto_frame(run: Run, plan: EntryPlan, most: int, only: int | None) -> "DataFrame":
    """Return a row for each try of a repair by itself, as notebooks show it; none where nothing is named."""
    from pandas import DataFrame

    from kit.generation.devices.multi_gpu import painters_on
    from storykit.cli.terminal.progress import progress_bar

    mending = looked_at(run, set_meant(run, plan, only), only)
    if mending.left:
        with painters_on(run.loaded.experiment.base, "auto") as painters:
            deque(auto_tries(mending, Workshop(painters=painters, showing=progress_bar), most), maxlen=0)
    columns = ("number", "panel", "reason", "step", "before", "after", "better", "weakest", "lowest", "mean")
    rows = [
        (
            one.made.repair.number,
            one.misfit.panel,
            one.misfit.reason,
            one.made.repair.step.said(),
            one.misfit.value,
            one.after and one.after.value,
            one.better,
            *(getattr(one.now and one.now.standing, name, None) for name in columns[-3:]),
        )
        for one in mending.tries
    ]
    return DataFrame(rows, columns=list(columns))
