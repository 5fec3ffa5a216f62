"""How a LoRA is trained: the file a user writes, the presets, and every number with its source."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, model_validator

from kit.embedded import EMBEDDED
from kit.experiment.fields import (
    BaseWeights,
    Count,
    Flag,
    Number,
    PathContext,
    Seed,
    all_different,
    path_to,
)
from kit.experiment.tables import ScoreTable
from kit.files.documents import read_toml
from kit.messages import Language, mark, tr

Share = Annotated[Number, Field(ge=0, lt=1)]
Positive = Annotated[Number, Field(gt=0)]


class TrainConfig(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """How a LoRA learns. Defaults: the contest's baseline notebook."""

    rank: Annotated[Count, Field(le=1024)] = 16
    alpha: Positive = 4.0
    """The LoRA's change counts alpha / rank times, with `rslora` alpha / sqrt(rank) times."""
    rslora: Flag = False
    """Rank-stabilised scaling; source: arXiv 2312.03732."""
    steps: Count = 500
    batch: Count = 1
    learning_rate: Positive = 1e-4
    """After the warm-up."""
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    """How the learning rate goes on after the warm-up: as it is, or to a thousandth at the last step."""
    warmup: Share = 0.0
    """Share of the steps in which the learning rate rises evenly to its full height."""
    weight_decay: Annotated[Number, Field(ge=0)] = 0.01
    """AdamW's own default, which the baseline keeps."""
    clip: Positive | None = None
    """Longest gradient; a longer one is shortened to it."""
    seed: Seed = 0
    """Chooses pictures, noise, noise levels, dropped captions and the LoRA's first weights."""
    size: Annotated[Count, Field(multiple_of=32)] = 1024
    """Side in pixels of the square that training sees."""
    buckets: Flag = False
    """Pictures keep their shape, as near as a rectangle of about size x size pixels allows; else the centre
    square is cut out of each."""
    caption_dropout: Annotated[Number, Field(ge=0, le=1)] = 0.0
    """Share of pictures learned with an empty caption, so that guidance keeps its other half."""
    min_snr_gamma: Positive | None = None
    """Levels with little noise count this over their signal-to-noise ratio; source: arXiv 2303.09556."""
    noise_offset: Annotated[Number, Field(ge=0)] = 0.0
    """How much of the noise is one number a channel, for very dark and very bright pictures."""
    ema: Share | None = None
    """The file gets a running mean of the weights that keeps this share at each step."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "fp16"
    """What the UNet computes in; auto is bf16 on a GPU that has it, else fp16, and fp32 without a GPU."""
    checkpointing: Flag = True
    """Compute activations twice instead of keeping them: less memory, about half as fast."""
    save_every: Count = 100
    """Steps from one saved state to the next."""
    keep_last: Count | None = None
    """How many of the saved LoRAs stay; none keeps all."""
    trigger: str = ""
    """Words put in front of every caption and noted in the file."""
    language: Language = "zh"
    """The captions' language; it chooses the comma behind the trigger."""

    @property
    def counts(self) -> float:
        """The alpha that a file notes: over the rank, it is how often the LoRA's change counts."""
        return self.alpha * self.rank**0.5 if self.rslora else self.alpha


_PROVEN = {
    "schedule": "linear",
    "warmup": 0.02,
    "clip": 1.0,
    "caption_dropout": 0.1,
    "min_snr_gamma": 5.0,
    "precision": "auto",
    "checkpointing": False,
}
"""What the shipped LoRAs were trained with, and a warm-up."""
_WORD = {**_PROVEN, "steps": 3000, "learning_rate": 0.02, "caption_dropout": 0.0, "weight_decay": 0.0}
PRESETS: dict[str, dict[str, object]] = {
    "contest": {},
    "style": {**_PROVEN, "rank": 16, "alpha": 16.0},
    "character": {**_PROVEN, "rank": 4, "alpha": 4.0},
    "dreambooth": {**_PROVEN, "rank": 4, "alpha": 4.0, "steps": 2000, "warmup": 0.05, "learning_rate": 2e-5},
    "embedding": {**_WORD, "checkpointing": True},
}
"""What each preset changes of the defaults; ranks are those that contestants settled on. Rank, steps, warm-up
and learning rate of dreambooth are those of Kolors' own script, which has the text encoder learn, too; steps
of embedding those of diffusers' script, and its learning rate is unmeasured at full size."""
ON_MINI: dict[str, object] = {
    "size": 256,
    "batch": 8,
    "steps": 270,
    "learning_rate": 4e-3,
    "precision": "fp32",
}
"""What the embedded base needs beside a preset, the contest's apart (tests/benchmarks/unseen_style.py)."""

_ON_MINI: dict[str, dict[str, object]] = {
    "contest": {"size": 256},
    "dreambooth": {**ON_MINI, "rank": 16, "alpha": 16.0, "steps": 300, "batch": 4},
    "embedding": {**ON_MINI, "batch": 4, "learning_rate": 0.3},
}
"""The same of presets that need something else (tests/benchmarks/identity.py)."""
OF_LORAS = ("rank", "alpha", "rslora", "caption_dropout", "keep_last")
"""What a word does not have, or must not: who reads no word learns none."""
ON_MINI_PRIOR = 24
"""Class pictures on the embedded base."""


def _words(text: str) -> str:
    if not text.strip():
        raise ValueError(tr("must say something, such as dog, got {text!r}", text=text))
    return text


