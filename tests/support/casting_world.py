"""Pictures of eight panels around their texts, to be cast."""

from itertools import product

import numpy as np
from PIL import Image

from eval.casting.search.search import Search, scale_of
from eval.casting.search.set_scores import SetScorer, set_scorer_of
from eval.metrics.concept_subspaces import ConceptSubspaces
from eval.metrics.formulas import PanelSet
from eval.metrics.registry import validated
from eval.metrics.story_facts import StoryFacts
from kit.images.copies import copied_pairs, look_at

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
        noise = rng.integers(0, 256, (len(rows), 8, 8, 3), np.uint8)
        pictures = [look_at(Image.fromarray(one)) for one in noise]
        for _ in range(copies):
            one, other = rng.choice(len(rows), 2, replace=False)
            rows[one], pictures[one] = rows[other], pictures[other]
        self.looks = pictures
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
        self.choices = self.set_scorer()

    def set_scorer(self) -> SetScorer:
        """Return the tables of these pictures as they are now."""
        self.copied = copied_pairs(self.looks, self.panels)
        return set_scorer_of(self.panels, self.embeddings, self.aesthetics, self.told, self.copied)

    def told_by_setwise(self, pictures: np.ndarray) -> dict[str, float]:
        """Return what the metrics say of one set when they look at it alone."""
        shown = PanelSet(
            embeddings=self.embeddings[pictures], aesthetics=self.aesthetics[pictures], told=self.told
        )
        pairs = self.copied[np.ix_(pictures, pictures)][np.triu_indices(8, k=1)]
        values = {name: measure(shown).value for name, measure in validated().items()}
        return values | {"copies": float(pairs.mean())}

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
