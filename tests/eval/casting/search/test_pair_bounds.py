from itertools import combinations

import numpy as np
import pytest
from casting_world import World

from eval.casting.search.pair_bounds import PairBounds, PairSum, bounded_above

ONE_STYLE, TWO_STYLES = (0.02, 0), (0.3, 1)


def sets_of(options, count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([rng.choice(allowed, count) for allowed in options], axis=1)


@pytest.mark.parametrize("metric", ["text", "aesthetic", "style", "identity"])
@pytest.mark.parametrize("spread", [0.02, 0.3, 2.0])
@pytest.mark.parametrize("seed", range(3))
def test_no_set_exceeds_the_bound_of_a_metric(metric, spread, seed):
    world = World(seed, seeds=4, spread=spread)
    options = [world.choices.of(panel)[: 1 + (seed + panel) % 4] for panel in range(8)]
    sets = sets_of(options, 400, seed)
    bound = bounded_above(world.choices, metric, options, near=sets[0].tolist())
    assert bound is not None
    slack = bound.at(sets) - world.choices.value(metric, sets)
    assert slack.min() >= -1e-9
    if spread == 0.02 and metric in ("text", "aesthetic"):
        assert slack.max() <= 1e-9, "these are sums themselves"


def test_sets_that_are_good_enough_do_not_exceed_a_bound_that_the_others_may():
    world = World(5, seeds=4, spread=0.3)
    options = [world.choices.of(panel) for panel in range(8)]
    sets = sets_of(options, 400, 5)
    values = world.choices.value("style", sets)
    needed = float(np.quantile(values, 0.9))
    bound = bounded_above(world.choices, "style", options, sets[0].tolist(), needed)
    loose = bounded_above(world.choices, "style", options, sets[0].tolist())
    assert (bound.at(sets) - values)[values >= needed].min() >= -1e-9
    assert bound.constant <= loose.constant


@pytest.mark.parametrize("metric", ["mrr", "place", "something else"])
def test_other_metrics_are_no_sum(metric):
    world = World(1, seeds=2)
    assert bounded_above(world.choices, metric, world.search().options, [0, 2, 4, 6, 8, 10, 12, 14]) is None


@pytest.mark.parametrize("seed", range(4))
def test_no_set_exceeds_what_is_said_of_its_pictures(seed):
    rng = np.random.default_rng(seed)
    options = [list(range(4 * panel, 4 * panel + 1 + panel % 4)) for panel in range(8)]
    pairs = rng.normal(size=(32, 32))
    total = PairSum(constant=0.5, single=rng.normal(size=32), pairs=pairs + pairs.T)
    bounds = PairBounds.of(total, np.zeros((32, 32), dtype=bool), options)
    sets = sets_of(options, 500, seed)
    sums, with_each = total.at(sets), bounds.with_each()
    for panel, own in enumerate(options):
        for place, picture in enumerate(own):
            holding = sums[sets[:, panel] == picture]
            assert holding.max() <= with_each[panel][place] + 1e-9
    plain = sum(max(total.single[own]) for own in options) + sum(
        total.pairs[np.ix_(options[i], options[j])].max() for i, j in combinations(range(8), 2)
    )
    assert max(each.max() for each in with_each) < plain + 0.5, "moving parts about lowers the bound"
