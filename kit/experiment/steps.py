"""The steps by which a picture came out of another: with its drawing they are the chain that shapes it.

A step is written down with everything that shapes what it does, and nothing else. Its mask and its network
are files of the run, each named by its sha256.
"""

from collections.abc import Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    with_config,
)

from kit.errors import InputError
from kit.experiment.fields import MOST_SEED
from kit.experiment.tables import Steps
from kit.files.documents import faults_of
from kit.finishing.kept_networks import embedded_network
from kit.messages import Message, joined, mark, tr

MASKS = "masks"
"""The folder, of a run or a bundle, that holds what masks were used."""
FINISHERS = "finishers"
"""The folder, of a run or a bundle, that holds the networks that pictures were finished with."""
MOST_STEPS = 16
"""Of a chain."""
MOST_PROMPT = 4096
"""Characters of a step's own words."""
MOST_SIDE = 2048
"""Pixels of a finished picture's side: eight of them are what a bundle holds."""
MOST_GUIDANCE = 100
"""Of an edit; 1 is none."""
GRID = 32
"""Sides that a UNet draws are its multiples."""
MOST_PARTS = 4
"""In which a picture is refined, side by side: of the largest they have 512 pixels."""
_SHOWN = 10
"""Characters of a network's sha256 that people are told."""
_INPAINTED = mark("by the UNet of Kolors-Inpainting")

Strength = Annotated[FiniteFloat, Field(gt=0, le=1)]
_PLAIN = ConfigDict(extra="forbid")
Guidance = Annotated[FiniteFloat, Field(ge=1, le=MOST_GUIDANCE)]
StepSeed = Annotated[int, Field(ge=0, le=MOST_SEED)]
FinishedSide = Annotated[int, Field(ge=GRID, le=MOST_SIDE, multiple_of=GRID)]
Margin = Annotated[int, Field(ge=0, le=MOST_SIDE)]
OptionalFileHash = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{64})?$")]
FileHash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class PictureStep:
    """What every step says of itself, where it has nothing else to say.

    A step that must name one of these declares it with `field()`: else what stands here would be its default.
    """

    __slots__ = ()
    finishes: ClassVar[bool] = False
    """Whether it makes a finished picture larger or cleaner, which a contest may forbid."""

    @property
    def seed(self) -> int | None:
        """Of its noise; None where it draws none."""
        return None

    @property
    def prompt(self) -> str:
        """Other words than the picture before was drawn from; empty for the same."""
        return ""

    @property
    def mask(self) -> str:
        """The sha256 of its mask's file; empty where it has none."""
        return ""

    @property
    def finisher(self) -> str:
        """The sha256 of the network's file that makes it; empty where the base draws it."""
        return ""

    @property
    def inpainting(self) -> str:
        """The sha256 of the UNet for inpainting that draws it; empty where the base's own does."""
        return ""

    @property
    def editor(self) -> str:
        """The sha256 over the files of the InstructPix2Pix that draws it; empty where none does."""
        return ""

    @property
    def by_base(self) -> bool:
        """Whether the base draws it, from words that it read and with its LoRA."""
        return not (self.finisher or self.editor)

    @property
    def finishes_whole(self) -> bool:
        """Whether it does so to the whole picture; in a mask it is a repair, which later steps keep."""
        return self.finishes and not self.mask

    def side_after(self, side: int) -> int:
        """Return the side of the picture that it makes of one of so many pixels a side."""
        return side


@with_config(_PLAIN)
@dataclass(frozen=True, kw_only=True, slots=True)
class Vary(PictureStep):
    """Drawn from noise that is mixed, spherically, with that of another seed."""

    step: Literal["vary"] = "vary"
    seed: StepSeed = field()
    strength: Strength
    """The other seed's share; 1 is its noise alone."""

    def said(self) -> Message:
        """Return it in words, for people."""
        told = {"strength": self.strength, "seed": self.seed}
        return tr("noise varied, strength {strength:g}, seed {seed}", **told)


@with_config(_PLAIN)
@dataclass(frozen=True, kw_only=True, slots=True)
class Redraw(PictureStep):
    """Noised again and drawn to its end, whole or where a mask says so (img2img, inpainting)."""

    step: Literal["redraw"] = "redraw"
    seed: StepSeed = field()
    strength: Strength
    """The share of the steps that are drawn again."""
    prompt: Annotated[str, Field(max_length=MOST_PROMPT)] = ""
    """Other words than the picture before was drawn from; empty for the same."""
    mask: OptionalFileHash = ""
    """The sha256 of the mask's file; white is drawn anew, black stays bit for bit. Empty: all is drawn."""
    inpainting: OptionalFileHash = ""
    """That of the file of Kolors-Inpainting's UNet; empty: the base's own draws (RePaint). With a mask."""

    def said(self) -> Message:
        """Return it in words, for people."""
        told = {"strength": self.strength, "seed": self.seed}
        said = [tr("drawn again, strength {strength:g}, seed {seed}", **told)]
        said += [tr("inside a mask")] if self.mask else []
        said += [tr(_INPAINTED)] if self.inpainting else []
        said += [tr("with the words {words!r}", words=self.prompt)] if self.prompt else []
        return joined(said, tr(", "))


