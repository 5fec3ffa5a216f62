"""Times the contest's gate against the organiser's loop: one folder of PNG files, one predictor, in turn.

    python -m tests.benchmarks.gate --pictures 256 --size 1024   # random weights shaped as ViT-L/14
    python -m tests.benchmarks.gate --pictures 256 --size 256 --weights mini
    python -m tests.benchmarks.gate --pictures 1024 --devices cuda:0,cuda:1

The organiser's loop opens a file, gives it to the processor and to the network, and takes the next. Ours is
timed four times: reading and scoring every picture, which is the organiser's number; `storykit gate` whole,
which also looks for copies and faults, with the threshold too far for harmless changes to matter; a tenth of
a point away, where some pictures are scored as JPEG and 2 % smaller, too; and at the mean, where more are, or
all ("tried"). `--devices` adds the whole gate, threshold far, with a worker of Ray on one of them, on two, on
four, without the time that these take to begin, which is told beside. All read from disk. Below it what the
parts take by themselves: reading and preparing in threads, and the network. Prints Markdown, the best of the
repeats, and how far the scores differ.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import cast

import numpy as np
import torch
from aesthetics_predictor import AestheticsPredictorV2Linear
from PIL import Image
from transformers import CLIPImageProcessor, CLIPVisionConfig

from eval.gate.folder_pictures import BATCH, GateScorer
from eval.gate.gate import gate
from eval.scorers.aesthetic import EMBEDDED_WEIGHTS, AestheticScorer
from eval.scorers.load import device, load_scorers
from eval.scoring.panel_file import read_picture
from eval.scoring.shared_scorers import shared_scorers
from kit.embedded import EMBEDDED
from kit.threads import batches_ahead
from kit.workers.endings import heard_as_warning
from kit.world.render import render
from kit.world.scene import sample_scene
from tests.benchmarks.machine import commit, cpu, load, today, versions
from tests.benchmarks.tables import table

FAR = 100.0
"""A threshold that no picture is near."""
HEADS = ("way", "tried", "s", "pictures a second", "times the organiser's", "largest difference of a score")

Found = dict[str, tuple[float, list[float]]]
"""Seconds and scores of each way."""
TRIED: dict[float, int] = {}
"""Pictures that were changed in the last round, by threshold."""


def write_predictor(folder: Path) -> None:
    """Write a predictor of the published shape with random weights: 1.2 GB."""
    config = CLIPVisionConfig(
        hidden_size=1024,
        intermediate_size=4096,
        num_hidden_layers=24,
        num_attention_heads=16,
        patch_size=14,
        projection_dim=768,
    )
    torch.manual_seed(0)
    network = AestheticsPredictorV2Linear(config)
    for layer in network.layers:
        if hasattr(layer, "weight"):
            torch.nn.init.normal_(layer.weight, std=layer.in_features**-0.5)
    network.save_pretrained(folder)
    CLIPImageProcessor().save_pretrained(folder)


def write_pictures(folder: Path, count: int, size: int) -> None:
    """Write scenes of the drawn world as PNG, with the fine grain of a model's pictures."""
    folder.mkdir()

    def write(number: int) -> None:
        drawn = render(sample_scene(Random(number))).picture.resize((size, size), Image.Resampling.BICUBIC)
        grain = np.random.default_rng(number).normal(0, 4, (size, size, 3))
        pixels = np.clip(np.asarray(drawn) + grain, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:04}.png")

    list(batches_ahead(write, range(count), count))


def one_by_one(
    folder: Path, network: AestheticsPredictorV2Linear, processor: CLIPImageProcessor
) -> list[float]:
    """Return the scores as the organiser's loop makes them."""
    scores = []
    for path in sorted(folder.iterdir()):
        inputs = processor(images=Image.open(path), return_tensors="pt").to(network.device)
        with torch.no_grad():
            scores.append(network(**inputs).logits.item())
    return scores


def seen_in_batches(folder: Path, scorer: AestheticScorer) -> Iterator[list[Image.Image]]:
    """Yield what the network sees of the pictures, read and prepared in threads."""
    return batches_ahead(lambda path: scorer.seen(read_picture(path)), sorted(folder.iterdir()), BATCH)


def plain_scores(folder: Path, scorer: AestheticScorer) -> list[float]:
    """Return the scores and nothing else, as the gate makes them."""
    return [score for batch in seen_in_batches(folder, scorer) for score in scorer.score(batch)]


def whole(folder: Path, scorer: GateScorer, threshold: float) -> list[float]:
    """Return the scores that `storykit gate` gives, with all it says beside them."""
    found = gate(folder, scorer, threshold)
    TRIED[threshold] = found.tried
    return [file.score for file in found.files if file.score is not None]


