"""The tables of an experiment file: [draft], [score], [words] and [compare]."""

from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, ValidationInfo, model_validator

from kit.embedded import EMBEDDED
from kit.experiment.fields import (
    CalibrationFile,
    Count,
    Flag,
    MetricName,
    Number,
    PathContext,
    RoleWords,
    ScorerWeights,
)
from kit.messages import mark, tr

if TYPE_CHECKING:
    from kit.experiment.drawing.draw_settings import DrawSettings
    from kit.experiment.drawing.usual import UsualDrawing

Quality = Literal["final", "draft"]
"""As the experiment says, or by its table [draft]: a draft shows which picture is worth drawing."""

SamplerName = Literal["ddim", "dpm++2m", "euler", "euler-a", "lcm", "unipc", "own"]
"""DDIM draws as the contest does; DPM++ 2M (arXiv 2211.01095) solves the same equation in fewer steps. The
others are for bases that diffusers draws with: "own" is what lies in the base's folder."""

Spacing = Literal["leading", "trailing", "linspace"]
"""How the timesteps lie between the first and the last (arXiv 2305.08891, table 2)."""

Steps = Annotated[Count, Field(le=1000)]
"""Denoising steps."""

Side = Annotated[Count, Field(multiple_of=32)]
"""Of a panel in pixels; 32 = the VAE's stride 8 times the UNet's two halvings."""

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


class DraftTable(BaseModel, frozen=True, extra="forbid"):
    """How drafts are drawn, each from the noise of its final; what each setting costs: docs/drafts.md."""

    sampler: SamplerName | None = None
    """By default "dpm++2m"; of a base that was made for few steps, its final's."""
    steps: Steps | None = None
    """By default 9 for the mini base, 20 for Kolors, and never more than the final's."""
    guidance_until: Annotated[Number, Field(gt=0, le=1)] | None = None
    """Share of the steps that are guided; those that follow compute half. By default 0.65, 1 for Stable
    Cascade."""
    size: Side | None = None
    """By default the final's, which must be a whole multiple of it: the noise is reduced by as much."""
    cache_every: Count = 1
    """The UNet's inner blocks are computed in every so many-th step and remembered in between; 1: in all."""

    def drawn_as(self, final: "DrawSettings", usual: "UsualDrawing") -> "DrawSettings":
        """Return how drafts of a final are drawn.

        Args:
            final: how the final is.
            usual: what the base's are where the table says nothing.
        """
        size, sampler = self.size or final.size, self.sampler or usual.draft_sampler
        return replace(
            final,
            steps=self.steps or min(usual.draft_steps, final.steps),
            size=size,
            sampler=sampler,
            spacing=final.spacing if sampler == final.sampler else None,
            guidance_until=(self.guidance_until or usual.draft_guided) if final.cfg != 1 else 1.0,
            cache_every=self.cache_every,
            noise_size=final.size if size != final.size else None,
        )

    def fault(self, final_size: int, noise: str) -> str | None:
        """Return why drafts cannot begin from the noise of their finals; None where they can."""
        size = self.size or final_size
        if final_size % size:
            return tr(
                "the final's size must be a whole multiple of the draft's, got {final} and {draft}",
                final=final_size,
                draft=size,
            )
        if size != final_size and noise == "contest":
            return tr(
                'size must be the final\'s, {final}, where noise = "contest", which is drawn on the device '
                "at one size; got {draft}",
                final=final_size,
                draft=size,
            )
        return None


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
