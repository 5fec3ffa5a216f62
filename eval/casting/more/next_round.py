"""Which panels the next pictures are drawn of."""

from collections.abc import Sequence
from dataclasses import replace

from eval.casting.more.expected_gain import expected_gains
from eval.casting.picks import Picks
from eval.casting.pool import Aims, Pool, options_of, search_in

ROUND = 4
"""Pictures that are drawn before the set is cast again."""
WORTH = 0.0025
"""What one more picture must promise, in standard deviations of the set: 40 of less would give a tenth."""


def gains_promised(pool: Pool, picks: Picks, aims: Aims, seeds: Sequence[int]) -> list[float]:
    """Return (8,) what one more picture of each panel promises, in standard deviations of the set.

    A panel that is decided by hand promises 0.

    Args:
        pool: what is there.
        picks: by hand.
        aims: of the set.
        seeds: of the set that is cast.
    """
    pictures, search = pool.pictures(seeds), search_in(pool, picks, aims)
    if any(one not in own for one, own in zip(pictures, search.options, strict=True)):  # some below the floor
        search = replace(search, options=options_of(pool, picks))
    gains = expected_gains(search, pictures)
    return [0.0 if panel in picks.kept else gain for panel, gain in enumerate(gains, 1)]


def shared_out(gains: Sequence[float], pictures: int) -> list[int]:
    """Return how many of a round's pictures each panel gets.

    Each goes where it promises most; the second of a panel counts half, the third a third: the first may
    have found already what there is to find.

    >>> shared_out([0.4, 0.1, 0.15], 3)
    [2, 0, 1]
    """
    shares = [0] * len(gains)
    for _ in range(pictures):
        promised = [gain / (1 + share) for gain, share in zip(gains, shares, strict=True)]
        shares[promised.index(max(promised))] += 1
    return shares
