"""What is tried on a picture that does not belong in its set, by the reason, the mildest step first."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

from PIL import Image, ImageDraw

from eval.scorers.calibration import MisfitReason
from kit.experiment.extras.extra_pictures import origins_of
from kit.experiment.run import Run, Slot
from kit.experiment.steps import MOST_STEPS, Redraw, Vary, words_in
from kit.generation.repair.part_masks import Part
from kit.generation.repair.repair import RepairWish
from kit.images.decode import open_picture
from kit.story.anchors import figures_of
from kit.story.prompt import COMMAS, clauses_of, prompt_of

Box = tuple[int, int, int, int]
Where = Literal["", "box", "character", "place"]
"""Which part of a picture is drawn again; empty: all of it."""
PARTS: Mapping[Where, Part] = {"character": "character", "place": "place"}


class Rung(NamedTuple):
    """A step of a ladder: how a picture is mended."""

    kind: Literal["vary", "redraw"]
    strength: float
    where: Where = ""


WHOLE = (Rung("redraw", 0.7), Rung("redraw", 0.9), Rung("redraw", 1.0))
LADDERS: Mapping[MisfitReason, Sequence[Rung]] = {
    "letters": (Rung("redraw", 0.7, "box"), Rung("redraw", 1.0, "box"), *WHOLE),
    "missing": (Rung("vary", 0.2), *WHOLE),
    "identity": (
        Rung("vary", 0.2),
        Rung("redraw", 0.7, "character"),
        Rung("redraw", 0.9, "character"),
        *WHOLE,
    ),
    "place": (Rung("vary", 0.2), Rung("redraw", 0.8, "place"), Rung("redraw", 1.0, "place"), *WHOLE),
}
"""By reason what is tried, the mildest first; what is behind the last is the last again, with other noise."""
MARGIN = 16
"""The box around letters is larger by the picture's side over this, on every side."""


def wish_of(run: Run, slot: Slot, box: Box | None, rung: Rung, seed: int) -> RepairWish | None:
    """Return what a rung asks for; None where it does not fit the picture or the story.

    Args:
        run: drawn.
        slot: the picture.
        box: where it is wrong, if that is known: left, top, right, bottom in pixels.
        rung: the step.
        seed: of its noise.
    """
    panel = slot.panel
    origin = origins_of(run).get(slot)
    chain = origin.chain if origin else ()
    if rung.kind == "vary":
        return None if chain else _asking(slot, Vary(seed=seed, strength=rung.strength))
    story = next(one.story for one in run.loaded.stories if one.name == slot.story)
    trigger = next(one.trigger for one in run.loaded.experiment.candidates if one.name == slot.candidate)
    reworded = bool(words_in(chain))
    parted = rung.where in ("character", "place")
    unfit = parted and (reworded or not figures_of(story, panel - 1))
    if unfit or len(chain) >= MOST_STEPS or (rung.where == "box" and box is None):
        return None
    prompt = prompt_of(story, panel - 1, slot.order, trigger) if reworded else ""
    if rung.where == "place":
        shown = [one.text for one in clauses_of(story, panel - 1) if one.role in ("style", "place")]
        prompt = COMMAS[story.language].join([trigger, *shown] if trigger else shown)
    wish = _asking(slot, Redraw(seed=seed, strength=rung.strength, prompt=prompt), PARTS.get(rung.where))
    if rung.where == "box" and box is not None:
        size = open_picture(run.panel_path(*slot), ("PNG",)).size
        wish = replace(wish, mask=_around(box, size))
    return wish


def _asking(slot: Slot, step: Vary | Redraw, part: Part | None = None) -> RepairWish:
    return RepairWish(source=slot, step=step, part=part, anew=False)


def _around(box: Box, size: tuple[int, int]) -> Image.Image:
    """Return the mask of a box and what is close around it."""
    margin, (left, top, right, bottom) = max(size) // MARGIN, box
    aside = margin + bottom - top  # a letter at the end may not have been seen
    mask = Image.new("L", size)
    ImageDraw.Draw(mask).rectangle(
        (left - aside, top - margin, right - 1 + aside, bottom - 1 + margin), fill=255
    )
    return mask
