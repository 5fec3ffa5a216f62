"""The aesthetics floor of a dataset: pictures below a score do not go into a training."""

from collections.abc import Sequence

from eval.scorer import Scorer
from kit.foreign import open_foreign
from kit.sifting import Look, Step

BATCH = 8
"""Pictures held decoded at a time."""


def by_aesthetics(scorer: Scorer, floor: float) -> Step:
    """Return the step that drops pictures whose score is below the floor."""

    def drop(looks: Sequence[Look]) -> dict[int, str]:
        found = {}
        for first in range(0, len(looks), BATCH):
            batch = looks[first : first + BATCH]
            scores = scorer.score([open_foreign(look.found.path).picture for look in batch])
            for look, score in zip(batch, scores, strict=True):
                if score < floor:
                    found[look.number] = (
                        f"scores {score:.2f}, {floor:g} is the floor ({scorer.stamp.weights})"
                    )
        return found

    return Step("aesthetics", drop)
