"""Who left a race: how far each came, and the panels that were drawn of it."""

from dataclasses import dataclass
from itertools import groupby

from eval.comparison.racing import Eliminated, Race
from kit.experiment.run import Run
from kit.story.story import PANELS
from reports.run.contact_sheets import FOLDER, Shot
from reports.thumbnails import SMALL_BUDGET, SMALL_SIDE, embed, side_within


@dataclass(frozen=True, kw_only=True, slots=True)
class RaceLoser:
    """One candidate that left."""

    out: Eliminated
    seed: int
    """The first that was drawn."""
    shots: tuple[Shot, ...]
    """Its panels at that seed, in the first story and order; none where they are gone."""


def race_losers(run: Run, race: Race | None) -> tuple[RaceLoser, ...]:
    """Return those who left, the last to leave first."""
    if race is None:
        return ()
    side = side_within(SMALL_BUDGET, max(1, len(race.out)) * PANELS, SMALL_SIDE)
    return tuple(_loser(run, out, side) for out in reversed(race.out))


def _loser(run: Run, out: Eliminated, side: int) -> RaceLoser:
    drawn = [row for row in run.rows() if row.slot.candidate == out.candidate]
    _, group = next(groupby(drawn, key=lambda row: FOLDER(row.slot)), (None, ()))
    first = sorted(group, key=lambda row: row.slot.panel)
    shots = [
        Shot(
            panel=row.slot.panel,
            caption="",
            prompt=row.prompt,
            picture=picture,
            status="ok" if picture else "missing",
        )
        for row in first
        for picture in [embed(run.panel_path(*row.slot), side)]
    ]
    return RaceLoser(out=out, seed=first[0].slot.seed if first else 0, shots=tuple(shots))
