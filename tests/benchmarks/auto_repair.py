"""How many planted faults `storykit repair --auto` mends, and how many sound sets it leaves alone.

    python -m tests.benchmarks.auto_repair --planted 100 --sound 100 --workers 16 --out runs/auto
    python -m tests.benchmarks.auto_repair --gauges --planted 30 --sound 10 --first 9000 --out runs/gauges

A planted set has one wrong panel: another figure, other looks, another place, one figure of two missing, or
letters painted in (`tests.benchmarks.planted`). Whether it is wrong, and mended, says the judge, who never
saw a picture of the base, of letters the pixels where they were painted; never the scores that chose. Sets in
which the judge finds other faults, or none where one was planted, are counted apart.

A line of JSON a set is kept in OUT: a stopped call goes on there, and prints what it has. Prints Markdown.
With --gauges it draws, repairs nothing, and prints what the gauges say of right and of wrong panels: from
such a table the thresholds of eval/mini/calibration.toml were taken, on other stories than those above.
"""

import argparse
import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import nullcontext
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean, median
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image

from eval.casting.more.draw_more import Workshop
from eval.scorers.load import Scorers, load_scorers
from kit.experiment.run import Run, Slot
from kit.generation.devices.multi_gpu import load_painter
from kit.generation.generate import draw_experiment
from kit.generation.painter import Painter
from kit.story.story import PANELS
from storykit.auto_repair import auto_tries, looked_at
from tests.benchmarks.judge import Judge, load, verdicts
from tests.benchmarks.machine import commit, cpu, today, versions
from tests.benchmarks.planted import (
    PLANTED,
    TRIGGERS,
    Fault,
    PlantedSet,
    PlantingPainter,
    experiment,
    planted_set,
)
from tests.benchmarks.tables import table

JUDGE = Path(__file__).parent / "judge.pt"
PLACE = ("base", "authored", "tale")
REASON_OF: Mapping[Fault, str] = {
    "figure": "identity",
    "looks": "identity",
    "place": "place",
    "missing": "missing",
    "letters": "letters",
}


class Plan(NamedTuple):
    """How sets are drawn and repaired."""

    steps: int
    size: int
    tries: int
    gauges: bool
    out: Path


@cache
def painter() -> Painter:
    """Return who draws in this process."""
    torch.set_num_threads(1)
    return load_painter("mini")


@cache
def tools() -> Scorers:
    """Return what measures in this process."""
    return load_scorers("mini", "mini")


@cache
def judge() -> Judge:
    """Return who judges in this process."""
    return load(JUDGE, "cuda" if torch.cuda.is_available() else "cpu")


class Looks(NamedTuple):
    """A figure as the judge sees it."""

    kind: str
    hair: str


class Seen(NamedTuple):
    """A picture as the judge sees it."""

    place: str
    figures: tuple[Looks, ...]


def seen(pictures: Sequence[Image.Image]) -> list[Seen]:
    """Return what the judge sees."""
    stacked = torch.from_numpy(
        np.stack([np.asarray(one.convert("RGB").resize((256, 256))) for one in pictures])
    )
    heads, _, _ = verdicts(judge(), stacked)
    return [
        Seen(
            heads["place"][k],
            tuple(
                Looks(heads[f"{side} kind"][k], heads[f"{side} hair"][k])
                for side in ("left", "right")[: int(heads["count"][k])]
            ),
        )
        for k in range(len(pictures))
    ]


def wrong(asked: PlantedSet, eight: Sequence[Seen], panel: int) -> list[str]:
    """Return what the judge finds wrong in a panel: against the story, of looks against the other panels."""
    story, one = asked.tale, eight[panel]
    found = ["place"] if one.place != story.places[panel] else []
    told = sorted(story.kinds[panel])
    if len(one.figures) < len(told):
        return [*found, "missing"]
    if sorted(figure.kind for figure in one.figures) != told:
        return [*found, "figure"]
    others = [figure for at, shown in enumerate(eight) if at != panel for figure in shown.figures]
    heroes = [figure for figure in one.figures if figure.kind in story.story.characters]
    for figure in heroes:  # a bystander's looks are nobody's fault
        hair = Counter(other.hair for other in others if other.kind == figure.kind)
        if hair and figure.hair != hair.most_common(1)[0][0]:
            return [*found, "looks"]
    return found


def pictures_of(run: Run, seeds: Sequence[int]) -> list[Image.Image]:
    """Return the pictures of a set."""
    paths = [run.panel_path(*Slot(*PLACE, seed, panel)) for panel, seed in enumerate(seeds, 1)]
    return [Image.open(path).convert("RGB") for path in paths]


def faults_in(
    asked: PlantedSet, planting: PlantingPainter, run: Run, seeds: Sequence[int]
) -> list[list[str]]:
    """Return by panel what is wrong in a set by the judge, and by the pixels that were painted."""
    pictures = pictures_of(run, seeds)
    eight = seen(pictures)
    found = [wrong(asked, eight, panel) for panel in range(PANELS)]
    if planting.letters_left(pictures[asked.panel]):
        found[asked.panel].append("letters")
    return found


