"""The maps that panels were held to, beside their pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from kit.experiment.controls.control_record import ControlRecord, map_file
from kit.experiment.run import Run
from reports.thumbnails import THUMB_SIDE, Picture, embed


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldMap:
    """A map as a page shows it."""

    told: ControlRecord
    picture: Picture | None
    """None where the run has it no more."""


def held_maps(run: Run, controls: Sequence[ControlRecord]) -> tuple[HeldMap, ...]:
    """Return the maps of a panel, small."""
    return tuple(HeldMap(told=one, picture=_small(run.folder / map_file(one.map))) for one in controls)


@lru_cache(maxsize=64)
def _small(path: Path) -> Picture | None:
    return embed(path, THUMB_SIDE)
