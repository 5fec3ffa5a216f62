"""Holds casting against the choices people make without it, on a run's own pictures.

    python -m tests.benchmarks.casting RUN

For every candidate, order and story of the run: the exact best set, one pass of greedy swaps from the best
aesthetic score a panel, that start itself, the best single seed, and what sets chosen by lot are like. All
are judged by one scale. Prints Markdown, with the seconds of each search on this machine.
"""

import argparse
import time
from itertools import product
from math import prod
from pathlib import Path

import numpy as np

from eval.casting.picks import Picks
from eval.casting.pool import Pool, options_of, pool_of, single_of
from eval.casting.search.branch_and_bound import best_set
from eval.casting.search.search import Search
from eval.casting.selection import SetQuality
from eval.metrics.story_facts import told_by
from eval.scoring.measure import measure
from eval.scoring.score import scorers_of
from kit.experiment.run import Run
from tests.benchmarks.machine import commit, cpu, load, today, versions
from tests.benchmarks.tables import table

HEADS = ("set", "seeds", "weakest sd", "metric", "mean sd", "passes", "s")


def highest_a_panel(search: Search) -> list[int]:
    """Return the picture with the best aesthetic score of each panel."""
    points = search.choices.aesthetic
    return [max(allowed, key=points.__getitem__) for allowed in search.options]


def greedy(search: Search, start: list[int]) -> list[int]:
    """Return the set after each panel in turn got the picture that makes the set best."""
    chosen = list(start)
    for panel, allowed in enumerate(search.options):
        sets = np.array([[*chosen[:panel], one, *chosen[panel + 1 :]] for one in allowed])
        standings = search.standings(sets)
        keys = zip(search.passes(sets).tolist(), standings.min(axis=1), standings.mean(axis=1), strict=True)
        chosen[panel] = allowed[max(enumerate(keys), key=lambda one: one[1])[0]]
    return chosen


def rows_of(search: Search, pool: Pool) -> list[list[object]]:
    """Return one row a way to choose."""
    started = time.perf_counter()
    found = best_set(search)
    seconds = time.perf_counter() - started
    started = time.perf_counter()
    swapped = greedy(search, highest_a_panel(search))
    quick = time.perf_counter() - started
    rows = [_row("greedy, one pass", search, pool, swapped, quick)]
    rows.append(_row("best aesthetic score a panel", search, pool, highest_a_panel(search)))
    if found.pictures:
        rows.insert(0, _row("**cast**", search, pool, list(found.pictures), seconds))
    if (single := single_of(search, pool)) is not None:
        rows.append([f"best single seed, {single.seed}", single.seed, *_said(single.standing), "", ""])
    lots = search.standings(search.scale.lots)
    passing = f"{search.passes(search.scale.lots).mean():.0%}"
    rows.append(["by lot, mean of 1,000", "", f"{lots.min(axis=1).mean():+.2f}", "", "+0.00", passing, ""])
    return rows


def _row(
    name: str, search: Search, pool: Pool, pictures: list[int], seconds: float | None = None
) -> list[object]:
    above = search.standings(np.array([pictures]))[0]
    seeds = " ".join(str(pool.seed(picture)) for picture in pictures)
    passes = "yes" if search.passes(np.array([pictures]))[0] else "no"
    weakest = search.scale.metrics[int(above.argmin())]
    took = "" if seconds is None else f"{seconds:.2f}"
    return [name, seeds, f"{above.min():+.2f}", weakest, f"{above.mean():+.2f}", passes, took]


def _said(standing: SetQuality) -> list[object]:
    return [f"{standing.lowest:+.2f}", standing.weakest, f"{standing.mean:+.2f}"]


def main() -> None:
    """Print one table a candidate, order and story."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    run = Run.open(parser.parse_args().run)
    before = load()
    tools = scorers_of(run.loaded)
    measured, told = measure(run, tools), told_by(run.loaded, tools.encoder)
    experiment = run.loaded.experiment
    for candidate, order, loaded in product(experiment.candidates, experiment.orders, run.loaded.stories):
        place = (candidate.name, order, loaded.name)
        pool = pool_of(place, measured, told[loaded.name])
        options = options_of(pool, Picks.none(place))
        search = Search(choices=pool.choices, scale=pool.scale, options=options, gate=experiment.score.gate)
        judges = ", ".join(pool.scale.metrics)
        print(f"{' '.join(place)}, {prod(map(len, options)):,} sets, judged by {judges}:\n")
        print(table(HEADS, rows_of(search, pool)), end="\n\n")
    print(f"{cpu()}; load before {before}; commit {commit()}; {versions()}; {today()}")


if __name__ == "__main__":
    main()
