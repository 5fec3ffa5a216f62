"""What is kept of a sound bundle that was looked at: numbers and thumbnails, none of its files."""

import base64
import io
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from eval.instruments import Instruments
from eval.reading import read_picture
from eval.scorer import Stamp
from kit.errors import BundleError, ScoreError
from kit.files import sha256_bytes
from kit.painter import is_flat
from kit.prompt import COMMAS
from submissions.fault import Fault
from submissions.field import Checked
from submissions.manifest import GateRecord, Manifest
from submissions.preflight import gate_faults
from submissions.rules import Rules
from submissions.verify import read_bundle

CLOSE = 1e-3
"""How far a recorded mean may be from the mean found: what batches and devices change is less."""
_QUALITY = 80
"""WebP quality of a thumbnail."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Exhibit:
    """One entry as it was seen."""

    file: str
    team: str
    title: str
    prompts: tuple[str, ...]
    """One a panel, without the LoRA's trigger."""
    lora_sha256: str
    """Empty where there is no LoRA."""
    aesthetics: tuple[float, ...]
    """One a panel."""
    embeddings: NDArray[np.float32]
    """(panels, dim) rows of unit length."""
    pixels: tuple[str, ...]
    """sha256 of each panel's size and pixels, whatever file they came in."""
    thumbs: tuple[str, ...]
    """Data URIs of small views, one a panel."""
    blank: tuple[int, ...]
    """Panels, from 1, that have one colour all over."""

    @property
    def aesthetic_mean(self) -> float:
        """The contest's number: the mean over the panels."""
        return fmean(self.aesthetics)


def look(checked: Checked, tools: Instruments, side: int) -> Exhibit:
    """Return a sound bundle's entry as the instruments see it.

    Args:
        checked: a bundle without faults.
        tools: what every entry is measured with.
        side: longest side of a thumbnail in pixels.

    Raises:
        BundleError, ScoreError: it cannot be read any more, or not be measured.
    """
    manifest, files = read_bundle(checked.path)
    if manifest != checked.manifest:
        raise BundleError("has changed since it was checked")
    pictures = [read_picture(files[panel.file]) for panel in manifest.panels]
    aesthetics, rows = _measure(pictures, tools)
    return Exhibit(
        file=checked.file,
        team=manifest.team,
        title=manifest.title,
        prompts=prompts_of(manifest),
        lora_sha256=manifest.lora.sha256 if manifest.lora else "",
        aesthetics=tuple(aesthetics),
        embeddings=rows,
        pixels=tuple(sha256_bytes(f"{one.size}".encode() + one.tobytes()) for one in pictures),
        thumbs=tuple(_thumb(one, side) for one in pictures),
        blank=tuple(number for number, one in enumerate(pictures, 1) if is_flat(one)),
    )


def prompts_of(manifest: Manifest) -> tuple[str, ...]:
    """Return the prompt of each panel without the trigger that the LoRA put in front."""
    trigger = manifest.lora.trigger if manifest.lora else ""
    fronts = [trigger + comma for comma in COMMAS.values()] if trigger else []
    prompts = []
    for panel in manifest.panels:
        front = next((front for front in fronts if panel.prompt.startswith(front)), "")
        prompts.append(panel.prompt.removeprefix(front))
    return tuple(prompts)


def is_gated(rules: Rules, stamp: Stamp) -> bool:
    """Return whether a score by these weights can keep an entry out of a contest."""
    return rules.gate.embedded or not stamp.embedded


def score_faults(found: Exhibit, recorded: GateRecord, rules: Rules, stamp: Stamp) -> list[Fault]:
    """Return what the score found says against an entry and against the score that it recorded."""
    mean, faults = found.aesthetic_mean, []
    same = (recorded.scorer, recorded.embedded) == (stamp.weights, stamp.embedded)
    if same and abs(recorded.score - mean) > CLOSE:
        problem = (
            f"the recorded score is not the score of these pictures, {recorded.score:.4f}: got {mean:.4f}"
        )
        faults.append(Fault(place="gate", problem=problem))
    return faults + (gate_faults(rules, mean) if is_gated(rules, stamp) else [])


def _measure(pictures: list[Image.Image], tools: Instruments) -> tuple[list[float], NDArray[np.float32]]:
    """Return a score and a row of unit length for each picture."""
    if tools.tower is not None:
        scores, rows = tools.tower.look(pictures)
    else:
        scores, rows = tools.aesthetic.score(pictures), tools.encoder.pictures(pictures)
    if not len(scores) == len(rows) == len(pictures):
        raise ScoreError(
            f"{len(pictures)} pictures need as many scores and rows, got {len(scores)}, {len(rows)}"
        )
    if not (np.isfinite(scores).all() and np.isfinite(rows).all()):
        raise ScoreError("scores and rows must be finite; check the weights")
    return scores, rows


def _thumb(picture: Image.Image, side: int) -> str:
    """Return a small view of a picture as a data URI."""
    small = picture.copy()
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    data = io.BytesIO()
    small.save(data, "WEBP", quality=_QUALITY)
    return f"data:image/webp;base64,{base64.b64encode(data.getvalue()).decode('ascii')}"
