"""Every metric, one entry each: its formula, and all that the stages after it have to know."""

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from eval.metrics.formulas import FORMULAS, Formula
from eval.scorers.protocols import Direction, Encoder, LetterReader, Metric, Scorer
from kit.messages import Language, Message, ptr

Needs = Literal["story", "words", "texts", "aesthetic", "pictures", "letters"]
"""What a metric is found from: the story's facts, the words of a role, the panels' texts, the predictor's
points, nothing but the pictures, or what is read in them, which is found only where it is asked for."""
KINDS: tuple[Needs, ...] = ("story", "words", "texts", "aesthetic", "pictures", "letters")
Compared = Literal["judged", "shown", "orders", "declared", "reference"]
"""Where a comparison has a metric: it decides unless an experiment names others; it is shown; it is shown
between orders; it appears where it is declared; or it is shown last and never decides."""


class MetricEntry(BaseModel, frozen=True, extra="forbid"):
    """One column of the score tables."""

    name: str
    """The column."""
    title: str
    """In scores.json; where the scorer describes the column, what follows its own title."""
    source: str = ""
    """Of the formula; empty: the scorer says it, and direction, range and unit."""
    explained: Mapping[Language, str] = {}
    """The source in other languages than English, for pages."""
    direction: Direction = "higher"
    range: tuple[float, float] = (-1.0, 1.0)
    """Smallest and largest value that can occur."""
    unit: str = "cosine"
    formula: Formula | None = None
    """None: the score stage finds it panel by panel, or from several sets."""
    table: Literal["panels", "stories"] = "stories"
    panels: str = ""
    """Column of scores.panels.csv for what the formula says of each panel."""
    needs: Needs = "pictures"
    compared: Compared | None = None
    said: str = ""
    """What a verdict calls it, where that is not its name."""
    names: Mapping[Language, str] = {}
    """What the report calls it."""
    short: Mapping[Language, str] = {}
    """What the leaderboard calls it where there is little room."""
    long: Mapping[Language, str] = {}
    """What it says, for the leaderboard's readers."""
    gate: bool = False
    """Whether a set that has any of it is left out of verdicts and casts."""
    in_report: bool = True
    """Whether the page's table has it; the files always have."""
    validated: bool = True
    """Whether it is held against known damage."""

    @property
    def bare_name(self) -> str:
        """The name without what is made of the panels: aesthetic of aesthetic_mean."""
        return self.name.removesuffix("_mean")

    @property
    def said_here(self) -> Message:
        """What a verdict calls it, in the reader's language."""
        return ptr("metric", self.said or self.name)

    def called(self, size: Literal["short", "long"], language: Language) -> str:
        """Return what the leaderboard calls it; what the report does where it has no words of its own."""
        words = self.short if size == "short" else self.long
        return words.get(language) or self.names[language]


def _entries() -> dict[str, MetricEntry]:
    table = tomllib.loads((Path(__file__).parent / "metrics.toml").read_text("utf-8"))
    return {
        name: MetricEntry.model_validate({"name": name, "formula": FORMULAS.get(name), **row})
        for name, row in table.items()
    }


METRICS = _entries()
"""By column, in the order of scores.json; a new metric is an entry in metrics.toml and its formula."""


def of_stories() -> list[MetricEntry]:
    """Return the number columns of scores.stories.csv in its order: clauses last."""
    found = [entry for entry in METRICS.values() if entry.table == "stories"]
    return sorted(found, key=lambda entry: entry.compared == "orders")


def of_panels() -> list[MetricEntry]:
    """Return the number columns of scores.panels.csv in its order."""
    both = {entry.panels for entry in METRICS.values()}
    return [entry for entry in METRICS.values() if entry.table == "panels" or entry.name in both]


def reason_columns() -> list[str]:
    """Return the columns of scores.panels.csv that can say why a panel is weakest, highest is best in all."""
    found = [entry for entry in of_panels() if entry.direction == "higher"]
    return [entry.name for entry in sorted(found, key=lambda entry: KINDS.index(entry.needs))]


def compared() -> list[MetricEntry]:
    """Return what a comparison knows, references last."""
    found = [entry for entry in of_stories() if entry.compared is not None]
    return sorted(found, key=lambda entry: entry.compared == "reference")


def judged() -> tuple[str, ...]:
    """Return what decides where an experiment names nothing."""
    return tuple(entry.name for entry in compared() if entry.compared == "judged")


def judgeable() -> tuple[str, ...]:
    """Return what an experiment or a contest may name, `judged` first."""
    others = (entry.name for entry in compared() if entry.compared not in ("judged", "reference"))
    return (*judged(), *others)


def gates() -> tuple[str, ...]:
    """Return the columns of which a set may have none; one that was never measured is no fault."""
    return tuple(entry.name for entry in METRICS.values() if entry.gate)


def is_reference(column: str) -> bool:
    """Return whether a column is shown and never decides."""
    return column in METRICS and METRICS[column].compared == "reference"


def validated(*, letters: bool = False) -> dict[str, Formula]:
    """Return the formulas that are held against known damage, by bare name; `letters` where they are read."""
    return {
        entry.bare_name: entry.formula
        for entry in METRICS.values()
        if entry.formula and entry.validated and (letters or entry.needs != "letters")
    }


def castable() -> dict[str, Formula]:
    """Return the formulas that decide which seeds are cast, by bare name; higher is better in all."""
    found = (METRICS[name] for name in judged())
    return {one.bare_name: one.formula for one in found if one.formula and one.direction == "higher"}


def describe_metrics(
    scorer: Scorer,
    encoder: Encoder,
    words: Mapping[str, tuple[str, ...]] | None = None,
    reader: LetterReader | None = None,
) -> tuple[Metric, ...]:
    """Return a description of each column of the two score tables that holds a number.

    Args:
        scorer: what gave the aesthetic points.
        encoder: what gave the rest.
        words: an experiment's own, by metric.
        reader: what read the letters; none where nobody asked for it, and then there is no such column.
    """
    own = words or {}
    told = {"direction", "name", "range", "source", "title", "unit"}
    return tuple(
        Metric(**entry.model_dump(include=told), stamp=gives.stamp, words=own.get(entry.name, ()))
        if entry.source
        else _of_scorer(entry, scorer.metric)
        for entry in METRICS.values()
        if (gives := reader if entry.needs == "letters" else encoder) is not None
    )


def _of_scorer(entry: MetricEntry, points: Metric) -> Metric:
    """Return what describes a column that is made of the scorer's points."""
    low, high = points.range
    span = (low - high, high - low) if entry.name == "aesthetic_gain" else points.range
    return replace(points, name=entry.name, title=points.title + entry.title, range=span)
