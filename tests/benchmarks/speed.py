"""Times drawing on the CPU against DiffSynth's own pipeline, each in fresh processes, in turn.

    python -m tests.benchmarks.speed

Both draw the same eight held-out prompts with the same networks, seeds and settings; the pipeline draws them
as its users do, one call a picture. Prints Markdown: the fastest of the repeats, as load only ever adds time,
and how many cores other processes took meanwhile.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.machine import ROOT, Watch, commit, cpu, load, today, versions
from tests.benchmarks.prompts import NEGATIVE, held_out_prompts, texts_of
from tests.benchmarks.tables import table

PANELS = 8
SIZE, CFG = 256, 4.0
THREADS = 2
JOBS = ("ours 25", "ours 20", "peer 25", "peer 20")
FIRST = {"first 4": None, "first 1": 1}
"""The first picture of `storykit generate`, by how many panels are drawn together; None is the default, 4."""
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


class Measured(NamedTuple):
    """A process's seconds, what else is known of it, and the cores that other processes took meanwhile."""

    seconds: float
    others: float
    timing: Timing | None = None


def prepare_ours(steps: int) -> Callable[[], Panels]:
    """Return what reads and draws all panels at once with storykit."""
    from kit.experiment.drawing.draw_settings import DrawSettings
    from kit.generation.devices.multi_gpu import load_painter
    from kit.generation.painter import PanelRequest

    painter = load_painter("mini", "cpu")
    settings = DrawSettings(steps=steps, cfg=CFG, size=SIZE, noise="portable")
    texts = texts_of(held_out_prompts(PANELS))
    requests = [PanelRequest(key="", prompt=text, negative=NEGATIVE, seed=i) for i, text in enumerate(texts)]

    def draw() -> Panels:
        painter.encode_prompts([*texts, NEGATIVE])
        return [np.asarray(picture) for picture in painter.draw(requests, settings)]

    return draw


def prepare_peer(steps: int) -> Callable[[], Panels]:
    """Return what reads and draws one panel after the other with SDXLImagePipeline."""
    import torch
    from diffsynth import SDXLImagePipeline

    from kit.models.base import load_base
    from kit.models.kolors.scheduler import BETA_END, TRAIN_STEPS

    base = load_base("mini")
    pipe = SDXLImagePipeline(device="cpu", torch_dtype=torch.float32)
    pipe.scheduler.__init__(beta_end=BETA_END, num_train_timesteps=TRAIN_STEPS)
    pipe.prompter = base.prompter()
    pipe.prompter.fetch_models(base.text_encoder())
    pipe.unet, pipe.vae_decoder = base.unet(), base.vae_decoder()

    fixed = {"negative_prompt": NEGATIVE, "cfg_scale": CFG, "height": SIZE, "width": SIZE}
    fixed |= {"num_inference_steps": steps, "progress_bar_cmd": list}

    def draw() -> Panels:
        texts = texts_of(held_out_prompts(PANELS))
        return [np.asarray(pipe(text, seed=seed, **fixed)) for seed, text in enumerate(texts)]

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
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "tests.benchmarks.speed",
        "--job",
        job,
        "--out",
        str(out),
    ]
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


def measure(repeats: int) -> tuple[dict[str, list[Measured]], int]:
    """Return what was measured by job, and how far ours and the peer's pixels differ."""
    measured: dict[str, list[Measured]] = {name: [] for name in (*JOBS, *FIRST)}
    panels: dict[str, NDArray[np.uint8]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for turn, job in ((turn, job) for turn in range(repeats) for job in measured):
            watch = Watch()
            if job in FIRST:
                seconds = first_picture(FIRST[job], folder)
                measured[job].append(Measured(seconds, watch.others()))
            else:
                timing, panels[job] = run_job(job, folder)
                measured[job].append(Measured(timing.draw_s, watch.others(), timing))
            seconds, others, _ = measured[job][-1]
            print(f"{turn + 1}: {job}: {seconds:.1f} s, others {others:.2f}", file=sys.stderr, flush=True)
    apart = [np.abs(panels[f"ours {n}"].astype(int) - panels[f"peer {n}"]).max() for n in (25, 20)]
    return measured, int(max(apart))


def markdown(measured: dict[str, list[Measured]]) -> str:
    """Return the rows: the fastest run of each job, and the range of all."""
    rows = []
    for job, runs in measured.items():
        best, (kind, number) = min(runs), job.split()
        names = {
            "ours": f"storykit, one batch, {number} steps",
            "peer": f"diffsynth SDXLImagePipeline, one at a time, {number} steps",
            "first": f"`storykit generate` to the first picture, 25 steps, {number} a batch",
        }
        spread = f"{best.seconds:.1f} to {max(runs).seconds:.1f}"
        times = [f"{best.seconds:.1f}", spread, f"{best.others:.2f}"]
        if (timing := best.timing) is None:
            rows.append([names[kind], *times, "", "", "", ""])
            continue
        each = f"{best.seconds / PANELS:.2f}"
        facts = [each, f"{timing.cpu_s:.1f}", f"{timing.ready_s:.1f}", f"{timing.peak_mb:.0f}"]
        rows.append([names[kind], *times, *facts])
    what = f"{PANELS} panels, {SIZE} px, cfg {CFG:g}, fp32, {THREADS} threads"
    heads = [
        "s",
        "range",
        "cores others took",
        "s a panel",
        "processor s",
        "imports and weights s",
        "peak MB",
    ]
    return table([what, *heads], rows)


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
    measured, apart = measure(given.repeats)
    print(markdown(measured))
    print(f"\nThe fastest of {given.repeats}; ours and the peer's pixels differ by at most {apart} of 255.")
    print(f"{cpu()}; load before {before}; commit {commit()}; {versions()}; {today()}")


if __name__ == "__main__":
    main()
