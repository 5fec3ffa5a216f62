"""What entries have in common: panels that are one picture or nearly, LoRAs that are one."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kit.images.copies import COPY, NEAR, SURE, alikeness, fitted_alikeness
from submissions.leaderboard.lora_print import groups_of_one_lora
from submissions.leaderboard.scored_entry import ScoredEntry

_FITTED = 20_000
"""Pairs of panels at most that are held against each other piece by piece, the most alike first."""


class PanelPair(NamedTuple):
    """Two panels, each from 1, that are one picture or nearly."""

    first: int
    second: int
    likeness: float
    """Cosine of the encoder's rows or of the pictures' frequencies, whichever is higher."""
    same_pixels: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class DuplicatePanels:
    """Panels of two entries that are one picture or nearly; of one entry where both are the same."""

    first: ScoredEntry
    second: ScoredEntry
    pairs: tuple[PanelPair, ...]
    """The most alike first."""

    @property
    def within(self) -> bool:
        """Whether both are one entry, which holds a picture twice."""
        return self.first is self.second


def duplicate_panels(entries: Sequence[ScoredEntry], above: float) -> tuple[DuplicatePanels, ...]:
    """Return every two entries with panels that are one picture or nearly; the most alike come first.

    They have the same pixels, rows whose cosine exceeds `above`, or one is the other mirrored, turned,
    cropped, recoloured or saved again. An entry that holds one picture twice is paired with itself.
    """
    if not entries:
        return ()
    panels = [(entry, panel) for entry in entries for panel in range(len(entry.aesthetics))]
    rows = np.concatenate([entry.embeddings for entry in entries])
    known: dict[str, int] = {}
    pixels = np.array([known.setdefault(entry.pixels[panel], len(known)) for entry, panel in panels])
    likeness = np.maximum(rows @ rows.T, 0)
    same = pixels[:, None] == pixels
    hits = np.triu((likeness > above) | same, k=1)
    for one, other, found in _copies(panels, hits):
        hits[one, other], likeness[one, other] = True, max(found, likeness[one, other])
    pairs: dict[tuple[int, int], list[PanelPair]] = {}
    owner = np.repeat(np.arange(len(entries)), [len(entry.aesthetics) for entry in entries])
    for one, other in np.argwhere(hits).tolist():
        value = round(min(1.0, float(likeness[one, other])), 4)
        pair = PanelPair(panels[one][1] + 1, panels[other][1] + 1, value, bool(same[one, other]))
        pairs.setdefault((int(owner[one]), int(owner[other])), []).append(pair)
    found_pairs = [
        DuplicatePanels(
            first=entries[one],
            second=entries[other],
            pairs=tuple(sorted(some, key=lambda pair: (not pair.same_pixels, -pair.likeness, pair[:2]))),
        )
        for (one, other), some in pairs.items()
    ]
    return tuple(sorted(found_pairs, key=_most_alike))


def _copies(
    panels: Sequence[tuple[ScoredEntry, int]], hits: NDArray[np.bool_]
) -> Iterator[tuple[int, int, float]]:
    """Yield the places of panels that one picture made, and how alike they are, beside those known already.

    Panels that are probably one count where two entries have several, panels that are one in any case.
    """
    found = list(_alike(panels, hits))
    several = Counter(frozenset((panels[one][0], panels[other][0])) for one, other, _ in found)
    for one, other, value in found:
        sides = frozenset((panels[one][0], panels[other][0]))
        if value > SURE or (len(sides) > 1 and several[sides] > 1):
            yield one, other, value


def _alike(
    panels: Sequence[tuple[ScoredEntry, int]], hits: NDArray[np.bool_]
) -> Iterator[tuple[int, int, float]]:
    """Yield the places of panels that are probably one picture, beside those known already."""
    if not all(entry.looks for entry, _ in panels):
        return
    looks = [entry.looks[panel] for entry, panel in panels]
    others = np.stack([look.views[0] for look in looks]).astype(np.float32)
    alike = np.stack([alikeness(look, others) for look in looks])
    best = np.triu(np.maximum(alike, alike.T), k=1)
    best[hits] = 0
    places = np.argwhere(best > NEAR)
    nearest = np.argsort(-best[tuple(places.T)], kind="stable")[:_FITTED]
    for one, other in places[nearest].tolist():
        value = float(best[one, other])
        if value <= SURE:
            value = max(
                fitted_alikeness(looks[one], looks[other]),
                fitted_alikeness(looks[other], looks[one]),
                value,
            )
        if value > COPY:
            yield one, other, value


def shared_loras(entries: Sequence[ScoredEntry]) -> tuple[tuple[ScoredEntry, ...], ...]:
    """Return the groups of entries whose LoRAs do the same, whatever files they are in."""
    groups = groups_of_one_lora([entry.lora_print for entry in entries])
    return tuple(tuple(entries[number] for number in group) for group in groups)


def _most_alike(one: DuplicatePanels) -> tuple[bool, float, str, str]:
    best = one.pairs[0]
    return not best.same_pixels, -best.likeness, one.first.file, one.second.file
