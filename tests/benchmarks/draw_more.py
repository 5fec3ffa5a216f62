"""Holds drawing where it pays against the same budget spread evenly over the panels.

    python -m tests.benchmarks.draw_more --stories 100 --workers 12 --pools runs/pools

Of each story 8 pictures a panel are there; a budget of 40 more is spent, once as `storykit cast --draw` does,
once evenly. Both take from one pool of pictures, of each panel in the same order, so that they differ in
nothing but the panels they ask for. The sets that are cast in the end are judged by one scale, that of the
whole pool. A panel whose pool is used up gets no more. Prints Markdown.

A worker draws and measures the pool of a story, on the GPU where there is one, and replays both ways on its
core. Pools are kept in a folder, so that another rule or budget draws nothing again. `--stories 2 --seeds 14
--steps 4 --size 64` is a toy.
"""

import argparse
import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from eval.casting.more.next_round import ROUND, WORTH, gains_promised, shared_out
from eval.casting.picks import Picks
from eval.casting.pool import Aims, Pool, choose, quality_among
from eval.casting.search.search import scale_of
from eval.casting.search.set_scores import set_scorer_of
from eval.metrics.story_facts import StoryFacts, told_of
from eval.scorers.load import Scorers, load_scorers
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.experiment.run import Slot
from kit.experiment.tables import DraftTable
from kit.generation.devices.multi_gpu import load_painter
from kit.generation.painter import DrawFailure, Painter, PanelRequest
from kit.images.copies import copied_pairs, look_at
from kit.story.prompt import prompt_of
from kit.story.story import PANELS
from tests.benchmarks.machine import commit, cpu, today, versions
from tests.benchmarks.tables import table
from tests.benchmarks.tales import Tale, TaleKind, tale

KINDS: tuple[TaleKind, ...] = ("one", "told", "two", "bystander")
PLACES = (8, 4, 2)
"""How many places a story has."""
AIMS = Aims(gate=0.0, patience_s=5.0)
NOBODY = Picks.none(("base", "authored", "tale"))
"""Nothing is picked by hand."""
HEADS = (
    "stories",
    "better",
    "equal",
    "worse",
    "better or equal",
    "weakest sd",
    "mean sd",
    "spent",
    "even gains",
)


class Plan(NamedTuple):
    """How the pools are drawn, and what is spent."""

    first: int
    """Pictures of each panel that are there."""
    budget: int
    seeds: int
    """Pictures of each panel in a pool."""
    steps: int
    size: int
    pools: Path


@dataclass(frozen=True, slots=True)
class DrawnPool:
    """What was measured of a story's pictures, sorted by panel, then seed."""

    slots: Sequence[Slot]
    embeddings: NDArray[np.float32]
    aesthetics: NDArray[np.float32]
    copied: NDArray[np.bool_]
    told: StoryFacts
    floor: float | None

    def taken(self, counts: Sequence[int]) -> Pool:
        """Return what can be cast from when so many pictures of each panel are there."""
        seen = [0] * PANELS
        rows = []
        for row, slot in enumerate(self.slots):
            if seen[slot.panel - 1] < counts[slot.panel - 1]:
                rows.append(row)
                seen[slot.panel - 1] += 1
        choices = set_scorer_of(
            [self.slots[row].panel - 1 for row in rows],
            self.embeddings[rows],
            self.aesthetics[rows].tolist(),
            self.told,
            self.copied[np.ix_(rows, rows)],
        )
        slots = [self.slots[row] for row in rows]
        names = [f"{slot.panel} {slot.seed}" for slot in slots]
        return Pool(slots=slots, sha256=names, choices=choices, scale=scale_of(choices), floor=self.floor)

    def sizes(self) -> list[int]:
        """Return how many pictures each panel has."""
        return [sum(slot.panel == panel for slot in self.slots) for panel in range(1, PANELS + 1)]


class Outcome(NamedTuple):
    """How the set that was drawn where it pays stands against the one of an even budget."""

    ahead: int
    """1, 0 where they are the same, or -1."""
    weakest: float
    """By how much its weakest metric is higher, in standard deviations of the whole pool; so the mean."""
    mean: float
    spent: int
    gained: float
    """By how much the even budget raised the weakest metric above that of the first pictures."""


@cache
def painter() -> Painter:
    """Return who draws in this process."""
    return load_painter("mini")


@cache
def tools() -> Scorers:
    """Return what measures in this process."""
    return load_scorers("mini", "mini")


def tale_of(number: int) -> Tale:
    """Return a story of the benchmark."""
    return tale(number, KINDS[number % len(KINDS)], PLACES[number % len(PLACES)])


def pool_of(number: int, plan: Plan) -> DrawnPool:
    """Return the pool of a story, drawn and measured where that was not done before."""
    file = plan.pools / f"{number}-{plan.seeds}-{plan.steps}-{plan.size}.npz"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part.npz")
        np.savez(part, **drawn(number, plan))
        part.rename(file)
    held = np.load(file)
    known = tools().calibration
    return DrawnPool(
        slots=[Slot("base", "authored", "tale", int(seed), int(panel)) for panel, seed in held["slots"]],
        embeddings=held["embeddings"],
        aesthetics=held["aesthetics"],
        copied=held["copied"],
        told=told_of(tale_of(number).story, tools().encoder),
        floor=known.aesthetic_floor if known else None,
    )


