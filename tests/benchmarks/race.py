"""Replays races on the scores of a run, and on simulated ones, against drawing every seed of every candidate.

    python -m tests.benchmarks.race RUN METRIC

A race depends on which seeds come first, so the run's seeds are shuffled 500 times; simulated are 2,000 races
of each kind, with seeds that differ by normal or by t(3) noise. Prints Markdown.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eval.comparison.compare import good_sets
from eval.comparison.racing import run_race
from eval.scoring.records import stories_frame
from kit.experiment.run import Run
from tests.benchmarks.machine import commit, cpu, today
from tests.benchmarks.tables import table

HEADS = ("candidates", "seeds", "same winner as all seeds", "share of the pictures")
KINDS = {
    "6, each half a standard deviation behind the one before": np.arange(6) * -0.5,
    "6, each one standard deviation behind": np.arange(6) * -1.0,
    "4, one ahead by one": np.array([0.0, -1.0, -1.0, -1.0]),
    "2, one ahead by one": np.array([0.0, -1.0]),
    "6 equal": np.zeros(6),
}


def raced(values: NDArray[np.float64]) -> tuple[bool, float]:
    """Return whether a race of (candidates, seeds) has the full grid's winner, and the share it drew."""
    entered, seeds = values.shape
    drawn = np.zeros(entered)

    def seen(left: list[str], count: int) -> dict[str, dict[int, float]]:
        drawn[[int(name) for name in left]] = count
        return {name: dict(enumerate(values[int(name), :count])) for name in left}

    held = run_race([str(number) for number in range(entered)], seeds, seen)
    left = [int(name) for name in held.left]
    drawn[left] = held.seeds
    means = values.mean(axis=1)
    winner = max(left, key=means.__getitem__)
    return winner == int(means.argmax()), float(drawn.sum() / values.size)


def row(name: str, races: list[NDArray[np.float64]]) -> list[object]:
    """Return the table's row of some races."""
    found = [raced(values) for values in races]
    same, share = (np.mean([one[k] for one in found]) for k in (0, 1))
    return [name, races[0].shape[1], f"{same:.1%}", f"{share:.0%}"]


def simulated(
    effects: NDArray[np.float64], seeds: int, rng: np.random.Generator, *, heavy: bool
) -> NDArray[np.float64]:
    """Return values whose differences between two candidates have a standard deviation of 1."""
    shape = (len(effects), seeds)
    noise = rng.standard_t(3, shape) / 3**0.5 if heavy else rng.normal(size=shape)
    return effects[:, None] + noise / 2**0.5


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("metric")
    given = parser.parse_args()
    run, rng = Run.open(given.run), np.random.default_rng(0)
    experiment, scores = run.loaded.experiment, good_sets(stories_frame(run))
    names, seeds = [candidate.name for candidate in experiment.candidates], experiment.seeds
    found: dict[tuple[str, int], list[float]] = {}
    for cell, values in scores.items():
        found.setdefault((cell.candidate, cell.seed), []).append(values[given.metric])
    grid = np.array([[np.mean(found[name, seed]) for seed in seeds] for name in names])
    rows = [
        row(f"{', '.join(names)}; {given.metric}", [grid[:, rng.permutation(len(seeds))] for _ in range(500)])
    ]
    for seeds_drawn in (8, 12, 16):
        for kind, effects in KINDS.items():
            for noise in ("normal", "t(3)"):
                races = [simulated(effects, seeds_drawn, rng, heavy=noise != "normal") for _ in range(2000)]
                rows.append(row(f"simulated, {noise}: {kind}", races))
    print(table(HEADS, rows))
    means = ", ".join(f"{name} {mean:.3f}" for name, mean in zip(names, grid.mean(axis=1), strict=True))
    print(f"\nMeans over all seeds: {means}.\n{cpu()}; commit {commit()}; {today()}")


if __name__ == "__main__":
    main()
