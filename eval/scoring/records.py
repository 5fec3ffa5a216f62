"""The three score files of a run, written and read here alone: scores.json and the tables beside it."""

import csv
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from io import StringIO
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

from eval.metrics.registry import of_panels, of_stories
from eval.scorers.calibration import AttributeName, Calibration
from eval.scorers.protocols import Metric, Stamp
from eval.scoring.panel_file import Status
from kit.errors import RunError
from kit.experiment.run import Run
from kit.files.encodings import json_bytes
from kit.files.text.library_words import reason_of
from kit.files.user_paths import shell_word
from kit.messages import all_in_english, joined, tr
from kit.versions import installed_version

if TYPE_CHECKING:
    from pandas import DataFrame, Series

FILE, PANELS_FILE, STORIES_FILE = "scores.json", "scores.panels.csv", "scores.stories.csv"
KEYS = ("candidate", "order", "story", "seed")
_TEXTS = ("candidate", "order", "story", "file", "sha256", "status", "faults", "gate")
_WHOLE = ("seed", "panel", "panels_ok", "weakest_panel")
_SHOWN = 60
"""Letters of a panel that a line repeats."""
DECIMALS = 6
"""Digits written; beyond them lies what batches and processors change."""

Matrix = tuple[tuple[float | None, ...], ...]
Values = Mapping[str, float | None]
"""By column of the table; None where a number is undefined."""
R = TypeVar("R", "PanelScore", "StoryScore")


@dataclass(frozen=True, slots=True)
class ScoredSet:
    """What names a set of eight panels."""

    candidate: str
    order: str
    story: str
    seed: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PanelScore(ScoredSet):
    """One row of scores.panels.csv."""

    panel: int
    """1 to 8."""
    file: str = ""
    """Relative to the run folder."""
    sha256: str = ""
    """Of the picture file that was scored."""
    status: Status
    values: Values = field(default_factory=dict)
    """Aesthetic and text of a good panel; the others need all eight."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoryScore(ScoredSet):
    """One row of scores.stories.csv: eight panels; a set with faults has no set's numbers and says so."""

    panels_ok: int | None = None
    faults: str = ""
    """As "3 missing; 5 blank"."""
    gate: Literal["pass", "fail", ""] = ""
    weakest_panel: int | None = None
    """The panel whose figures fit least; where identity is undefined, the one least like the others."""
    values: Values = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Similarity(ScoredSet):
    """The cosine of every pair of a set's panels; None where one is faulty."""

    matrix: Matrix


@dataclass(frozen=True, kw_only=True, slots=True)
class Weakest(ScoredSet):
    """Which panel of a set breaks what."""

    by: Mapping[str, int]
    """By metric the panel, 1 to 8, that is lowest in it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PanelFault(ScoredSet):
    """A panel that could not be scored."""

    panel: int
    status: Status
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MissingAttribute(ScoredSet):
    """What a panel's text tells and its picture does not show."""

    panel: int
    attribute: AttributeName
    told: str
    """In the story's language, such as black."""
    margin: float
    """By how much it fits the picture better than the best other thing of its sort; a cosine's difference."""


@dataclass(frozen=True, kw_only=True, slots=True)
class UnaskedLetters(ScoredSet):
    """Letters in a panel whose words ask for none."""

    panel: int
    read: str
    """What is written there."""

    @property
    def shown(self) -> str:
        """What is written there as a line repeats it, a long one cut."""
        return self.read if len(self.read) <= _SHOWN else f"{self.read[:_SHOWN]}..."


