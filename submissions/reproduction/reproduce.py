"""The stage that draws a bundle's panels again, from the bundle alone, and says how alike they came out."""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import zip_longest
from pathlib import Path
from statistics import fmean
from typing import Literal

from PIL import Image

from eval.scorers.protocols import Scorer
from kit.errors import BundleError, InputError
from kit.experiment.candidates.candidate import embedding_file
from kit.experiment.controls.control_record import ControlRecord, ControlRecords
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.experiment.fields import seed_and_panel
from kit.experiment.references.image_prompt_record import ImagePromptRecord, pictures_in
from kit.experiment.run import Anchor, Slot
from kit.experiment.steps import mask_file, network_file, words_in
from kit.generation.controls.control import Control
from kit.generation.painter import BatchPlan, DrawFailure, DrawResult, Painter, PanelRequest
from kit.generation.recipe import Job, job_of, recipe_of
from kit.generation.references.image_prompt import ImagePrompt
from kit.generation.repair.draw_steps import step_drawn
from kit.generation.repair.step_files import StepFiles
from kit.images.decode import open_picture
from kit.images.png_metadata import png_bytes
from kit.lora.lora import LoadedLora, load_lora
from kit.lora.pipelines.embeddings import Embedding, kept_embedding
from kit.lora.pipelines.layout import recorded_layout
from kit.messages import in_english, joined, mark, tr
from kit.models.bases.pipeline_files import PipelineFiles, open_editor
from kit.progress import Progress
from submissions.bundle.bundle import Bundle
from submissions.bundle.manifest import BatchRecord, Manifest, PanelRecord, drawn_after, reference_files
from submissions.reproduction.changes import changes, other_networks, processor_changes
from submissions.reproduction.controls import NetworkFolders, controls_of, image_prompts_of
from submissions.reproduction.likeness import BOUNDS, LEAST_EFFECT, Place, are_alike, mean_difference
from submissions.reproduction.rescoring import Rescored, rescore

Verdict = Literal["identical", "same pixels", "same picture", "other picture", "not drawn"]


Known = tuple[int, str, ControlRecords, tuple[str, ...]]
"""What tells a picture from all others that are drawn of a bundle: seed, prompt, the maps that it is held to,
and the pictures of characters that it is drawn after, by their sha256."""
Drawn = dict[Known, tuple[DrawResult, Job]]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Recipes:
    """What jobs are made of: the manifest, the base, the settings, and the bundle's maps with their nets."""

    manifest: Manifest
    painter: Painter
    how: DrawSettings
    controls: Mapping[ControlRecord, Control]
    prompts: Mapping[ImagePromptRecord, ImagePrompt]
    taught: tuple[Embedding, ...]
    references: Mapping[str, bytes]
    """Pictures of characters, by their sha256."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Redrawn:
    """A panel of the bundle and what came out when it was drawn again."""

    panel: int
    """1 to 8."""
    verdict: Verdict
    difference: float | None = None
    """Mean absolute difference of the colour values, 0 to 255; none where nothing was drawn."""
    png: bytes | None = None
    """The picture drawn now."""
    reason: str = ""
    """Why nothing was drawn."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reproduction:
    """All panels of a bundle drawn again."""

    panels: tuple[Redrawn, ...]
    reasons: tuple[str, ...]
    """What is not as it was when the bundle was drawn: device, versions, weights."""
    place: Place
    """Which bound its panels were held to."""
    effect: float | None = None
    """Mean difference, 0 to 255, that the LoRA makes here; none for the bare base or where nothing came."""
    score: Rescored | None = None
    """None where no scorer is here."""

    @property
    def problems(self) -> tuple[str, ...]:
        """Return what speaks against the bundle beside its panels."""
        idle = self.effect is not None and self.effect < LEAST_EFFECT
        told = mark("the LoRA does nothing: without it the pictures differ by {levels:.2f} of 255")
        useless = (tr(told, levels=self.effect),) if idle else ()
        return (*useless, *(self.score.problems if self.score else ()))

    @property
    def holds(self) -> bool:
        """Return whether every panel is the same picture at least, and nothing else speaks against it."""
        drawn = all(panel.verdict not in ("other picture", "not drawn") for panel in self.panels)
        return drawn and not self.problems

    @property
    def facts(self) -> dict[str, object]:
        """Return all but the pictures, for machines."""
        told = ("panel", "verdict", "difference", "reason")
        panels = [{name: in_english(getattr(one, name)) for name in told} for one in self.panels]
        score = asdict(self.score) if self.score else None
        return {
            "panels": panels,
            "bound": BOUNDS[self.place]._asdict(),
            "reasons": tuple(map(in_english, self.reasons)),
            "effect": self.effect,
            "score": score,
            "problems": tuple(map(in_english, self.problems)),
        }


