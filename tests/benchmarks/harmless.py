"""How far the gate's harmless changes move scores: of single pictures, and of the mean of each set of eight.

    python -m tests.benchmarks.harmless RUN [RUN ...] [--side 256] [--weights mini]

RUN is a run's folder, drawn. `--side` has the pictures made smaller before. Prints Markdown.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from eval.gate.harmless import HARMLESS, JPEG_QUALITY, SMALLER
from eval.scorers.aesthetic import AestheticScorer
from eval.scoring.panel_file import read_picture
from kit.embedded import EMBEDDED
from kit.messages import tr
from tests.benchmarks.machine import commit, cpu, today, versions
from tests.benchmarks.tables import table

HEADS = ("change", "mean of shifts", "their sd", "largest of a picture", "largest of a set's mean")


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--side", type=int)
    parser.add_argument("--weights", default=EMBEDDED)
    given = parser.parse_args()
    files = [sorted(folder.glob("*.png")) for run in given.runs for folder in run.glob("panels/*/*/*/*")]
    sets = [[read_picture(file) for file in eight] for eight in files if len(eight) == 8]
    if given.side:
        side = (given.side, given.side)
        sets = [[one.resize(side, Image.Resampling.LANCZOS) for one in eight] for eight in sets]
    pictures = [one for eight in sets for one in eight]
    scorer = AestheticScorer.load(given.weights)
    before = np.array(scorer.score(pictures))
    rows = []
    for how, change in HARMLESS.items():
        shifts = np.array(scorer.score([change(one) for one in pictures])) - before
        means = shifts.reshape(-1, 8).mean(axis=1)
        found = (shifts.mean(), shifts.std(), np.abs(shifts).max(), np.abs(means).max())
        named = tr(how, quality=JPEG_QUALITY, share=1 - SMALLER)
        rows.append([named, *(f"{number:.3f}" for number in found)])
    print(table(HEADS, rows))
    sides = sorted({one.width for one in pictures})
    print(f"\n{len(sets)} sets, {len(pictures)} pictures of {sides} px, weights {given.weights};")
    print(f"scores {before.min():.2f} to {before.max():.2f}, mean {before.mean():.2f}.")
    print(f"{cpu()}; commit {commit()}; {versions()}; {today()}")


if __name__ == "__main__":
    main()
