"""Times whole `storykit generate` commands on full-size Kolors, over one GPU and several, and kills them.

python -m tests.benchmarks.kolors_runs devices runs/kolors-random --out runs/kolors-runs
python -m tests.benchmarks.kolors_runs killed runs/kolors-random --out runs/kolors-runs
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch

from kit.files.encodings import sha256_of
from tests.benchmarks.machine import commit, today, versions

ROOT = Path(__file__).resolve().parents[2]
COMPILING = "import kit.drawing; kit.drawing.COMPILING_S = -1.0; "
"""Makes compiling pay for any number of pictures."""
Json = dict[str, Any]


def experiment(folder: Path, base: Path, seeds: int, steps: int, size: int) -> Path:
    """Write an experiment of one story, and return its file."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "examples" / "demo-zh.toml", folder / "story.toml")
    path = folder / "experiment.toml"
    path.write_text(
        f'stories = ["story.toml"]\nbase = "{base.absolute()}"\nseeds = {list(range(seeds))}\n'
        f'steps = {steps}\nsize = {size}\n[[candidate]]\nname = "base"\n'
    )
    return path


def command(file: Path, out: Path, devices: str, before: str = "") -> "subprocess.Popen[bytes]":
    """Start `storykit generate`."""
    arguments = ["generate", str(file), "--out", str(out), "--devices", devices]
    code = f"{before}import storykit; storykit.main({arguments!r})"
    main = out.with_suffix(".py")  # processes that are started from it read it again
    main.write_text(f"if __name__ == '__main__':\n    {code}\n")
    return subprocess.Popen([sys.executable, str(main)], env={**os.environ, "PYTHONPATH": _path()})


def _path() -> str:
    return os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])


def pictures(out: Path) -> dict[str, str]:
    """Return the sha256 of every panel of a run."""
    return {str(path.relative_to(out)): sha256_of(path) for path in sorted(out.rglob("panels/**/*.png"))}


def devices(base: Path, out: Path, seeds: int, steps: int, size: int) -> Json:
    """Time the same experiment on the first GPU, the first two and so on, from the cold start."""
    file, result, first = experiment(out, base, seeds, steps, size), Json(), dict[str, str]()
    for count in [n for n in (1, 2, 4, 8) if n <= max(1, torch.cuda.device_count())]:
        names = ",".join(f"cuda:{n}" for n in range(count)) if torch.cuda.is_available() else "cpu"
        run = out / f"on-{count}"
        started = time.monotonic()
        code = command(file, run, names).wait()
        seconds = round(time.monotonic() - started, 1)
        drawn = pictures(run)
        first = first or drawn
        result[str(count)] = {
            "code": code, "seconds": seconds, "panels": len(drawn),
            "same_files": sum(first.get(name) == sha for name, sha in drawn.items()),
        }  # fmt: skip
    return result


def killed(base: Path, out: Path, seeds: int, steps: int, size: int) -> Json:
    """Kill a run when some panels are there, run it again, and compare with one that was left alone."""
    file, result = experiment(out, base, seeds, steps, size), Json()
    for name, before in (("eager", ""), ("compiled", COMPILING)):
        whole, broken = out / f"{name}-whole", out / f"{name}-broken"
        where = "cuda" if torch.cuda.is_available() else "cpu"
        started = time.monotonic()
        command(file, whole, where, before).wait()
        seconds = round(time.monotonic() - started, 1)
        process = command(file, broken, where, before)
        while len(pictures(broken)) < 4 * seeds and process.poll() is None:
            time.sleep(0.2)
        process.send_signal(signal.SIGKILL)
        process.wait()
        there = len(pictures(broken))
        command(file, broken, where, before).wait()
        expected, got = pictures(whole), pictures(broken)
        same = sum(got.get(panel) == sha for panel, sha in expected.items())
        settled = json.loads((broken / "batching.json").read_text())["settled"]
        result[name] = {
            "seconds": seconds, "panels": len(expected), "when_killed": there, "same_files": same,
            "settled": settled,
        }  # fmt: skip
    return result


def main() -> None:
    """Run one part and write what it gave."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=["devices", "killed"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/kolors-runs"))
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--size", type=int, default=1024)
    given = parser.parse_args()
    part = {"devices": devices, "killed": killed}[given.part]
    result = part(given.folder, given.out / given.part, given.seeds, given.steps, given.size)
    machine = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    result["about"] = {"machine": machine, "commit": commit(), "versions": versions(), "date": today()}
    (given.out / f"{given.part}.json").write_text(json.dumps(result, indent=1))
    print(given.part, json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