def reproduce(
    bundle: Bundle,
    painter: Painter,
    progress: Progress | None = None,
    networks: NetworkFolders = NetworkFolders(),  # noqa: B008
) -> Reproduction:
    """Draw the panels of a sound bundle again, in the batches they were drawn in.

    Args:
        bundle: what was verified.
        painter: who draws, with the base that the bundle names.
        progress: who wants to hear how far it is.
        networks: where those lie that the bundle tells of and does not hold.

    Raises:
        BundleError: what the bundle was drawn with cannot be set up here.
        LoraError: its LoRA does not fit the base.
    """
    manifest = bundle.sound_manifest
    how = DrawSettings(**manifest.settings.model_dump(exclude={"scheduler"}))
    if painter.identity.get("pipeline", "") != manifest.pipeline:
        told = {"own": manifest.base.get("name"), "other": painter.identity["name"]}
        raise BundleError(tr("it was drawn with {own}, and {other} is another kind of base", **told))
    if faults := painter.refusals(how, max((one.consistency for one in manifest.panels), default=0.0)):
        raise BundleError(joined(faults, tr("; ")))
    lora, batches = _lora(bundle), _batches(manifest)
    if progress is not None:
        progress.begin(sum(len(batch.prompts) for batch in batches), 0)
    recipes = _Recipes(
        manifest=manifest,
        painter=painter,
        how=how,
        controls=controls_of(bundle, networks.controlnets),
        prompts=image_prompts_of(bundle, networks.ip_adapter),
        taught=_taught(bundle),
        references={sha256: bundle.files[name] for name, sha256 in reference_files(manifest).items()},
    )
    jobs = [list(_jobs(batch, recipes)) for batch in batches]
    requests = [job.request for together in jobs for job in together]
    said = [text for one in manifest.panels for text in words_in(one.chain)]
    painter.encode_prompts([*(text for one in requests for text in one.texts), *said])
    painter.set_lora(lora, manifest.lora.strength if manifest.lora else 1.0)
    drawn: Drawn = {}
    for batch, together in zip(batches, jobs, strict=True):
        plan = BatchPlan(panels=len(together), compiled=batch.compiled)
        pictures = painter.draw([job.request for job in together], how, plan)
        for job, picture in zip(together, pictures, strict=True):
            drawn[_known_by(job)] = (picture, job)
        if progress is not None:
            progress.advance(len(together))
    files = _files(bundle, painter, networks.editor)
    made = [_repaired(panel, files, painter, how, drawn) for panel in manifest.panels]
    files.free_editor()
    effect = None if lora is None else _effect(batches[0], drawn, recipes)
    reasons = (*changes(manifest, painter), *other_networks(manifest, networks))
    processor = processor_changes(manifest, painter)
    place: Place = "another" if reasons else "another processor" if processor else "same"
    compared = (
        _compared(panel, bundle, place, *one) for panel, one in zip(manifest.panels, made, strict=True)
    )
    return Reproduction(panels=tuple(compared), reasons=(*reasons, *processor), place=place, effect=effect)


