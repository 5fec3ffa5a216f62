"""Tags as taggers know them, and as captions tell them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kit.errors import WeightsError
from kit.messages import mark, tr

KAOMOJI = frozenset({
    "0_0", "(o)_(o)", "+_+", "+_-", "._.", "<o>_<o>", "<|>_<|>", "=_=", ">_<", "3_3", "6_9", ">_o", "@_@",
    "^_^", "o_o", "u_u", "x_x", "|_|", "||_||",
})  # fmt: skip
"""Faces, whose underscores are no spaces."""
IF_SILENT = mark("lower --threshold, or shorten --blacklist")


class Tag(NamedTuple):
    """What an output of a tagger means."""

    name: str
    """As Danbooru writes it, with underscores."""
    threshold: float | None
    """The probability from which it is told; None: never."""

    @property
    def words(self) -> str:
        """As a caption tells it.

        >>> Tag("long_hair", 0.5).words, Tag("^_^", 0.5).words
        ('long hair', '^_^')
        """
        return self.name if self.name in KAOMOJI else self.name.replace("_", " ")


def told_tags(tags: Sequence[Tag], probabilities: NDArray[np.float64]) -> list[str]:
    """Return the words of the tags that reach their thresholds, the surest first.

    Raises WeightsError where the outputs are no probabilities: the weights are damaged, or another network's.

    Args:
        tags: one an output.
        probabilities: (tags,).
    """
    if not bool(((probabilities >= 0) & (probabilities <= 1)).all()):
        raise WeightsError(tr("the tagger gives numbers that are no probabilities: download it again"))
    order = np.argsort(-probabilities, kind="stable")
    told = ((tags[number], probabilities[number]) for number in order)
    return [tag.words for tag, sure in told if tag.threshold is not None and sure >= tag.threshold]
