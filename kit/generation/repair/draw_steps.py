"""What is made of pictures by the steps of their chains, one picture after the other."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Set
from dataclasses import replace
from functools import partial

from PIL import Image

from kit.errors import InputError, RunError
from kit.experiment.config import DrawSettings
from kit.experiment.run import PanelRow, Run
from kit.experiment.steps import Outpaint, Redraw, Refine, Vary, mask_file, masks_in, words_after
from kit.files.encodings import sha256_of
from kit.generation.batching import BatchResult
from kit.generation.painter import (
    DrawFailure,
    DrawResult,
    Painter,
    PanelRequest,
    RedrawRequest,
    Variation,
)
from kit.generation.recipe import Job, RunPlan
from kit.generation.repair.outpainting import outpainted
from kit.generation.repair.run_masks import mask_bytes, read_mask
from kit.images.decode import PictureError, open_picture
from kit.messages import tr

ReadMask = Callable[[str], Image.Image]
"""Returns the mask, "L", whose file has a sha256."""


def draw_steps(run: Run, painter: Painter, plan: RunPlan, missing: Set[str]) -> Iterator[BatchResult]:
    """Yield every missing picture that is made of another one, each by itself, after what it is made of.

    One whose source or mask is not there, or fits no more, is a failure that says so.
    """
    todo = [job for job in plan.jobs if job.chain and job.request.label in missing]
    if not todo:
        return
    painter.encode_prompts([text for job in todo for text in job.texts])
    there = {row.key: row for row in run.rows()}
    made, needed = dict[str, DrawResult](), Counter(key for job in todo for key in (job.key, job.source))
    worn = ""

    for job in todo:
        start = time.monotonic()
        if job.slot.candidate != worn:
            worn = job.slot.candidate
            painter.set_lora(*plan.loras[worn])
        if (picture := made.get(job.key)) is None:
            source = made.get(job.source) or _picture_of(run, there.get(job.source))
            picture = _drawn_in(run, painter, job, plan.settings, source)
        if needed[job.key] > 1:  # by another job, too
            made[job.key] = picture
        yield BatchResult([[job]], [picture], time.monotonic() - start)


def _drawn_in(run: Run, painter: Painter, job: Job, settings: DrawSettings, source: DrawResult) -> DrawResult:
    """Return what the last step of a chain makes with the masks of a run; what does not fit is a failure."""
    masks: dict[str, Image.Image] = {}
    for one in masks_in(job.chain[-1:]):
        try:
            masks[one] = read_mask(mask_bytes(run, one))
        except (RunError, PictureError):
            told = tr(
                "{file} is not the mask that it is repaired with: put that one back", file=mask_file(one)
            )
            return DrawFailure(reason=told)
    try:
        return step_drawn(painter, job, settings, source, masks.__getitem__)
    except InputError as error:
        return DrawFailure(reason=error.message)


def step_drawn(
    painter: Painter, job: Job, settings: DrawSettings, source: DrawResult, mask_of: ReadMask
) -> DrawResult:
    """Return what the last step of a chain makes.

    Args:
        painter: has read the job's texts, and wears its LoRA.
        job: with one step at least.
        settings: how it is drawn.
        source: the picture that the last step begins with.
        mask_of: reads a mask.
    """
    step = job.chain[-1]
    if isinstance(step, Vary):
        varied = replace(job.request, variation=Variation(seed=step.seed, strength=step.strength))
        return painter.draw([varied], settings)[0]
    if isinstance(source, DrawFailure):
        return source
    request = replace(job.request, prompt=words_after(job.request.prompt, job.chain), seed=step.seed)

    def redrawn(asked: RedrawRequest) -> DrawResult:
        return painter.redraw([asked], replace(settings, size=asked.picture.width))[0]

    if isinstance(step, Outpaint):
        around = partial(RedrawRequest, request=request, strength=step.strength)
        return outpainted(source, step, lambda begun, mask: redrawn(around(picture=begun, mask=mask)))
    return redrawn(_redrawing(request, step, source, mask_of))


def _redrawing(
    request: PanelRequest, step: Redraw | Refine, source: Image.Image, mask_of: ReadMask
) -> RedrawRequest:
    """Return what a step asks of the painter: the picture that it begins from, and how."""
    match step:
        case Redraw():
            mask = mask_of(step.mask) if step.mask else None
            return RedrawRequest(request=request, picture=source, strength=step.strength, mask=mask)
        case Refine():
            alone = replace(request, anchors=(), bystanders=(), consistency=0.0)  # the picture is like them
            resized = source.resize((step.size, step.size), Image.Resampling.LANCZOS)
            return RedrawRequest(request=alone, picture=resized, strength=step.strength, tile=step.tile)


def _picture_of(run: Run, row: PanelRow | None) -> DrawResult:
    """Return a picture of a run as it was drawn."""
    path = run.folder / row.file if row else None
    if row is None or path is None or not path.is_file() or sha256_of(path) != row.sha256:
        return DrawFailure(reason=tr("the picture that it is made of is not drawn, or was changed"))
    return open_picture(path, ("PNG",)).convert("RGB")
