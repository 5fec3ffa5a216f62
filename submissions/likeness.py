"""What entries have in common that an organiser should look at: panels that are one picture, one LoRA file.

These are marks, not faults: two teams may wear one published LoRA, and simple pictures look alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from submissions.exhibit import Exhibit


class PanelPair(NamedTuple):
    """Two panels, each from 1, that are one picture or nearly."""

    first: int
    second: int
    cosine: float
    same_pixels: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Likeness:
    """Panels of two entries that are one picture or nearly; of one entry where both are the same."""

    first: Exhibit
    second: Exhibit
    pairs: tuple[PanelPair, ...]
    """The most alike first."""

    @property
    def within(self) -> bool:
        """Whether both are one entry, which holds a picture twice."""
        return self.first is self.second


def likenesses(exhibits: Sequence[Exhibit], above: float) -> tuple[Likeness, ...]:
    """Return every two entries with panels whose pixels are the same or whose cosine exceeds `above`.

    The most alike come first. An entry that holds one picture twice is paired with itself.
    """
    if not exhibits:
        return ()
    rows = np.concatenate([one.embeddings for one in exhibits])
    pixels = np.array([digest for one in exhibits for digest in one.pixels])
    owners = np.repeat(np.arange(len(exhibits)), [len(one.pixels) for one in exhibits])
    firsts = np.searchsorted(owners, np.arange(len(exhibits)))
    found = []
    for number, one in enumerate(exhibits):
        start, own = firsts[number], len(one.pixels)
        cosines = one.embeddings @ rows[start:].T
        same = pixels[start : start + own, None] == pixels[None, start:]
        hits = (cosines > above) | same
        hits[:, :own] = np.triu(hits[:, :own], k=1)
        columns = np.flatnonzero(hits.any(axis=0))
        for other in np.unique(owners[start + columns]):
            mine = slice(firsts[other] - start, firsts[other] - start + len(exhibits[other].pixels))
            pairs = _pairs(hits[:, mine], cosines[:, mine], same[:, mine])
            found.append(Likeness(first=one, second=exhibits[other], pairs=pairs))
    return tuple(sorted(found, key=_most_alike))


def shared_loras(exhibits: Sequence[Exhibit]) -> tuple[tuple[Exhibit, ...], ...]:
    """Return the groups of entries that hold one LoRA file."""
    groups: dict[str, list[Exhibit]] = {}
    for one in exhibits:
        groups.setdefault(one.lora_sha256, []).append(one)
    return tuple(tuple(group) for sha256, group in groups.items() if sha256 and len(group) > 1)


def _pairs(
    hits: NDArray[np.bool_], cosines: NDArray[np.float32], same: NDArray[np.bool_]
) -> tuple[PanelPair, ...]:
    """Return the pairs of panels of two entries that were hit, the most alike first."""
    pairs = [
        PanelPair(int(i) + 1, int(j) + 1, round(min(1.0, float(cosines[i, j])), 4), bool(same[i, j]))
        for i, j in np.argwhere(hits)
    ]
    return tuple(sorted(pairs, key=lambda pair: (not pair.same_pixels, -pair.cosine, pair[:2])))


def _most_alike(one: Likeness) -> tuple[bool, float, str, str]:
    best = one.pairs[0]
    return not best.same_pixels, -best.cosine, one.first.file, one.second.file
