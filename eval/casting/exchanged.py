"""How good a set of eight is with one picture of it exchanged for others, as a repair is judged."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from eval.casting.picks import Picks
from eval.casting.pool import Aims, pool_of, quality_among, refuse_too_many
from eval.casting.selection import SetQuality
from eval.metrics.story_facts import told_by
from eval.scorers.load import Scorers
from eval.scoring.measure import Measured, measure
from eval.scoring.remembered import remembering
from kit.experiment.run import Run, Slot
from kit.files.folder_lock import lock_folder
from kit.progress import Progress


class Exchanged(NamedTuple):
    """A set with one picture in place of another."""

    standing: SetQuality
    aesthetic: float
    """The picture's own."""


def exchanged(
    run: Run,
    part: Slot,
    seeds: Sequence[int],
    tools: Scorers,
    progress: Progress | None = None,
) -> Mapping[int, Exchanged]:
    """Return for every usable picture of a panel how good a set is with it, by its seed or number.

    The scale is that of all pictures that the place has. For a picture of the set that is faulty another one
    of its panel stands in.

    Args:
        run: drawn.
        part: a picture of the panel, whichever.
        seeds: of the set's panels 1 to 8; that of the panel itself counts for nothing.
        tools: what pictures are measured with.
        progress: hears of every batch.

    Raises:
        ScoreError: a panel has no usable picture, there are too many, or nothing tells them apart.
    """
    with lock_folder(run.folder, "scored"):
        tools = remembering(tools, run)
        measured = measure(run, tools, progress, [part[:3]])
        return exchanged_among(run, measured, part, seeds, tools)


def exchanged_among(
    run: Run, measured: Measured, part: Slot, seeds: Sequence[int], tools: Scorers
) -> Mapping[int, Exchanged]:
    """Return the same of pictures that were measured."""
    place, panel = part[:3], part.panel
    refuse_too_many(run)
    pool = pool_of(place, measured, told_by(run.loaded, tools.encoder)[place[2]], tools.calibration)
    aims = Aims(gate=run.loaded.experiment.score.gate)
    usable = {slot.panel: slot.seed for slot in reversed(pool.slots)}
    usable |= {slot.panel: slot.seed for slot in pool.slots if slot.seed == seeds[slot.panel - 1]}
    found = {}
    for slot in pool.slots:
        if slot.panel == panel:
            eight = [seed for _, seed in sorted((usable | {panel: slot.seed}).items())]
            standing = quality_among(pool, Picks.none(place), aims, eight)
            sha256 = measured.readings[Slot(*place, slot.seed, panel)].sha256
            found[slot.seed] = Exchanged(standing, measured.aesthetic[sha256])
    return found
