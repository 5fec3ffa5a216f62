from dataclasses import replace

import numpy as np
import pytest
from casting_world import World

from eval.casting.search.search import NOTHING


def test_what_is_climbed_to_cannot_be_bettered_in_one_panel():
    search = World(2, seeds=5).search(gate=5.5)
    best = search.climbed(search.scale.lots[:4])
    assert search.best_of(search.neighbours(best.pictures), best) == best
    assert search.passes(np.array([best.pictures])).all()


def test_one_may_start_at_pictures_that_are_not_allowed():
    search = World(2, seeds=5).search()
    narrow = replace(search, options=[allowed[2:4] for allowed in search.options])
    best = narrow.climbed(search.scale.lots[:4])
    assert all(picture in allowed for picture, allowed in zip(best.pictures, narrow.options, strict=True))


def test_where_no_set_passes_there_is_none():
    search = World(2, seeds=3).search(gate=99)
    assert search.climbed(search.scale.lots[:4]) == NOTHING


@pytest.mark.parametrize("weights", [None, (0.5, 0.5, 0, 0, 0, 0), (0, 0, 0, 0, 0, 1)])
def test_the_weakest_metric_decides_or_the_weighted_mean(weights):
    world = World(2, seeds=5)
    search = world.search()
    if weights:
        search = replace(search, weights=np.array(weights))
    standings = search.standings(search.scale.lots[:50])
    first, second = search.judged(standings)
    if weights is None:
        assert np.array_equal(first, standings.min(axis=1))
        assert np.array_equal(second, standings.mean(axis=1))
    else:
        assert not first.any()
        assert np.allclose(second, standings @ np.array(weights))
