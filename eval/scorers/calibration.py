"""What may be believed of scores by one pair of weights, found by `storykit metrics validate --drawn`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import tomli_w
from pydantic import BaseModel, Field, FiniteFloat

from eval.scorers.protocols import Stamp
from kit.errors import ScoreError
from kit.files.documents import read_toml
from kit.messages import joined, mark, tr
from kit.retold import retold

EMBEDDED_CALIBRATION = Path(__file__).parents[1] / "mini" / "calibration.toml"
AttributeName = Literal["figure", "hair", "hair length", "clothes", "fur", "action", "place"]
"""What a panel's text can tell and a picture lack."""
MisfitReason = Literal["letters", "missing", "identity", "place"]
"""Why a picture does not belong in its set: letters in it, a figure missing, another hero, another place."""
CALIBRATE = mark("`storykit metrics validate --drawn` with these weights writes it")


class Calibration(BaseModel, frozen=True, extra="forbid"):
    """Thresholds of one encoder and one predictor, and the metrics that saw known damage."""

    format: Literal[1] = 1
    weights: str
    """The encoder's name, and what it knows where that is little."""
    encoder_sha256: str
    aesthetic_sha256: str
    pictures: str
    """What was scored."""
    stories: Annotated[int, Field(ge=1)]
    believed: tuple[str, ...] = ()
    """Metrics by which a good set beats the same set damaged; empty: believe nothing."""
    aesthetic_floor: FiniteFloat | None = None
    """A panel that scores less is damaged; None where the predictor does not tell damaged ones."""
    attributes: Mapping[AttributeName, Annotated[FiniteFloat, Field(le=0)]] = {}
    """By attribute the margin below which it is missing; what is not here cannot be told."""
    misfits: Mapping[MisfitReason, FiniteFloat] | None = None
    """By reason the value below which a picture does not belong in its set, where that was measured."""


def said_of(calibration: Calibration | None) -> str:
    """Return what may be believed of some weights, in a sentence."""
    if calibration is None:
        return tr(
            "not calibrated for these weights, so nobody knows what to believe: {calibrate}",
            calibrate=tr(CALIBRATE),
        )
    seen = tr(
        "calibrated on {stories} stories {pictures}: believe {believed}",
        stories=calibration.stories,
        pictures=retold(calibration.pictures),
        believed=joined(calibration.believed, tr(", ")) if calibration.believed else tr("nothing"),
    )
    floor = calibration.aesthetic_floor
    if floor is None:
        return seen
    return joined([seen, tr("a panel below {floor:g} is damaged", floor=floor)], tr("; "))


def calibration_of(
    aesthetic: Stamp, encoder: Stamp | None = None, path: Path | None = None
) -> Calibration | None:
    """Return the calibration of these weights: the file's, else the embedded one where it is theirs.

    Args:
        aesthetic: of the predictor.
        encoder: of the encoder; None where nothing but aesthetic scores is asked for.
        path: a file; None for the embedded one.

    Raises:
        InputError: the file is no calibration.
        ScoreError: it is one of other weights.
    """
    found = read_toml(path or EMBEDDED_CALIBRATION, Calibration)
    pairs = [(found.aesthetic_sha256, aesthetic)] + ([(found.encoder_sha256, encoder)] if encoder else [])
    others = [stamp.weights for sha256, stamp in pairs if sha256 != stamp.weights_sha256]
    if not others:
        return found
    if path is None:
        return None
    raise ScoreError(
        tr(
            "{path} is of other weights than {others}: {calibrate}",
            path=path,
            others=joined(others, tr(" and ")),
            calibrate=tr(CALIBRATE),
        )
    )


def calibration_bytes(calibration: Calibration) -> bytes:
    """Return a calibration as its file holds it."""
    return tomli_w.dumps(calibration.model_dump(mode="json", exclude_none=True)).encode()
