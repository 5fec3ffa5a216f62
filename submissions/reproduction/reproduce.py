"""The stage that draws a bundle's panels again, from the bundle alone, and says how alike they came out."""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from PIL import Image

from kit.errors import BundleError
from kit.images.png_metadata import png_bytes
from submissions.bundle.bundle import Bundle
from submissions.bundle.manifest import BatchRecord, Manifest, PanelRecord

if TYPE_CHECKING:
    from kit.experiment.config import DrawSettings
    from kit.generation.painter import DrawFailure, Painter
    from kit.generation.recipe import Job
    from kit.lora.lora import LoadedLora
    from kit.progress import Progress

Verdict = Literal["identical", "same pixels", "same picture", "other picture", "not drawn"]
BOUND = 4.0
"""Mean difference of two pictures' colour values, of 255, up to which they count as the same picture."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Redrawn:
    """A panel of the bundle and what came out when it was drawn again."""

    panel: int
    """1 to 8."""
    verdict: Verdict
    difference: float | None
    """Mean absolute difference of the colour values, 0 to 255; none where nothing was drawn."""
    png: bytes | None
    """The picture drawn now."""
    reason: str = ""
    """Why nothing was drawn."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reproduction:
    """All panels of a bundle drawn again."""

    panels: tuple[Redrawn, ...]
    reasons: tuple[str, ...]
    """What is not as it was when the bundle was drawn: device, versions, weights."""

    @property
    def holds(self) -> bool:
        """Return whether every panel is the same picture at least."""
        return all(panel.verdict not in ("other picture", "not drawn") for panel in self.panels)

    @property
    def facts(self) -> dict[str, object]:
        """Return all but the pictures, for machines."""
        panels = [
            {"panel": one.panel, "verdict": one.verdict, "difference": one.difference, "reason": one.reason}
            for one in self.panels
        ]
        return {"panels": panels, "bound": BOUND, "reasons": self.reasons}


def reproduce(bundle: Bundle, painter: "Painter", progress: "Progress | None" = None) -> Reproduction:
    """Draw the panels of a sound bundle again, in the batches they were drawn in.

    Args:
        bundle: what was verified.
        painter: who draws, with the base that the bundle names.
        progress: who wants to hear how far it is.

    Raises:
        BundleError: what the bundle was drawn with cannot be set up here.
        LoraError: its LoRA does not fit the base.
    """
    from kit.generation.painter import BatchPlan

    manifest = bundle.sound_manifest
    how, lora = _settings(manifest), _lora(bundle)
    batches = _batches(manifest)
    if progress is not None:
        progress.begin(sum(len(batch.prompts) for batch in batches), 0)
    jobs = [list(_jobs(batch, manifest, painter, how)) for batch in batches]
    requests = [job.request for together in jobs for job in together]
    painter.encode_prompts([text for one in requests for text in (one.prompt, one.negative)])
    painter.set_lora(lora, manifest.lora.strength if manifest.lora else 1.0)
    drawn: dict[tuple[int, str], _DrawnPanel] = {}
    for batch, together in zip(batches, jobs, strict=True):
        plan = BatchPlan(panels=len(together), compiled=batch.compiled)
        pictures = painter.draw([job.request for job in together], how, plan)
        for job, picture in zip(together, pictures, strict=True):
            drawn[batch.seed, job.request.prompt] = _DrawnPanel.of(picture, job)
        if progress is not None:
            progress.advance(len(together))
    panels = tuple(_compared(panel, bundle, drawn[panel.seed, panel.prompt]) for panel in manifest.panels)
    return Reproduction(panels=panels, reasons=tuple(_changes(manifest, painter)))


class _DrawnPanel(NamedTuple):
    """What came out for a panel: a PNG, or why there is none."""

    png: bytes | None
    reason: str

    @classmethod
    def of(cls, picture: "Image.Image | DrawFailure", job: "Job") -> "_DrawnPanel":
        if isinstance(picture, Image.Image):
            return cls(png_bytes(picture, job.request.key, job.recipe), "")
        return cls(None, picture.reason)


def _batches(manifest: Manifest) -> list[BatchRecord]:
    """Return the batches that hold a panel; of a bundle that does not say them, the panels of each seed."""
    panels = {(panel.seed, panel.prompt): panel for panel in manifest.panels}
    sets: dict[int, list[str]] = {}
    for seed, prompt in panels:
        sets.setdefault(seed, []).append(prompt)
    batches = manifest.batches or [
        BatchRecord(seed=seed, prompts=tuple(prompts), compiled=False) for seed, prompts in sets.items()
    ]
    return [batch for batch in batches if any((batch.seed, prompt) in panels for prompt in batch.prompts)]


