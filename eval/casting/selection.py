"""RUN/selection.json: what was decided by hand, which seed was chosen for each panel, and why that set."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from eval.casting.picks import Picks, Place
from kit.errors import RunError
from kit.experiment.run import PanelRow, Run, Slot
from kit.messages import tr

FILE = "selection.json"
RULE = (
    "no two panels are copies, none is below the calibrated floor that need not be, and the mean aesthetic "
    "score reaches the gate; of these sets the one whose weakest metric is highest, in standard deviations "
    "above sets chosen by lot; ties by the mean of all"
)
WEIGHTED_RULE = (
    "as the rule, but of these sets the one whose weighted mean is highest, by the weights given with it"
)


class MetricDifference(NamedTuple):
    """How far a set is above another in a metric."""

    value: float
    """In the metric's own unit."""
    deviations: float | None
    """In standard deviations of sets chosen by lot; None where the metric decides nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SetQuality:
    """How good a set is: per metric its value, and that in standard deviations above sets chosen by lot."""

    values: Mapping[str, float]
    deviations: Mapping[str, float]
    """Of the metrics that decide, those that differ between sets."""
    mean: float
    """Of the deviations."""
    weakest: str
    """The metric of the lowest deviation."""
    weighted: float | None = None
    """The weighted mean of the deviations, where the metrics were given weights: then it decides."""

    @property
    def lowest(self) -> float:
        """The lowest deviation."""
        return self.deviations[self.weakest]

    @property
    def rank(self) -> tuple[float, float]:
        """What two sets are compared by; higher is better."""
        return (self.lowest, self.mean) if self.weighted is None else (self.weighted, self.mean)

    def above(self, other: "SetQuality") -> dict[str, MetricDifference]:
        """Return by metric how far this set is above another one of the same place."""
        return {
            metric: MetricDifference(
                value - other.values[metric],
                self.deviations[metric] - other.deviations[metric] if metric in self.deviations else None,
            )
            for metric, value in self.values.items()
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class RatedSeed:
    """A seed, of one panel or of all eight, and how good the set with it is."""

    seed: int
    standing: SetQuality


@dataclass(frozen=True, kw_only=True, slots=True)
class PanelChoice:
    """Who plays one panel."""

    panel: int
    """1 to 8."""
    seed: int
    sha256: str
    """Of the picture; another one in its place asks for another casting."""
    kept: bool
    """Whether it was chosen by hand."""
    swap: RatedSeed | None
    """The next best, the other seven left as they are; None where no other seed would pass the gates."""
    free: RatedSeed | None = None
    """What would be chosen if this panel alone were left open, where it is chosen by hand."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """The best set of eight for one story of one candidate in one order."""

    candidate: str
    order: str
    story: str
    sets: int
    """How many sets there were to choose from."""
    standing: SetQuality
    parts: tuple[PanelChoice, ...]
    single: RatedSeed | None
    """None where no seed has all eight panels."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """Of the metrics, 1 on average; empty where the weakest metric decided."""
    proven: bool = True
    """False where the search was stopped before it had ruled out every other set."""

    @property
    def place(self) -> tuple[str, str, str]:
        """Candidate, order and story."""
        return (self.candidate, self.order, self.story)

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seed of each panel."""
        return tuple(part.seed for part in self.parts)

    @property
    def costs(self) -> Mapping[int, Mapping[str, MetricDifference]]:
        """What each choice by hand costs: by panel, how far the best set without it is above this one."""
        return {part.panel: part.free.standing.above(self.standing) for part in self.parts if part.free}


@dataclass(frozen=True, kw_only=True, slots=True)
class Selections:
    """selection.json."""

    selections: tuple[Selection, ...]
    picks: tuple[Picks, ...] = ()


def read_selection_file(run: Run) -> Selections:
    """Return what was chosen and picked in a run so far; raises RunError where the file is damaged."""
    return run.read_record(FILE, Selections) if (run.folder / FILE).exists() else Selections(selections=())


def read_selections(run: Run) -> list[Selection]:
    """Return what was chosen in a run so far; raises RunError where the file is damaged."""
    return [*read_selection_file(run).selections]


def read_picks(run: Run) -> dict[Place, Picks]:
    """Return what was decided by hand, by place; raises RunError where the file is damaged."""
    return {one.place: one for one in read_selection_file(run).picks}


def seeds_cast(run: Run, candidate: str, order: str, story: str) -> tuple[int, ...]:
    """Return the seed of each panel, () where nothing was cast; raises RunError if a picture has changed.

    Eight picks by hand are a set, too, cast or not.
    """
    place, file = (candidate, order, story), read_selection_file(run)
    found = next((one for one in file.selections if one.place == place), None)
    if found is not None:
        if is_stale(run, found):
            raise RunError(
                tr(
                    "{file}: pictures of {candidate} have changed since they were cast; run `storykit cast` "
                    "again",
                    file=run.folder / FILE,
                    candidate=candidate,
                )
            )
        return found.seeds
    picked = next((one for one in file.picks if one.place == place and one.complete), None)
    if picked is not None:
        refuse_redrawn(picked, run.rows())
    return picked.seeds if picked else ()


def places_chosen(run: Run) -> list[Place]:
    """Return every place of which a set of eight is chosen, by casting or by hand."""
    file = read_selection_file(run)
    places = [one.place for one in file.selections]
    return list(dict.fromkeys([*places, *(one.place for one in file.picks if one.complete)]))


def refuse_redrawn(picks: Picks, rows: Iterable[PanelRow]) -> None:
    """Raise RunError where a picture that was picked is another one by now, or none."""
    now = {row.slot: row.sha256 for row in rows}
    for one in picks.keep:
        if now.get(Slot(*picks.place, one.seed, one.panel)) != one.sha256:
            raise RunError(
                tr(
                    "{place}: panel {panel}, seed {seed} was picked by hand and drawn anew since: look at it "
                    "and pick it again (`storykit cast --keep {panel}={seed}`), or drop the picks "
                    "(`--forget`)",
                    panel=one.panel,
                    seed=one.seed,
                    place=" ".join(picks.place),
                )
            )


def is_redrawn(run: Run, picks: Picks) -> bool:
    """Return whether a picture that was picked is another one by now, or none."""
    try:
        refuse_redrawn(picks, run.rows())
    except RunError:
        return True
    return False


def is_stale(run: Run, selection: Selection) -> bool:
    """Return whether a chosen picture has been drawn anew since."""
    now = {row.slot: row.sha256 for row in run.rows()}
    return any(
        now.get(Slot(*selection.place, part.seed, part.panel)) != part.sha256 for part in selection.parts
    )