def on_workers(folder: Path, weights: Path, devices: Sequence[str], repeats: int) -> Found:
    """Return seconds and scores of the whole gate with a worker on one device, on two, on four."""
    found: Found = {}
    for count in (1, 2, 4):
        if count > len(devices):
            break
        load = partial(load_scorers, str(weights), EMBEDDED)
        started = time.perf_counter()
        with shared_scorers(load, devices[:count], "", heard_as_warning) as shared:
            print(f"{count} at work: {time.perf_counter() - started:.1f} s", file=sys.stderr, flush=True)
            scorer = cast(GateScorer, shared.aesthetic)
            way = f"`storykit gate`, threshold far, workers on {count}"
            found |= best_of(repeats, {way: partial(whole, folder, scorer, FAR)})
    return found


def parts(folder: Path, scorer: AestheticScorer) -> tuple[float, float]:
    """Return seconds of reading and preparing all pictures, and of scoring what was prepared."""
    started = time.perf_counter()
    batches = list(seen_in_batches(folder, scorer))
    read = time.perf_counter()
    for batch in batches:
        scorer.score(batch)
    return read - started, time.perf_counter() - read


def best_of(repeats: int, ways: dict[str, Callable[[], list[float]]]) -> Found:
    """Return the least seconds and the scores of each way, taken in turn."""
    found: Found = {}
    for turn in range(repeats):
        for name, way in ways.items():
            started = time.perf_counter()
            scores = way()
            seconds = time.perf_counter() - started
            print(f"{turn + 1}: {name}: {seconds:.1f} s", file=sys.stderr, flush=True)
            found[name] = min(found.get(name, (seconds, scores)), (seconds, scores))
    return found


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=int, default=256)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--weights", default="random", help="random, mini, or a predictor's folder")
    parser.add_argument("--devices", default="", help="as cuda:0,cuda:1: with a worker on each, too")
    given = parser.parse_args()
    devices = given.devices.split(",") if given.devices else []
    before = load()
    with tempfile.TemporaryDirectory() as name:
        folder, weights = Path(name) / "panels", Path(name) / "predictor"
        write_pictures(folder, given.pictures, given.size)
        if given.weights == "random":
            write_predictor(weights)
        else:
            weights = EMBEDDED_WEIGHTS if given.weights == "mini" else Path(given.weights)
        scorer = AestheticScorer.load(weights, device())
        network = AestheticsPredictorV2Linear.from_pretrained(weights).eval().to(device())
        processor = CLIPImageProcessor.from_pretrained(weights)
        mean = float(np.mean(plain_scores(folder, scorer)))  # and warm by now
        gates = {
            "`storykit gate`, threshold far": FAR,
            "`storykit gate`, threshold .1 away": mean + 0.1,
            "`storykit gate`, threshold at the mean": mean,
        }
        found = best_of(
            given.repeats,
            {
                "the organiser's loop": lambda: one_by_one(folder, network, processor),
                "plain scores": lambda: plain_scores(folder, scorer),
            }
            | {way: partial(whole, folder, scorer, threshold) for way, threshold in gates.items()},
        )
        found |= on_workers(folder, weights, devices, given.repeats)
        reading, scoring = parts(folder, scorer)
        megabytes = np.mean([path.stat().st_size for path in folder.iterdir()]) / 1e6
    slowest, told = found["the organiser's loop"]
    rows = []
    for way, (seconds, scores) in found.items():
        apart = "" if scores is told else f"{np.abs(np.array(scores) - told).max():.1e}"
        rate = f"{given.pictures / seconds:.1f}"
        tried = str(TRIED[gates[way]]) if way in gates else ""
        rows.append([way, tried, f"{seconds:.2f}", rate, f"{slowest / seconds:.2f}", apart])
    print(table(HEADS, rows))
    what = torch.cuda.get_device_name() if device() == "cuda" else "no GPU"
    size = f"{given.size} px, {megabytes:.1f} MB a file"
    print(f"\n{given.pictures} pictures, {size}, weights {given.weights}; best of {given.repeats}.")
    print(
        f"By themselves, a picture: reading and preparing {1000 * reading / given.pictures:.2f} ms, "
        f"the network {1000 * scoring / given.pictures:.2f} ms."
    )
    print(f"The organiser's scores go from {min(told):.3f} to {max(told):.3f}.")
    print(f"{what}; {cpu()}; load before {before}; commit {commit()}; {versions()}; {today()}")


if __name__ == "__main__":
    main()
