"""A scored run of striped pictures on a served folder, to be picked from; and one of very many seeds."""

import json
import re
from pathlib import Path

from stripes import EXPERIMENT, PANEL, STORY, new_run, put_panel, stripe_scorers, striped

from eval.scoring.score import score
from kit.experiment.config import load_experiment
from kit.experiment.run import Run, Slot

PLACE = ("base", "authored", "story")
SEEDS = 3


def sheet_run(folder: Path) -> Run:
    """Return a scored run in which each panel of `base` and `ink` has three seeds, the last the brightest."""
    run = new_run(folder / "rain", seeds=SEEDS)
    for slot in run.wanted():
        put_panel(run, slot, striped(slot.panel, level=140 + 3 * slot.panel + 30 * slot.seed))
    score(run, stripe_scorers())
    return run


def run_of_many_seeds(folder: Path, seeds: int) -> Run:
    """Return a run in which every panel of every seed is drawn, as its rows say; there are no files."""
    folder.mkdir(parents=True)
    panels = "".join(PANEL.format(k=k) for k in range(8))
    (folder / "story.toml").write_text(STORY.format(panels=panels), "utf-8")
    text = EXPERIMENT.format(orders='["authored"]', seeds=list(range(seeds)), gate=2.0)
    (folder / "experiment.toml").write_text(text, "utf-8")
    run = Run.create(folder / "run", load_experiment(folder / "experiment.toml"))
    lines = []
    for seed in range(seeds):
        for panel in range(1, 9):
            slot = Slot(*PLACE, seed, panel)
            file = f"panels/{'/'.join(PLACE)}/seed-{seed}/{panel}.png"
            row = {"key": "k", **slot._asdict(), "file": file, "sha256": f"{seed:060x}{panel:04x}"}
            lines.append(json.dumps(row | {"prompt": "p", "negative": "", "seconds": 0.1}))
    run.rows_path.write_text("\n".join(lines) + "\n")
    return run


def seen_in(page: str) -> str:
    """Return the version that a page of the sheet shows."""
    return re.search(r'data-seen="(\w+)"', page).group(1)


def cells_in(page: str) -> dict[tuple[int, int], str]:
    """Return the cells of a page or an answer by panel and seed."""
    found = re.finditer(r'<div class="cell.*?id="cell-(\d+)-(\d+)".*?</div>', page, re.DOTALL)
    return {(int(one[1]), int(one[2])): one[0] for one in found}
