"""What one more picture of each panel promises, from the spread of those that are there.

A set is as good as its weakest metric, so a picture is worth what it does to the metrics, each counted the
more the weaker the set is in it. One more picture of a panel is taken for normal around the mean of the
panel's pictures, and promises by how much it is expected to be above the best of them (expected improvement,
Mockus 1975). So it promises little where a lucky picture is there already, or where all are alike. A few
pictures tell badly how much a panel varies: what they tell is drawn towards what is usual of the panels, the
more the less these differ (empirical Bayes).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, ndtr, polygamma

from eval.casting.search.search import SLACK, Search
from eval.casting.search.set_scores import Values
from kit.story.story import PANELS

SHARPNESS = 1.0
"""How much less a metric counts that is a standard deviation better: by e to the so many-th. 1, 3, 6 and
equal shares came out alike (docs/benchmarks.md)."""

Rows = NDArray[np.float64]


def expected_gains(search: Search, pictures: Sequence[int]) -> list[float]:
    """Return (8,) how many standard deviations of the set one more picture of each panel promises.

    A picture that cannot be chosen promises nothing: they are as frequent as among those that are there.

    Args:
        search: for the set that is cast.
        pictures: that set.
    """
    shares = metric_shares(search, pictures)
    worth = [_standings_with(search, pictures, panel) @ shares for panel in range(PANELS)]
    freedom = np.asarray([len(own) - 1.0 for own in worth])
    if not freedom.any():
        return [0.0] * PANELS
    seen = np.asarray([own.var(ddof=1) if len(own) > 1 else 0.0 for own in worth])
    spreads = np.sqrt(shrunk_variances(seen, freedom))
    ahead = np.asarray([own.max() - own.mean() for own in worth]) / np.maximum(spreads, SLACK)
    usable = [len(own) / len(search.choices.of(panel)) for panel, own in enumerate(worth)]
    gains = usable * spreads * (np.exp(-(ahead**2) / 2) / np.sqrt(2 * np.pi) - ahead * ndtr(-ahead))
    return [float(gain) for gain in gains]


def metric_shares(search: Search, pictures: Sequence[int]) -> Values:
    """Return (metrics,) how much each metric counts around a set: the weakest most, or as its weights say."""
    if search.weights is not None:
        return search.weights
    standings = search.standings(np.asarray([pictures]))[0]
    shares = np.exp(-SHARPNESS * (standings - standings.min()))
    return np.asarray(shares / shares.sum())


def _standings_with(search: Search, pictures: Sequence[int], panel: int) -> Values:
    """Return (options, metrics) the set with each picture that a panel may have."""
    return search.standings(search.filled(np.asarray([pictures]), panel))


def shrunk_variances(seen: Rows, freedom: Rows) -> Rows:
    """Return variances drawn towards their common size, the more the less they differ beyond chance.

    Their logarithms are taken for normal around a common mean (Smyth 2004, without its closed form).

    Args:
        seen: (n,) variances, 0 or more.
        freedom: (n,) degrees of freedom of each; 0 where nothing was seen, but not everywhere.
    """
    told = freedom > 0
    half = freedom[told] / 2
    logs = np.log(np.maximum(seen[told], SLACK**2)) - digamma(half) + np.log(half)
    chance = np.asarray(polygamma(1, half))
    common = np.average(logs, weights=1 / chance)
    apart = np.average((logs - common) ** 2, weights=1 / chance) * len(logs) / max(1, len(logs) - 1)
    own = max(0.0, apart - np.average(chance, weights=1 / chance))
    believed = np.full(len(seen), np.exp(common))
    believed[told] = np.exp(common + own / (own + chance) * (logs - common))
    return believed
