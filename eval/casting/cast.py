"""The stage that casts: of the seeds drawn for each panel, those that make the best set of eight."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

from eval.casting.decisions import (
    KINDS,
    PlaceState,
    keep_cast,
    names_of,
    refuse_undrawable,
    refuse_unknown,
    state_of,
)
from eval.casting.picks import BannedSeed, KeptPicture, Picks, Place
from eval.casting.pool import Aims, choose, pool_of, refuse_too_many
from eval.casting.selection import Selection
from eval.metrics.story_facts import told_by
from eval.scorers.load import Scorers
from eval.scoring.measure import Measured, measure
from eval.scoring.remembered import remembering
from eval.scoring.score import scorers_of
from kit.errors import ScoreError
from kit.experiment.extras.extra_pictures import seeds_at
from kit.experiment.run import Run, Slot
from kit.files.folder_lock import lock_folder
from kit.messages import joined, tr
from kit.progress import Progress


@dataclass(frozen=True, kw_only=True, slots=True)
class CastRequest:
    """What is to be cast, and what was decided by hand."""

    candidate: str = ""
    """Empty: every one; so with the next two."""
    order: str = ""
    story: str = ""
    keep: Mapping[int, int] = field(default_factory=dict)
    """The seed of a panel, 1 to 8."""
    ban: frozenset[tuple[int, int]] = frozenset()
    """Panel and seed that must not be chosen."""
    forget: bool = False
    """Whether picks that the run keeps are dropped; else they are obeyed where none are given here."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """Of the metrics, by name; empty where the weakest decides."""

    @property
    def decides(self) -> bool:
        """Whether it says anything by hand, which then stands for what the run keeps."""
        return bool(self.keep or self.ban)


@dataclass(frozen=True, kw_only=True, slots=True)
class Casting:
    """What was chosen, and why nothing was where nothing could be."""

    selections: tuple[Selection, ...]
    refused: Mapping[Place, str]
    obeyed: Mapping[Place, Picks] = field(default_factory=dict)
    """Picks that the run kept and that were not given now."""


def cast(
    run: Run, wish: CastRequest, tools: Scorers | None = None, progress: Progress | None = None
) -> Casting:
    """Choose a seed for every panel and write selection.json; what is given by hand becomes its picks.

    Args:
        run: its panels drawn with several seeds.
        wish: what is to be cast, and what is decided already.
        tools: what pictures are measured with; by default what the experiment's [score] table names.
        progress: hears of every batch that is measured.

    Raises:
        ScoreError: a wish that cannot be met, or nothing at all could be cast.
        StaleError: somebody picked meanwhile.
    """
    with lock_folder(run.folder, "cast"):
        return _cast(run, wish, tools, progress)


def _cast(run: Run, wish: CastRequest, tools: Scorers | None, progress: Progress | None) -> Casting:
    places = places_meant(run, wish)
    _refuse_choiceless(run, places)
    seen = {place: state_of(run, place).picks for place in places}
    if progress is not None:
        progress.note(tr("loading the scorers"))
    tools = remembering(tools or scorers_of(run.loaded), run)
    measured = measure(run, tools, progress, places)
    told = told_by(run.loaded, tools.encoder)
    aims = Aims(gate=run.loaded.experiment.score.gate, weights=wish.weights)
    cast: list[PlaceState] = []
    refused: dict[Place, str] = {}
    for place in places:
        picks = decided(wish, seen[place], measured)
        try:
            pool = pool_of(place, measured, told[place[2]], tools.calibration)
            cast.append(PlaceState(picks=picks, selection=choose(pool, picks, aims)))
        except ScoreError as error:
            refused[place] = error.message
    if cast or wish.forget:
        keep_cast(run, cast, seen, forget=places if wish.forget else ())
    if not cast:
        raise ScoreError(_told(refused))
    obeyed = {} if wish.decides or wish.forget else {place: one for place, one in seen.items() if one}
    return Casting(
        selections=tuple(one.selection for one in cast if one.selection), refused=refused, obeyed=obeyed
    )


def decided(wish: CastRequest, kept: Picks, measured: Measured) -> Picks:
    """Return the picks of a place: those of the wish, else those that the run keeps."""
    if not wish.decides:
        return Picks.none(kept.place) if wish.forget else kept
    readings = measured.readings
    return replace(
        Picks.none(kept.place),
        keep=tuple(
            KeptPicture(panel=panel, seed=seed, sha256=readings[Slot(*kept.place, seed, panel)].sha256)
            for panel, seed in sorted(wish.keep.items())
        ),
        ban=tuple(BannedSeed(panel=panel, seed=seed) for panel, seed in sorted(wish.ban)),
    )


def _told(refused: Mapping[Place, str]) -> str:
    """Return why nothing could be cast, each reason once."""
    places: dict[str, list[str]] = {}
    for place, reason in refused.items():
        places.setdefault(reason, []).append(" ".join(place))
    if len(places) == 1 and len(refused) > 1:
        return tr("all {n} sets of panels: {reason}", n=len(refused), reason=next(iter(places)))
    told = (
        tr("{place}: {told}", place=joined(named, tr(", ")), told=reason) for reason, named in places.items()
    )
    return joined(told, tr("; "))


def places_meant(run: Run, wish: CastRequest) -> list[Place]:
    """Return what is to be cast; refuses what the run does not have."""
    asked = (wish.candidate, wish.order, wish.story)
    refuse_unknown(run, asked)
    meant = [[one] if one else names for one, names in zip(asked, names_of(run).values(), strict=True)]
    places = [(candidate, order, story) for candidate, order, story in product(*meant)]
    if wish.decides and len(places) > 1:
        raise ScoreError(
            tr(
                "a choice by hand is for one set of panels: name its {kinds}",
                kinds=open_kinds(places),
            )
        )
    if wish.decides:
        refuse_undrawable(run, places[0], wish.keep, wish.ban)
    return places


def open_kinds(places: Sequence[Place]) -> str:
    """Return of what several places have more than one: candidate, order, story."""
    kinds = zip(KINDS.values(), zip(*places, strict=True), strict=True)
    return joined([tr(kind) for kind, names in kinds if len(set(names)) > 1], tr(" and "))


def _refuse_choiceless(run: Run, places: Sequence[Place]) -> None:
    """Raise ScoreError where every panel has one picture, or a place has more than can be compared."""
    if all(len(seeds_at(run, place)) == 1 for place in places):
        raise ScoreError(
            tr(
                "every panel of {folder} has one picture, so there is nothing to choose: write "
                "more seeds into its experiment, seeds = [0, 1, 2, 3], draw it again with --out "
                "{folder}, then cast",
                folder=run.folder,
            )
        )
    refuse_too_many(run)