def outcome(asked: PlantedSet, plan: Plan) -> dict[str, Any]:
    """Draw and repair a set, and return what came of it."""
    planting = PlantingPainter(painter(), asked)
    with tempfile.TemporaryDirectory() as made:
        loaded = experiment(Path(made) / "made", asked, plan.steps, plan.size)
        run, _ = draw_experiment(loaded, Path(made) / "run", [planting])  # type: ignore[list-item]
        seeds = [asked.number] * PANELS
        before = faults_in(asked, planting, run, seeds)
        mending = looked_at(run, (PLACE, seeds), tools=tools())
        told = {"set": asked._asdict(), "before": before, "gauges": [one._asdict() for one in mending.gauges]}
        if plan.gauges:
            return told
        named = [(one.panel - 1, one.reason) for one in mending.left]
        shop = Workshop(painters=[planting], showing=lambda _: nullcontext(None))  # type: ignore
        tries = list(auto_tries(mending, shop, plan.tries))
        return told | {
            "named": named,
            "tries": [_try_told(one) for one in tries],
            "left": [(one.panel - 1, one.reason) for one in mending.left],
            "changed": [panel - 1 for panel in mending.changed],
            "after": faults_in(asked, planting, run, mending.seeds),
        }


def _try_told(one: Any) -> dict[str, Any]:
    step = one.made.repair.step
    return {
        "panel": one.misfit.panel - 1,
        "reason": one.misfit.reason,
        "step": step.step,
        "strength": step.strength,
        "masked": bool(getattr(step, "mask", "")),
        "better": one.better,
    }


def kept(asked: PlantedSet, plan: Plan) -> dict[str, Any]:
    """Return what came of a set, from its file where it was done before."""
    file = plan.out / f"{asked.fault}-{asked.number}{asked.style and '-'}{asked.style}.json"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part")
        part.write_text(json.dumps(outcome(asked, plan)))
        part.rename(file)
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def usable(one: Mapping[str, Any]) -> bool:
    """Return whether the judge finds what was planted, and nothing else."""
    fault, panel = one["set"]["fault"], one["set"]["panel"]
    others = any(found for at, found in enumerate(one["before"]) if at != panel or fault == "sound")
    return not others and (fault == "sound" or fault in one["before"][panel])


def is_mended(one: Mapping[str, Any]) -> bool:
    """Return whether what was planted is gone, and nothing is wrong in the panel that was right before."""
    panel = one["set"]["panel"]
    return set(one["after"][panel]) <= set(one["before"][panel]) - {one["set"]["fault"]}


def planted_rows(found: Sequence[Mapping[str, Any]]) -> Iterator[list[object]]:
    """Yield a line for each kind of fault, and one of all."""
    for fault in (*PLANTED, "all"):
        of = [
            one for one in found if one["set"]["fault"] != "sound" and fault in (one["set"]["fault"], "all")
        ]
        good = [one for one in of if usable(one)]
        if not good:
            continue
        mended = [one for one in good if is_mended(one)]
        named = sum([one["set"]["panel"], REASON_OF[one["set"]["fault"]]] in one["named"] for one in good)
        first = sum(
            one["named"][:1] == [[one["set"]["panel"], REASON_OF[one["set"]["fault"]]]] for one in good
        )
        silent = sum(one["left"] == [] and one not in mended for one in good)
        spent = [len(one["tries"]) for one in mended]
        others = sum(any(at != one["set"]["panel"] for at in one["changed"]) for one in good)
        left = Counter(what for one in good for what in one["after"][one["set"]["panel"]])
        yield [
            fault,
            f"{len(good)} of {len(of)}",
            named,
            first,
            f"{len(mended)} ({len(mended) / len(good):.0%})",
            f"{median(spent):g}, {fmean(spent):.1f}" if spent else "",
            silent,
            others,
            ", ".join(f"{what} {n}" for what, n in left.most_common()) or "none",
        ]


def sound_row(found: Sequence[Mapping[str, Any]], title: str, *, sound: bool) -> list[object]:
    """Return the line of the sets that nothing was planted in: all right by the judge, or not."""
    of = [one for one in found if one["set"]["fault"] == "sound" and usable(one) == sound]
    alone = sum(not one["tries"] for one in of)
    worse = sum(
        bool(after) and not before
        for one in of
        for before, after in zip(one["before"], one["after"], strict=True)
    )
    better = sum(
        bool(before) and not after
        for one in of
        for before, after in zip(one["before"], one["after"], strict=True)
    )
    bad = sum(map(bool, (panel for one in of for panel in one["before"])))
    reasons = Counter(reason for one in of for _, reason in one["named"])
    named = ", ".join(f"{what} {n}" for what, n in reasons.most_common()) or "none"
    return [title, len(of), alone, named, sum(len(one["tries"]) for one in of), bad, better, worse]


