"""What pictures are measured with: an aesthetic predictor and an encoder, in one pass where they are one."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from eval.scorers.calibration import Calibration, calibration_of
from eval.scorers.protocols import Encoder, LetterReader, Scorer

ONE = 1e-5
"""Two networks whose rows of a picture differ by no more are one: single precision repeats to about 1e-6."""


class JointScorer(Protocol):
    """A scorer whose network also gives the encoder's rows."""

    def look(self, panels: Sequence[Image.Image]) -> tuple[list[float], NDArray[np.float32]]:
        """Return one score and one row of unit length per picture, in order."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scorers:
    """What pictures are measured with."""

    aesthetic: Scorer
    encoder: Encoder
    tower: JointScorer | None = None
    """Gives scores and rows in one pass; none where scorer and encoder are two networks."""
    calibration: Calibration | None = None
    """What may be believed of the scores; None where nobody has measured it."""
    at_once: int = 1
    """How many batches may be measured at the same time: as many as there are GPUs."""
    reader: LetterReader | None = None
    """Reads letters in the pictures; none where nobody asked for it."""


def load_scorers(
    aesthetic: str | Path,
    clip: str | Path,
    calibration: Path | None = None,
    *,
    letters: bool = False,
    on: str = "auto",
) -> Scorers:
    """Return the scorer and the encoder of two folders, or "mini"; on a GPU where there is one.

    Args:
        aesthetic: the predictor's folder.
        clip: the encoder's folder.
        calibration: of both; by default the embedded one, where it is theirs.
        letters: whether letters are read as well, which needs the extra of that name.
        on: a device, or "auto".

    Raises:
        InputError: the calibration is none.
        ScoreError: it is one of other weights.
    """
    from eval.scorers.aesthetic import AestheticScorer
    from eval.scorers.clip import ClipEncoder

    where = device() if on == "auto" else on
    scorer, encoder = AestheticScorer.load(aesthetic, where), ClipEncoder.load(clip, where)
    reader = None
    if letters:
        from eval.scorers.letters import RapidReader

        reader = RapidReader.load()
    return Scorers(
        aesthetic=scorer,
        encoder=encoder,
        tower=scorer if _are_one(scorer, encoder) else None,
        calibration=calibration_of(scorer.metric.stamp, encoder.stamp, calibration),
        reader=reader,
    )


def device() -> str:
    """Return where to measure."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _are_one(tower: JointScorer, encoder: Encoder) -> bool:
    """Return whether both see one picture, noise wider than high, alike."""
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    (_, row), other = tower.look([Image.fromarray(noise)]), encoder.pictures([Image.fromarray(noise)])
    return row.shape == other.shape and bool(np.abs(row - other).max() <= ONE)
