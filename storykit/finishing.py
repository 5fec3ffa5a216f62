"""Finishing as people ask for it, by command or in a notebook: which steps, on which set."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from kit.errors import InputError, RunError
from kit.experiment.identity import is_draft
from kit.experiment.run import Run
from kit.experiment.step_sizes import refuse_size
from kit.experiment.steps import MOST_SIDE, Refine, Step, Upscale, check_step, sides_in
from kit.files.user_paths import shell_word
from kit.finishing.kept_networks import KeptNetwork, network_to_keep
from kit.generation.painter import Painter
from kit.generation.repair.step_files import keep_network
from kit.messages import tr
from submissions.finished_set import FinishedSet, finish_set, in_tiles_where_needed

if TYPE_CHECKING:
    from kit.progress import Progress
    from reports.run.story_page import ChosenStory

REFINED = 2
"""How many times larger a picture is refined where nobody says its size."""


class FinishingWish(NamedTuple):
    """What is to be done to a chosen set, in this order."""

    upscale: str = ""
    """The network that enlarges the pictures: "mini", a file, or nothing."""
    refine: float | None = None
    """Share of the steps that are drawn again at the larger size; None for none."""
    size: int | None = None
    """Side of the finished pictures in pixels; None: what the network makes, else twice, at most 2048."""

    def __bool__(self) -> bool:
        """Return whether anything is to be done."""
        return bool(self.upscale) or self.refine is not None


class FinishingPlan(NamedTuple):
    """What is done to a set."""

    steps: tuple[Step, ...]
    network: KeptNetwork | None
    """What enlarges it."""


def plan_finishing(run: Run, wish: FinishingWish) -> FinishingPlan:
    """Return what a wish means for a run; nothing is drawn or written.

    Args:
        run: of finals, or of drafts whose finals are meant.
        wish: what is asked for.

    Raises:
        InputError: a strength or size cannot be, or what is to enlarge the pictures does not.
        WeightsError: the network's file is none.
        RunError: nothing is asked for, and the run is final already.
    """
    if not wish and wish.size is not None:
        raise InputError("size", [tr("is for --upscale and --refine")])
    if not wish and not is_draft(run):
        raise RunError(
            tr(
                "{folder} holds no drafts, it is final already: `storykit pack {word}`, or have it made "
                "larger with --upscale or --refine",
                folder=run.folder,
                word=shell_word(run.folder),
            )
        )
    network = network_to_keep(wish.upscale) if wish.upscale else None
    if network and (fault := network.use.fault("upscale", masked=False)):
        raise InputError("upscale", [fault])
    times = network.use.scale if network else REFINED
    drawn = run.loaded.settings_as("final").size
    side = min(MOST_SIDE, times * drawn) if wish.size is None else wish.size
    steps: list[Step] = []
    if network:
        steps.append(Upscale(finisher=network.sha256, size=side))
    if wish.refine is not None:
        steps.append(Refine(seed=0, strength=wish.refine, size=side))
    for step, before in zip(steps, sides_in(drawn, steps), strict=False):
        check_step(step)
        refuse_size(step, before)
    return FinishingPlan(tuple(steps), network)


def finished(
    run: Run,
    chosen: "ChosenStory",
    plan: FinishingPlan,
    painters: Sequence[Painter],
    progress: "Progress | None" = None,
) -> FinishedSet:
    """Make the finished pictures of a chosen set, in parts where the device asks for it, and pick them."""
    if plan.network:
        keep_network(run, plan.network)
    place, painter = (chosen.candidate, chosen.order, chosen.story), painters[0]
    steps = [
        in_tiles_where_needed(run, place, one, painter) if isinstance(one, Refine) else one
        for one in plan.steps
    ]
    return finish_set(run, chosen, steps, painter, progress)
