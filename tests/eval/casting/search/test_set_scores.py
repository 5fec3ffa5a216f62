import numpy as np
import pytest
from casting_world import World
from hypothesis import given, settings
from hypothesis import strategies as st


@given(st.integers(0, 10_000), st.integers(0, 4))
@settings(max_examples=25, deadline=None)
def test_every_set_scores_as_it_does_alone(seed, copies):
    world = World(seed, seeds=3, copies=copies)
    rng = np.random.default_rng(seed)
    sets = np.stack([rng.choice(world.choices.of(panel), 6) for panel in range(8)], axis=1)
    values, copied = world.choices.values(sets), world.choices.copies(sets)
    for row, value, share in zip(sets, values, copied, strict=True):
        alone = world.told_by_setwise(row)
        assert dict(zip(world.choices.metrics, value, strict=True)) == pytest.approx(
            {name: alone[name] for name in world.choices.metrics}
        )
        assert share / 28 == pytest.approx(alone["copies"])


@given(st.integers(0, 10_000), st.sampled_from([0.02, 0.05, 0.3]))
@settings(max_examples=25, deadline=None)
def test_a_set_with_ideals_scores_at_least_what_any_set_made_of_it_scores(seed, spread):
    world = World(seed, seeds=3, spread=spread)
    rng = np.random.default_rng(seed)
    options = [rng.choice(world.choices.of(panel), 2, replace=False).tolist() for panel in range(8)]
    hopes = world.choices.with_ideals(options)
    whole = np.stack([rng.choice(allowed, 40) for allowed in options], axis=1)
    ideals = np.arange(len(world.panels), len(world.panels) + 8)
    parts = np.where(rng.random(whole.shape) < 0.5, whole, ideals)
    for metric in set(hopes.metrics) - hopes.unbounded:
        assert np.all(hopes.value(metric, parts) >= world.choices.value(metric, whole) - 1e-9), metric
    assert np.all(hopes.copies(parts) <= world.choices.copies(whole))


def test_stories_that_hold_together_bound_every_metric():
    world = World(0, seeds=4, spread=0.02)
    assert world.search().choices.with_ideals(world.search().options).unbounded == frozenset()