def drawn(number: int, plan: Plan) -> dict[str, NDArray[np.generic]]:
    """Draw a story's pool and return what was measured of it; a picture that fails is not in it."""
    story = tale_of(number).story
    final = DrawSettings(steps=25, cfg=4.0, size=plan.size, noise="portable")
    how = DraftTable().drawn_as(final, plan.steps)
    slots, rows, points, looks = [], [], [], []
    prompts = [prompt_of(story, panel, "authored") for panel in range(PANELS)]
    painter().encode_prompts([*prompts, story.negative])
    painter().set_lora(None, 1.0)
    for seed in range(plan.seeds):
        asked = [PanelRequest(prompt=prompt, negative=story.negative, seed=seed) for prompt in prompts]
        found = enumerate(painter().draw(asked, how), 1)
        good = [(panel, one) for panel, one in found if not isinstance(one, DrawFailure)]
        pictures = [one for _, one in good]
        slots += [(panel, seed) for panel, _ in good]
        rows.append(tools().encoder.pictures(pictures))
        points += list(tools().aesthetic.score(pictures))
        looks += [look_at(one) for one in pictures]
    order = sorted(range(len(slots)), key=slots.__getitem__)
    return {
        "slots": np.asarray(slots)[order],
        "embeddings": np.concatenate(rows)[order],
        "aesthetics": np.asarray(points, dtype=np.float32)[order],
        "copied": copied_pairs([looks[k] for k in order], [slots[k][0] for k in order]),
    }


def cast_from(pool: Pool) -> tuple[int, ...]:
    """Return the seeds of the best set."""
    return choose(pool, NOBODY, AIMS).seeds


def paying(pool: DrawnPool, plan: Plan) -> list[int]:
    """Return how many pictures each panel has once the budget is spent where it pays, as `draw_more` does."""
    counts, sizes, left = [plan.first] * PANELS, pool.sizes(), plan.budget
    while left:
        now = pool.taken(counts)
        gains = gains_promised(now, NOBODY, AIMS, cast_from(now))
        gains = [gain * (count < size) for gain, count, size in zip(gains, counts, sizes, strict=True)]
        if max(gains) < WORTH:
            break
        shares = shared_out(gains, min(ROUND, left))
        more = [min(share, size - count) for share, count, size in zip(shares, counts, sizes, strict=True)]
        counts = [count + share for count, share in zip(counts, more, strict=True)]
        left -= sum(more)
    return counts


def outcome_of(number: int, plan: Plan) -> Outcome:
    """Return how the two ways came out for a story."""
    pool = pool_of(number, plan)
    whole = pool.taken(pool.sizes())
    pays, even = paying(pool, plan), [plan.first + plan.budget // PANELS] * PANELS
    seeds = [cast_from(pool.taken(counts)) for counts in (pays, even, [plan.first] * PANELS)]
    one, other, before = (quality_among(whole, NOBODY, AIMS, each) for each in seeds)
    ahead = 0 if seeds[0] == seeds[1] else 1 if one.rank > other.rank else -1
    return Outcome(
        ahead=ahead,
        weakest=one.lowest - other.lowest,
        mean=one.mean - other.mean,
        spent=sum(pays) - plan.first * PANELS,
        gained=other.lowest - before.lowest,
    )


def row_of(outcomes: Sequence[Outcome]) -> list[object]:
    """Return the table's row."""
    counts = [sum(one.ahead == sign for one in outcomes) for sign in (1, 0, -1)]
    held = counts[0] + counts[1]
    means = (fmean(getattr(one, name) for one in outcomes) for name in ("weakest", "mean", "spent", "gained"))
    weakest, mean, spent, gained = means
    share = f"{held / len(outcomes):.0%}"
    return [
        len(outcomes),
        *counts,
        share,
        f"{weakest:+.3f}",
        f"{mean:+.3f}",
        f"{spent:.1f}",
        f"{gained:+.3f}",
    ]


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stories", type=int, default=100)
    parser.add_argument("--first", type=int, default=8, help="pictures of each panel that are there")
    parser.add_argument("--budget", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=32, help="pictures of each panel in a pool")
    parser.add_argument("--steps", type=int, default=9, help="of a draft")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--pools", type=Path, default=Path("runs/draw-more-pools"))
    given = parser.parse_args()
    plan = Plan(given.first, given.budget, given.seeds, given.steps, given.size, given.pools)
    started = time.monotonic()
    with ProcessPoolExecutor(given.workers, mp_context=get_context("spawn")) as workers:
        outcomes = list(workers.map(partial(outcome_of, plan=plan), range(given.stories)))
    print(table(HEADS, [row_of(outcomes)]))
    decided = [one.ahead for one in outcomes if one.ahead]
    if decided:
        chance = binomtest(decided.count(1), len(decided)).pvalue
        print(f"\nOf those that differ {decided.count(1)} of {len(decided)} are better, p = {chance:.3g}.")
    print(f"\n{plan.budget} pictures more than {plan.first} a panel; {plan.steps} steps, {plan.size} pixels.")
    print(f"{time.monotonic() - started:.0f} s; {cpu()}; commit {commit()}; {versions()}; {today()}")


if __name__ == "__main__":
    main()
