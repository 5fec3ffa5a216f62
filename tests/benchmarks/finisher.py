"""Holds the embedded finisher against Lanczos: on held-out renders, on drawn pictures, and by the clock.

    python -m tests.benchmarks.finisher --out runs/finisher-bench --count 4

What is drawn stays in OUT and is not drawn again; OUT gets sheet.png, on which each row is one picture:
as the base gives it, by Lanczos, by the finisher and, of renders, the truth.
"""

import argparse
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from kit.embedded import FINISHER
from kit.finishing.finisher import Finisher, open_finisher
from kit.mini.training.finisher_pairs import SCALE, smaller, through_autoencoder
from kit.mini.training.shards import HELD_OUT_STYLES
from kit.world.render import render
from kit.world.scene import STYLES, Scene, Style, is_held_out, sample_scene
from tests.benchmarks.machine import ROOT, Watch, commit, cpu, today, versions
from tests.benchmarks.prompts import held_out_prompts, texts_of
from tests.benchmarks.tables import table

CROP = 256
"""Pixels of what the encoder sees at once of a picture of 1024, so that edges count."""
SHOWN = 96
"""Side of what the sheet shows of a small picture."""
SEED = 7000
Ways = dict[str, Callable[[Image.Image], Image.Image]]


class Compared(NamedTuple):
    """One small picture and what becomes of it, by the name of the way."""

    style: str
    small: Image.Image
    large: dict[str, Image.Image]
    truth: Image.Image | None


def ways(finisher: Finisher) -> Ways:
    """Return the two ways from 256 to 1024 pixels."""
    side = (1024, 1024)
    return {
        "Lanczos": lambda picture: picture.resize(side, Image.Resampling.LANCZOS),
        "finisher": finisher.apply,
    }


def held_out_scenes(style: Style, count: int) -> list[Scene]:
    """Return scenes of a style whose combinations no training has seen."""
    rng = random.Random(f"held out for the finisher {style}")
    scenes: list[Scene] = []
    while len(scenes) < count:
        scene = sample_scene(rng, style)
        if is_held_out(scene):
            scenes.append(scene)
    return scenes


def compare_renders(style: Style, count: int, by: Ways) -> tuple[list[Compared], list[Compared]]:
    """Return a style's renders made small and large again: clean ones, and through the autoencoder."""
    truths = [render(scene, SCALE).picture for scene in held_out_scenes(style, count)]
    clean = [smaller(truth, number) for number, truth in enumerate(truths)]
    decoded = through_autoencoder(np.stack([np.asarray(picture) for picture in clean]))
    return tuple(  # type: ignore[return-value]
        [
            Compared(style, small, {name: way(small) for name, way in by.items()}, truth)
            for small, truth in zip(smalls, truths, strict=True)
        ]
        for smalls in (clean, [Image.fromarray(picture) for picture in decoded])
    )


