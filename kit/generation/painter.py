"""The seam between a run and whatever draws its panels."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple, Protocol, Self, TypeAlias

from pydantic import PositiveInt

from kit.errors import InputError
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.experiment.references.image_prompt_record import pictures_in
from kit.experiment.run import Anchor
from kit.experiment.steps import Step
from kit.generation.controls.control import Control
from kit.generation.references.image_prompt import ImagePrompt
from kit.messages import tr
from kit.models.bases.controlnet_files import misfit
from kit.models.bases.pipeline_class import json_in

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from kit.lora.lora import LoadedLora
    from kit.lora.pipelines.embeddings import Embedding


@dataclass(frozen=True, kw_only=True, slots=True)
class Variation:
    """A second seed, and how far a picture goes from its own noise to that seed's.

    Raises InputError for a strength outside 0 to 1.
    """

    seed: int
    strength: float
    """0 for the picture's own noise, 1 for the second seed's; between them it is mixed spherically."""

    def __post_init__(self) -> None:
        """Check the strength."""
        if faults := _strength_faults(self.strength):
            raise InputError(tr("the variation with seed {seed}", seed=self.seed), faults)


@dataclass(frozen=True, kw_only=True, slots=True)
class PanelRequest:
    """One picture to draw."""

    key: str = ""
    """sha256 of everything that shapes the picture; empty while that is not known."""
    prompt: str
    negative: str
    """Unused where cfg is 1."""
    seed: int
    """The noise is this seed's alone, so equal seeds start equal prompts from equal noise; where each panel
    has its own, the seed is the panel's already."""
    anchors: tuple[Anchor, ...] = ()
    """What the panel reads while it is drawn, at most three."""
    consistency: float = 0.0
    """The share of its attention that the anchors get where they are as like as itself, 0 to 1."""
    bystanders: tuple[str, ...] = ()
    """The words of the prompt for figures that no anchor shows; what shows them reads no anchor."""
    variation: Variation | None = None
    """Where the noise goes from the seed's; anchors keep their own."""
    control: tuple[Control, ...] = ()
    """The maps that it is held to."""
    image_prompts: tuple[ImagePrompt, ...] = ()
    """Pictures of whom it shows, read by an IP-Adapter beside the words; at most three."""
    anchor_pictures: tuple[bytes, ...] = field(default=(), repr=False)
    """The files of anchors that are pictures, PNG, RGB and square; anchors name them by their sha256."""
    embeddings: "tuple[Embedding, ...]" = ()
    """Words that its text encoders were taught."""
    label: str = ""
    """Where the panel belongs, for messages: candidate/order/story/seed/panel."""

    @property
    def held_by(self) -> tuple[object, ...]:
        """What panels must have in common to be drawn in one batch."""
        held = (one.drawn_alike for one in self.control)
        return (*held, *(one.drawn_alike for one in self.image_prompts))

    def with_anchor_pictures(self, pictures: Mapping[str, bytes]) -> Self:
        """Return it with the files of those anchors that are pictures, which are given by their sha256."""
        return replace(self, anchor_pictures=tuple(pictures[one] for one in pictures_in(self.anchors)))

    @property
    def texts(self) -> tuple[str, ...]:
        """Every text that is read for the picture."""
        return (self.prompt, self.negative, *(anchor.prompt for anchor in self.anchors))


@dataclass(frozen=True, kw_only=True, slots=True)
class RedrawRequest:
    """One picture to draw again, all of it or inside a mask.

    Raises InputError where the strength is outside 0 to 1, or the mask empty or of another size.
    """

    request: PanelRequest
    """What it is to show now; its seed's noise is added."""
    picture: "Image.Image"
    """RGB."""
    strength: float
    """Share of the steps that are drawn, at least one: 0 for nearly the same picture, 1 from noise alone."""
    mask: "Image.Image | None" = None
    """"L", of the picture's size: 255 to draw anew, 0 to keep every pixel."""
    tile: int = 0
    """Side in pixels of the parts that it is drawn in, for little memory; 0: it is drawn whole."""
    inpainting: str = ""
    """The sha256 of the UNet for inpainting that draws what the mask names; empty for the base's own UNet."""

    def __post_init__(self) -> None:
        """Check strength and mask."""
        faults = _strength_faults(self.strength)
        if self.mask is not None:
            faults += mask_faults(self.mask, self.picture)
        if faults:
            raise refused(self.request, faults)


