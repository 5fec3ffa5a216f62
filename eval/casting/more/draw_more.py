"""A budget of further pictures, spent round by round where one more most likely raises the set that is cast.

Each round is written down in RUN/extras.json before it is drawn, and follows from the pictures that are there
alone. So a drawing that was stopped goes on with the same pictures, and ends with the same set.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice

from eval.casting.cast import CastRequest, decided, open_kinds, places_meant
from eval.casting.decisions import PlaceState, keep_cast, state_of
from eval.casting.more.next_round import ROUND, WORTH, gains_promised, shared_out
from eval.casting.picks import Picks, Place
from eval.casting.pool import (
    Aims,
    Pool,
    choose,
    pool_of,
    refuse_too_many,
)
from eval.casting.selection import Selection, SetQuality, places_chosen
from eval.metrics.story_facts import StoryFacts, told_by
from eval.scorers.load import Scorers
from eval.scoring.measure import measure
from eval.scoring.remembered import remembering
from eval.scoring.score import scorers_of
from kit.errors import RunError, ScoreError
from kit.experiment.extras.extra_pictures import (
    Ended,
    ExtraPicture,
    Spending,
    fresh_seeds,
    keep_spending,
    open_spending,
)
from kit.experiment.run import Run, Slot
from kit.files.folder_lock import lock_folder
from kit.generation.generate import generate
from kit.generation.painter import Painter
from kit.generation.recipe import plan_run
from kit.generation.redrawing import redrawing
from kit.messages import tr, trn
from kit.progress import Progress
from kit.story.story import PANELS

FEWEST = 2
"""Pictures that a panel has before anything is said of its spread."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Workshop:
    """What pictures are drawn and measured with."""

    painters: Sequence[Painter]
    showing: Callable[[str], AbstractContextManager[Progress]]
    """Shows how far a task of that name is."""
    tools: Scorers | None = None
    """By default what the experiment's [score] table names."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RoundDrawn:
    """One round, and what it did to the set."""

    spent: int
    """Pictures, this round's among them, of the budget."""
    budget: int
    pictures: tuple[ExtraPicture, ...]
    failed: int
    """How many of them could not be drawn."""
    before: SetQuality | None
    """The best set without its pictures, by the scale of what is there now; None where there is none."""
    after: SetQuality | None


@dataclass(frozen=True, kw_only=True, slots=True)
class DrawnMore:
    """What came of a budget."""

    selection: Selection
    spending: Spending
    without: SetQuality | None
    """The best set without the budget's pictures, by the same scale; None where there is none."""
    promised: float
    """What one more picture would most likely give, in standard deviations."""


def draw_more(
    run: Run, wish: CastRequest, budget: int, shop: Workshop, heard: Callable[[RoundDrawn], None]
) -> DrawnMore:
    """Spend a budget of pictures on the set that is cast, and write extras.json and selection.json.

    One that was stopped goes on: what it has drawn counts against the budget that is given now.

    Args:
        run: drawn.
        wish: as `cast` takes it, of one candidate, order and story, or of a run where one set was cast.
        budget: pictures, 1 or more.
        shop: who draws and who measures.
        heard: hears of every round.

    Raises:
        ScoreError: it is open which set is meant, or nothing can be cast.
        RunError: the pictures that are there were drawn otherwise, or the drawing was stopped.
    """
    if budget < 1:
        raise ScoreError(tr("a budget must be 1 picture or more, got {budget}", budget=budget))
    with lock_folder(run.folder, "cast"):
        place = place_meant(run, wish)
        begun = open_spending(run, place)
        spending = (
            replace(begun, budget=budget)
            if begun
            else Spending(candidate=place[0], order=place[1], story=place[2], budget=budget)
        )
        refuse_too_many(run, max(0, spending.left))
        _refuse_otherwise_drawn(run, place, shop.painters[0])
        return _Drawing(run, wish, spending, shop).finished(heard)


def place_meant(run: Run, wish: CastRequest) -> Place:
    """Return the one set of panels that is meant: the only one, or of several the only one that was cast."""
    places = places_meant(run, wish)
    chosen = [place for place in places_chosen(run) if place in places]
    if len(places) > 1 and len(chosen) != 1:
        raise ScoreError(
            tr("a budget is for one set of panels: name its {kinds}", kinds=open_kinds(chosen or places))
        )
    return places[0] if len(places) == 1 else chosen[0]