@with_config(_PLAIN)
@dataclass(frozen=True, kw_only=True, slots=True)
class Instruct(PictureStep):
    """Edited as an instruction says, whole or where a mask says so (InstructPix2Pix, arXiv 2211.09800)."""

    step: Literal["instruct"] = "instruct"
    seed: StepSeed = field()
    instruction: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MOST_PROMPT)
    ]
    """What is to change; the words of the panel stay what they are."""
    guidance: Guidance
    """How strongly it follows the instruction."""
    picture_guidance: Guidance
    """How strongly it keeps to the picture."""
    steps: Steps
    """Of the denoising, all of which are drawn."""
    editor: FileHash = field()
    """The sha256 over the files of its pipeline."""
    dtype: Literal["float32", "float16"] = "float32"
    """What its networks compute in, and its noise with them."""
    mask: OptionalFileHash = ""
    """The sha256 of the mask's file; white is edited, black stays bit for bit. Empty: all is edited."""

    def said(self) -> Message:
        """Return it in words, for people."""
        told = {"instruction": self.instruction, "seed": self.seed}
        said = [tr("edited by the instruction {instruction!r}, seed {seed}", **told)]
        said += [tr("inside a mask")] if self.mask else []
        return joined(said, tr(", "))


@with_config(_PLAIN)
@dataclass(frozen=True, kw_only=True, slots=True)
class Outpaint(PictureStep):
    """Drawn on beyond its edges (outpainting); the picture itself stays bit for bit."""

    step: Literal["outpaint"] = "outpaint"
    seed: StepSeed = field()
    strength: Strength
    """The share of the steps that are drawn; before them there are the colours of the edge."""
    left: Margin = 0
    """Pixels that are added; of a square picture as many across as down."""
    right: Margin = 0
    top: Margin = 0
    bottom: Margin = 0
    prompt: Annotated[str, Field(max_length=MOST_PROMPT)] = ""
    """Other words than the picture before was drawn from; empty for the same."""
    inpainting: OptionalFileHash = ""
    """That of the file of Kolors-Inpainting's UNet; empty: the base's own draws (RePaint)."""

    def side_after(self, side: int) -> int:
        """Return the side of the picture that it makes of one of so many pixels a side."""
        return side + self.left + self.right

    def said(self) -> Message:
        """Return it in words, for people."""
        told = {"left": self.left, "right": self.right, "top": self.top, "bottom": self.bottom}
        said = [
            tr("drawn on by {left} pixels to the left, {right} right, {top} above, {bottom} below", **told),
            tr("strength {strength:g}, seed {seed}", strength=self.strength, seed=self.seed),
        ]
        said += [tr(_INPAINTED)] if self.inpainting else []
        said += [tr("with the words {words!r}", words=self.prompt)] if self.prompt else []
        return joined(said, tr(", "))


@with_config(_PLAIN)
@dataclass(frozen=True, kw_only=True, slots=True)
class Refine(PictureStep):
    """Resized, noised a little and drawn to its end at that size (what others call hires fix)."""

    finishes: ClassVar[bool] = True
    step: Literal["refine"] = "refine"
    seed: StepSeed = field()
    strength: Strength
    """The share of the steps that are drawn again."""
    size: FinishedSide
    """Side of the picture that it makes, in pixels."""
    tile: Annotated[int, Field(ge=0, le=MOST_SIDE, multiple_of=GRID)] = 0
    """Side of the parts that it is drawn in, one beside the other, in pixels; 0: it is drawn whole."""

    def side_after(self, side: int) -> int:
        """Return the side of the picture that it makes of one of so many pixels a side."""
        return self.size

    def said(self) -> Message:
        """Return it in words, for people."""
        told = {"size": self.size, "strength": self.strength, "seed": self.seed}
        said = [tr("refined at {size} pixels, strength {strength:g}, seed {seed}", **told)]
        said += [tr("in parts of {tile} pixels", tile=self.tile)] if self.tile else []
        return joined(said, tr(", "))


@with_config(_PLAIN)
@dataclass(frozen=True, kw_only=True, slots=True)
class Upscale(PictureStep):
    """Made larger by a network, then resized where the network's own scale gives another side (Lanczos)."""

    finishes: ClassVar[bool] = True
    step: Literal["upscale"] = "upscale"
    finisher: FileHash = field()
    """The sha256 of the network's file."""
    size: FinishedSide
    """Side of the picture that it makes, in pixels."""

    def side_after(self, side: int) -> int:
        """Return the side of the picture that it makes of one of so many pixels a side."""
        return self.size

    def said(self) -> Message:
        """Return it in words, for people."""
        told = {"size": self.size, "network": _network_said(self.finisher)}
        return tr("enlarged to {size} pixels by {network}", **told)


