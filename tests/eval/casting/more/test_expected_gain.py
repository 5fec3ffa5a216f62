from dataclasses import replace

import numpy as np
import pytest
from casting_world import World, unit
from hypothesis import given
from hypothesis import strategies as st

from eval.casting.more.expected_gain import expected_gains, metric_shares, shrunk_variances
from eval.casting.search.branch_and_bound import best_set
from eval.casting.search.search import Search


def varied(spreads: dict[int, float]) -> Search:
    """Return a search in which some panels, 0 to 7, vary so many times as much as the others."""
    world = World(seed=0, seeds=8)
    for panel, times in spreads.items():
        own = world.panels == panel
        rows = world.embeddings[own]
        world.embeddings[own] = unit(rows.mean(axis=0) + times * (rows - rows.mean(axis=0)))
        points = world.aesthetics[own]
        world.aesthetics[own] = points.mean() + times * (points - points.mean())
    world.choices = world.set_scorer()
    return world.search()


def gains_of(search: Search) -> list[float]:
    return expected_gains(search, best_set(search).pictures)


def by_aesthetics(*points: list[float]) -> Search:
    """Return a search in which aesthetic scores alone decide; panels that are not given have the last."""
    world = World(seed=0, seeds=len(points[0]))
    world.aesthetics[:] = np.concatenate([*points, *[points[-1]] * (8 - len(points))])
    world.choices = world.set_scorer()
    search = world.search()
    return replace(search, weights=np.array([name == "aesthetic" for name in search.scale.metrics], float))


def test_a_panel_that_varies_alone_promises_nearly_all():
    gains = gains_of(varied(dict.fromkeys(range(1, 8), 0.001)))
    assert gains[0] > 0.001
    assert min(gains) >= 0
    assert sum(gains[1:]) < 0.2 * gains[0]


def test_the_one_that_varies_most_promises_most():
    gains = gains_of(varied(dict.fromkeys({*range(8)} - {6}, 0.1)))
    assert gains.index(max(gains)) == 6


def test_a_panel_that_had_luck_promises_less_than_one_that_varies_as_much():
    lucky, usual = [5.0, 5.0, 5.0, 5.0, 6.0], [5.0, 5.0, 5.0, 6.0, 6.0]
    gains = gains_of(by_aesthetics(lucky, usual))
    assert gains[0] < 0.6 * gains[1]
    assert gains[1:] == pytest.approx([gains[1]] * 7)


def test_it_is_what_drawing_from_a_normal_distribution_gives_in_the_mean():
    points = [4.0, 4.5, 5.0, 6.0]
    search = by_aesthetics(points)
    options = [own[1:] for own in search.options]  # the first ones are below the floor
    gains = gains_of(replace(search, options=options))
    worth = np.array(points[1:]) / 8 / search.scale.deviation[search.scale.metrics.index("aesthetic")]
    spread = float(np.sqrt(shrunk_variances(np.full(8, worth.var(ddof=1)), np.full(8, 2.0))[0]))
    chance = np.random.default_rng(0).normal(worth.mean(), spread, 400_000)
    assert gains == pytest.approx([0.75 * float(np.maximum(0, chance - worth.max()).mean())] * 8, rel=0.02)


def test_the_weakest_metric_counts_most_and_weights_stand_for_that():
    search = World(seed=3, seeds=5).search()
    pictures = best_set(search).pictures
    standings = search.standings(np.array([pictures]))[0]
    shares = metric_shares(search, pictures)
    assert shares.sum() == pytest.approx(1)
    assert np.argsort(shares).tolist() == np.argsort(-standings).tolist()
    weights = np.full(len(shares), 1 / len(shares))
    assert metric_shares(replace(search, weights=weights), pictures) is weights


def test_where_nothing_is_open_nothing_is_promised():
    search = varied({})
    assert gains_of(replace(search, options=[own[:1] for own in search.options])) == [0.0] * 8


@given(st.lists(st.floats(1e-3, 1e3), min_size=8, max_size=8), st.floats(0.1, 10))
def test_believed_variances_keep_their_order_and_unit(seen, unit_):
    freedom = np.full(8, 7.0)
    believed = shrunk_variances(np.array(seen), freedom)
    assert np.all(np.diff(believed[np.argsort(seen)]) >= -1e-9 * believed.max())
    assert np.ptp(np.log(believed)) <= np.ptp(np.log(seen)) + 1e-9
    assert shrunk_variances(unit_ * np.array(seen), freedom) == pytest.approx(unit_ * believed)


def test_variances_that_differ_by_chance_alone_become_nearly_one_and_others_come_nearer_to_the_truth():
    rng = np.random.default_rng(0)
    freedom = np.full(400, 7.0)
    chance = rng.chisquare(7, 400) / 7
    assert np.ptp(shrunk_variances(chance, freedom)) < 0.25 * np.ptp(chance)
    true = np.exp(3 * rng.normal(size=400))
    found = np.log(shrunk_variances(true * chance, freedom)) - np.log(true)
    assert np.mean(found**2) < np.mean(np.log(chance) ** 2)


def test_of_a_panel_with_one_picture_what_is_usual_is_believed():
    believed = shrunk_variances(np.array([0.0, 2.0, 2.0, 2.0]), np.array([0.0, 5.0, 5.0, 5.0]))
    assert believed[0] == pytest.approx(believed[1])
    assert shrunk_variances(np.array([0.0, 3.0]), np.array([0.0, 5.0]))[0] > 0
    assert shrunk_variances(np.zeros(8), np.ones(8)) == pytest.approx(np.zeros(8), abs=1e-12)