def mask_faults(mask: "Image.Image", picture: "Image.Image") -> list[str]:
    """Return why a mask marks nothing of a picture; empty where it does."""
    faults: list[str] = []
    (width, height), (wide, high) = mask.size, picture.size
    if mask.size != picture.size:
        faults.append(
            tr(
                "the mask has {width} x {height} pixels, the picture {wide} x {high}: "
                "save the mask in the picture's size",
                width=width,
                height=height,
                wide=wide,
                high=high,
            )
        )
    if mask.getbbox() is None:
        faults.append(tr("the mask is empty: paint white what is to be drawn again"))
    return faults


def refuse_other_size(request: PanelRequest, picture: "Image.Image", size: int) -> None:
    """Raise InputError where a picture is not a square of so many pixels a side."""
    width, height = picture.size
    if (width, height) != (size, size):
        fault = tr(
            "the picture has {width} x {height} pixels and is drawn again in {size} x {size}: "
            "give the picture as it was drawn",
            width=width,
            height=height,
            size=size,
        )
        raise refused(request, [fault])


def misfits(requests: Iterable[PanelRequest], base: str, unet: Mapping[str, object]) -> list[str]:
    """Return which ControlNets that hold panels are for another base, a line for each.

    Args:
        requests: that are to be drawn.
        base: what the base is called.
        unet: the config of its UNet, as diffusers writes it.
    """
    nets = dict.fromkeys(held.folder for one in requests for held in one.control)
    told = (misfit(net.name, json_in(net / "config.json"), base, unet) for net in nets)
    return [fault for fault in told if fault]


def refused(request: PanelRequest, faults: Sequence[str]) -> InputError:
    """Return what is wrong with what was asked for a picture that is there."""
    return InputError(request.label or tr("the picture to draw again"), faults)


def _strength_faults(strength: float) -> list[str]:
    if 0 <= strength <= 1:
        return []
    return [tr("the strength must be from 0 to 1, got {strength}", strength=strength)]


@dataclass(frozen=True, kw_only=True, slots=True)
class DrawFailure:
    """A picture that could not be drawn."""

    reason: str


DrawResult: TypeAlias = "Image.Image | DrawFailure"
"""An RGB picture, or why there is none."""


def drawn_held_alike(
    requests: Sequence[PanelRequest], draw: Callable[[Sequence[PanelRequest]], Sequence[DrawResult]]
) -> list[DrawResult]:
    """Return the pictures of one batch; those that the same networks hold alike are drawn together."""
    alike: dict[object, list[int]] = {}
    for number, one in enumerate(requests):
        alike.setdefault(one.held_by, []).append(number)
    drawn: dict[int, DrawResult] = {}
    for numbers in alike.values():
        made = draw([requests[number] for number in numbers])
        drawn |= dict(zip(numbers, made, strict=True))
    return [drawn[number] for number in range(len(requests))]


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchPlan:
    """How pictures are drawn together: their last bits hang on it, so a run keeps to what it began with."""

    panels: PositiveInt
    """At most so many at once."""
    compiled: bool
    """Whether the UNet is compiled first."""


class CompileShare(NamedTuple):
    """What a worker compiles first of what several of a machine need; the rest it finds in their cache."""

    number: int
    """Of the worker, from 0."""
    workers: int
    """Of the machine, whose processes share the cache."""


ALONE = CompileShare(0, 1)


