"""The tables of an experiment file that later stages read: [score], [words] and [compare]."""

from typing import Annotated

from pydantic import BaseModel, Field

from kit.embedded import EMBEDDED
from kit.experiment.fields import MetricName, Number, RoleWords, ScorerWeights


class ScoreTable(BaseModel, frozen=True, extra="forbid"):
    """What the scores are made with."""

    aesthetic: ScorerWeights = EMBEDDED
    """The embedded aesthetic head, or a folder with a predictor's weights."""
    clip: ScorerWeights = EMBEDDED
    """The embedded encoder, or a folder with CLIP weights."""
    gate: Number = 6.0
    """The mean aesthetic score an entry needs; source: the contest's rules."""
    copy_above: Annotated[Number, Field(gt=0, le=1)] = 0.95
    """Cosine of two panels above which they count as copies of one picture; proven for the embedded encoder
    alone (docs/metrics.md)."""


class WordsTable(BaseModel, frozen=True, extra="forbid"):
    """Words that pictures are seen through beside ours, by metric, in the stories' language."""

    identity: RoleWords | None = None
    """Of figures."""
    style: RoleWords | None = None
    place: RoleWords | None = None
    staging: RoleWords | None = None
    """Of poses, faces and framings."""


class CompareTable(BaseModel, frozen=True, extra="forbid"):
    """What the comparison is made against."""

    baseline: str | None = None
    """A candidate; by default the first one without a LoRA."""
    metrics: tuple[MetricName, ...] = ()
    """What is judged, columns of the scores of a set; what is judged by default where none is named. The
    fewer, the fewer seeds a verdict needs."""
