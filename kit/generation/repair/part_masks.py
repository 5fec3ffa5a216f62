"""Where a picture of a run shows its figures, and where its place, by the words of its story for them."""

from dataclasses import replace
from typing import Literal

from PIL import Image, ImageChops

from kit.errors import InputError
from kit.experiment.run import Run
from kit.experiment.steps import words_after
from kit.generation.painter import Painter
from kit.generation.recipe import Job
from kit.generation.repair.masks import widened
from kit.images.decode import open_picture
from kit.messages import tr
from kit.story.anchors import figures_of

Part = Literal["character", "place"]
"""Whom a panel shows, or what is around them."""


def part_mask(run: Run, source: Job, part: Part, painter: Painter) -> Image.Image:
    """Return where a picture of a run shows its figures, or all but them, "L"; InputError where none is told.

    Args:
        run: the picture's.
        source: how it was made.
        part: what is meant.
        painter: wears the picture's LoRA.
    """
    story = next(one.story for one in run.loaded.stories if one.name == source.slot.story)
    figures = figures_of(story, source.slot.panel - 1)
    if not figures:
        fault = tr(
            "the story does not say who is in panel {panel}: give it clauses with roles, or name a box or "
            "a picture as the mask",
            panel=source.slot.panel,
        )
        raise InputError(part, [fault])
    request = replace(source.request, prompt=words_after(source.request.prompt, source.chain))
    painter.encode_prompts(source.texts)
    picture = open_picture(run.folder / request.label, ("PNG",)).convert("RGB")
    settings = replace(run.loaded.settings, size=picture.width)
    mask = painter.mask_of(request, picture, figures, settings)
    return widened(mask) if part == "character" else ImageChops.invert(mask)
