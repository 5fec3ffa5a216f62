"""What the score and comparison files of a run say, as typed records."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from kit.errors import RunError

Matrix = tuple[tuple[float | None, ...], ...]
"""Cosine similarity of panels 1 to 8; None where a panel is missing."""

Status = Literal["ok", "missing", "damaged", "blank", "wrong-size"]

STORY_KEYS = frozenset(
    ["candidate", "order", "story", "seed", "panels_ok", "faults", "gate", "weakest_panel"]
)
"""Columns of scores.stories.csv that are no score."""


def _empty_is_none(value: object) -> object:
    return None if value == "" else value


Number = Annotated[float | None, BeforeValidator(_empty_is_none)]
Whole = Annotated[int | None, BeforeValidator(_empty_is_none)]


_WRITERS = {"scores": "score", "comparison": "compare", "race": "run --race"}


class _Record(BaseModel):
    """A record written by another stage: unknown keys belong to a newer version and are let through."""

    model_config = ConfigDict(frozen=True, extra="ignore")


R = TypeVar("R", bound=_Record)


class Stamp(_Record):
    """Which weights and preprocessing gave a number."""

    weights: str | None = None
    weights_sha256: str | None = None
    preprocessing: str | None = None
    embedded: bool = False


class Metric(_Record):
    """One metric of scores.json: what it is called, which way is better, where it comes from."""

    name: str
    title: str = ""
    direction: Literal["higher", "lower"] = "higher"
    range: tuple[float | None, float | None] | None = None
    source: str | None = None
    stamp: Stamp | None = None


class Gate(_Record):
    """The contest's threshold and the scorer it was held against."""

    threshold: float
    scorer: str = ""


class Similarity(_Record):
    """The similarity of all panels of one story, drawn by one candidate with one seed."""

    candidate: str
    order: str
    story: str
    seed: int
    matrix: Matrix


class Fault(_Record):
    """One panel that could not be scored, and why."""

    candidate: str
    order: str
    story: str
    seed: int
    panel: int
    status: Status
    reason: str = ""


class _ScoreFile(_Record):
    metrics: tuple[Metric, ...] = ()
    gate: Gate | None = None
    similarity: tuple[Similarity, ...] = ()
    faults: tuple[Fault, ...] = ()


class PanelScore(_Record):
    """One row of scores.panels.csv; numbers are None unless the status is ok."""

    candidate: str
    order: str
    story: str
    seed: int
    panel: int
    sha256: str = ""
    """Of the picture file that was scored."""
    status: Status
    aesthetic: Number = None
    text: Number = None
    text_rank: Number = None
    loo: Number = None
    identity: Number = None
    style: Number = None


class StoryScore(_Record):
    """One row of scores.stories.csv; values maps every score column to its number, None where undefined."""

    candidate: str
    order: str
    story: str
    seed: int
    panels_ok: Whole = None
    faults: str = ""
    gate: str = ""
    weakest_panel: Whole = None
    values: Mapping[str, Number]


class Scores(_Record):
    """Everything `storykit score` wrote."""

    metrics: tuple[Metric, ...]
    gate: Gate | None
    similarity: tuple[Similarity, ...]
    faults: tuple[Fault, ...]
    panels: tuple[PanelScore, ...]
    stories: tuple[StoryScore, ...]


class Family(_Record):
    """The metrics that are judged, all comparisons of one kind under one Holm adjustment."""

    metrics: tuple[str, ...] = ()
    sizes: Mapping[str, int] = {}
    """Comparisons in the families of candidates, of orders and of interactions."""
    declared: bool = False


class Comparison(_Record):
    """One paired comparison of a against b in one metric; differences are a minus b."""

    kind: Literal["candidate", "order", "interaction"]
    metric: str
    a: str
    b: str
    step: tuple[str, str] | None = None
    """Of an interaction, the order and the one it is held against."""
    n: int
    differences: tuple[float, ...] = ()
    shift: float | None = None
    interval: tuple[float | None, float | None] | None = None
    p: float | None = None
    p_holm: float | None = None
    verdict: Literal["a", "b", "tied", "none"]
    reason: str = ""


class Comparisons(_Record):
    """Everything `storykit compare` wrote."""

    unit: Literal["seed", "story"]
    replicates: int
    floor: int
    family: Family = Family()
    comparisons: tuple[Comparison, ...] = ()
    tied_sets: Mapping[str, tuple[tuple[str, ...], ...]] = {}


class Left(_Record):
    """A candidate that left a race."""

    candidate: str
    leader: str
    seeds: int
    chance: float


class Race(_Record):
    """What `storykit run --race` wrote."""

    metric: str
    left: tuple[str, ...] = ()
    out: tuple[Left, ...] = ()


def read_scores(folder: Path) -> Scores | None:
    """Return the scores of a run folder, or None before it was scored.

    Raises:
        RunError: a score file is damaged or one of the three is missing.
    """
    if not (folder / "scores.json").exists():
        return None
    try:
        told = _ScoreFile.model_validate_json(_text(folder / "scores.json"))
        panels = [PanelScore.model_validate(row) for row in _rows(folder / "scores.panels.csv")]
        stories = [_story_score(row) for row in _rows(folder / "scores.stories.csv")]
    except ValidationError as error:
        raise RunError(_damaged(folder, "scores", error)) from error
    return Scores(
        metrics=told.metrics,
        gate=told.gate,
        similarity=told.similarity,
        faults=told.faults,
        panels=tuple(panels),
        stories=tuple(stories),
    )


def read_comparisons(folder: Path) -> Comparisons | None:
    """Return the comparisons of a run folder, or None before it was compared.

    Raises:
        RunError: comparison.json is damaged.
    """
    return _read(folder, "comparison", Comparisons)


def read_race(folder: Path) -> Race | None:
    """Return who left the race of a run folder, or None where none was held.

    Raises:
        RunError: race.json is damaged.
    """
    return _read(folder, "race", Race)


def _read(folder: Path, stage: str, record: type[R]) -> R | None:
    """Return what a stage wrote into its JSON file, None where there is none."""
    path = folder / f"{stage}.json"
    if not path.exists():
        return None
    try:
        return record.model_validate_json(_text(path))
    except ValidationError as error:
        raise RunError(_damaged(folder, stage, error)) from error


def _text(path: Path) -> str:
    """Return a file's text; a missing or unreadable file is a RunError with its path."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"the report must be able to read {path}: {error}") from error


def _rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(_text(path))))


def _story_score(row: Mapping[str, str]) -> StoryScore:
    keys = {name: value for name, value in row.items() if name in STORY_KEYS}
    values = {name: value for name, value in row.items() if name not in STORY_KEYS}
    return StoryScore.model_validate({**keys, "values": values})


def _damaged(folder: Path, stage: str, error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    again = f"run `storykit {_WRITERS[stage]}` again"
    return f"{folder}: the {stage} file must be readable, got {place}: {first['msg']}; {again}"
