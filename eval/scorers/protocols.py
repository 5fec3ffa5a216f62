"""What a metric must say about itself, and the seams through which pictures become numbers and words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

Direction = Literal["higher", "lower"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Stamp:
    """Which weights and which preprocessing gave a number; two numbers compare only under one stamp."""

    weights: str
    """Name of the weights, and what they know where that is little."""
    weights_sha256: str
    """Hash of the weights file."""
    preprocessing: str
    """Identifier of how a picture becomes a tensor."""
    embedded: bool
    """Whether these are the small weights shipped with storykit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """A metric's description: what stands beside its numbers in scores.json."""

    name: str
    """Column of the table that holds it."""
    title: str
    direction: Direction
    """Which way is better."""
    range: tuple[float, float]
    """Smallest and largest value that can occur."""
    unit: str
    source: str
    """Where the formula or the weights come from."""
    stamp: Stamp
    words: tuple[str, ...] = ()
    """What an experiment added to the words that it is seen through; written only where there are any."""


class Scorer(Protocol):
    """Anything that gives a picture one number."""

    @property
    def metric(self) -> Metric:
        """What the number is, and the weights that give it."""

    def score(self, panels: "Sequence[Image]") -> list[float]:
        """Return one finite number per picture, in order, whatever else is in the batch."""


class Encoder(Protocol):
    """Anything that puts pictures and texts into one space."""

    @property
    def stamp(self) -> Stamp:
        """Weights and preprocessing."""

    def pictures(self, panels: "Sequence[Image]") -> NDArray[np.float32]:
        """Return (pictures, dim) rows of unit length."""

    def texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (texts, dim) rows of unit length; no part of a long text is dropped in silence."""


class Inscription(NamedTuple):
    """What was read in one place of a picture."""

    text: str
    share: float
    """Of the picture that it covers, 0 to 1."""


class LetterReader(Protocol):
    """Anything that reads letters in pictures."""

    @property
    def stamp(self) -> Stamp:
        """Weights and preprocessing, with the marks that a reading must reach."""

    def read(self, panels: "Sequence[Image]") -> list[tuple[Inscription, ...]]:
        """Return what is legible in each picture, in order; nothing where there are no letters."""