def rescored(again: Reproduction, bundle: Bundle, scorer: Scorer) -> Reproduction:
    """Return a reproduction with the scores of its panels; as it is where one could not be drawn."""
    pngs = [panel.png for panel in again.panels if panel.png is not None]
    if len(pngs) < len(again.panels):
        return again
    manifest = bundle.sound_manifest
    handed_in = [bundle.panel_picture(panel) for panel in manifest.panels]
    return replace(again, score=rescore(manifest.gate, handed_in, [decoded(png) for png in pngs], scorer))


def _taught(bundle: Bundle) -> tuple[Embedding, ...]:
    """Return the embeddings of a sound bundle."""
    records = bundle.sound_manifest.embeddings
    return tuple(kept_embedding(one.token, bundle.files[embedding_file(one.sha256)]) for one in records)


def _repaired(
    panel: PanelRecord, files: StepFiles, painter: Painter, how: DrawSettings, drawn: Drawn
) -> tuple[DrawResult, Job]:
    """Return a panel's picture after the steps that it was repaired by."""
    picture, job = drawn[panel.seed, panel.prompt, panel.control, drawn_after(panel)]
    for done in range(1, len(panel.chain) + 1):
        job = job.with_chain(panel.chain[:done])
        picture = step_drawn(painter, job, how, picture, files)
    return picture, job


def _files(bundle: Bundle, painter: Painter, editor: str) -> StepFiles:
    """Return the masks and networks of a sound bundle, and the editor in a folder."""
    return StepFiles(
        lambda sha256: bundle.files[mask_file(sha256)],
        lambda sha256: bundle.files[network_file(sha256)],
        partial(_editor_files, editor),
        painter.device,
    )


def _editor_files(folder: str) -> PipelineFiles:
    """Return the files of an editor; InputError where no folder is named."""
    if not folder:
        told = tr("is not in the bundle: give the folder of its InstructPix2Pix with --editor")
        raise InputError("editor", [told])
    return open_editor(folder)


def _effect(batch: BatchRecord, drawn: Drawn, recipes: _Recipes) -> float | None:
    """Return how much the LoRA moves the pictures of a batch: it is drawn once more, without it."""
    painter = recipes.painter
    painter.set_lora(None, 1.0)
    bare = replace(recipes, manifest=recipes.manifest.model_copy(update={"lora": None}))
    jobs = list(_jobs(batch, bare))
    plan = BatchPlan(panels=len(jobs), compiled=batch.compiled)
    pictures = painter.draw([job.request for job in jobs], recipes.how, plan)
    moved = [
        mean_difference(worn.convert("RGB"), picture.convert("RGB"))
        for job, picture in zip(jobs, pictures, strict=True)
        if isinstance(picture, Image.Image) and isinstance(worn := drawn[_known_by(job)][0], Image.Image)
    ]
    return fmean(moved) if moved else None


def _known_by(job: Job) -> Known:
    request = job.request
    shown = pictures_in((*request.anchors, *(one.record for one in request.image_prompts)))
    return request.seed, request.prompt, tuple(held.record for held in request.control), tuple(shown)


def _batches(manifest: Manifest) -> list[BatchRecord]:
    """Return the batches that hold a panel; of a bundle that does not say them, the panels of each seed."""
    panels = dict.fromkeys((panel.seed, panel.prompt) for panel in manifest.panels)
    batches = manifest.batches or _batches_of_seeds(manifest)
    return [batch for batch in batches if any(picture in panels for picture in batch.pictures)]


def _batches_of_seeds(manifest: Manifest) -> list[BatchRecord]:
    """Return the panels of each seed as a batch; of panels that are one picture the first."""
    pictures = {
        (one.seed, one.prompt, one.control, drawn_after(one)): one for one in reversed(manifest.panels)
    }
    panels = sorted(pictures.values(), key=lambda one: one.panel)
    held = any(one.control or drawn_after(one) for one in panels)
    return [
        BatchRecord(
            seed=seed,
            prompts=tuple(one.prompt for one in panels if one.seed == seed),
            compiled=False,
            panels=tuple(one.panel for one in panels if one.seed == seed) if held else (),
        )
        for seed in dict.fromkeys(one.seed for one in manifest.panels)
    ]


