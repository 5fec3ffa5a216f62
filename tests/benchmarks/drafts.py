"""Whether drafts judge as finals do: stories drawn both ways from the same noise, scored, compared, cast.

    python -m tests.benchmarks.drafts --stories 40 --workers 12

Each story is drawn by the base, ink and watercolour with 8 seeds, as finals and as drafts, and each run is
scored, compared and cast by the commands' own code. Prints Markdown: what each setting costs alone, one batch
after the other; by metric the rank correlation of draft and final over the sets of eight, the same best
candidate by its mean, and verdicts; how far below the finals' own cast the set is that the drafts' cast
becomes when it is finished: its weakest metric, in the finals' standard deviations, beside a set of one seed.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import numpy as np
from scipy.stats import spearmanr

from eval.casting.picks import Picks
from eval.casting.pool import Aims, Pool, choose, pool_of, quality_of, search_in
from eval.comparison.compare import compare
from eval.metrics.story_facts import told_by
from eval.scoring.measure import measure
from eval.scoring.records import stories_frame
from eval.scoring.remembered import remembering
from eval.scoring.score import score, scorers_of
from kit.experiment.config import LoadedExperiment, load_experiment
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.experiment.run import Run
from kit.generation.devices.multi_gpu import load_painter
from kit.generation.generate import draw_experiment
from kit.generation.painter import Painter, PanelRequest
from kit.story.prompt import prompt_of
from kit.story.structure.story_text import story_toml
from tests.benchmarks.machine import commit, cpu, today, versions
from tests.benchmarks.tables import table
from tests.benchmarks.tales import TaleKind, tale

CANDIDATES = {"base": "", "ink": "mini:ink", "watercolour": "mini:watercolour"}
KINDS: tuple[TaleKind, ...] = ("one", "told", "two", "bystander")
SEEDS = 8
DECIDING = ("aesthetic_mean", "text_mean", "style", "identity", "mrr")
"""Metrics of which verdicts are held against each other, each as if it were the only one declared."""
ALONE = 16
"""Pictures by which the settings are timed."""
_painters: list[Painter] = []


class Cast(NamedTuple):
    """What the set that was cast from drafts is worth, once it is finished."""

    behind: float
    """Below the finals' own cast, its weakest metric in standard deviations."""
    behind_in_mean: float
    same: int
    """How many of the eight seeds are the same."""
    by_lot: float
    """How far the median set of one seed is below the finals' own cast, its weakest metric."""


class Seen(NamedTuple):
    """What came of one story, by the kind of drawing: "final" or a draft's name."""

    values: Mapping[str, Mapping[str, Mapping[tuple[str, int], float]]]
    """By metric, of each candidate and seed."""
    verdicts: Mapping[str, Mapping[tuple[str, str, str], str]]
    """Of each metric and pair."""
    casts: Mapping[str, Mapping[str, Cast]]
    """Of drafts, by candidate."""
    seconds: Mapping[str, float]
    """Of drawing."""


def experiment(folder: Path, number: int, table: str = "") -> LoadedExperiment:
    """Return the experiment of one story, written into a folder."""
    folder.mkdir(parents=True)
    kind = KINDS[number % len(KINDS)]
    (folder / "tale.toml").write_text(story_toml(tale(number, kind).story), encoding="utf-8")
    lines = ['stories = ["tale.toml"]', f"seeds = {list(range(SEEDS))}", table]
    for name, lora in CANDIDATES.items():
        lines += ["[[candidate]]", f'name = "{name}"', f'lora = "{lora}"' if lora else ""]
    (folder / "experiment.toml").write_text("\n".join(lines), encoding="utf-8")
    return load_experiment(folder / "experiment.toml")


def pools_of(run: Run) -> dict[str, Pool]:
    """Return what each candidate's set is cast from."""
    tools = remembering(scorers_of(run.loaded), run)
    places = [(name, "authored", "tale") for name in CANDIDATES]
    measured, told = measure(run, tools, None, places), told_by(run.loaded, tools.encoder)
    return {place[0]: pool_of(place, measured, told["tale"], tools.calibration) for place in places}


