"""What is made of pictures by the steps of their chains, one picture after the other."""

import time
from collections import Counter
from collections.abc import Iterator, Set
from dataclasses import replace
from functools import partial

from PIL import Image

from kit.errors import InputError, WeightsError
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.experiment.run import PanelRow, Run
from kit.experiment.step_sizes import refuse_size
from kit.experiment.steps import Instruct, Outpaint, Redraw, Refine, Restore, Upscale, Vary, words_after
from kit.files.encodings import sha256_of
from kit.generation.batching import BatchResult
from kit.generation.painter import (
    DrawFailure,
    DrawResult,
    Painter,
    PanelRequest,
    RedrawRequest,
    Variation,
    mask_faults,
)
from kit.generation.recipe import Job, RunPlan
from kit.generation.repair.finishing import finished
from kit.generation.repair.masks import pasted
from kit.generation.repair.outpainting import outpainted
from kit.generation.repair.step_files import StepFiles, files_of
from kit.images.decode import open_picture
from kit.messages import tr


def draw_steps(run: Run, painter: Painter, plan: RunPlan, missing: Set[str]) -> Iterator[BatchResult]:
    """Yield every missing picture that is made of another one, each by itself, after what it is made of.

    One whose source, mask, network or editor is not there, or fits no more, is a failure that says so. The
    base is not loaded for what networks finish or edit.
    """
    todo = [job for job in plan.jobs if job.chain and job.request.label in missing]
    if not todo:
        return
    if texts := [text for job in todo for text in job.texts if job.chain[-1].by_base]:
        painter.encode_prompts(texts)
    files = files_of(run, painter.device)
    there = {row.key: row for row in run.rows()}
    made, needed = dict[str, DrawResult](), Counter(key for job in todo for key in (job.key, job.source))
    worn = ""

    for job in todo:
        start = time.monotonic()
        if job.slot.candidate != worn and job.chain[-1].by_base:
            worn = job.slot.candidate
            painter.set_lora(*plan.loras[worn])
        if (picture := made.get(job.key)) is None:
            source = made.get(job.source) or _picture_of(run, there.get(job.source))
            picture = _drawn(painter, job, plan.settings, source, files)
        if needed[job.key] > 1:  # by another job, too
            made[job.key] = picture
        yield BatchResult([[job]], [picture], time.monotonic() - start)
    files.free_editor()


def _drawn(
    painter: Painter, job: Job, settings: DrawSettings, source: DrawResult, files: StepFiles
) -> DrawResult:
    """Return what the last step of a chain makes; what does not fit is a failure."""
    try:
        return step_drawn(painter, job, settings, source, files)
    except InputError as error:
        return DrawFailure(reason=error.message)


def step_drawn(
    painter: Painter, job: Job, settings: DrawSettings, source: DrawResult, files: StepFiles
) -> DrawResult:
    """Return what the last step of a chain makes.

    Args:
        painter: has read the job's texts, and wears its LoRA; not asked to draw where a network finishes or
            edits the picture. Of base and editor one is in memory.
        job: with one step at least.
        settings: how it is drawn.
        source: the picture that the last step begins with.
        files: hold its mask, its network and its editor.

    Raises InputError where the picture, its mask or its network does not fit the step.
    """
    step = job.chain[-1]
    if isinstance(step, Upscale | Restore | Instruct):
        return source if isinstance(source, DrawFailure) else _made_without_base(painter, source, step, files)
    files.free_editor()
    if isinstance(step, Vary):
        varied = replace(job.request, variation=Variation(seed=step.seed, strength=step.strength))
        return painter.draw([varied], settings)[0]
    if isinstance(source, DrawFailure):
        return source
    refuse_size(step, source.width)
    request = replace(job.request, prompt=words_after(job.request.prompt, job.chain), seed=step.seed)
    if step.inpainting:
        request = _alone(request)  # who it reads would be drawn by another UNet than in the story

    def redrawn(asked: RedrawRequest) -> DrawResult:
        return painter.redraw([asked], replace(settings, size=asked.picture.width))[0]

    if isinstance(step, Outpaint):
        free = replace(request, control=())  # its maps are of the picture inside
        around = partial(RedrawRequest, request=free, strength=step.strength, inpainting=step.inpainting)
        return outpainted(source, step, lambda begun, mask: redrawn(around(picture=begun, mask=mask)))
    return redrawn(_redrawing(request, step, source, files))


def _made_without_base(
    painter: Painter, source: Image.Image, step: Upscale | Restore | Instruct, files: StepFiles
) -> DrawResult:
    refuse_size(step, source.width)
    if isinstance(step, Instruct):
        painter.unload()
        return _edited(source, step, files)
    return finished(source, step, files)


def _edited(picture: Image.Image, step: Instruct, files: StepFiles) -> DrawResult:
    """Return a picture edited as a step says; a failure says why there is none."""
    try:
        mask = files.mask(step.mask) if step.mask else None
        if mask is not None and (faults := mask_faults(mask, picture)):
            raise InputError(step.step, faults)
        edited = files.editor(step.editor).edited(picture, step)
    except (InputError, WeightsError) as error:
        return DrawFailure(reason=error.message)
    return edited if isinstance(edited, DrawFailure) else pasted(edited, picture, mask)


def _redrawing(
    request: PanelRequest, step: Redraw | Refine, source: Image.Image, files: StepFiles
) -> RedrawRequest:
    """Return what a step asks of the painter: the picture that it begins from, and how."""
    match step:
        case Redraw():
            mask = files.mask(step.mask) if step.mask else None
            return RedrawRequest(
                request=request,
                picture=source,
                strength=step.strength,
                mask=mask,
                inpainting=step.inpainting,
            )
        case Refine():
            alone = _alone(request)  # the picture is like them
            resized = source.resize((step.size, step.size), Image.Resampling.LANCZOS)
            return RedrawRequest(request=alone, picture=resized, strength=step.strength, tile=step.tile)


def _alone(request: PanelRequest) -> PanelRequest:
    """Return a request that reads no other panel."""
    return replace(request, anchors=(), bystanders=(), consistency=0.0)


def _picture_of(run: Run, row: PanelRow | None) -> DrawResult:
    """Return a picture of a run as it was drawn."""
    path = run.folder / row.file if row else None
    if row is None or path is None or not path.is_file() or sha256_of(path) != row.sha256:
        return DrawFailure(reason=tr("the picture that it is made of is not drawn, or was changed"))
    return open_picture(path, ("PNG",)).convert("RGB")
