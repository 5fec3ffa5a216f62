"""RUN/selection.json: which seed was chosen for each panel, and why that set."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from kit.errors import RunError
from kit.experiment.run import Run, Slot
from kit.files.encodings import json_bytes
from kit.versions import installed_version

FILE = "selection.json"
RULE = (
    "no two panels are copies, none is below the calibrated floor that need not be, and the mean aesthetic "
    "score reaches the gate; of these sets the one whose weakest metric is highest, in standard deviations "
    "above sets chosen by lot; ties by the mean of all"
)


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

    @property
    def lowest(self) -> float:
        """The lowest deviation."""
        return self.deviations[self.weakest]

    @property
    def rank(self) -> tuple[float, float]:
        """What two sets are compared by; higher is better."""
        return self.lowest, self.mean


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

    @property
    def place(self) -> tuple[str, str, str]:
        """Candidate, order and story."""
        return (self.candidate, self.order, self.story)

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seed of each panel."""
        return tuple(part.seed for part in self.parts)


@dataclass(frozen=True, kw_only=True, slots=True)
class Selections:
    """selection.json."""

    selections: tuple[Selection, ...]


def read_selections(run: Run) -> list[Selection]:
    """Return what was chosen in a run so far; raises RunError where the file is damaged."""
    return [*run.read_record(FILE, Selections).selections] if (run.folder / FILE).exists() else []


def keep_selections(run: Run, chosen: list[Selection]) -> None:
    """Write what was chosen now beside what was chosen of other candidates, orders and stories."""
    every = {one.place: one for one in (*read_selections(run), *chosen)}
    rows = [asdict(every[place]) for place in sorted(every)]
    told = {"storykit": installed_version("storykit"), "rule": RULE, "selections": rows}
    run.write_results({FILE: json_bytes(told)})


def seeds_cast(run: Run, candidate: str, order: str, story: str) -> tuple[int, ...]:
    """Return the seed of each panel, () where nothing was cast; raises RunError if a picture has changed."""
    found = next((one for one in read_selections(run) if one.place == (candidate, order, story)), None)
    if found is not None and is_stale(run, found):
        raise RunError(
            f"{run.folder / FILE}: pictures of {candidate} have changed since they were cast; "
            "run `storykit cast` again"
        )
    return found.seeds if found else ()


def is_stale(run: Run, selection: Selection) -> bool:
    """Return whether a chosen picture has been drawn anew since."""
    now = {row.slot: row.sha256 for row in run.rows()}
    return any(
        now.get(Slot(*selection.place, part.seed, part.panel)) != part.sha256 for part in selection.parts
    )
