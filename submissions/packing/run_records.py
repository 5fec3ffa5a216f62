"""What a run recorded about itself, as far as a bundle needs it: run.json, scores.json and the two tables."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, JsonValue, ValidationError

from kit.embedded import BASE_WEIGHTS, EMBEDDED
from kit.errors import RunError
from kit.experiment.run import Run
from kit.files.documents import faults_of
from kit.files.encodings import csv_rows
from submissions.faults import Fault

AESTHETIC = "aesthetic"
M = TypeVar("M", bound=BaseModel)


class CandidateIdentity(BaseModel, frozen=True):
    """A candidate as it was drawn; all but the strength empty for the bare base."""

    lora_sha256: str | None = None
    rank: int | None = None
    alpha: float | None = None
    strength: float = 1.0
    keys: int | None = None
    trigger: str = ""


class SettingsIdentity(BaseModel, frozen=True):
    """How the pictures were drawn."""

    steps: int
    cfg: float
    size: int
    noise: str
    scheduler: JsonValue
    memory: str = "auto"


class RunIdentity(BaseModel, frozen=True):
    """run.json: what the pictures were drawn with."""

    base: Mapping[str, JsonValue]
    candidates: Mapping[str, CandidateIdentity]
    settings: SettingsIdentity
    device: str = ""
    versions: Mapping[str, JsonValue] = {}
    commit: str | None = None


class StampIdentity(BaseModel, frozen=True):
    """Which weights gave a number."""

    weights: str
    embedded: bool


class MetricIdentity(BaseModel, frozen=True):
    """One metric of scores.json."""

    name: str
    stamp: StampIdentity | None = None


class ScoresIdentity(BaseModel, frozen=True):
    """scores.json: what the scores were made with."""

    metrics: tuple[MetricIdentity, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoreTables:
    """The scores of a run."""

    head: StampIdentity
    """The aesthetic head."""
    panels: Sequence[Mapping[str, str]]
    stories: Sequence[Mapping[str, str]]


def read_identity(run: Run) -> tuple[RunIdentity | None, list[Fault]]:
    """Return run.json checked, or None and why not."""
    return _read_json(run, "run.json", RunIdentity)


def read_scores(run: Run) -> tuple[ScoreTables | None, list[Fault]]:
    """Return the scores of a run, or None and what is missing of them."""
    scores, faults = _read_json(run, "scores.json", ScoresIdentity)
    panels, panel_faults = _read_table(run, "scores.panels.csv")
    stories, story_faults = _read_table(run, "scores.stories.csv")
    faults += panel_faults + story_faults
    if scores is None or faults:
        return None, faults
    heads = [metric.stamp for metric in scores.metrics if metric.name == AESTHETIC and metric.stamp]
    if not heads:
        problem = "does not say which head gave the aesthetic scores"
        return None, [Fault(place="scores.json", problem=problem)]
    return ScoreTables(head=heads[0], panels=panels, stories=stories), []


def _read_json(run: Run, name: str, model: type[M]) -> tuple[M | None, list[Fault]]:
    """Return a JSON file of the run as a record, or None and its faults."""
    try:
        return model.model_validate(run.read_json(name)), []
    except RunError as error:
        return None, [Fault(place=name, problem=str(error).removeprefix(f"{run.folder / name} "))]
    except ValidationError as error:
        return None, [Fault(place=name, problem=problem) for problem in faults_of(error)]


def _read_table(run: Run, name: str) -> tuple[list[dict[str, str]], list[Fault]]:
    """Return the rows of a CSV of the run, or none and why."""
    try:
        return csv_rows((run.folder / name).read_bytes()), []
    except FileNotFoundError:
        return [], [Fault(place=name, problem="does not exist", mend="run `storykit score` first")]
    except (OSError, ValueError) as error:
        return [], [Fault(place=name, problem=f"cannot be read: {error}", mend="score again")]


def is_embedded(base: Mapping[str, JsonValue]) -> bool:
    """Return whether a base is the one embedded in storykit, by its name or by its weights."""
    if base.get("name") == EMBEDDED:
        return True
    try:
        config = json.loads((BASE_WEIGHTS / "config.json").read_bytes())
    except OSError:
        return False
    return bool(base.get("sha256")) and base.get("sha256") == config.get("sha256")
