"""The aesthetic score of what was handed in and of what was drawn again, by one scorer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from PIL import Image

from eval.scorers.protocols import Scorer
from kit.messages import against_threshold, tr
from submissions.bundle.manifest import GateRecord

CLOSE = 0.02
"""Points by which a mean may differ for another device's rounding; measured, it is below .001."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rescored:
    """Mean scores of a bundle's panels, all by the scorer that is here."""

    claimed: float
    """By the bundle."""
    handed_in: float
    drawn_again: float
    threshold: float

    @property
    def problems(self) -> Iterator[str]:
        """Yield why the scores do not hold."""
        if abs(self.claimed - self.handed_in) > CLOSE:
            yield tr(
                "the bundle's panels score {handed_in:.4f}, the bundle says {claimed:.4f}",
                handed_in=self.handed_in,
                claimed=self.claimed,
            )
        if self.drawn_again < self.threshold - CLOSE:
            yield tr(
                "drawn again they score {drawn_again:s}, the gate is {threshold:g}",
                drawn_again=against_threshold(self.drawn_again, self.threshold, 4),
                threshold=self.threshold,
            )


def rescore(
    gate: GateRecord, handed_in: Sequence[Image.Image], drawn_again: Sequence[Image.Image], scorer: Scorer
) -> Rescored:
    """Return what a scorer says of the panels, and of the same panels drawn again."""
    scores = scorer.score([*handed_in, *drawn_again])
    return Rescored(
        claimed=gate.score,
        handed_in=fmean(scores[: len(handed_in)]),
        drawn_again=fmean(scores[len(handed_in) :]),
        threshold=gate.threshold,
    )