@dataclass(frozen=True, kw_only=True, slots=True)
class Gate:
    """What a set's mean is held against."""

    threshold: float
    scorer: str
    floor: float | None = None
    """What no panel may be below; None where nobody has measured it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scores:
    """Everything the score stage says of a run; scores.json has all but the tables' rows."""

    metrics: tuple[Metric, ...]
    gate: Gate
    similarity: tuple[Similarity, ...] = ()
    weakest: tuple[Weakest, ...] = ()
    faults: tuple[PanelFault, ...] = ()
    missing: tuple[MissingAttribute, ...] = ()
    """Of whole sets, and only what the calibration says can be told."""
    calibration: Calibration | None = None
    """What may be believed of these weights; None where nobody has measured it."""
    letters: tuple[UnaskedLetters, ...] = ()
    """Empty as well where nobody asked for them to be read."""
    panels: tuple[PanelScore, ...] = ()
    stories: tuple[StoryScore, ...] = ()
    encoded: int = 0
    """Pictures measured now; the others were known."""
    notes: tuple[str, ...] = ()
    """What to mind that spoils no number: not written."""

    def stamp(self, metric: str) -> Stamp:
        """Return what gave a metric's numbers; raises RunError where nothing did."""
        found = {one.name: one.stamp for one in self.metrics}
        if metric not in found:
            raise RunError(
                tr(
                    "{file} does not say what gave the {metric} scores; score the run again",
                    file=FILE,
                    metric=metric,
                )
            )
        return found[metric]


def write_scores(run: Run, scores: Scores) -> None:
    """Write scores.panels.csv, scores.stories.csv and scores.json.

    Where a number changes, the comparison and the page of the old ones are removed.
    """
    known = {metric.name for metric in scores.metrics}
    panels = [
        *KEYS,
        "panel",
        "file",
        "sha256",
        "status",
        *(entry.name for entry in of_panels() if entry.name in known),
    ]
    stories = [*KEYS, "panels_ok", "faults", *(entry.name for entry in of_stories() if entry.name in known)]
    stories.insert(stories.index("aesthetic_gain") + 1, "gate")
    stories.insert(stories.index("loo_min") + 1, "weakest_panel")
    told = asdict(replace(scores, panels=(), stories=(), calibration=None))
    told["calibration"] = scores.calibration and scores.calibration.model_dump(mode="json")
    for metric in told["metrics"]:
        if not metric["words"]:
            del metric["words"]
    rest = {
        name: told[name]
        for name in (
            "metrics", "gate", "calibration", "similarity", "weakest", "faults", "missing", "letters"
        )
    }  # fmt: skip
    files = {
        PANELS_FILE: _table(panels, scores.panels),
        STORIES_FILE: _table(stories, scores.stories),
        FILE: json_bytes({"storykit": installed_version("storykit"), **all_in_english(rest)}),
    }
    run.write_results(files, ["comparison.json"])


def _table(columns: Sequence[str], rows: Sequence[PanelScore | StoryScore]) -> bytes:
    """Return the rows as CSV, nothing where a number is None."""
    from pandas import DataFrame

    flat = [asdict(row) | {name: rounded(value) for name, value in row.values.items()} for row in rows]
    frame = DataFrame(flat, columns=list(columns), dtype=object)
    return str(frame.to_csv(index=False, lineterminator="\n")).encode()


def rounded(value: float | None) -> float | None:
    """Return a number as it is written."""
    return None if value is None or math.isnan(value) else round(value, DECIMALS)


def read_scores(run: Run) -> Scores | None:
    """Return what was said of a run, None before it was scored; raises RunError where a file is damaged."""
    if not (run.folder / FILE).exists():
        return None
    return replace(read_summary(run), panels=read_panels(run), stories=read_stories(run))


def read_summary(run: Run) -> Scores:
    """Return what scores.json says, without the tables; raises RunError when it is missing or damaged."""
    return run.read_record(FILE, Scores)


def read_panels(run: Run) -> tuple[PanelScore, ...]:
    """Return the rows of scores.panels.csv; raises RunError as `panels_frame`."""
    return _rows(panels_frame(run), PanelScore)


def read_stories(run: Run) -> tuple[StoryScore, ...]:
    """Return the rows of scores.stories.csv; raises RunError as `stories_frame`."""
    return _rows(stories_frame(run), StoryScore)


