"""Which pictures of a run are drawn together: their last bits hang on it."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar

from pydantic import BaseModel, PositiveInt, ValidationError

from kit.errors import RunError
from kit.files import faults_of
from kit.run import PanelRow, Run, Slot

BATCHING = "batching.json"
"""The run's file that says how pictures are drawn together."""
T = TypeVar("T")


class _Settled(BaseModel, frozen=True):
    panels: PositiveInt
    compiled: bool


class _Noted(BaseModel, frozen=True):
    """What of the file matters here."""

    settled: _Settled


class Keyed(NamedTuple):
    """A panel: what shapes its picture, and where it belongs."""

    key: str
    slot: Slot


def sets_by_key(panels: Iterable[tuple[Keyed, T]]) -> list[list[list[T]]]:
    """Return the sets of eight, each picture once, with all panels that it belongs to.

    A picture that several sets have is drawn with the first.
    """
    by_key: dict[str, list[tuple[Slot, T]]] = {}
    for keyed, panel in panels:
        by_key.setdefault(keyed.key, []).append((keyed.slot, panel))
    sets: dict[tuple[object, ...], list[list[T]]] = {}
    for twins in by_key.values():
        sets.setdefault(twins[0][0][:-1], []).append([panel for _, panel in twins])
    return list(sets.values())


class Together(NamedTuple):
    """Pictures that were drawn in one batch."""

    rows: Sequence[PanelRow]
    """One a picture, in the batch's order."""
    compiled: bool
    """Whether the UNet was compiled."""


def drawn_together(run: Run) -> list[Together]:
    """Return the batches that a finished run was drawn in; none when it does not say how."""
    if not (run.folder / BATCHING).is_file():
        return []
    try:
        settled = _Noted.model_validate(run.read_json(BATCHING)).settled
    except ValidationError as error:
        raise RunError(f"{run.folder / BATCHING}: {'; '.join(faults_of(error))}; delete it") from error
    rows = {run.slot_of(row): row for row in run.rows()}
    known = ((Keyed(rows[slot].key, slot), rows[slot]) for slot in run.wanted() if slot in rows)
    return [
        Together([twins[0] for twins in pictures[first : first + settled.panels]], settled.compiled)
        for pictures in sets_by_key(known)
        for first in range(0, len(pictures), settled.panels)
    ]
