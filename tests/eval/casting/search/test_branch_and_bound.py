from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from casting_world import World

from eval.casting.search.branch_and_bound import best_set


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
    found = best_set(search)
    assert (found.pictures or None) == world.by_hand(search)
    assert found.proven


def test_a_set_with_copies_is_never_the_best():
    world = World(1, seeds=2)
    world.looks[2:4] = [world.looks[0]] * 2
    world.choices = world.set_scorer()
    search = world.search()
    found = best_set(search)
    assert found.pictures[0] == 1, "picture 0 is the same as both of panel 2"
    world.looks[1] = world.looks[0]
    world.choices = world.set_scorer()
    assert not best_set(world.search()).pictures


def test_a_gate_that_nothing_reaches_leaves_nothing():
    world = World(2, seeds=3)
    top = np.mean([world.aesthetics[world.choices.of(panel)].max() for panel in range(8)])
    assert not best_set(world.search(gate=float(top) + 0.01)).pictures
    only = best_set(world.search(gate=float(top) - 1e-9))
    assert world.aesthetics[list(only.pictures)].mean() == pytest.approx(top)


def test_ten_seeds_are_searched_whole_and_no_change_of_one_or_two_panels_is_better():
    world = World(3, seeds=10)
    search = world.search(gate=6.0)
    found = best_set(search)
    around = search.neighbours(found.pictures)
    twice = np.concatenate([search.neighbours(row) for row in around.tolist()])
    twice = twice[search.passes(twice)]
    standings = search.standings(twice)
    keys = {
        (low, mean) for low, mean in zip(standings.min(1).round(9), standings.mean(1).round(9), strict=True)
    }
    weakest, mean = search.judged(search.standings(np.array([found.pictures])))
    assert max(keys) <= (round(float(weakest[0]), 9), round(float(mean[0]), 9))


def test_a_metric_that_never_changes_decides_nothing():
    world = World(4, seeds=3)
    world.aesthetics = np.full(24, 6.5)
    world.choices = world.set_scorer()
    search = world.search()
    assert "aesthetic" in world.choices.metrics
    assert "aesthetic" not in search.scale.metrics
    assert best_set(search).pictures


def test_a_story_without_places_is_cast_without_them():
    world = World(5, seeds=2)
    assert "place" in world.choices.metrics
    world.told = replace(world.told, places=(None,) * 8)
    assert "place" not in world.set_scorer().metrics


@pytest.mark.parametrize("seed", range(4))
def test_with_weights_the_best_weighted_mean_is_found(seed):
    world = World(seed, seeds=2, copies=seed, spread=(0.02, 0.3)[seed % 2])
    plain = world.search(gate=5.8)
    given = np.random.default_rng(seed).uniform(0, 2, len(plain.scale.metrics))
    search = replace(plain, weights=given / given.sum())
    sets = np.array(list(product(*search.options)))
    sets = sets[search.passes(sets)]
    means = (search.standings(sets) @ search.weights).round(9)
    best = sets[means == means.max()].tolist()
    assert best_set(search).pictures == tuple(min(best))


def test_a_search_that_is_stopped_says_so_and_gives_the_best_it_has():
    search = World(3, seeds=6, spread=0.3).search()
    stopped, whole = best_set(search, patience_s=0), best_set(search)
    assert (stopped.proven, whole.proven) == (False, True)
    assert search.passes(np.array([stopped.pictures])).all()


def test_a_set_that_is_known_changes_nothing_but_the_time():
    search = World(6, seeds=4, spread=0.3).search()
    found = best_set(search)
    assert best_set(search, known=search.scale.lots[0].tolist()) == found
    assert best_set(search, known=found.pictures) == found
