"""The steps by which a picture came out of another: with its drawing they are the chain that shapes it.

A step is written down with everything that shapes what it does, and nothing else. Its mask is a file of the
run, named by its sha256.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Literal, TypeAlias

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
from kit.files.documents import faults_of
from kit.messages import Message, joined, tr

MASKS = "masks"
"""The folder, of a run or a bundle, that holds what masks were used."""
MOST_STEPS = 16
"""Of a chain."""
MOST_PROMPT = 4096
"""Characters of a step's own words."""

Strength = Annotated[FiniteFloat, Field(gt=0, le=1)]
_PLAIN = ConfigDict(extra="forbid")
StepSeed = Annotated[int, Field(ge=0, le=MOST_SEED)]


@with_config(_PLAIN)
@dataclass(frozen=True, kw_only=True, slots=True)
class Vary:
    """Drawn from noise that is mixed, spherically, with that of another seed."""

    step: Literal["vary"] = "vary"
    seed: StepSeed
    strength: Strength
    """The other seed's share; 1 is its noise alone."""


@with_config(_PLAIN)
@dataclass(frozen=True, kw_only=True, slots=True)
class Redraw:
    """Noised again and drawn to its end, whole or where a mask says so (img2img, inpainting)."""

    step: Literal["redraw"] = "redraw"
    seed: StepSeed
    strength: Strength
    """The share of the steps that are drawn again."""
    prompt: Annotated[str, Field(max_length=MOST_PROMPT)] = ""
    """Other words than the picture before was drawn from; empty for the same."""
    mask: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{64})?$")] = ""
    """The sha256 of the mask's file; white is drawn anew, black stays bit for bit. Empty: all is drawn."""


def _vary_first(steps: tuple[Vary | Redraw, ...]) -> tuple[Vary | Redraw, ...]:
    if any(isinstance(step, Vary) for step in steps[1:]):
        raise ValueError(tr("must vary the noise in its first step or not at all"))
    return steps


Step: TypeAlias = Annotated[Vary | Redraw, Field(discriminator="step")]
StepList: TypeAlias = Annotated[tuple[Step, ...], Field(max_length=MOST_STEPS), AfterValidator(_vary_first)]
_STEP: TypeAdapter[Vary | Redraw] = TypeAdapter(Step)


def check_step(step: Vary | Redraw) -> None:
    """Raise InputError, with every fault, for a step that no file of a run may hold."""
    try:
        _STEP.validate_python(step_told(step))
    except ValidationError as error:
        raise InputError(step.step, faults_of(error)) from error


def step_told(step: Vary | Redraw) -> dict[str, object]:
    """Return a step as it stands in recipes and files: what shapes nothing is left out."""
    return {name: value for name, value in asdict(step).items() if value != ""}


def step_said(step: Vary | Redraw) -> Message:
    """Return a step in words, for people."""
    told = {"strength": step.strength, "seed": step.seed}
    if isinstance(step, Vary):
        return tr("noise varied, strength {strength:g}, seed {seed}", **told)
    said = [tr("drawn again, strength {strength:g}, seed {seed}", **told)]
    said += [tr("inside a mask")] if step.mask else []
    said += [tr("with the words {words!r}", words=step.prompt)] if step.prompt else []
    return joined(said, tr(", "))


def words_in(steps: Sequence[Vary | Redraw]) -> list[str]:
    """Return the words that steps name themselves, in their order."""
    return [step.prompt for step in steps if isinstance(step, Redraw) and step.prompt]


def words_after(prompt: str, steps: Sequence[Vary | Redraw]) -> str:
    """Return the words that a picture shows after its steps: the last that a step names, else the first."""
    return [prompt, *words_in(steps)][-1]


def masks_in(steps: Sequence[Vary | Redraw]) -> list[str]:
    """Return the masks of a chain by their sha256, in its order."""
    return [step.mask for step in steps if isinstance(step, Redraw) and step.mask]


def mask_file(sha256: str) -> str:
    """Return where a mask lies, below a run or a bundle."""
    return f"{MASKS}/{sha256}.png"