def _rows(frame: "DataFrame", kind: Callable[..., R]) -> tuple[R, ...]:
    known = [*frame.columns.intersection([*_TEXTS, *_WHOLE])]
    values = frame.drop(columns=known)
    plain = (part.astype(object).where(part.notna(), None) for part in (frame[known], values))
    rows = zip(*(part.to_dict("records") for part in plain), strict=True)
    return tuple(kind(**row, values=numbers) for row, numbers in rows)


def panels_frame(run: Run) -> "DataFrame":
    """Return scores.panels.csv, one row a panel; a number is NaN where it is undefined.

    Raises RunError, with the line, when the file is missing or damaged or holds what is no finite number.
    """
    frame = _frame(run, PANELS_FILE, (*KEYS, "panel", "status"))
    known = get_args(Status)
    _refuse(
        run,
        PANELS_FILE,
        frame["status"],
        ~frame["status"].isin(known),
        tr("must be {statuses}", statuses=joined(known, tr(", "))),
    )
    return frame


def stories_frame(run: Run) -> "DataFrame":
    """Return scores.stories.csv, one row a set of eight panels; a number is NaN where it is undefined.

    Raises RunError as `panels_frame`, and for a set that is there twice: a silent choice would decide.
    """
    frame = _frame(run, STORIES_FILE, (*KEYS, "panels_ok"))
    for twice in frame[frame.duplicated(list(KEYS))][list(KEYS)].itertuples(index=False):
        raise RunError(
            tr(
                "{file} must hold a set once, got {place} twice",
                file=STORIES_FILE,
                place=" ".join(map(str, twice)),
            )
        )
    return frame


def _no_csv(run: Run, name: str, error: Exception) -> RunError:
    told = {"file": run.folder / name, "error": reason_of(error), "again": _again(run)}
    return RunError(tr("{file} is no CSV: {error}; {again}", **told))


def _frame(run: Run, name: str, needed: Sequence[str]) -> "DataFrame":
    """Return a table with its types: texts, whole numbers, and numbers for every other column."""
    import numpy as np
    import pandas as pd

    text = run.read_text(name)
    try:
        widths = {len(row) for row in csv.reader(StringIO(text)) if row}
    except csv.Error as error:
        raise _no_csv(run, name, error) from error
    if len(widths) > 1:
        raise RunError(
            tr(
                "{file} must have as many cells in each row as in its header; {again}",
                file=name,
                again=_again(run),
            )
        )
    try:
        frame = pd.read_csv(StringIO(text), dtype=object, keep_default_na=False)
    except ValueError as error:
        raise _no_csv(run, name, error) from error
    if lacking := [column for column in needed if column not in frame]:
        raise RunError(
            tr(
                "{file} must have a column {columns}; {again}",
                file=name,
                columns=joined(lacking, tr(", ")),
                again=_again(run),
            )
        )
    for column in frame.columns.difference([*_TEXTS]):
        cells, whole = frame[column], column in _WHOLE
        numbers = pd.to_numeric(cells.where(cells != ""), errors="coerce")
        wild = ~np.isfinite(numbers) | (whole & (numbers % 1 != 0))
        _refuse(run, name, cells, wild & ((cells != "") | (column in needed)), tr("must be a finite number"))
        frame[column] = numbers.astype("Int64" if whole else "float64")
    return frame


def _refuse(run: Run, name: str, cells: "Series[Any]", wild: "Series[bool]", rule: str) -> None:
    if wild.any():
        row = int(wild.argmax())
        raise RunError(
            tr(
                "{file} line {line}: {column} {rule}, got {got!r}; {again}",
                file=name,
                line=row + 2,
                column=cells.name,
                rule=rule,
                got=cells.iloc[row],
                again=_again(run),
            )
        )


def _again(run: Run) -> str:
    return tr("run `storykit score {folder}` again", folder=shell_word(run.folder))