@with_config(_PLAIN)
@dataclass(frozen=True, kw_only=True, slots=True)
class Restore(PictureStep):
    """Made cleaner by a network, whole or where a mask says so; of a face the network sees a square."""

    finishes: ClassVar[bool] = True
    step: Literal["restore"] = "restore"
    finisher: FileHash = field()
    """The sha256 of the network's file."""
    mask: OptionalFileHash = ""
    """The sha256 of the mask's file; white is restored, black stays bit for bit. Empty: all is restored."""

    def said(self) -> Message:
        """Return it in words, for people."""
        said = [tr("restored by {network}", network=_network_said(self.finisher))]
        said += [tr("inside a mask")] if self.mask else []
        return joined(said, tr(", "))


def _network_said(sha256: str) -> Message:
    if sha256 == embedded_network():
        return tr("storykit's own network")
    return tr("the network {sha256}", sha256=sha256[:_SHOWN])


def _vary_first(steps: "tuple[Step, ...]") -> "tuple[Step, ...]":
    if any(isinstance(step, Vary) for step in steps[1:]):
        raise ValueError(tr("must vary the noise in its first step or not at all"))
    return steps


def _inside_a_mask(step: "Step") -> "Step":
    """Refuse a UNet for inpainting where there is nothing to stay."""
    if isinstance(step, Redraw) and step.inpainting and not step.mask:
        raise ValueError(tr("must have a mask where a UNet for inpainting draws"))
    return step


def _square(step: "Step") -> "Step":
    """Refuse an outpainting that makes no square, or nothing."""
    if not isinstance(step, Outpaint):
        return step
    across, down = step.left + step.right, step.top + step.bottom
    if across != down or across == 0 or across % GRID:
        told = {"across": across, "down": down, "grid": GRID}
        raise ValueError(
            tr(
                "must add as many pixels across as down, a multiple of {grid}, so that the panel stays "
                "square; got {across} across and {down} down",
                **told,
            )
        )
    return step


def _in_few_parts(step: "Step") -> "Step":
    """Refuse a refinement in parts so small that it would never end."""
    if isinstance(step, Refine) and step.tile and step.size > MOST_PARTS * step.tile:
        told = {"tile": step.tile, "size": step.size, "most": MOST_PARTS}
        raise ValueError(
            tr("must have at most {most} parts side by side, got parts of {tile} in {size} pixels", **told)
        )
    return step


Step: TypeAlias = Annotated[
    Vary | Redraw | Instruct | Outpaint | Refine | Upscale | Restore,
    Field(discriminator="step"),
    AfterValidator(_square),
    AfterValidator(_inside_a_mask),
    AfterValidator(_in_few_parts),
]
StepList: TypeAlias = Annotated[tuple[Step, ...], Field(max_length=MOST_STEPS), AfterValidator(_vary_first)]
_STEP: TypeAdapter[Step] = TypeAdapter(Step)


def check_step(step: Step) -> None:
    """Raise InputError, with every fault, for a step that no file of a run may hold."""
    try:
        _STEP.validate_python(asdict(step))
    except ValidationError as error:
        raise InputError(step.step, faults_of(error)) from error


def step_told(step: Step) -> dict[str, object]:
    """Return a step as it stands in recipes and files: what shapes nothing is left out."""
    usual = {field.name: field.default for field in fields(step)} | {"step": MISSING}
    return {name: value for name, value in asdict(step).items() if value != usual[name]}


def words_in(steps: Sequence[Step]) -> list[str]:
    """Return the words that steps name themselves, in their order."""
    return [step.prompt for step in steps if step.prompt]


def instructions_in(steps: Sequence[Step]) -> list[str]:
    """Return what steps were told to change, in their order."""
    return [step.instruction for step in steps if isinstance(step, Instruct)]


def words_after(prompt: str, steps: Sequence[Step]) -> str:
    """Return the words that a picture shows after its steps: the last that a step names, else the first."""
    return [prompt, *words_in(steps)][-1]


def sides_in(side: int, steps: Sequence[Step]) -> list[int]:
    """Return the side of the picture of so many pixels that was drawn, then of what each step makes."""
    sides = [side]
    for step in steps:
        sides.append(step.side_after(sides[-1]))
    return sides


def side_after(side: int, steps: Sequence[Step]) -> int:
    """Return the side of the picture that steps make of one of so many pixels a side."""
    return sides_in(side, steps)[-1]


def masks_in(steps: Sequence[Step]) -> list[str]:
    """Return the masks of a chain by their sha256, in its order."""
    return [step.mask for step in steps if step.mask]


def kept_networks_in(steps: Sequence[Step]) -> list[str]:
    """Return the networks of a chain by their sha256, in its order; without storykit's own, always there."""
    return [step.finisher for step in steps if step.finisher not in ("", embedded_network())]


def mask_file(sha256: str) -> str:
    """Return where a mask lies, below a run or a bundle."""
    return f"{MASKS}/{sha256}.png"


def network_file(sha256: str) -> str:
    """Return where a network lies, below a run or a bundle."""
    return f"{FINISHERS}/{sha256}.safetensors"