def steps_rows(found: Sequence[Mapping[str, Any]]) -> Iterator[list[object]]:
    """Yield by reason and step how often it was tried and was better."""
    tried: Counter[tuple[str, str]] = Counter()
    better: Counter[tuple[str, str]] = Counter()
    for one in found:
        for each in one["tries"]:
            key = each["reason"], f"{each['step']} {each['strength']:g}{' masked' if each['masked'] else ''}"
            tried[key] += 1
            better[key] += each["better"]
    for key in sorted(tried):
        yield [*key, tried[key], better[key]]


def gauge_rows(found: Sequence[Mapping[str, Any]]) -> Iterator[list[object]]:
    """Yield by reason the values of right panels and of those in which just that was planted."""
    for reason in ("letters", "missing", "identity", "place"):
        for told in (False, True):
            right, planted = [], []
            for one in filter(usable, found):
                for gauge in one["gauges"]:
                    if gauge["reason"] != reason or (reason != "missing" and bool(gauge["told"]) != told):
                        continue
                    at, fault = gauge["panel"] - 1, one["set"]["fault"]
                    if fault != "sound" and at == one["set"]["panel"]:
                        planted += [gauge["value"]] if REASON_OF[fault] == reason else []
                    else:
                        right.append(gauge["value"])
            if right:
                marks = [f"{value:.3f}" for value in np.quantile(right, (0, 0.002, 0.01, 0.05, 0.5))]
                ends = (
                    [f"{value:.3f}" for value in np.quantile(planted, (0.5, 0.8, 0.9, 1))] if planted else []
                )
                yield [reason, "told" if told else "", len(right), *marks, len(planted), *(ends or [""] * 4)]


def printed(found: Sequence[Mapping[str, Any]], plan: Plan) -> None:
    """Print the tables of what is there."""
    if plan.gauges:
        heads = "reason|told|right panels|lowest|.002|.01|.05|median|planted|median|.8|.9|highest"
        print(table(heads.split("|"), gauge_rows(found)))
        return
    heads = (
        "planted|sets|named rightly|named first|mended|pictures (median, mean)|silent, not mended|"
        "other panels changed|what is wrong in the panel in the end"
    )
    print(table(heads.split("|"), planted_rows(found)))
    heads = (
        "nothing planted|sets|left alone|named|pictures|wrong panels|of these mended|right panels made wrong"
    )
    rows = [
        sound_row(found, "sound by the judge", sound=True),
        sound_row(found, "not sound by the judge", sound=False),
    ]
    print(f"\n{table(heads.split('|'), rows)}")
    print(f"\n{table(['reason', 'step', 'tried', 'better'], steps_rows(found))}")


def main() -> None:
    """Draw, repair, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--planted", type=int, default=100, help="sets with a fault, as many of each kind")
    parser.add_argument("--sound", type=int, default=100, help="sets that nothing is planted in")
    parser.add_argument("--first", type=int, default=0, help="number of the first story")
    parser.add_argument("--tries", type=int, default=8, help="pictures for a set")
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--style", default="", choices=("", *TRIGGERS), help="the embedded LoRA that is worn")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seconds", type=float, default=1e9, help="begin no set after so many")
    parser.add_argument("--gauges", action="store_true", help="repair nothing, print what the gauges say")
    parser.add_argument("--out", type=Path, default=Path("runs/auto-repair"))
    given = parser.parse_args()
    plan = Plan(given.steps, given.size, given.tries, given.gauges, given.out)
    faults: list[Fault] = [PLANTED[k % len(PLANTED)] for k in range(given.planted)] + ["sound"] * given.sound
    numbers = range(given.first, given.first + len(faults))
    asked = [planted_set(number, fault, given.style) for number, fault in zip(numbers, faults, strict=True)]
    asked.sort(key=lambda one: (one.number - given.first) % max(1, given.planted))  # a stop leaves all kinds
    started, found = time.monotonic(), list[dict[str, Any]]()
    pool = ProcessPoolExecutor(given.workers, mp_context=get_context("spawn"))
    waiting = [pool.submit(partial(kept, plan=plan), one) for one in asked]
    try:
        for one in as_completed(waiting, timeout=given.seconds):
            found.append(one.result())
    except (KeyboardInterrupt, TimeoutError):
        print(f"Stopped: {len(found)} of {len(asked)} sets are there.\n")
    pool.shutdown(wait=False, cancel_futures=True)
    printed(found, plan)
    print(
        f"\n{len(found)} sets, at most {plan.tries} pictures each, {plan.steps} steps, {plan.size} pixels, "
        f"{given.style or 'no LoRA'}."
    )
    print(f"{time.monotonic() - started:.0f} s; {device()}; commit {commit()}; {versions()}; {today()}")


def device() -> str:
    """Return what drew."""
    return f"{torch.cuda.get_device_name()}, {cpu()}" if torch.cuda.is_available() else cpu()


if __name__ == "__main__":
    main()
