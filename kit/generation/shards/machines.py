"""What run.json says of who drew a run's pictures, where that were several."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from kit.errors import RunError
from kit.experiment.extras.extra_pictures import all_slots
from kit.experiment.run import Run

RUN_JSON = "run.json"
GATHERED, SHARD, SHARD_PANELS = "gathered", "shard", "shard_panels"
"""Keys of run.json: the machines that drew, where they differ; the part of a run that a folder holds, and how
many panels that are."""
_MACHINE = ("storykit", "device", "processor", "versions", "commit")
"""What run.json says of who drew."""


def machines_of(identity: Mapping[str, Any]) -> list[Any]:
    """Return who drew a run, as its run.json says: one machine, or those that it was gathered from."""
    gathered = identity.get(GATHERED)
    return (
        gathered
        if isinstance(gathered, list)
        else [{key: identity[key] for key in _MACHINE if key in identity}]
    )


def without_shard(identity: Mapping[str, Any]) -> dict[str, Any]:
    """Return what run.json says but for the part that the folder holds."""
    return {key: value for key, value in identity.items() if key not in (SHARD, SHARD_PANELS)}


def shard_told(run: Run) -> dict[str, Any]:
    """Return what run.json says of the part that a folder holds; nothing of a whole run."""
    before = _before(run)
    return {key: before[key] for key in (SHARD, SHARD_PANELS) if key in before}


def distinct(machines: Iterable[Any]) -> list[Any]:
    """Return each machine once, in their order."""
    found: list[Any] = []
    for one in machines:
        if one not in found:
            found.append(one)
    return found


def resumed_identity(run: Run, identity: Mapping[str, Any], missing: Collection[str]) -> dict[str, Any]:
    """Return what run.json is to say where a run that has pictures goes on.

    Machines that drew what stays are listed beside the one that goes on; one that has nothing to draw is not.
    A folder with more than one shard is named after none.

    Args:
        run: as it was left.
        identity: of what is drawn now.
        missing: the files that are drawn now.
    """
    told = dict(identity)
    wanted = set(all_slots(run))
    if all(row.file in missing for row in run.rows() if row.slot in wanted):
        return told
    before = _before(run)
    drawers = [*machines_of(before), *(machines_of(told) if missing else [])]
    if len(unlike := distinct(one for one in drawers if one)) > 1:
        told[GATHERED] = unlike
    if before and not missing:
        drew = {key: before[key] for key in _MACHINE if key in before}
        told = {key: value for key, value in told.items() if key not in _MACHINE or key in drew} | drew
    return told if before.get(SHARD) == told.get(SHARD) else without_shard(told)


def _before(run: Run) -> dict[str, Any]:
    """Return what run.json says; nothing where it is not there, lost or damaged: it is written again."""
    try:
        before = run.read_json(RUN_JSON)
    except RunError:
        return {}
    return before if isinstance(before, dict) else {}
