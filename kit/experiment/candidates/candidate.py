"""A candidate: one LoRA at one strength, several together, or the base alone."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, Field, model_validator

from kit.experiment.candidates.naming import nameless
from kit.experiment.fields import Count, EmbeddingFile, LoraFile, LoraFiles, Number, PlainName
from kit.files.documents import WhenMissing
from kit.messages import tr
from kit.story.story import Story

MOST_STRENGTH = 2
Strength = Annotated[Number, Field(gt=0, le=MOST_STRENGTH)]
"""Relative to the training: 1.0 is as trained."""

Blocks = Annotated[dict[str, Annotated[Number, Field(ge=0, le=MOST_STRENGTH)]], Field(min_length=1)]
"""What content, style, the rest, or single blocks of `kit.lora.blocks` count besides; others count 1."""

Consistency = Annotated[Number, Field(ge=0, le=1)]
"""How strongly characters are kept the same: the share of its attention that a panel gives to the panel that
shows a character, where that is as like as the panel itself; 0 for none, .7 is a good start."""


EMBEDDINGS = "embeddings"
"""The folder, of a run or a bundle, that holds what words text encoders were taught."""
MOST_EMBEDDINGS = 16


def embedding_file(sha256: str) -> str:
    """Return where an embedding lies, below a run or a bundle."""
    return f"{EMBEDDINGS}/{sha256}.safetensors"


class StackedLora(BaseModel, frozen=True, extra="forbid"):
    """One of several LoRAs that are worn together."""

    file: LoraFile
    strength: Strength = 1.0
    alpha: Annotated[Number, Field(gt=0)] | None = None
    """The alpha it was trained with, where the file does not say."""
    blocks: Blocks | None = None


class WornEmbedding(BaseModel, frozen=True, extra="forbid"):
    """A word of its own that a text encoder was taught (textual inversion)."""

    file: EmbeddingFile
    token: Annotated[str, Field(min_length=1, max_length=60)] | None = None
    """What prompts call it by, where it is not what the file says or is called."""

    @model_validator(mode="before")
    @classmethod
    def _take_a_file(cls, told: object) -> object:
        return {"file": told} if isinstance(told, str) else told


class Candidate(BaseModel, frozen=True, extra="forbid"):
    """One LoRA at one strength, several together, or the base alone."""

    name: Annotated[PlainName, WhenMissing(nameless)]
    """Lower-case letters of any script, digits and dashes; it names folders and rows."""
    lora: LoraFiles | None = None
    """A file, or one of the embedded styles as "mini:ink"; none draws with the base alone. A pattern such as
    "my/steps/*.safetensors" makes a candidate of each saved step, called NAME-300."""
    step: Count | None = None
    """The saved step that it is; a pattern at `lora` fills it in."""
    loras: Annotated[tuple[StackedLora, ...], Field(min_length=2)] | None = None
    """Several that are worn together; an array at `lora` is read as this."""
    strength: Strength = 1.0
    strengths: Annotated[tuple[Strength, ...], Field(min_length=1)] | None = None
    """Makes a candidate of each, called NAME-40 for 0.4."""
    alpha: Annotated[Number, Field(gt=0)] | None = None
    """The alpha it was trained with, where the file does not say."""
    blocks: Blocks | None = None
    """A loaded experiment names every block, and has none here where all count alike."""
    consistency: Consistency | None = None
    """By default the experiment's, which a loaded experiment has filled in."""
    consistencies: Annotated[tuple[Consistency, ...], Field(min_length=1)] | None = None
    """Makes a candidate of each, called NAME-c40 for 0.4."""
    embeddings: (
        Annotated[tuple[WornEmbedding, ...], Field(min_length=1, max_length=MOST_EMBEDDINGS)] | None
    ) = None
    """Files of textual inversion, not for Stable Cascade; prompts name their words."""
    trigger: str = ""
    """Put in front of every prompt of this candidate."""
    negative: str | None = None
    """What none of its panels shall show, instead of what its stories say; empty for nothing."""

    @model_validator(mode="before")
    @classmethod
    def _take_several(cls, table: object) -> object:
        if isinstance(table, dict) and "loras" in table:
            raise ValueError(tr("loras: unknown key; several LoRAs are an array at lora"))
        if isinstance(table, dict) and isinstance(table.get("lora"), list | tuple):
            return {**table, "lora": None, "loras": table["lora"]}
        return table

    @model_validator(mode="after")
    def _strengthen_something(self) -> Self:
        if self.is_bare and (self.alpha is not None or self.strengths or self.strength != 1):
            raise ValueError(tr("strength and alpha need a lora"))
        if self.is_bare and (self.blocks or self.step):
            raise ValueError(tr("blocks and step need a lora"))
        if self.strengths and self.strength != 1:
            raise ValueError(tr("must have strength or strengths, got both"))
        if self.consistencies and self.consistency is not None:
            raise ValueError(tr("must have consistency or consistencies, got both"))
        if self.loras and self.alpha is not None:
            raise ValueError(tr("each of several LoRAs has an alpha of its own"))
        if self.loras and self.blocks:
            raise ValueError(tr("each of several LoRAs has blocks of its own"))
        return self

    @property
    def is_bare(self) -> bool:
        """Whether it is the base alone."""
        return self.lora is None and self.loras is None

    def negative_for(self, story: Story) -> str:
        """Return what no panel of the story shall show when this candidate draws it."""
        return story.negative if self.negative is None else self.negative

    def at(self, strength: float) -> "Candidate":
        """Return the candidate of a sweep that has this strength."""
        name = f"{self.name}-{100 * strength:g}".replace(".", "-")
        return self.model_copy(update={"name": name, "strength": strength, "strengths": None})

    def saved_at(self, step: int, path: Path) -> "Candidate":
        """Return the candidate of a sweep that is this saved step, of this file."""
        return self.model_copy(update={"name": f"{self.name}-{step}", "lora": str(path), "step": step})

    def kept_same(self, consistency: float) -> "Candidate":
        """Return the candidate of a sweep that keeps its characters the same so strongly."""
        name = f"{self.name}-c{100 * consistency:g}".replace(".", "-")
        return self.model_copy(update={"name": name, "consistency": consistency, "consistencies": None})