class Painter(Protocol):
    """Anything that draws panels.

    Use: `encode_prompts` of all, `plan_batches`, then for each candidate `set_lora` and `draw` batch after
    batch.
    """

    @property
    def device(self) -> str:
        """Return "cpu" or "cuda"."""

    @property
    def hardware(self) -> str:
        """Return "cpu" or the name of the GPU."""

    @property
    def identity(self) -> Mapping[str, object]:
        """Return what shapes every picture and so is part of each key: weights, scheduler, dtype."""

    @property
    def inpainting(self) -> str:
        """Return the sha256 of the UNet for inpainting that is there beside the base; empty where none is.

        Raises WeightsError where it is there and is damaged.
        """

    @property
    def prompt_tokens(self) -> int:
        """Return how many tokens of a prompt are read at once, those that open and close it apart."""

    def free_gib(self) -> float | None:
        """Return how much of the device's memory is free, in GiB; None on a CPU."""

    def refusals(self, settings: DrawSettings, consistency: float = 0.0) -> list[str]:
        """Return why nothing can be drawn so, a line for each thing; nothing where it can. Needs no weights.

        Args:
            settings: how.
            consistency: the strongest that characters are kept the same with.
        """

    def step_refusals(self, step: Step, part: str = "") -> list[str]:
        """Return why no picture can be made by a step, a line for each thing; nothing where it can.

        Args:
            step: of a repair.
            part: which part of a picture its mask is, to be found by the words of its prompt; empty: none.
        """

    def encode_prompts(self, prompts: Sequence[str]) -> None:
        """Encode each distinct prompt once; `draw` takes only these."""

    def read_states(self, prompts: Sequence[str]) -> "Mapping[str, Sequence[Tensor]]":
        """Return what is read of prompts that were encoded, for another painter of the base; or nothing."""

    def take_states(self, states: "Mapping[str, Sequence[Tensor]]") -> None:
        """Take what another painter of the base read: `encode_prompts` then reads only the rest."""

    def truncated_tail(self, prompt: str) -> str:
        """Return the end of a prompt that is too long to be read whole; empty when it is not."""

    def check(self, lora: "LoadedLora | None") -> None:
        """Raise LoraError if the LoRA does not fit the base."""

    def set_lora(self, lora: "LoadedLora | None", strength: float) -> None:
        """Draw with this LoRA from now on, or with the pristine base; raises LoraError if it does not fit."""

    def plan_batches(self, requests: Sequence[PanelRequest], settings: DrawSettings) -> BatchPlan:
        """Return how these pictures, whose prompts were encoded, are best drawn on this device."""

    def draw(
        self, requests: Sequence[PanelRequest], settings: DrawSettings, plan: BatchPlan | None = None
    ) -> Sequence[DrawResult]:
        """Return one RGB picture a request, drawn in one batch, or why there is none.

        Args:
            requests: of prompts that were encoded.
            settings: how they are drawn.
            plan: as planned for all that is to come; none: nothing is compiled.
        """

    def redraw(self, requests: Sequence[RedrawRequest], settings: DrawSettings) -> list[DrawResult]:
        """Return one RGB picture a request, drawn again one by one, or why there is none.

        Outside a request's mask it has the very pixels it had. Raises InputError, before any is drawn, where
        a picture is not of the settings' size.

        Args:
            requests: of prompts that were encoded.
            settings: how they are drawn; the steps are those of the whole way.
        """

    def mask_of(
        self, request: PanelRequest, picture: "Image.Image", words: Sequence[str], settings: DrawSettings
    ) -> "Image.Image":
        """Return where a picture shows words of its prompt: "L" of its size, 255 where it shows any of them.

        Made for figures. A place shows wherever its figures do not: ask for these and invert the mask.
        Raises InputError for words that the prompt does not have.

        Args:
            request: as it was drawn; its prompt was encoded.
            picture: RGB.
            words: such as a character's clause.
            settings: as it was drawn.
        """

    def unload(self) -> None:
        """Free what drawing takes of the device's memory; the next picture takes it again."""