def seen(asked: tuple[int, Sequence[str]]) -> Seen:
    """Draw one story as finals and as drafts of these kinds, and return what came of it."""
    number, drafts = asked
    if not _painters:
        _painters.append(load_painter("mini"))
    values, verdicts, seconds, pools = {}, {}, {}, {}
    with tempfile.TemporaryDirectory() as made:
        for place, kind in enumerate(("final", *drafts)):
            loaded = experiment(Path(made) / f"made-{place}", number, SETTINGS[kind])
            loaded = loaded if kind == "final" else loaded.drawn_as("draft")
            run, report = draw_experiment(loaded, Path(made) / f"run-{place}", _painters)
            score(run, scorers_of(run.loaded))
            rows = stories_frame(run).set_index(["candidate", "seed"])
            values[kind] = {metric: rows[metric].to_dict() for metric in ("loo_mean", *DECIDING)}
            verdicts[kind] = {key: told for metric in DECIDING for key, told in verdicts_of(run, metric)}
            seconds[kind], pools[kind] = report.seconds, pools_of(run)
    casts = {
        kind: {name: cast_both(pools["final"][name], pools[kind][name], name) for name in CANDIDATES}
        for kind in drafts
    }
    return Seen(values, verdicts, casts, seconds)


def verdicts_of(run: Run, metric: str) -> Iterator[tuple[tuple[str, str, str], str]]:
    """Yield the verdict on each pair of candidates where this metric alone is declared."""
    experiment = run.loaded.experiment
    declared = experiment.compare.model_copy(update={"metrics": (metric,)})
    told = replace(run.loaded, experiment=experiment.model_copy(update={"compare": declared}))
    for one in compare(Run.planned(run.folder, told)).comparisons:
        if one.kind == "candidate" and one.metric == metric:
            yield (metric, one.a, one.b), one.verdict


def cast_both(final: Pool, draft: Pool, name: str) -> Cast:
    """Return what the drafts' cast is worth beside the finals' own."""
    none, aims = Picks.none((name, "authored", "tale")), Aims(gate=0.0, patience_s=20.0)
    best, chosen = choose(final, none, aims), choose(draft, none, aims)
    search = search_in(final, none, aims)
    place = {(slot.panel, slot.seed): picture for picture, slot in enumerate(final.slots)}
    finished = quality_of(search, [place[panel, seed] for panel, seed in enumerate(chosen.seeds, 1)])
    lone = [quality_of(search, [place[panel, seed] for panel in range(1, 9)]).lowest for seed in range(SEEDS)]
    top = best.standing
    return Cast(
        behind=top.lowest - finished.lowest,
        behind_in_mean=top.mean - finished.mean,
        same=sum(one == other for one, other in zip(best.seeds, chosen.seeds, strict=True)),
        by_lot=top.lowest - float(np.median(lone)),
    )


def agreement(found: Sequence[Seen], kind: str) -> Iterator[list[object]]:
    """Yield a line for each metric."""
    for metric in found[0].values["final"]:
        pairs = [(one.values["final"][metric], one.values[kind][metric]) for one in found]
        ranks = [spearman(final, draft) for final, draft in pairs]
        known = [one for one in ranks if np.isfinite(one)]
        leaders = [leader(final) == leader(draft) for final, draft in pairs]
        told = [
            (verdict, one.verdicts[kind].get(key, "none"))
            for one in found
            for key, verdict in one.verdicts["final"].items()
            if key[0] == metric
        ]
        decided = [pair for pair in told if pair[0] in ("a", "b")]
        same = sum(final == draft for final, draft in decided)
        opposite = sum({final, draft} == {"a", "b"} for final, draft in decided)
        only = sum(draft in ("a", "b") for final, draft in told if final not in ("a", "b"))
        yield [
            metric,
            f"{np.median(known):.2f}" if known else "-",
            f"{sum(leaders)} of {len(leaders)}",
            *((f"{same} of {len(decided)}", opposite, only) if told else ("-", "-", "-")),
        ]


def spearman(final: Mapping[tuple[str, int], float], draft: Mapping[tuple[str, int], float]) -> float:
    """Return the rank correlation over the sets that both have."""
    both = [key for key in final if np.isfinite(final[key]) and np.isfinite(draft.get(key, np.nan))]
    columns = [[values[key] for key in both] for values in (final, draft)]
    if any(len(set(column)) < 2 for column in columns):
        return float("nan")
    return float(spearmanr(*columns).statistic)


def leader(values: Mapping[tuple[str, int], float]) -> str:
    """Return the candidate with the highest mean over its seeds."""
    means = {
        name: np.nanmean([value for key, value in values.items() if key[0] == name]) for name in CANDIDATES
    }
    return max(means, key=means.__getitem__)


