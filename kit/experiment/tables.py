"""The tables of an experiment file that later stages read: [score], [words] and [compare]."""

from importlib.util import find_spec
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ValidationInfo, model_validator

from kit.embedded import EMBEDDED
from kit.experiment.fields import (
    CalibrationFile,
    Flag,
    MetricName,
    Number,
    PathContext,
    RoleWords,
    ScorerWeights,
)
from kit.messages import mark, tr

LETTERS_EXTRA = mark("the extra: pip install storykit[letters]")
"""What reads letters, for a message."""


def can_read_letters() -> bool:
    """Return whether the extra that reads letters is installed; it is not imported."""
    return all(find_spec(name) is not None for name in ("rapidocr", "onnxruntime"))


def _readable(letters: bool, info: ValidationInfo) -> bool:
    here = isinstance(info.context, PathContext) and info.context.must_exist
    if letters and here and not can_read_letters():
        raise ValueError(tr("letters = true needs {extra}; or delete that line", extra=tr(LETTERS_EXTRA)))
    return letters


class ScoreTable(BaseModel, frozen=True, extra="forbid"):
    """What the scores are made with."""

    aesthetic: ScorerWeights = EMBEDDED
    """The embedded aesthetic head, or a folder with a predictor's weights."""
    clip: ScorerWeights = EMBEDDED
    """The embedded encoder, or a folder with CLIP weights."""
    calibration: CalibrationFile | None = None
    """What may be believed of these weights; by default the embedded one, for the embedded weights."""
    gate: Number = 6.0
    """The mean aesthetic score an entry needs; source: the contest's rules."""
    letters: Annotated[Flag, AfterValidator(_readable)] = False
    """Whether letters in the pictures are read, and told where a story asks for none; needs an extra."""

    @model_validator(mode="before")
    @classmethod
    def _without_copy_above(cls, told: object) -> object:
        """Leave out what runs of before wrote down, and say what became of it to who set it."""
        if not isinstance(told, dict) or "copy_above" not in told:
            return told
        if told["copy_above"] != 0.95:
            raise ValueError(
                tr(
                    "copy_above is gone, copies are known by their pixels whatever the encoder: "
                    "delete that line"
                )
            )
        return {name: value for name, value in told.items() if name != "copy_above"}


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