def _jobs(batch: BatchRecord, manifest: Manifest, painter: "Painter", how: "DrawSettings") -> Iterator["Job"]:
    """Yield what is to be drawn in a batch."""
    from kit.experiment.run import Slot
    from kit.generation.recipe import job_of, recipe_of

    lora = manifest.lora
    worn = {
        "lora_sha256": lora.source_sha256 if lora else None,
        "alpha": lora.alpha if lora else None,
        "strength": lora.strength if lora else 1.0,
    }
    shared = recipe_of(painter, how, worn)
    negatives = {(panel.seed, panel.prompt): panel.negative for panel in manifest.panels}
    for prompt in batch.prompts:
        negative = negatives.get((batch.seed, prompt), manifest.panels[0].negative)
        slot = Slot(manifest.candidate, manifest.order, manifest.story, batch.seed, 0)
        yield job_of(slot, shared, prompt, negative, f"seed {batch.seed}, {prompt}")


def _compared(panel: PanelRecord, bundle: Bundle, now: _DrawnPanel) -> Redrawn:
    """Return how a panel's new picture differs from the bundle's."""
    if now.png is None:
        return Redrawn(panel=panel.panel, verdict="not drawn", difference=None, png=None, reason=now.reason)
    difference = mean_difference(bundle.panel_picture(panel), decoded(now.png))
    verdict: Verdict = "same picture" if difference <= BOUND else "other picture"
    if difference == 0:
        verdict = "identical" if bundle.files[panel.file] == now.png else "same pixels"
    return Redrawn(panel=panel.panel, verdict=verdict, difference=difference, png=now.png)


def decoded(png: bytes) -> Image.Image:
    """Return a picture drawn here as RGB."""
    return Image.open(BytesIO(png)).convert("RGB")


def mean_difference(before: Image.Image, now: Image.Image) -> float:
    """Return the mean absolute difference of two RGB pictures' colour values, 0 (the same) to 255."""
    if before.size != now.size:
        raise BundleError(f"pictures to compare must have one size, got {before.size} and {now.size}")
    return float(np.abs(np.asarray(before, np.int16) - np.asarray(now, np.int16)).mean())


def _settings(manifest: Manifest) -> "DrawSettings":
    from kit.experiment.config import DrawSettings

    how = manifest.settings
    return DrawSettings(steps=how.steps, cfg=how.cfg, size=how.size, noise=how.noise, memory=how.memory)


def _lora(bundle: Bundle) -> "LoadedLora | None":
    """Return the bundle's LoRA as it was worn; None for the bare base."""
    record = bundle.sound_manifest.lora
    if record is None:
        return None
    from kit.lora.lora import load_lora

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lora.safetensors"
        path.write_bytes(bundle.files[record.file])
        return load_lora(path, record.alpha)


def _changes(manifest: Manifest, painter: "Painter") -> Iterator[str]:
    """Yield what differs from the drawing of the bundle, as one reads it in a list of reasons."""
    for name, value in manifest.base.items():
        now = painter.identity.get(name)
        if now != value and name != "sha256":
            yield f"{name} {now}, was {value}"
    then, here = manifest.base.get("sha256"), painter.identity.get("sha256")
    if isinstance(then, Mapping) and isinstance(here, Mapping):
        others = sorted(str(file) for file in then.keys() | here.keys() if then.get(file) != here.get(file))
        if others:
            yield f"other weights in {', '.join(others)}"
    if (device := manifest.drawn_with.get("device")) != painter.hardware:
        yield f"drawn on {painter.hardware}, was {device}"
        if manifest.settings.noise == "contest":
            yield "the contest's noise is drawn on the device itself, each has its own"
    yield from _versions(manifest)


def _versions(manifest: Manifest) -> Iterator[str]:
    """Yield the packages that are not of the version that the bundle was drawn with."""
    from kit.generation.recipe import PACKAGES
    from kit.versions import installed_version

    then = manifest.drawn_with.get("versions")
    if isinstance(then, Mapping):
        for package in PACKAGES:
            if then.get(package) != installed_version(package):
                yield f"{package} {installed_version(package)}, was {then.get(package)}"