def cast_row(found: Sequence[Seen], kind: str) -> list[object]:
    """Return the line of a kind of drafts: what its casts are worth, and what drawing it took."""
    casts = [one.casts[kind][name] for one in found for name in CANDIDATES]
    behind = np.array([one.behind for one in casts])
    spent = [sum(one.seconds[way] for one in found) for way in (kind, "final")]
    return [
        kind,
        f"{spent[0] / spent[1]:.0%}",
        *(f"{np.quantile(behind, q):.2f}" for q in (0.5, 0.9)),
        f"{behind.mean():.2f}",
        f"{fmean(one.behind_in_mean for one in casts):.2f}",
        f"{(behind <= 0.1).mean():.0%}",
        f"{fmean(one.same for one in casts):.1f}",
        f"{fmean(one.by_lot for one in casts):.2f}",
    ]


def alone(setting: str, table_text: str) -> tuple[str, float]:
    """Return what one setting costs: seconds a picture, drawn by eight."""
    with tempfile.TemporaryDirectory() as made:
        loaded = experiment(Path(made) / "made", 1, table_text)
        how = loaded.drawn_as("draft").settings if setting != "final" else loaded.settings
    return setting, seconds_of(how, loaded)


def seconds_of(how: DrawSettings, loaded: LoadedExperiment) -> float:
    """Return seconds a picture."""
    [painter] = _painters or [load_painter("mini")]
    _painters[:] = [painter]
    story = loaded.stories[0].story
    asked = [
        PanelRequest(prompt=prompt_of(story, n % 8, "authored"), negative=story.negative, seed=n)
        for n in range(ALONE)
    ]
    painter.encode_prompts([text for one in asked for text in one.texts])
    painter.draw(asked[:8], replace(how, steps=2))
    started = time.perf_counter()
    for first in range(0, ALONE, 8):
        painter.draw(asked[first : first + 8], how)
    return (time.perf_counter() - started) / ALONE


FINAL_LIKE = '[draft]\nsampler = "ddim"\nsteps = 25\nguidance_until = 1.0\n'
SETTINGS = {
    "final": "",
    "usual draft": "[draft]\n",
    "DPM++ 2M, 10 steps": "[draft]\nsteps = 10\nguidance_until = 1.0\n",
    "DPM++ 2M, 15 steps": "[draft]\nsteps = 15\nguidance_until = 1.0\n",
    "DDIM, 10 steps": FINAL_LIKE.replace("25", "10"),
    "guidance until .6": FINAL_LIKE.replace("until = 1.0", "until = 0.6"),
    "half the size": FINAL_LIKE + "size = 128\n",
    "cached every 2nd step": FINAL_LIKE + "cache_every = 2\n",
    "cached every 3rd step": FINAL_LIKE + "cache_every = 3\n",
    "cached every 3rd step, guidance until .6": FINAL_LIKE.replace("until = 1.0", "until = 0.6")
    + "cache_every = 3\n",
}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stories", type=int, default=40)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--drafts", nargs="+", default=["usual draft"], choices=list(SETTINGS)[1:])
    asked = parser.parse_args()
    prices = [alone(*one) for one in SETTINGS.items()]
    print(
        table(
            ["setting", "s a picture", "of a final"],
            [[name, f"{s:.3f}", f"{s / prices[0][1]:.0%}"] for name, s in prices],
        ),
        flush=True,
    )
    with ProcessPoolExecutor(asked.workers, mp_context=get_context("spawn")) as pool:
        found = list(pool.map(seen, [(number, asked.drafts) for number in range(asked.stories)]))
    heads = [
        "metric",
        "rank correlation",
        "same best candidate",
        "same verdict",
        "opposite",
        "only in drafts",
    ]
    for kind in asked.drafts:
        print(f"\n{kind}:\n\n{table(heads, agreement(found, kind))}")
    heads = [
        "drafts",
        "time",
        "median",
        "9 of 10",
        "mean",
        "mean of metrics",
        "at most .1",
        "same seeds",
        "by lot",
    ]
    print(f"\n{table(heads, [cast_row(found, kind) for kind in asked.drafts])}")
    print(f"\n{cpu()}; commit {commit()}; {versions()}; {today()}")


if __name__ == "__main__":
    main()
