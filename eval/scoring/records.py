"""What is said of one panel, of one set of eight, and of a whole run: the rows of the score files."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from eval.scorers.protocols import Metric
from eval.scoring.panel_file import Status

Matrix = tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class PanelScore:
    """One row of scores.panels.csv; a number is None where it is undefined."""

    candidate: str
    order: str
    story: str
    seed: int
    panel: int
    """1 to 8."""
    file: str
    """Relative to the run folder."""
    sha256: str
    status: Status
    aesthetic: float | None = None
    text: float | None = None
    """Cosine to the panel's own text."""
    text_rank: float | None = None
    """Place among the set's panels by this panel's text, 1 is best; needs all eight."""
    loo: float | None = None
    """Cosine to the mean of the set's other panels; needs all eight."""
    identity: float | None = None
    """How much its figures are those of its text and of the panels with the same cast; needs all eight."""
    style: float | None = None
    """How alike its style is to that of the others; needs all eight."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoryScore:
    """One row of scores.stories.csv: eight panels; a set with faults has no set's numbers and says so."""

    candidate: str
    order: str
    story: str
    seed: int
    panels_ok: int
    faults: str
    """As "3 missing; 5 blank"."""
    aesthetic_mean: float | None = None
    aesthetic_min: float | None = None
    aesthetic_gain: float | None = None
    """Mean difference to the baseline's panel of the same place, order and seed."""
    gate: Literal["pass", "fail", ""] = ""
    naive: float | None = None
    loo_mean: float | None = None
    loo_min: float | None = None
    weakest_panel: int | None = None
    """The panel whose figures fit least; where identity is undefined, the one least like the others."""
    text_mean: float | None = None
    mrr: float | None = None
    identity: float | None = None
    style: float | None = None
    place: float | None = None
    """None where the story does not say where its panels are."""
    copies: float | None = None
    """Share of pairs of panels that are copies."""
    effective_panels: float | None = None
    staging: float | None = None
    """How much poses, faces and framing change."""
    text_subject: float | None = None
    """Mean cosine of the panels to their clauses of that role alone; so with the next three."""
    text_action: float | None = None
    text_place: float | None = None
    text_detail: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Similarity:
    """The cosine of every pair of a set's panels; None where one is faulty."""

    candidate: str
    order: str
    story: str
    seed: int
    matrix: Matrix


@dataclass(frozen=True, kw_only=True, slots=True)
class Weakest:
    """Which panel of a set breaks what."""

    candidate: str
    order: str
    story: str
    seed: int
    by: Mapping[str, int]
    """By metric the panel, 1 to 8, that is lowest in it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PanelFault:
    """A panel that could not be scored."""

    candidate: str
    order: str
    story: str
    seed: int
    panel: int
    status: Status
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Gate:
    """What a set's mean is held against."""

    threshold: float
    scorer: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Scores:
    """Everything the score stage says of a run."""

    panels: tuple[PanelScore, ...]
    stories: tuple[StoryScore, ...]
    similarity: tuple[Similarity, ...]
    weakest: tuple[Weakest, ...]
    faults: tuple[PanelFault, ...]
    metrics: tuple[Metric, ...]
    gate: Gate
    encoded: int
    """Pictures measured now; the others were known."""
