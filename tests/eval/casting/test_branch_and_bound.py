from dataclasses import replace

import numpy as np
import pytest
from casting_world import World


@pytest.mark.parametrize("seed", range(6))
def test_the_search_finds_what_looking_at_every_set_finds(seed):
    world = World(seed, seeds=3, copies=seed, spread=(0.02, 0.3, 0.7)[seed % 3])
    rng = np.random.default_rng(seed)
    sizes = rng.permutation([3, 3, 2, 2, 2, 2, 1, 3])
    options = [
        sorted(rng.choice(world.choices.of(panel), size, replace=False).tolist())
        for panel, size in enumerate(sizes)
    ]
    search = world.search(options, gate=5.9 + seed / 20)
    best = search.best()
    assert (best.pictures if best else None) == world.by_hand(search)


def test_a_set_with_copies_is_never_the_best():
    world = World(1, seeds=2)
    world.looks[2:4] = [world.looks[0]] * 2
    world.choices = world.set_scorer()
    search = world.search()
    best = search.best()
    assert best is not None
    assert best.pictures[0] == 1, "picture 0 is the same as both of panel 2"
    world.looks[1] = world.looks[0]
    world.choices = world.set_scorer()
    assert world.search().best() is None


def test_a_gate_that_nothing_reaches_leaves_nothing():
    world = World(2, seeds=3)
    top = np.mean([world.aesthetics[world.choices.of(panel)].max() for panel in range(8)])
    assert world.search(gate=float(top) + 0.01).best() is None
    only = world.search(gate=float(top) - 1e-9).best()
    assert only is not None
    assert world.aesthetics[list(only.pictures)].mean() == pytest.approx(top)


def test_ten_seeds_are_searched_whole_and_no_change_of_one_or_two_panels_is_better():
    world = World(3, seeds=10)
    search = world.search(gate=6.0)
    best = search.best()
    assert best is not None
    around = search.neighbours(best.pictures)
    twice = np.concatenate([search.neighbours(row) for row in around.tolist()])
    twice = twice[search.passes(twice)]
    standings = search.standings(twice)
    keys = {
        (low, mean) for low, mean in zip(standings.min(1).round(9), standings.mean(1).round(9), strict=True)
    }
    assert max(keys) <= (round(best.weakest, 9), round(best.mean, 9))


def test_a_metric_that_never_changes_decides_nothing():
    world = World(4, seeds=3)
    world.aesthetics = np.full(24, 6.5)
    world.choices = world.set_scorer()
    search = world.search()
    assert "aesthetic" in world.choices.metrics
    assert "aesthetic" not in search.scale.metrics
    assert search.best() is not None


def test_a_story_without_places_is_cast_without_them():
    world = World(5, seeds=2)
    assert "place" in world.choices.metrics
    world.told = replace(world.told, places=(None,) * 8)
    assert "place" not in world.set_scorer().metrics
