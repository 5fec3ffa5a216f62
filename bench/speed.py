"""Times drawing on the CPU against DiffSynth's own pipeline, each in fresh processes, in turn.

    python bench/speed.py

Both draw the same eight held-out prompts with the same networks, seeds and settings; the pipeline draws them
as its users do, one call a picture. Prints Markdown; medians over the repeats.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from bench.machine import ROOT, commit, cpu, load, today, versions
from bench.prompts import NEGATIVE, held_out_prompts, texts_of
from bench.tables import table

PANELS = 8
SIZE, CFG = 256, 4.0
THREADS = 2
JOBS = ("ours 25", "ours 20", "peer 25", "peer 20")
FIRST = {"first 8": None, "first 1": 1}
"""The first picture of `storykit generate`, by how many panels are drawn together; None is the default, 8."""
Panels = list[NDArray[np.uint8]]


class Timing(NamedTuple):
    """What one process took."""

    ready_s: float
    """Imports and weights."""
    draw_s: float
    """Eight prompts read and eight pictures drawn."""
    cpu_s: float
    """Processor time of the drawing: well below threads times `draw_s` when others want the cores."""
    peak_mb: float
    """The most memory that was resident."""


def prepare_ours(steps: int) -> Callable[[], Panels]:
    """Return what reads and draws all panels at once with storykit."""
    from kit.experiment import DrawSettings
    from kit.painter import PanelRequest, load_painter

    painter = load_painter("mini", "cpu")
    settings = DrawSettings(steps=steps, cfg=CFG, size=SIZE, noise="portable")
    texts = texts_of(held_out_prompts(PANELS))
    requests = [PanelRequest(key="", prompt=text, negative=NEGATIVE, seed=i) for i, text in enumerate(texts)]

    def draw() -> Panels:
        painter.read([*texts, NEGATIVE])
        return [np.asarray(picture) for picture in painter.draw(requests, settings)]

    return draw


def prepare_peer(steps: int) -> Callable[[], Panels]:
    """Return what reads and draws one panel after the other with SDXLImagePipeline."""
    import torch
    from diffsynth import SDXLImagePipeline

    from kit.base import EMBEDDED, load_base
    from kit.kolors import BETA_END, TRAIN_STEPS

    base = load_base(EMBEDDED)
    pipe = SDXLImagePipeline(device="cpu", torch_dtype=torch.float32)
    pipe.scheduler.__init__(beta_end=BETA_END, num_train_timesteps=TRAIN_STEPS)
    pipe.prompter = base.prompter()
    pipe.prompter.fetch_models(base.text_encoder())
    pipe.unet, pipe.vae_decoder = base.unet(), base.vae_decoder()

    def draw() -> Panels:
        return [
            np.asarray(
                pipe(
                    text,
                    negative_prompt=NEGATIVE,
                    cfg_scale=CFG,
                    height=SIZE,
                    width=SIZE,
                    num_inference_steps=steps,
                    seed=seed,
                    progress_bar_cmd=list,
                )
            )
            for seed, text in enumerate(texts_of(held_out_prompts(PANELS)))
        ]

    return draw


def work(job: str, out: Path) -> None:
    """Do one job in this process and write its timing and pictures."""
    started = time.monotonic()
    import torch

    torch.set_num_threads(THREADS)
    engine, steps = job.split()
    draw = (prepare_ours if engine == "ours" else prepare_peer)(int(steps))
    ready, before = time.monotonic(), _cpu_s()
    panels = draw()
    done = time.monotonic()
    timing = Timing(ready - started, done - ready, _cpu_s() - before, _peak_mb())
    np.savez(out, panels=np.stack(panels), timing=json.dumps(timing))


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _peak_mb() -> float:
    """Return this process's VmHWM; ru_maxrss would count the parent before exec."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def run_job(job: str, folder: Path) -> tuple[Timing, NDArray[np.uint8]]:
    """Do one job in a fresh process."""
    out = folder / "job.npz"
    command = [sys.executable, "-W", "ignore", __file__, "--job", job, "--out", str(out)]
    subprocess.run(command, check=True, env=environment(), stdout=subprocess.DEVNULL)
    with np.load(out) as content:
        return Timing(*json.loads(str(content["timing"]))), content["panels"]


