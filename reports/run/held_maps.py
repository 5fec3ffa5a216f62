"""What panels were drawn with beside their words: maps that held them, and pictures of characters."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from kit.experiment.controls.control_record import ControlRecord, map_file
from kit.experiment.run import Run
from kit.files.user_paths import user_path
from kit.story.story import LoadedStory
from reports.thumbnails import THUMB_SIDE, Picture, embed


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldMap:
    """A map as a page shows it."""

    told: ControlRecord
    picture: Picture | None
    """None where the run has it no more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Portrait:
    """A character's picture as a page shows it."""

    subject: str
    """The character's words."""
    picture: Picture | None
    """None where the run has it no more."""


def held_maps(run: Run, controls: Sequence[ControlRecord]) -> tuple[HeldMap, ...]:
    """Return the maps of a panel, small."""
    return tuple(HeldMap(told=one, picture=_small(run.folder / map_file(one.map))) for one in controls)


def portraits_of(story: LoadedStory) -> tuple[Portrait, ...]:
    """Return the pictures that a story of a run has of its characters, small."""
    return tuple(
        Portrait(subject=one.text, picture=_small(user_path(story.path.parent, one.reference)))
        for one in story.story.characters.values()
        if one.reference
    )


@lru_cache(maxsize=64)
def _small(path: Path) -> Picture | None:
    return embed(path, THUMB_SIDE)
