"""RUN/extras.json: pictures of single panels that were asked for beside the experiment's seeds.

They are written down before they are drawn, so that a stopped drawing goes on with the same ones. A budget is
spent round by round; a seed that a round takes is of that round alone: its pictures are drawn together and
with no others. A repaired picture comes of another one by a step, and is known by a number of its own that
stands where a seed would.
"""

from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, replace
from itertools import chain
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from kit.errors import RunError
from kit.experiment.fields import MOST_SEED, MOST_SEED_OF_PANELS
from kit.experiment.run import EXTRAS, Run, Slot
from kit.experiment.steps import MOST_STEPS, Step, Vary, step_told
from kit.files.documents import faults_of
from kit.messages import joined, tr
from kit.story.story import PANELS

FIRST_NUMBER = 1001
"""Of repairs: seeds that an experiment is given later seldom reach it."""
Ended = Literal["", "spent", "nothing to gain"]
"""Why a spending is over; empty while it goes on."""


class ExtraPicture(NamedTuple):
    """A picture that is asked for."""

    panel: Annotated[int, Field(ge=1, le=PANELS)]
    seed: Annotated[int, Field(ge=0, le=MOST_SEED)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Spending:
    """A budget of pictures for one story of one candidate in one order, and what it was spent on so far."""

    candidate: str
    order: str
    story: str
    budget: Annotated[int, Field(ge=1)]
    """Pictures."""
    rounds: tuple[tuple[ExtraPicture, ...], ...] = ()
    ended: Ended = ""

    @property
    def place(self) -> tuple[str, str, str]:
        """Candidate, order and story."""
        return (self.candidate, self.order, self.story)

    @property
    def slots(self) -> tuple[Slot, ...]:
        """All that was asked for."""
        return tuple(Slot(*self.place, one.seed, one.panel) for one in chain.from_iterable(self.rounds))

    @property
    def left(self) -> int:
        """How many pictures the budget still allows."""
        return self.budget - len(self.slots)

    def asking(self, pictures: tuple[ExtraPicture, ...]) -> Self:
        """Return this with another round."""
        return replace(self, rounds=(*self.rounds, pictures))


@dataclass(frozen=True, kw_only=True, slots=True)
class Repair:
    """A picture that is made of another one of its panel."""

    candidate: str
    order: str
    story: str
    panel: Annotated[int, Field(ge=1, le=PANELS)]
    number: Annotated[int, Field(ge=0, le=MOST_SEED)]
    """What it is known by, in the place of a seed; the pictures of a finished set share one."""
    source: Annotated[int, Field(ge=0, le=MOST_SEED)]
    """The seed of the picture that it is made of, or the number of an earlier repair."""
    step: Step

    @property
    def place(self) -> tuple[str, str, str]:
        """Candidate, order and story."""
        return (self.candidate, self.order, self.story)

    @property
    def slot(self) -> Slot:
        """Which picture it is."""
        return Slot(*self.place, self.number, self.panel)

    @property
    def origin(self) -> Slot:
        """Which picture it is made of."""
        return self.slot._replace(seed=self.source)


def _in_order(repairs: tuple[Repair, ...]) -> tuple[Repair, ...]:
    """Refuse repairs of which no chains can be made; each is looked at once, so that none grows long."""
    made, steps = {one.slot for one in repairs}, dict[Slot, int]()
    for one in repairs:
        if one.slot in steps:
            raise ValueError(tr("{number} must be the number of one picture of a panel", number=one.number))
        if one.origin in made and one.origin not in steps:
            told = tr("{number} must stand behind what it is made of, {source}", **_ends(one))
            raise ValueError(told)
        steps[one.slot] = steps.get(one.origin, 0) + 1
        if steps[one.slot] > (1 if isinstance(one.step, Vary) else MOST_STEPS):
            told = tr("{number} must be made by a step that can follow those of {source}", **_ends(one))
            raise ValueError(told)
    return repairs


def _ends(repair: Repair) -> dict[str, int]:
    return {"number": repair.number, "source": repair.source}


@dataclass(frozen=True, kw_only=True, slots=True)
class Extras:
    """extras.json."""

    spendings: tuple[Spending, ...] = ()
    repairs: Annotated[tuple[Repair, ...], AfterValidator(_in_order)] = ()
    """A picture's source stands before it."""


_EXTRAS = TypeAdapter(Extras)


def read_extras(run: Run) -> Extras:
    """Return what was asked for beside the seeds; raises RunError where the file is damaged."""
    if not (run.folder / EXTRAS).exists():
        return Extras()
    try:
        return _EXTRAS.validate_python(run.read_json(EXTRAS))
    except ValidationError as error:
        raise RunError(
            tr(
                "{file}: {faults}; delete it",
                file=run.folder / EXTRAS,
                faults=joined(faults_of(error)[:3], tr("; ")),
            )
        ) from error


def open_spending(run: Run, place: tuple[str, str, str]) -> Spending | None:
    """Return the spending of a place that was begun and is not over; None where there is none."""
    return next((one for one in read_extras(run).spendings if one.place == place and not one.ended), None)


def keep_spending(run: Run, spending: Spending) -> None:
    """Write a spending down, in place of the one of its place that was not over."""
    extras = read_extras(run)
    others = [one for one in extras.spendings if one.place != spending.place or one.ended]
    _keep(run, replace(extras, spendings=(*others, spending)))


def keep_repair(run: Run, repair: Repair) -> None:
    """Write a repair down, behind those that were asked for before."""
    extras = read_extras(run)
    _keep(run, replace(extras, repairs=(*extras.repairs, repair)))


def _keep(run: Run, extras: Extras) -> None:
    told = asdict(extras)
    told["repairs"] = [asdict(one) | {"step": step_told(one.step)} for one in extras.repairs]
    if not extras.repairs:  # as the file was written before there were any
        del told["repairs"]
    run.write_json(EXTRAS, told)


class Origin(NamedTuple):
    """How a picture came to be: the slot that was drawn, and the steps since."""

    drawn: Slot
    chain: tuple[Step, ...]


def origins_of(run: Run) -> dict[Slot, Origin]:
    """Return how every repaired picture came to be, each behind what it is made of.

    Raises RunError where one has the number of a seed.
    """
    refuse_taken_seeds(run, run.loaded.experiment.seeds)
    origins: dict[Slot, Origin] = {}
    for repair in read_extras(run).repairs:
        before = origins.get(repair.origin, Origin(repair.origin, ()))
        origins[repair.slot] = Origin(before.drawn, (*before.chain, repair.step))
    return origins


def refuse_taken_seeds(run: Run, seeds: Collection[int]) -> None:
    """Raise RunError where seeds are numbers of repaired pictures, which would be lost."""
    if taken := sorted({one.number for one in read_extras(run).repairs} & set(seeds)):
        raise RunError(
            tr(
                "{folder}: {numbers} are numbers of repaired pictures: draw other seeds in their place",
                folder=run.folder,
                numbers=joined(map(str, taken), tr(", ")),
            )
        )


def extra_slots(run: Run) -> tuple[Slot, ...]:
    """Return every picture that was asked for beside the seeds, of places that the run's experiment has."""
    experiment = run.loaded.experiment
    known: tuple[Collection[str], ...] = (
        {one.name for one in experiment.candidates},
        experiment.orders,
        {one.name for one in run.loaded.stories},
    )
    extras = read_extras(run)
    asked = chain.from_iterable(one.slots for one in extras.spendings)
    wanted = chain(asked, (one.slot for one in extras.repairs))
    there = (slot for slot in wanted if all(one in them for one, them in zip(slot, known, strict=False)))
    return tuple(dict.fromkeys(there))


def single_slots(run: Run) -> tuple[Slot, ...]:
    """Return those of the extra pictures whose seed is none of the experiment's: their sets are not whole."""
    seeds = frozenset(run.loaded.experiment.seeds)
    return tuple(slot for slot in extra_slots(run) if slot.seed not in seeds)


def all_slots(run: Run) -> Iterator[Slot]:
    """Yield every picture that the run wants: those of its seeds, then the extra ones, each once."""
    return chain(run.wanted(), single_slots(run))


def seeds_at(run: Run, place: tuple[str, str, str]) -> tuple[int, ...]:
    """Return the seeds of a place: those of the experiment, then those of which single panels are wanted."""
    extra = (slot.seed for slot in extra_slots(run) if slot[:3] == place)
    return tuple(dict.fromkeys((*run.loaded.experiment.seeds, *extra)))


def fresh_numbers(run: Run) -> Iterator[int]:
    """Yield the numbers for repairs that nothing in the run has, behind the seeds that people begin with."""
    return (number for number in fresh_seeds(run) if number >= FIRST_NUMBER)


def fresh_seeds(run: Run) -> Iterator[int]:
    """Yield the seeds that nothing in the run has, those behind its first one before others."""
    experiment = run.loaded.experiment
    extras = read_extras(run)
    asked = [slot.seed for one in extras.spendings for slot in one.slots]
    asked += [one.number for one in extras.repairs]
    chosen = chain.from_iterable(experiment.panel_seeds or ())
    used = {*experiment.seeds, *chosen, *asked, *(row.seed for row in run.rows())}
    first, most = min(experiment.seeds), MOST_SEED_OF_PANELS if experiment.noise_per_panel else MOST_SEED
    numbers = chain(range(first, most + 1), range(first))
    return (seed for seed in numbers if seed not in used)