def compare_drawn(count: int, by: Ways, folder: Path) -> list[Compared]:
    """Return pictures that the embedded base draws of held-out prompts, plain and with its LoRAs."""
    from kit.generation.devices.multi_gpu import load_painter
    from tests.benchmarks.pictures import PictureSet, draw

    painter, prompts = load_painter("mini", "auto"), texts_of(held_out_prompts(count))
    made = []
    for style in ("", *HELD_OUT_STYLES):
        some = prompts if not style else prompts[: max(1, count // 3)]
        wanted = PictureSet(
            name=style or "plain",
            prompts=some,
            seeds=range(SEED, SEED + len(some)),
            lora=f"mini:{style}" if style else "",
        )
        for pixels in draw(painter, wanted, folder).numpy():
            small = Image.fromarray(pixels)
            larges = {name: way(small) for name, way in by.items()}
            made.append(Compared(style or "plain", small, larges, None))
    return made


def psnr(picture: Image.Image, truth: Image.Image) -> float:
    """Return the peak signal-to-noise ratio in dB; higher is nearer."""
    error = np.asarray(picture, np.float64) - np.asarray(truth, np.float64)
    return float(10 * np.log10(255**2 / (error**2).mean()))


def crops(picture: Image.Image) -> list[Image.Image]:
    """Return every other square of 256 pixels, as on a chessboard."""
    places = [(x, y) for y in range(0, 1024, CROP) for x in range(0, 1024, CROP) if (x + y) // CROP % 2 == 0]
    return [picture.crop((x, y, x + CROP, y + CROP)) for x, y in places]


def rows_of_renders(compared: Sequence[Compared]) -> list[list[str]]:
    """Return a table's rows: by style PSNR and the encoder's distance of each way to the truth."""
    from eval.scorers.clip import ClipEncoder

    encoder = ClipEncoder.load("mini")
    rows = []
    for style in STYLES:
        some = [one for one in compared if one.style == style]
        near: dict[str, list[float]] = {"Lanczos": [], "finisher": []}
        far: dict[str, list[float]] = {"Lanczos": [], "finisher": []}
        for one in some:
            assert one.truth is not None
            true = encoder.pictures(crops(one.truth))
            for name, large in one.large.items():
                near[name].append(psnr(large, one.truth))
                far[name].append(float(1 - (encoder.pictures(crops(large)) * true).sum(axis=1).mean()))
        told = [f"{statistics.mean(values):.2f}" for values in near.values()]
        rows.append([style, *told, *(f"{statistics.mean(values):.4f}" for values in far.values())])
    return rows


def rows_of_drawn(compared: Sequence[Compared]) -> list[list[str]]:
    """Return a table's rows: aesthetic scores as drawn and finished, the encoder's distance to as drawn."""
    from eval.scorers.aesthetic import AestheticScorer
    from eval.scorers.clip import ClipEncoder

    encoder, scorer = ClipEncoder.load("mini"), AestheticScorer.load("mini")
    rows = []
    for style in dict.fromkeys(one.style for one in compared):
        some = [one for one in compared if one.style == style]
        smalls = [one.small for one in some]
        scores = [statistics.mean(scorer.score(smalls))]
        before, far = encoder.pictures(smalls), []
        for name in ("Lanczos", "finisher"):
            larges = [one.large[name] for one in some]
            scores.append(statistics.mean(scorer.score(larges)))
            far.append(float(1 - (encoder.pictures(larges) * before).sum(axis=1).mean()))
        told = [f"{score:.3f}" for score in scores]
        rows.append([f"{style}, {len(some)}", *told, *(f"{distance:.4f}" for distance in far)])
    return rows


def shown(compared: Sequence[Compared]) -> Image.Image:
    """Return a sheet of crops, a row for each picture."""
    side = SHOWN * SCALE
    page = Image.new("RGB", (4 * (side + 4), len(compared) * (side + 4)), "white")
    for row, one in enumerate(compared):
        x = y = 64 + 16 * (row % 3)
        box = (x, y, x + SHOWN, y + SHOWN)
        small = one.small.crop(box).resize((side, side), Image.Resampling.NEAREST)
        larges = [*one.large.values(), *([one.truth] if one.truth else [])]
        large_box = tuple(SCALE * place for place in box)
        for column, part in enumerate([small, *(large.crop(large_box) for large in larges)]):
            page.paste(part, (column * (side + 4), row * (side + 4)))
    return page


def clocked(threads: int) -> list[str]:
    """Return a table's row: a process of its own with so many threads, which finishes five pictures."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.benchmarks.finisher", "--clock", str(threads)]
    watch = Watch()
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return [str(threads), *done.stdout.split(), f"{watch.others():.2f}"]


def clock(threads: int) -> str:
    """Return seconds to open the finisher, seconds a picture (median of five, best), MiB that it adds."""
    import spandrel  # noqa: F401  # its import is not the finisher's
    import torch

    torch.set_num_threads(threads)
    before = most_mib()
    started = time.monotonic()
    finisher = open_finisher("mini", "cpu")
    opened = time.monotonic() - started
    small = render(held_out_scenes("flat", 1)[0]).picture
    spent = []
    for _ in range(5):
        started = time.monotonic()
        finisher.apply(small)
        spent.append(time.monotonic() - started)
    return f"{opened:.2f} {statistics.median(spent):.2f} {min(spent):.2f} {most_mib() - before:.0f}"


def most_mib() -> float:
    """Return the most memory that this process has had; getrusage tells its parent's."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("runs/finisher-bench"))
    parser.add_argument("--count", type=int, default=4, help="renders of each style; 3 to 2 are drawn")
    parser.add_argument(
        "--clock", type=int, help="only finish a picture with so many threads, and say how long"
    )
    given = parser.parse_args(arguments)
    if given.clock:
        print(clock(given.clock))
        return
    given.out.mkdir(parents=True, exist_ok=True)
    by = ways(open_finisher("mini", "cpu"))
    renders = [compare_renders(style, given.count, by) for style in STYLES]
    drawn = compare_drawn(given.count * 3 // 2, by, given.out)
    firsts = [decoded[0] for _, decoded in renders]
    shown([*(clean[0] for clean, _ in renders), *firsts, *drawn]).save(given.out / "sheet.png")
    heads = ["PSNR Lanczos", "finisher", "distance Lanczos", "finisher"]
    for name, part in (("clean", 0), ("through the autoencoder", 1)):
        rows = rows_of_renders([one for style in renders for one in style[part]])
        print(table([f"{given.count} renders a style, {name}", *heads], rows), end="\n\n")
    heads = ["aesthetic as drawn", "Lanczos", "finisher", "distance Lanczos", "finisher"]
    print(table(["drawn", *heads], rows_of_drawn(drawn)), end="\n\n")
    heads = ["threads", "s to open", "s a picture, median", "best", "MiB", "cores of others"]
    print(table(heads, [clocked(threads) for threads in (1, 2)]))
    print(f"\n{FINISHER.stat().st_size:,} bytes; {cpu()}; commit {commit()}; {versions()}; {today()}")


if __name__ == "__main__":
    main()