def environment() -> dict[str, str]:
    """Return the environment of a measured process."""
    return os.environ | {"OMP_NUM_THREADS": str(THREADS), "CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1"}


def first_picture(batch: int | None, folder: Path) -> float:
    """Return the seconds from the command's start to the first picture on disk, then stop the command."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        place = Path(name)
        (place / "story.txt").write_text("\n".join(texts_of(held_out_prompts(PANELS))) + "\n", "utf-8")
        lines = ['stories = ["story.txt"]', "seeds = [0]", f"batch = {batch}" if batch else ""]
        (place / "tiny.toml").write_text("\n".join([*lines, "[[candidate]]", 'name = "base"', ""]), "utf-8")
        command = [
            sys.executable,
            "-m",
            "storykit",
            "generate",
            str(place / "tiny.toml"),
            "--out",
            str(place / "run"),
        ]
        started = time.monotonic()
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            while not any((place / "run").glob("panels/**/*.png")):
                if process.poll():
                    raise SystemExit(f"storykit generate failed with exit code {process.returncode}")
                time.sleep(0.02)
            return time.monotonic() - started
        finally:
            process.terminate()
            process.wait()


def measure(repeats: int) -> tuple[dict[str, list[Timing]], dict[str, list[float]], int]:
    """Return timings by job, seconds to the first picture, and how far ours and the peer's pixels differ."""
    timings: dict[str, list[Timing]] = {job: [] for job in JOBS}
    firsts: dict[str, list[float]] = {name: [] for name in FIRST}
    panels: dict[str, NDArray[np.uint8]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for turn in range(repeats):
            for job in JOBS:
                timing, panels[job] = run_job(job, folder)
                timings[job].append(timing)
                print(f"{turn + 1}: {job}: {timing.draw_s:.1f} s, load {load()}", file=sys.stderr, flush=True)
            for first, batch in FIRST.items():
                firsts[first].append(first_picture(batch, folder))
                print(f"{turn + 1}: {first}: {firsts[first][-1]:.1f} s", file=sys.stderr, flush=True)
    apart = [np.abs(panels[f"ours {n}"].astype(int) - panels[f"peer {n}"]).max() for n in (25, 20)]
    return timings, firsts, int(max(apart))


def markdown(timings: dict[str, list[Timing]], firsts: dict[str, list[float]]) -> str:
    """Return the rows: medians, and the range of the drawing time."""
    rows = []
    for job, runs in timings.items():
        engine, steps = job.split()
        name = "storykit, one batch" if engine == "ours" else "diffsynth SDXLImagePipeline, one at a time"
        ready, draw, used, peak = (statistics.median(run[i] for run in runs) for i in range(4))
        times = [f"{ready:.1f}", f"{draw:.1f}", _range([run.draw_s for run in runs]), f"{draw / PANELS:.2f}"]
        rows.append([f"{name}, {steps} steps", *times, f"{used:.1f}", f"{peak:.0f}"])
    for first, seconds in firsts.items():
        name = f"`storykit generate` to the first picture, 25 steps, {first.split()[1]} a batch"
        rows.append([name, "", f"{statistics.median(seconds):.1f}", _range(seconds), "", "", ""])
    what = f"{PANELS} panels, {SIZE} px, cfg {CFG:g}, fp32, {THREADS} threads"
    return table([what, "ready s", "draw s", "range", "s a panel", "processor s", "peak MB"], rows)


def _range(seconds: Sequence[float]) -> str:
    return f"{min(seconds):.1f} to {max(seconds):.1f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure all, or do one job for the measuring process."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--job", choices=JOBS, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.job:
        work(given.job, given.out)
        return
    before = load()
    timings, firsts, apart = measure(given.repeats)
    print(markdown(timings, firsts))
    print(f"\nMedians of {given.repeats}; ours and the peer's pixels differ by at most {apart} of 255.")
    print(f"{cpu()}; load before {before}; commit {commit()}; {versions()}; {today()}")


if __name__ == "__main__":
    main()