def _refuse_otherwise_drawn(run: Run, place: Place, painter: Painter) -> None:
    """Raise RunError where new pictures would be drawn otherwise than those they are to stand beside."""
    jobs = [job for job in plan_run(run, painter).jobs if job.slot[:3] == place]
    lost = len(redrawing(run.folder, run.rows(), jobs).lost)
    if lost:
        raise RunError(
            trn(
                "{folder}: {n} picture of {place} was drawn with other weights, words or settings than new "
                "ones would be, or on another kind of device; draw it again first: `storykit generate "
                "EXPERIMENT.toml --out {folder} --again`",
                "{folder}: {n} pictures of {place} were drawn with other weights, words or settings than new "
                "ones would be, or on another kind of device; draw them again first: `storykit generate "
                "EXPERIMENT.toml --out {folder} --again`",
                lost,
                folder=run.folder,
                place=" ".join(place),
            )
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class _CastNow:
    """The best set of what is there."""

    pool: Pool
    picks: Picks
    selection: Selection
    gains: Sequence[float]
    """(8,) what one more picture of each panel promises; 0 where a panel is decided by hand."""


def _quality_without(slots: Sequence[Slot], now: _CastNow, aims: Aims) -> SetQuality | None:
    """Return how good the best set is that has none of some pictures, by the scale of what is there now.

    What is picked by hand stays; None where no set is left that passes the gates.
    """
    left = now.picks
    for slot in slots:
        if slot.panel not in left.kept:
            left = left.banning(slot.panel, slot.seed)
    try:
        return choose(now.pool, left, aims).standing
    except ScoreError:  # as where a panel has no other picture
        return None


class _Drawing:
    """A budget while it is spent."""

    def __init__(self, run: Run, wish: CastRequest, spending: Spending, shop: Workshop) -> None:
        self._run, self._wish, self._spending, self._shop = run, wish, spending, shop
        self._place = spending.place
        self._aims = Aims(gate=run.loaded.experiment.score.gate, weights=wish.weights)

    def finished(self, heard: Callable[[RoundDrawn], None]) -> DrawnMore:
        """Return what came of it, once it is spent or promises nothing."""
        self._draw()
        while (few := self._few()) and self._spending.left > 0:
            few = few[: self._spending.left]
            failed = self._ask([int(panel in few) for panel in range(1, PANELS + 1)])
            heard(self._round(failed))
        now = self._cast()
        ended: Ended = "spent"
        while self._spending.left > 0:
            if max(now.gains) < WORTH:
                ended = "nothing to gain"
                break
            failed = self._ask(shared_out(now.gains, min(ROUND, self._spending.left)))
            now = self._cast()
            without = _quality_without(self._asked_last, now, self._aims)
            heard(self._round(failed, without, now.selection.standing))
        self._spending = replace(self._spending, ended=ended)
        keep_spending(self._run, self._spending)
        return DrawnMore(
            selection=now.selection,
            spending=self._spending,
            without=_quality_without(self._spending.slots, now, self._aims),
            promised=max(now.gains),
        )

    def _round(
        self, failed: int, before: SetQuality | None = None, after: SetQuality | None = None
    ) -> RoundDrawn:
        spending = self._spending
        return RoundDrawn(
            spent=len(spending.slots),
            budget=spending.budget,
            pictures=spending.rounds[-1],
            failed=failed,
            before=before,
            after=after,
        )

    def _ask(self, shares: Sequence[int]) -> int:
        """Write down a round of so many pictures of each panel, draw it, and return how many failed.

        The first ones of all panels have one seed, the second ones another; none has been used before.
        """
        seeds = list(islice(fresh_seeds(self._run), max(shares)))
        asked = tuple(
            ExtraPicture(panel, seed)
            for turn, seed in enumerate(seeds)
            for panel, share in enumerate(shares, 1)
            if share > turn
        )
        self._spending = self._spending.asking(asked)
        keep_spending(self._run, self._spending)
        return self._draw()

    def _draw(self) -> int:
        """Draw what the last round asked for and is not there, and return how many could not be drawn."""
        if not (asked := frozenset(self._asked_last)):
            return 0
        with self._shop.showing(tr("drawing")) as progress:
            return len(generate(self._run, self._shop.painters, progress, only=asked).faults)

    @property
    def _asked_last(self) -> tuple[Slot, ...]:
        """What the last round asked for."""
        return self._spending.slots[-len(self._spending.rounds[-1]) :] if self._spending.rounds else ()

    def _few(self) -> list[int]:
        """Return the panels of which there are too few pictures to say how much they differ."""
        drawn = Counter(row.panel for row in self._run.rows() if row.slot[:3] == self._place)
        tried = Counter(slot.panel for slot in self._spending.slots)
        kept = self._wish.keep or state_of(self._run, self._place).picks.kept
        return [
            panel
            for panel in range(1, PANELS + 1)
            if panel not in kept and max(drawn[panel], tried[panel]) < FEWEST
        ]

    def _cast(self) -> _CastNow:
        """Choose the best set of what is there and keep it, with the picks that it was chosen around."""
        seen = state_of(self._run, self._place).picks
        with self._shop.showing(tr("measuring")) as progress:
            measured = measure(self._run, self._tools, progress, [self._place])
        picks = decided(self._wish, seen, measured)
        pool = pool_of(self._place, measured, self._told, self._tools.calibration)
        selection = choose(pool, picks, self._aims)
        keep_cast(self._run, [PlaceState(picks=picks, selection=selection)], {self._place: seen})
        self._wish = replace(self._wish, keep={}, ban=frozenset(), forget=False)  # the run keeps it by now
        gains = gains_promised(pool, picks, self._aims, selection.seeds)
        return _CastNow(pool=pool, picks=picks, selection=selection, gains=gains)

    @cached_property
    def _tools(self) -> Scorers:
        return remembering(self._shop.tools or scorers_of(self._run.loaded), self._run)

    @cached_property
    def _told(self) -> StoryFacts:
        return told_by(self._run.loaded, self._tools.encoder)[self._place[2]]
