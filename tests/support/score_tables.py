"""A scored run of which only the table of scores is there."""

import csv
from itertools import product

from eval.metrics.registry import compared
from kit.experiment.config import load_experiment
from kit.experiment.run import Run

TITLES = [entry.name for entry in compared()]


COLUMNS = ("candidate", "order", "story", "seed", "panels_ok", "faults", "copies", "below_floor", *TITLES)


WALKS = "\n".join(f"a cat walks, street {k}" for k in range(8))


def told(direction):
    """Return scores.json of one metric."""
    stamp = {"weights": "w", "weights_sha256": "0" * 64, "preprocessing": "p", "embedded": True}
    mrr = {"name": "mrr", "title": "", "range": [0, 1], "unit": "1", "source": "", "stamp": stamp}
    return {"metrics": [mrr | {"direction": direction}], "gate": {"threshold": 6.0, "scorer": "s"}}


def scored_run(folder, scores, extra="", candidates=("base", "ink"), seeds=8):
    """A scored run on disk, its scores as `scores` rows of scores.stories.csv."""
    (folder / "cat.txt").write_text(WALKS)
    listed = "".join(
        f'[[candidate]]\nname = "{c}"\n' + ('lora = "mini:ink"\n' if c == "ink" else "") for c in candidates
    )
    text = f'stories = ["cat.txt"]\nseeds = {list(range(seeds))}\n{extra}\n{listed}'
    (folder / "experiment.toml").write_text(text)
    run = Run.create(folder / "run", load_experiment(folder / "experiment.toml"))
    with (run.folder / "scores.stories.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(scores)
    run.write_json("scores.json", told("higher"))
    return run


def fixed_rows():
    for name, seed in product(("base", "ink"), range(8)):
        ink = name == "ink"
        numbers = {
            "aesthetic_mean": 5.5 + seed / 8,
            "loo_mean": 0.75 + ink * (-1) ** seed * (seed + 1) / 64,
            "text_mean": 0.25 + ink * (seed + 1) / 64,
            "mrr": 0.5 - ink * (seed % 3 + 1) / 32,
            "naive": 0.75 + ink / 8,
            "copies": 0,
        }
        where = {"candidate": name, "order": "authored", "story": "cat", "seed": seed, "panels_ok": 8}
        yield where | numbers
