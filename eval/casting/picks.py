"""Picks: which seeds of a panel are decided by hand, for one story of one candidate in one order."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Self

from pydantic import Field

from kit.story.story import PANELS

Place = tuple[str, str, str]
"""Candidate, order, story."""
PanelNumber = Annotated[int, Field(ge=1, le=PANELS)]


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptPicture:
    """A picture that must be in the set."""

    panel: PanelNumber
    """1 to 8."""
    seed: int
    sha256: str
    """Of the picture that was picked; another one in its place has not been."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BannedSeed:
    """A seed of a panel that must not be in the set, whatever its picture."""

    panel: PanelNumber
    """1 to 8."""
    seed: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Picks:
    """What was decided by hand for a place: at most one picture a panel, and any number of bans."""

    candidate: str
    order: str
    story: str
    keep: tuple[KeptPicture, ...] = ()
    ban: tuple[BannedSeed, ...] = ()

    @classmethod
    def none(cls, place: Place) -> Self:
        """Return that nothing is decided."""
        candidate, order, story = place
        return cls(candidate=candidate, order=order, story=story)

    @property
    def place(self) -> Place:
        """Candidate, order and story."""
        return (self.candidate, self.order, self.story)

    @property
    def kept(self) -> Mapping[int, int]:
        """The seed of each panel that is kept."""
        return {one.panel: one.seed for one in self.keep}

    @property
    def banned(self) -> frozenset[tuple[int, int]]:
        """Panel and seed of what must not be chosen."""
        return frozenset((one.panel, one.seed) for one in self.ban)

    @property
    def complete(self) -> bool:
        """Whether every panel is kept: then it is a set, scored or not."""
        return len(self.kept) == PANELS

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seed of each panel where every panel is kept, else ()."""
        return tuple(self.kept[panel] for panel in range(1, PANELS + 1)) if self.complete else ()

    def __bool__(self) -> bool:
        """Return whether anything is decided."""
        return bool(self.keep or self.ban)

    def keeping(self, panel: int, seed: int, sha256: str) -> Self:
        """Return these with a panel's picture kept instead of another one of it, and no longer banned."""
        others = [one for one in self.keep if one.panel != panel]
        kept = [*others, KeptPicture(panel=panel, seed=seed, sha256=sha256)]
        return replace(self.allowing(panel, seed), keep=tuple(sorted(kept, key=lambda one: one.panel)))

    def freeing(self, panel: int) -> Self:
        """Return these with nothing kept of a panel."""
        return replace(self, keep=tuple(one for one in self.keep if one.panel != panel))

    def banning(self, panel: int, seed: int) -> Self:
        """Return these with a seed of a panel banned, and no longer kept."""
        freed = self.freeing(panel) if self.kept.get(panel) == seed else self
        every = {(one.panel, one.seed): one for one in (*self.ban, BannedSeed(panel=panel, seed=seed))}
        return replace(freed, ban=tuple(every[key] for key in sorted(every)))

    def allowing(self, panel: int, seed: int) -> Self:
        """Return these with a seed of a panel no longer banned."""
        return replace(self, ban=tuple(one for one in self.ban if (one.panel, one.seed) != (panel, seed)))
