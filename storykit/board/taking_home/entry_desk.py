"""What stands on the desk of a run's entry: what the team decided, between what it can decide, the checks."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from pydantic import ValidationError

from kit.errors import InputError, RunError
from kit.experiment.run import Run
from kit.files.documents import faults_of
from kit.files.folder_lock import lock_file
from kit.messages import reader_language, tr
from storykit.board.open_runs import file_state
from storykit.board.pages import ServedBoard
from submissions.contest.rules import Rules, load_rules, shipped_rules
from submissions.packing.checklist import checklist
from submissions.packing.checklist_lines import Tick
from submissions.packing.entry import USUAL_ORDER, Entry, fitting_rules, seeds_of
from submissions.packing.entry_file import (
    FILE,
    INTRODUCTION,
    Decisions,
    decisions_version,
    keep_decisions,
    kept_introduction,
    read_decisions,
    read_introduction,
)
from submissions.packing.entry_plan import SET, EntryPlan, open_choices, with_decisions

PATIENCE_S = 2.0
"""With another process that writes the entry's decisions."""
BUNDLE = "entry.zip"
"""The bundle's name in the run's folder."""
_FILES = (
    *("experiment.toml", "run.json", "panels.jsonl", "faults.json", "scores.json", "comparison.json"),
    *("selection.json", FILE, INTRODUCTION, BUNDLE, "stories", "loras"),
)
"""What the checks look at; the pictures are written before their row is."""


class EntryChangedError(RunError):
    """The decisions on disk are others than the page showed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EntryDesk:
    """What the page shows of an entry before anything is checked."""

    decisions: Decisions
    introduction: str
    version: str
    """Of both files, as shown."""
    candidates: tuple[str, ...]
    orders: tuple[str, ...]
    stories: tuple[str, ...]
    seeds: tuple[int, ...]
    contests: tuple[str, ...]
    rules: Rules
    """The contest that is meant."""
    trigger: str
    """The words that wake the chosen LoRA; empty where there are none, or nothing is chosen."""
    packed: str
    """Changes when the bundle in the run's folder does; empty while there is none."""


def desk_of(run: Run) -> EntryDesk:
    """Return what was decided so far; raises InputError where its files are damaged."""
    experiment, decisions = run.loaded.experiment, read_decisions(run)
    path, bundle = kept_introduction(run), bundle_of(run)
    candidate, _, _ = open_choices(run, EntryPlan(candidate=decisions.candidate))
    triggers = {one.name: one.trigger for one in experiment.candidates}
    return EntryDesk(
        decisions=decisions,
        introduction=read_introduction(path) if path else "",
        version=decisions_version(run),
        candidates=tuple(one.name for one in experiment.candidates),
        orders=tuple(map(str, experiment.orders)),
        stories=tuple(one.name for one in run.loaded.stories),
        seeds=tuple(experiment.seeds),
        contests=shipped_rules(),
        rules=load_rules(decisions.rules) if decisions.rules else fitting_rules(run),
        trigger=triggers.get(candidate, ""),
        packed=file_state(bundle) if bundle.is_file() else "",
    )


def bundle_of(run: Run) -> Path:
    """Return where a run's bundle lies; raises RunError where that is a link."""
    path = run.folder / BUNDLE
    if path.is_symlink():
        raise RunError(tr("{path} is a link: put what it points at in its place", path=path))
    return path


def entry_of(run: Run, *, overwrite: bool) -> Entry:
    """Return the entry as it was decided; raises RunError where it is open whose pictures are meant."""
    plan, _ = with_decisions(run, EntryPlan())
    candidate, story, still_open = open_choices(run, plan)
    if still_open:
        raise RunError(str(still_open[0]._replace(mend="")))
    place = (candidate, plan.order or USUAL_ORDER, story)
    return Entry(
        candidate=candidate,
        order=place[1],
        story=story,
        seeds=seeds_of(run, place, plan.seed),
        rules=load_rules(plan.rules) if plan.rules else fitting_rules(run),
        team=plan.team,
        title=plan.title,
        introduction=read_introduction(plan.introduction) if plan.introduction else "",
        out=bundle_of(run),
        link=plan.link,
        overwrite=overwrite,
    )


class EntryDesks:
    """Writes what is decided and remembers what the checks found; one object for the whole board."""

    def __init__(self, board: ServedBoard) -> None:
        """Know nothing yet."""
        del board
        self._lock, self._checking = Lock(), Lock()
        self._found: dict[Path, tuple[str, tuple[Tick, ...]]] = {}

    def keep(self, run: Run, told: Mapping[str, object], introduction: str | None, seen: str) -> None:
        """Write decisions over those of the same name; an introduction of None stays as it is.

        Another candidate, order or story takes no seed over from the one before.

        Raises:
            InputError: one of them cannot be.
            EntryChangedError: the files are others by now than those that were seen.
        """
        with self._lock, lock_file(run.folder / FILE, "written", PATIENCE_S):
            if decisions_version(run) != seen:
                raise EntryChangedError(
                    tr("the entry was changed elsewhere meanwhile, so nothing was written over it")
                )
            before = read_decisions(run).model_dump()
            moved = any(told.get(name, before[name]) != before[name] for name in SET[:3])
            after = before | ({"seed": None} if moved else {}) | dict(told)
            if moved and told.get("seed") == before["seed"]:
                after["seed"] = None
            text = desk_of(run).introduction if introduction is None else introduction
            keep_decisions(run, _checked(after), text)

    def ticks(self, run: Run) -> tuple[Tick, ...]:
        """Return what the contest asks for and what of it holds; looked at anew where a file changed."""
        stamp = self.stamp(run)
        with self._checking:
            found = self._found.get(run.folder)
            if found is None or found[0] != stamp:
                plan, _ = with_decisions(run, EntryPlan())
                found = (stamp, checklist(Run.open(run.folder), plan))
                self._found[run.folder] = found
        return found[1]

    def stamp(self, run: Run) -> str:
        """Return a text that changes when something does that the checks look at."""
        states = [reader_language(), *(file_state(run.folder / name) for name in _FILES)]
        return hashlib.sha256(" ".join(states).encode()).hexdigest()[:16]


def _checked(told: Mapping[str, object]) -> Decisions:
    try:
        return Decisions.model_validate(told)
    except ValidationError as error:
        raise InputError(FILE, faults_of(error, Decisions)) from error
