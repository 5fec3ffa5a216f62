import numpy as np
from PIL import Image

from eval.scorers.aesthetic import AestheticScorer
from submissions.bundle.manifest import GateRecord
from submissions.reproduction.likeness import are_alike
from submissions.reproduction.rescoring import CLOSE, rescore

LEVELS = 3


def raised(scorer: AestheticScorer, picture: Image.Image) -> Image.Image:
    """Return a picture with all values moved by some levels to where the embedded head likes it more."""
    before, chance = np.asarray(picture, np.int16), np.random.default_rng(0)
    ways = [LEVELS * (2 * chance.integers(0, 2, (8, 8, 3)) - 1) for _ in range(24)]
    moved = [Image.fromarray((before + way.repeat(8, 0).repeat(8, 1)).astype(np.uint8)) for way in ways]
    return moved[int(np.argmax(scorer.score(moved)))]


def test_panels_moved_to_what_the_scorer_likes_count_nowhere_though_their_mean_is_near():
    scorer = AestheticScorer.load("mini")
    squares = np.random.default_rng(0).integers(40, 216, (2, 8, 8, 3), dtype=np.uint8)
    drawn = [Image.fromarray(one).resize((64, 64), Image.Resampling.NEAREST) for one in squares]
    handed_in = [raised(scorer, one) for one in drawn]
    told = rescore(
        GateRecord(
            threshold=1.0, score=float(np.mean(scorer.score(handed_in))), scorer="mini", embedded=True
        ),
        handed_in,
        drawn,
        scorer,
    )
    assert told.handed_in > told.drawn_again, "the attack works"
    assert list(told.problems) == []
    gated = GateRecord(
        threshold=told.drawn_again + 2 * CLOSE, score=told.handed_in, scorer="mini", embedded=True
    )
    [problem] = rescore(gated, handed_in, drawn, scorer).problems
    assert "drawn again they score" in problem
    for place in ("same", "another processor", "another"):
        assert not any(are_alike(old, new, place) for old, new in zip(drawn, handed_in, strict=True))