def _one_word(text: str) -> str:
    if not text.isprintable() or len(text.split()) != 1 or text != text.strip():
        raise ValueError(tr('must be one word without blanks, such as "<rex>", got {text!r}', text=text))
    return text


class Prior(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """What keeps a class as it is while one of it is learned: prior preservation (arXiv 2208.12242).

    Defaults: Kolors' own script.
    """

    prompt: Annotated[str, AfterValidator(_words)]
    """The class alone, without the trigger; said of each class picture that has no caption of its own."""
    pictures: Count = 100
    """Pictures of the class."""
    weight: Annotated[Number, Field(ge=0)] = 0.7
    """How often the class pictures' loss counts beside that of the pictures to learn."""
    folder: (
        Annotated[str, path_to(mark("the folder with class pictures {path} {why}"), Path.is_dir)] | None
    ) = None
    """Pictures of your own; without it the base draws them."""


class WordToLearn(BaseModel, frozen=True, extra="forbid"):
    """A word of its own that the text encoder is taught: textual inversion (arXiv 2208.01618)."""

    token: Annotated[str, Field(max_length=60), AfterValidator(_one_word)]
    """What prompts call it by; every caption must say it."""
    begins_as: Annotated[str, AfterValidator(_words)]
    """A word of the base's that it begins as, such as its class."""
    vectors: Annotated[Count, Field(le=75)] = 4
    """How many tokens it stands for."""


class Watch(BaseModel, frozen=True, extra="forbid"):
    """What is drawn and scored at every saved step, so that one sees the LoRA learn."""

    story: Annotated[str, path_to(mark("the story {path} {why}"), Path.is_file)]
    """A story file; its eight panels are drawn."""
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1), AfterValidator(all_different)] = (1,)
    """The same at every step; each is eight panels more."""
    steps: Annotated[Count, Field(le=1000)] | None = None
    """Denoising steps of each panel; by default the base's own number."""
    score: ScoreTable = ScoreTable()
    """What measures the pictures, as in an experiment."""


class Training(BaseModel, frozen=True, extra="forbid"):
    """What a user writes to train a LoRA."""

    data: Annotated[
        str,
        Field(examples=['data = "FOLDER"']),
        path_to(mark("the dataset's folder {path} {why}"), Path.is_dir),
    ]
    """A folder with pictures and metadata.csv."""
    base: BaseWeights = EMBEDDED
    preset: Literal["contest", "style", "character", "dreambooth", "embedding"] = "style"
    learn: TrainConfig = TrainConfig()
    """What differs from the preset."""
    prior: Prior | None = None
    """None: nothing holds the class."""
    embedding: WordToLearn | None = None
    """The word that `preset = "embedding"` learns."""
    watch: Watch | None = None
    """None: nothing is drawn while it learns."""

    @model_validator(mode="before")
    @classmethod
    def _begin_with_the_preset(cls, table: object) -> object:
        if not isinstance(table, dict):
            return table
        preset, mine = table.get("preset", "style"), table.get("learn", {})
        if not isinstance(preset, str) or preset not in PRESETS or not isinstance(mine, dict):
            return table
        if preset == "embedding" and (strange := [key for key in OF_LORAS if key in mine]):
            raise ValueError(
                tr("learn.{key} is for LoRAs: delete it, or choose another preset", key=strange[0])
            )
        start = dict(PRESETS[preset])
        if table.get("base", EMBEDDED) == EMBEDDED:
            start |= _ON_MINI.get(preset, ON_MINI)
            if isinstance(prior := table.get("prior"), dict):
                table = {**table, "prior": {"pictures": ON_MINI_PRIOR} | prior}
        return {**table, "learn": start | mine}

    @model_validator(mode="after")
    def _know_the_sides(self) -> Self:
        if self.learn.buckets and self.learn.size % 64:
            raise ValueError(
                tr(
                    "learn.size must be a multiple of 64 with buckets, got {size}",
                    size=self.learn.size,
                )
            )
        return self

    @model_validator(mode="after")
    def _learn_a_word_or_a_lora(self) -> Self:
        if (self.preset == "embedding") != (self.embedding is not None):
            raise ValueError(
                tr(
                    'preset = "embedding" and [embedding], with token = "<rex>" and begins_as = "dog", '
                    "go together: write both, or neither"
                )
            )
        if self.embedding and self.watch and self.embedding.token not in self.learn.trigger:
            raise ValueError(
                tr(
                    "learn.trigger must say {token} where a story is watched: it stands before each panel",
                    token=self.embedding.token,
                )
            )
        if self.embedding and self.prior:
            raise ValueError(
                tr("[prior] holds networks, and a word changes none: delete it, or choose another preset")
            )
        return self

    @model_validator(mode="after")
    def _name_figure_and_class(self) -> Self:
        if self.preset != "dreambooth":
            return self
        if self.prior is None:
            raise ValueError(
                tr(
                    'preset = "dreambooth" needs the class of what is learned: write [prior] with '
                    'prompt = "…", such as 狗 or a dog'
                )
            )
        if not self.learn.trigger.strip():
            raise ValueError(
                tr(
                    "learn.trigger must name what is learned: a word that nobody uses and the class behind "
                    "it, such as ktxl{prompt}",
                    prompt=self.prior.prompt,
                )
            )
        return self


def load_training(path: Path) -> Training:
    """Return a training file, its paths absolute; raises InputError with every fault of it."""
    return read_toml(path, Training, PathContext(folder=path.parent, must_exist=True), "training")
