"""What can be voted on in a run: who stands against whom, and the pictures that can be shown of them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from eval.scoring.records import read_scores
from eval.votes.vote_file import BlindPair, Factor, Kind, ShownSide
from kit.experiment.run import Run, Slot
from kit.story.story import PANELS

MOST_MATTERS = 2000
"""Panels or stories of a ballot; nobody votes on more of two contenders."""
_SHA256 = re.compile("[0-9a-f]{64}")


class Matter(NamedTuple):
    """What two contenders are compared on: a panel of a story, or all eight."""

    story: str
    seed: int | None
    """None where each panel has the seed that was picked for it."""
    panel: int | None
    """1 to 8; None for the whole story."""


class Pictures(NamedTuple):
    """What a contender shows of a matter."""

    seeds: tuple[int, ...]
    sha256: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Ballot:
    """Contenders that differ in one thing, and how they are shown."""

    kind: Kind
    factor: Factor
    held: str
    """What all have in common: the order where candidates stand, the candidate where orders do."""
    contenders: tuple[str, ...]
    picked: bool = False
    """Whether whole stories are those of selection.json."""

    @property
    def key(self) -> tuple[Kind, Factor, str, bool]:
        """What votes of one ballot have in common."""
        return (self.kind, self.factor, self.held, self.picked)

    def place(self, contender: str) -> tuple[str, str]:
        """Return a contender's candidate and order."""
        return (contender, self.held) if self.factor == "candidates" else (self.held, contender)

    def name(self, side: ShownSide) -> str:
        """Return which contender a side is."""
        return side.candidate if self.factor == "candidates" else side.order


def key_of(pair: BlindPair) -> tuple[Kind, Factor, str, bool]:
    """Return the key of the ballot that a pair belongs to."""
    held = pair.left.order if pair.factor == "candidates" else pair.left.candidate
    return (pair.kind, pair.factor, held, pair.picked)


@dataclass(frozen=True, slots=True)
class VotingPictures:
    """Every picture of a run that can be shown to voters."""

    drawn: Mapping[Slot, str]
    """The sha256 of each."""
    picked: Mapping[tuple[str, str, str], Sequence[int]]
    """The seeds that were cast, by candidate, order and story."""

    @classmethod
    def of(
        cls, run: Run, picked: Mapping[tuple[str, str, str], Sequence[int]] | None = None
    ) -> "VotingPictures":
        """Return what is there and was not found faulty; raises RunError where a file is damaged.

        Args:
            run: with drawn panels.
            picked: the seeds that were cast, by candidate, order and story.
        """
        scores = read_scores(run)
        faulty = {
            (Slot(one.candidate, one.order, one.story, one.seed, one.panel), one.sha256)
            for one in (scores.panels if scores else ())
            if one.status != "ok"
        }
        drawn = {
            row.slot: row.sha256
            for row in run.rows()
            if (row.slot, row.sha256) not in faulty
            and _SHA256.fullmatch(row.sha256)
            and (run.folder / row.file).is_file()
        }
        return cls(drawn, picked or {})

    def shown(self, place: tuple[str, str], matter: Matter) -> Pictures | None:
        """Return what a candidate in an order shows of a matter; None where a picture is missing."""
        panels = panels_of(matter.panel)
        one_seed = (matter.seed,) * len(panels) if matter.seed is not None else None
        seeds = one_seed or tuple(self.picked.get((*place, matter.story), ()))
        if len(seeds) != len(panels):
            return None
        slots = [Slot(*place, matter.story, seed, panel) for panel, seed in zip(panels, seeds, strict=True)]
        found = [self.drawn[slot] for slot in slots if slot in self.drawn]
        return Pictures(seeds, tuple(found)) if len(found) == len(panels) else None

    def holds(self, pair: BlindPair) -> bool:
        """Return whether the pictures that were shown are still those of the run."""
        return all(
            self.drawn.get(Slot(side.candidate, side.order, pair.story, seed, panel)) == sha256
            for side in (pair.left, pair.right)
            for panel, seed, sha256 in zip(panels_of(pair.panel), side.seeds, side.sha256, strict=True)
        )


def panels_of(panel: int | None) -> tuple[int, ...]:
    """Return the panels that a pair shows: the one, or all eight."""
    return (panel,) if panel else tuple(range(1, PANELS + 1))


def matters_of(run: Run, ballot: Ballot) -> Iterator[Matter]:
    """Yield what contenders can be compared on; of very many seeds only the first, which are enough."""
    stories = [story.name for story in run.loaded.stories]
    panels: Sequence[int | None] = panels_of(None) if ballot.kind == "panel" else (None,)
    enough = max(1, MOST_MATTERS // (len(stories) * len(panels)))
    seeds: Sequence[int | None] = (None,) if ballot.picked else run.loaded.experiment.seeds[:enough]
    yield from (Matter(*one) for one in product(stories, seeds, panels))


def ballots_of(run: Run, pictures: VotingPictures) -> list[Ballot]:
    """Return every ballot that a run allows: two contenders at least that have something to show."""
    orders = [*run.loaded.experiment.orders]
    candidates = [candidate.name for candidate in run.loaded.experiment.candidates]
    sides: list[tuple[Factor, list[str], list[str]]] = [
        ("candidates", orders, candidates),
        ("orders", candidates, orders),
    ]
    found = []
    shapes: tuple[tuple[Kind, bool], ...] = (("panel", False), ("story", False), ("story", True))
    for (factor, held, names), (kind, picked) in product(sides, shapes):
        for one in held:
            whole = Ballot(kind=kind, factor=factor, held=one, contenders=tuple(names), picked=picked)
            matters = list(matters_of(run, whole))
            able = tuple(name for name in names if any(pictures.shown(whole.place(name), m) for m in matters))
            if len(able) > 1:
                found.append(Ballot(kind=kind, factor=factor, held=one, contenders=able, picked=picked))
    return found
