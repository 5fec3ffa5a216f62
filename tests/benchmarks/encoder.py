"""Examines the shipped encoder and aesthetic tower on held-out scenes and prints the table.

    python -m tests.benchmarks.encoder --count 1200 --out runs/encoder-bench

The renders stay in OUT and are not drawn again.
"""

import argparse
import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval.mini.training.shards import Task, render_shards
from tests.benchmarks.machine import ROOT, commit, cpu, today, versions
from tests.benchmarks.tables import table

WEIGHTS = ROOT / "eval" / "mini" / "weights"
SEED = 2026
"""Of the exam's scenes; not the seed that the training's own check uses."""
Json = dict[str, Any]


def examine(folder: Path, count: int, device: str, workers: int) -> Json:
    """Return `eval.mini.check`'s report on `count` fresh held-out renders."""
    from eval.mini.training.exam import check

    held_out = folder / f"held-out-{count}"
    render_shards(Task(folder=held_out, index=0, count=count, seed=SEED, held_out=True), workers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dict(check(WEIGHTS, held_out, device))


def markdown(report: Json) -> str:
    """Return the report as Markdown tables: zero-shot accuracies, then the aesthetic score under damage."""
    clip, aesthetic = report["clip"], report["aesthetic"]
    asked = {name.replace("_", " "): (clip["zh"][name], clip["en"][name])
             for name in ("place", "style", "kind", "kind_of_two")}  # fmt: skip
    for style, share in clip["zh"]["kind_by_style"].items():
        asked[f"kind, {style}, undamaged"] = (share, clip["en"]["kind_by_style"][style])
    asked["caption, top 1 of 256"] = (clip["caption_top1_of_256"], None)
    severities = ["0", ".2", ".4", ".6", ".8", "1"]
    damages = [[name, *(f"{mean:.2f}" for mean in row["means"]), _said(row["clean_wins_at_0.4"])]
               for name, row in aesthetic.items() if isinstance(row, dict)]  # fmt: skip
    parts = [
        table(
            [f"zero-shot, {report['pictures']} pictures", "zh", "en"],
            [[name, *map(_said, shares)] for name, shares in asked.items()],
        ),
        table(["aesthetic score by severity", *severities, "clean wins at .4"], damages),
        f"Clean renders: mean {aesthetic['clean_mean']}, lowest {aesthetic['clean_min']}.",
    ]
    return "\n\n".join(parts)


def _said(share: float | None) -> str:
    return "" if share is None else f"{share:.3f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Examine and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("runs/encoder-bench"))
    parser.add_argument("--count", type=int, default=1200)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args(arguments)
    report = examine(given.out, given.count, given.device, given.workers)
    (given.out / "result.json").write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    print(markdown(report))
    print(f"\n{cpu()}; commit {commit()}; {versions()}; {today()}")


if __name__ == "__main__":
    main()
