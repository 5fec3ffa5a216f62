from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.casting.branch_and_bound import Search, scale_of
from eval.casting.set_scores import set_scorer_of
from eval.metrics.concept_subspaces import ConceptSubspaces
from eval.metrics.formulas import PanelSet
from eval.metrics.registry import validated
from eval.metrics.story_facts import StoryFacts

DIM = 48
CASTS = ("girl", "girl", "dog", "both", "girl", "girl", "dog", "nobody else")
PLACES = ("home", "home", "park", "park", None, "sea", "sea", "home")


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


class World:
    """Pictures of eight panels around their texts, some of them copies of others."""

    def __init__(self, seed: int, seeds: int, copies: int = 0, spread: float = 0.3) -> None:
        rng = np.random.default_rng(seed)
        texts = unit(rng.normal(size=(8, DIM)) + 1)
        self.panels = np.repeat(np.arange(8), seeds)
        rows = texts[self.panels] + spread * rng.normal(size=(8 * seeds, DIM))
        for _ in range(copies):
            one, other = rng.choice(len(rows), 2, replace=False)
            rows[one] = rows[other]
        self.embeddings = unit(rows).astype(np.float32)
        self.aesthetics = rng.normal(6, 0.5, 8 * seeds).round(3)
        self.told = StoryFacts(
            casts=CASTS,
            places=PLACES,
            texts=texts.astype(np.float32),
            facets=ConceptSubspaces(
                identity=np.linalg.qr(rng.normal(size=(DIM, 20)))[0].T,
                style=np.linalg.qr(rng.normal(size=(DIM, 5)))[0].T,
                place=np.linalg.qr(rng.normal(size=(DIM, 10)))[0].T,
                staging=np.linalg.qr(rng.normal(size=(DIM, 6)))[0].T,
            ),
        )
        self.choices = set_scorer_of(self.panels, self.embeddings, self.aesthetics, self.told)

    def told_by_setwise(self, pictures: np.ndarray) -> dict[str, float]:
        """Return what the metrics say of one set when they look at it alone."""
        shown = PanelSet(
            embeddings=self.embeddings[pictures], aesthetics=self.aesthetics[pictures], told=self.told
        )
        return {name: measure(shown).value for name, measure in validated().items()}

    def search(self, options: list[list[int]] | None = None, gate: float = 0.0) -> Search:
        options = options or [self.choices.of(panel) for panel in range(8)]
        return Search(choices=self.choices, scale=scale_of(self.choices), options=options, gate=gate)

    def by_hand(self, search: Search) -> tuple[int, ...] | None:
        """Return the best set by looking at every one with `eval.setwise`."""
        best = None
        for row in product(*search.options):
            values = self.told_by_setwise(np.array(row))
            if values["copies"] or values["aesthetic"] < search.gate:
                continue
            scale = search.scale
            above = [
                (values[name] - mean) / deviation
                for name, mean, deviation in zip(scale.metrics, scale.mean, scale.deviation, strict=True)
            ]
            key = (round(min(above), 9), round(float(np.mean(above)), 9), tuple(-k for k in row))
            best = max(best, (key, row)) if best else (key, row)
        return best[1] if best else None


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
    world.embeddings[2:4] = world.embeddings[0:1]
    world.choices = set_scorer_of(world.panels, world.embeddings, world.aesthetics, world.told)
    search = world.search()
    best = search.best()
    assert best is not None
    assert best.pictures[0] == 1, "picture 0 is the same as both of panel 2"
    world.embeddings[1] = world.embeddings[0]
    world.choices = set_scorer_of(world.panels, world.embeddings, world.aesthetics, world.told)
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
    world.choices = set_scorer_of(world.panels, world.embeddings, np.full(24, 6.5), world.told)
    search = world.search()
    assert "aesthetic" in world.choices.metrics
    assert "aesthetic" not in search.scale.metrics
    assert search.best() is not None


def test_a_story_without_places_is_cast_without_them():
    world = World(5, seeds=2)
    told = StoryFacts(casts=CASTS, places=(None,) * 8, texts=world.told.texts, facets=world.told.facets)
    assert "place" in world.choices.metrics
    assert "place" not in set_scorer_of(world.panels, world.embeddings, world.aesthetics, told).metrics
