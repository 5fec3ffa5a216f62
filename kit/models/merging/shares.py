"""How much of the second model each block takes: a base share, and shares of single blocks."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from kit.messages import tr
from kit.models.merging.unet_blocks import BLOCKS, LARGEST, SINGLE, in_ranges

_WORD = re.compile(r"\s*([A-Za-z_]+?)(?:(\d{1,3})(?:\s*-\s*(\d{1,3}))?)?\s*[=＝]\s*(\S+)\s*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Shares:
    """Shares of the second model, from 0, all of the first, to 1, all of the second."""

    base: float
    """Of what has no share of its own."""
    blocks: Mapping[str, float] = field(default_factory=dict)
    """By block, as "input4"."""

    def of(self, block: str) -> float:
        """Return a block's share."""
        return self.blocks.get(block, self.base)


def parse_blocks(text: str) -> dict[str, float]:
    """Return the share of each block that a text names; ValueError names what cannot be understood.

    >>> parse_blocks("output0-1=1, out=0")
    {'output0': 1.0, 'output1': 1.0, 'out': 0.0}
    """
    shares: dict[str, float] = {}
    for part in re.split("[,，]", text) if text.strip() else []:
        found = _WORD.fullmatch(part)
        if found is None:
            raise ValueError(
                tr("must be blocks and their shares, as input4=0.7, got {part!r}", part=part.strip())
            )
        share = checked_share(found[4], part.strip())
        for block in _named(part.strip(), found[1], found[2], found[3]):
            if block in shares:
                raise ValueError(tr("names {block} twice", block=block))
            shares[block] = share
    return shares


def checked_share(text: str, within: str = "") -> float:
    """Return a share; ValueError repeats one that is none, with what it stands in."""
    try:
        share = float(text)
    except ValueError:
        share = -1
    if not 0 <= share <= 1:
        raise ValueError(tr("needs a share from 0 to 1, got {got!r}", got=within or text))
    return share


def _named(part: str, group: str, first: str | None, last: str | None) -> list[str]:
    """Return the blocks from the first to the last; ValueError where there are none of these names."""
    if first is None and group in SINGLE:
        return [group]
    if first is None or group not in LARGEST or max(int(first), int(last or 0)) > LARGEST[group]:
        raise ValueError(
            tr(
                "names a block that no UNet has, {part!r}: there are {blocks}",
                part=part,
                blocks=in_ranges(BLOCKS),
            )
        )
    numbers = range(int(first), int(last or first) + 1)
    if not numbers:
        raise ValueError(tr("has a range that goes down, {part!r}: the lower number comes first", part=part))
    return [f"{group}{number}" for number in numbers]