def _jobs(batch: BatchRecord, recipes: _Recipes) -> Iterator[Job]:
    """Yield what is to be drawn in a batch."""
    manifest = recipes.manifest
    lora = manifest.lora
    worn = {
        "lora_sha256": lora.source_sha256 if lora else None,
        "alpha": lora.alpha if lora else None,
        "strength": lora.strength if lora else 1.0,
    }
    shared = recipe_of(recipes.painter, recipes.how, worn)
    for (seed, prompt), panel in zip_longest(batch.pictures, batch.panels):
        slot = Slot(manifest.candidate, manifest.order, manifest.story, seed, 0)
        request = _request(prompt, seed, batch, recipes, panel or 0)
        held = manifest.panels[panel - 1].control if panel else ()
        controls = tuple(recipes.controls[one] for one in held)
        request = replace(request, control=controls, embeddings=recipes.taught)
        request = request.with_anchor_pictures(recipes.references)
        yield job_of(slot, shared, request)


def _panel_told(
    prompt: str, seed: int, batch: BatchRecord, manifest: Manifest, number: int
) -> PanelRecord | None:
    """Return the panel that a picture of a batch is, of this seed or another; None for another's words.

    Its number is 0 where the batch does not say it.
    """
    same = [panel for panel in manifest.panels if panel.prompt == prompt and number in (0, panel.panel)]
    if batch.noise_per_panel:
        same = [panel for panel in same if panel.panel == seed_and_panel(seed)[1]]
    return max(same, key=lambda panel: panel.seed == seed, default=None)


def _request(prompt: str, seed: int, batch: BatchRecord, recipes: _Recipes, number: int) -> PanelRequest:
    """Return what a picture of a batch is drawn from."""
    manifest = recipes.manifest
    panel = _panel_told(prompt, seed, batch, manifest, number)
    said = panel or manifest.panels[0]

    def written(number: int) -> int:
        return seed_and_panel(number)[0] if batch.noise_per_panel else number

    def moved(anchor: int) -> int:
        """Return an anchor's seed beside this picture: one of its panel's own seed goes along to another."""
        return anchor + seed - said.seed if written(anchor) == written(said.seed) else anchor

    return PanelRequest(
        prompt=prompt,
        negative=said.negative,
        seed=seed,
        anchors=tuple(
            Anchor(prompt=one.prompt, subject=one.subject, seed=moved(one.seed), picture=one.picture)
            for one in (panel.anchors if panel else ())
        ),
        consistency=panel.consistency if panel else 0.0,
        bystanders=panel.bystanders if panel else (),
        image_prompts=tuple(recipes.prompts[one] for one in (panel.image_prompts if panel else ())),
        label=f"seed {seed}, {prompt}",
    )


def _compared(
    panel: PanelRecord, bundle: Bundle, place: Place, picture: Image.Image | DrawFailure, job: Job
) -> Redrawn:
    """Return how a panel's new picture differs from the bundle's."""
    if not isinstance(picture, Image.Image):
        return Redrawn(panel=panel.panel, verdict=mark("not drawn"), reason=picture.reason)
    lora = bundle.sound_manifest.lora
    png = png_bytes(picture, job.request.key, job.recipe, lora.source_hash if lora else "")
    before, now = bundle.panel_picture(panel), decoded(png)
    difference = mean_difference(before, now)
    verdict: Verdict = mark("same picture") if are_alike(before, now, place) else mark("other picture")
    if difference == 0:
        verdict = mark("identical") if bundle.files[panel.file] == png else mark("same pixels")
    return Redrawn(panel=panel.panel, verdict=verdict, difference=difference, png=png)


def decoded(png: bytes) -> Image.Image:
    """Return a picture drawn here as RGB."""
    return open_picture(png, ("PNG",)).convert("RGB")


def _lora(bundle: Bundle) -> LoadedLora | None:
    """Return the bundle's LoRA as it was worn; None for the bare base."""
    record = bundle.sound_manifest.lora
    if record is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lora.safetensors"
        path.write_bytes(bundle.files[record.file])
        return load_lora(path, record.alpha, recorded_layout(bundle.sound_manifest.base))
