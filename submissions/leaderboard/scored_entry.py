"""What is kept of an entry that was scored."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from eval.scorers.calibration import Calibration
from eval.scorers.load import Scorers
from eval.scorers.protocols import Stamp
from kit.errors import ScoreError
from kit.files.encodings import sha256_bytes
from kit.images.copies import Look, look_at
from kit.images.decode import is_flat
from kit.messages import tr
from kit.story.prompt import COMMAS
from reports.thumbnails import webp_uri
from submissions.bundle.bundle import Bundle
from submissions.bundle.manifest import GateRecord, Manifest
from submissions.contest.rules import Rules
from submissions.faults import Fault
from submissions.leaderboard.lora_print import Print, lora_print
from submissions.verification.rule_checks import gate_faults

CLOSE = 1e-3
"""How far a recorded mean may be from the mean found: what batches and devices change is less."""
_QUALITY = 80
"""WebP quality of a thumbnail."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ScoredEntry:
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
    below_floor: tuple[int, ...] = ()
    """Panels, from 1, whose score is below the calibrated floor."""
    looks: tuple[Look, ...] = ()
    """One a panel, to know its copies by."""
    lora_print: Print | None = None
    """What the LoRA does; None where there is none, or its numbers are not read here."""

    @property
    def aesthetic_mean(self) -> float:
        """The contest's number: the mean over the panels."""
        return fmean(self.aesthetics)


def score_entry(file: str, bundle: Bundle, tools: Scorers, side: int) -> ScoredEntry:
    """Return a sound bundle's entry as the scorers see it.

    Args:
        file: what reports call the bundle.
        bundle: what was checked and is without faults.
        tools: what every entry is measured with.
        side: longest side of a thumbnail in pixels.

    Raises:
        BundleError, ScoreError: it cannot be measured.
    """
    manifest = bundle.sound_manifest
    pictures = [bundle.panel_picture(panel) for panel in manifest.panels]
    aesthetics, rows = _measure(pictures, tools)
    return ScoredEntry(
        file=file,
        team=manifest.team,
        title=manifest.title,
        prompts=prompts_of(manifest),
        lora_sha256=manifest.lora.sha256 if manifest.lora else "",
        aesthetics=tuple(aesthetics),
        embeddings=rows,
        pixels=tuple(sha256_bytes(f"{one.size}".encode() + one.tobytes()) for one in pictures),
        thumbs=tuple(_thumb(one, side) for one in pictures),
        looks=tuple(look_at(one) for one in pictures),
        lora_print=lora_print(bundle.lora) if bundle.lora else None,
        below_floor=_below_floor(aesthetics, tools.calibration),
        blank=tuple(number for number, one in enumerate(pictures, 1) if is_flat(one)),
    )


def prompts_of(manifest: Manifest) -> tuple[str, ...]:
    """Return the prompt of each panel without the trigger that the LoRA put in front."""
    trigger = manifest.lora.trigger if manifest.lora else ""
    front = rf"\A{re.escape(trigger)}(?:{'|'.join(COMMAS.values())})"
    return tuple(re.sub(front, "", panel.prompt) if trigger else panel.prompt for panel in manifest.panels)


def is_gated(rules: Rules, stamp: Stamp) -> bool:
    """Return whether a score by these weights can keep an entry out of a contest."""
    return rules.gate.embedded or not stamp.embedded


def score_faults(found: ScoredEntry, recorded: GateRecord, rules: Rules, stamp: Stamp) -> list[Fault]:
    """Return what the score found says against an entry and against the score that it recorded."""
    mean, faults = found.aesthetic_mean, []
    same = (recorded.scorer, recorded.embedded) == (stamp.weights, stamp.embedded)
    if same and abs(recorded.score - mean) > CLOSE:
        problem = tr(
            "the recorded score is not the score of these pictures, {recorded:.4f}: got {got:.4f}",
            recorded=recorded.score,
            got=mean,
        )
        faults.append(Fault("gate", problem))
    return faults + (gate_faults(rules, mean) if is_gated(rules, stamp) else [])


def _measure(pictures: list[Image.Image], tools: Scorers) -> tuple[list[float], NDArray[np.float32]]:
    """Return a score and a row of unit length for each picture."""
    if tools.tower is not None:
        scores, rows = tools.tower.look(pictures)
    else:
        scores, rows = tools.aesthetic.score(pictures), tools.encoder.pictures(pictures)
    if not len(scores) == len(rows) == len(pictures):
        raise ScoreError(
            tr(
                "{pictures} pictures need as many scores and rows, got {scores}, {rows}",
                pictures=len(pictures),
                scores=len(scores),
                rows=len(rows),
            )
        )
    if not (np.isfinite(scores).all() and np.isfinite(rows).all()):
        raise ScoreError(tr("scores and rows must be finite; check the weights"))
    return scores, rows


def _below_floor(scores: Sequence[float], calibration: Calibration | None) -> tuple[int, ...]:
    """Return the panels, from 1, that score less than the floor; none where nobody has measured it."""
    floor = calibration.aesthetic_floor if calibration else None
    return tuple(panel for panel, score in enumerate(scores, 1) if floor is not None and score < floor)


def _thumb(picture: Image.Image, side: int) -> str:
    """Return a small view of a picture as a data URI."""
    small = picture.copy()
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    return webp_uri(small, _QUALITY)
