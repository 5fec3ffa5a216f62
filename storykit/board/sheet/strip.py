"""The set as it is now: eight pictures, how good they are, and what each pick costs."""

from dataclasses import dataclass

from eval.casting.decisions import PlaceState
from eval.casting.pool import Aims, Pool, quality_of, search_in
from eval.casting.selection import PanelChoice, Selection, SetQuality
from kit.experiment.identity import is_draft
from kit.messages import Message, joined, reader_language, tr
from kit.story.story import PANELS
from reports.number_format import digits_of, written
from storykit.board.sheet.grid import PlaceFacts
from storykit.board.sheet.run_numbers import words_in


@dataclass(frozen=True, kw_only=True, slots=True)
class StripPlace:
    """One of the eight places of the set."""

    panel: int
    seed: int | None
    """None while nothing is chosen."""
    sha256: str = ""
    """Empty where there is no picture."""
    picked: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class QualityRow:
    """What the set has in one metric."""

    name: str
    value: str
    deviations: str
    """Empty where the metric decides nothing."""
    weakest: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class CostRow:
    """What one pick costs: by metric, how far the set is from the best without it."""

    panel: int
    seed: int
    other: int
    """The seed that would be chosen without the pick."""
    said: str
    cells: tuple[tuple[str, str], ...]
    """In the metric's unit, and in deviations."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SetStrip:
    """The strip of a sheet."""

    places: tuple[StripPlace, ...]
    version: str
    complete: bool
    cast: bool
    draft: bool
    stale: bool
    """Whether a picture of it has been drawn anew."""
    quality: tuple[QualityRow, ...]
    metrics: tuple[str, ...]
    """Names, in the order of the costs' cells."""
    costs: tuple[CostRow, ...]
    picks: int
    bans: int
    notes: tuple[str, ...]


def strip_of(facts: PlaceFacts, state: PlaceState, gate: float) -> SetStrip:
    """Return the strip of a place."""
    picks, selection = state.picks, state.selection
    seeds = dict(enumerate(selection.seeds, 1)) if selection else dict(picks.kept)
    picked = {one.panel: one.sha256 for one in picks.keep}
    parts = {part.panel: part.sha256 for part in selection.parts} if selection else picked
    places, stale = [], False
    for panel in range(1, PANELS + 1):
        seed = seeds.get(panel)
        row = None if seed is None else facts.drawn.get((panel, seed))
        stale = stale or (seed is not None and (row is None or row.sha256 != parts.get(panel)))
        places.append(
            StripPlace(panel=panel, seed=seed, sha256=row.sha256 if row else "", picked=panel in picked)
        )
    standing = selection.standing if selection else _standing(facts.pool, state, gate)
    return SetStrip(
        places=tuple(places),
        version=state.version,
        complete=len(seeds) == PANELS,
        cast=selection is not None,
        draft=is_draft(facts.run),
        stale=stale,
        quality=_quality(facts, standing) if standing else (),
        metrics=tuple(_name(facts, metric) for metric in selection.standing.values) if selection else (),
        costs=tuple(_costs(facts, selection)) if selection else (),
        picks=len(picks.keep),
        bans=len(picks.ban),
        notes=tuple(_notes(selection)) if selection else (),
    )


def _standing(pool: Pool | None, state: PlaceState, gate: float) -> SetQuality | None:
    """Return how good eight picks are where that is known without measuring."""
    if pool is None or not state.picks.complete:
        return None
    pictures = {slot[3:]: picture for picture, slot in enumerate(pool.slots)}
    chosen = [pictures.get((seed, panel)) for panel, seed in enumerate(state.picks.seeds, 1)]
    known = [one for one in chosen if one is not None]
    if len(known) < PANELS:
        return None
    return quality_of(search_in(pool, state.picks, Aims(gate=gate)), known)


def _name(facts: PlaceFacts, metric: str) -> str:
    return words_in(reader_language()).metric(metric, facts.numbers.metrics.get(metric))


def _digits(facts: PlaceFacts, metric: str) -> int:
    return digits_of(facts.numbers.metrics.get(metric))


def _quality(facts: PlaceFacts, standing: SetQuality) -> tuple[QualityRow, ...]:
    return tuple(
        QualityRow(
            name=_name(facts, metric),
            value=written(value, _digits(facts, metric)),
            deviations=written(standing.deviations[metric], 2, signed=True)
            if metric in standing.deviations
            else "",
            weakest=metric == standing.weakest,
        )
        for metric, value in standing.values.items()
    )


def _costs(facts: PlaceFacts, selection: Selection) -> list[CostRow]:
    rows = []
    for part in selection.parts:
        if part.free is None:
            continue
        costs = selection.costs[part.panel]
        rows.append(
            CostRow(
                panel=part.panel,
                seed=part.seed,
                other=part.free.seed,
                said=_cost_said(facts, selection, part),
                cells=tuple(
                    (
                        written(-cost.value, _digits(facts, metric) + 1, signed=True),
                        "" if cost.deviations is None else written(-cost.deviations, 2, signed=True),
                    )
                    for metric, cost in costs.items()
                ),
            )
        )
    return rows


def _cost_said(facts: PlaceFacts, selection: Selection, part: PanelChoice) -> Message:
    """Return in a sentence what a pick costs."""
    assert part.free is not None
    told = {"panel": part.panel, "seed": part.seed, "other": part.free.seed}
    if part.free.seed == part.seed:
        return tr("Panel {panel}, seed {seed}: costs nothing, it would be chosen anyway.", **told)
    sd = {
        metric: -cost.deviations
        for metric, cost in selection.costs[part.panel].items()
        if cost.deviations is not None
    }
    lost = sorted((metric for metric in sd if sd[metric] <= -_SEEN), key=sd.__getitem__)
    won = sorted((metric for metric in sd if sd[metric] >= _SEEN), key=sd.__getitem__, reverse=True)
    if not lost:
        return tr("Panel {panel}, seed {seed} instead of {other}: no metric loses by it.", **told)
    losses = joined((_amount(facts, metric, sd[metric]) for metric in lost), tr(", "))
    if not won:
        return tr("Panel {panel}, seed {seed} instead of {other}: costs {losses}.", losses=losses, **told)
    wins = joined((_amount(facts, metric, sd[metric]) for metric in won), tr(", "))
    return tr(
        "Panel {panel}, seed {seed} instead of {other}: costs {losses}, and gains {wins}.",
        losses=losses,
        wins=wins,
        **told,
    )


_SEEN = 0.005
"""Standard deviations that are written as more than 0.00."""


def _amount(facts: PlaceFacts, metric: str, sd: float) -> Message:
    return tr("{sd:.2f} sd of {metric}", sd=abs(sd), metric=_name(facts, metric))


def _notes(selection: Selection) -> list[Message]:
    notes = []
    if not selection.proven:
        notes.append(tr("That no set is better is not proven: the search was stopped."))
    if selection.weights:
        notes.append(tr("The metrics were weighted by votes."))
    return notes
