"""Kills `storykit generate` on full-size Kolors, runs it again, and compares with a run that was left alone.

python -m tests.benchmarks.kolors_runs runs/kolors-random --out runs/kolors-runs
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
COMPILING = "import kit.generation.kolors.compiling; kit.generation.kolors.compiling.COMPILING_S = -1.0; "
"""Makes compiling pay for any number of pictures."""
Json = dict[str, Any]


def experiment(folder: Path, base: Path, seeds: int, steps: int, size: int) -> Path:
    """Write an experiment of one story, and return its file."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "kit" / "examples" / "demo-zh.toml", folder / "story.toml")
    path = folder / "experiment.toml"
    path.write_text(
        f'stories = ["story.toml"]\nbase = "{base.absolute()}"\nseeds = {list(range(seeds))}\n'
        f'steps = {steps}\nsize = {size}\n[[candidate]]\nname = "base"\n'
    )
    return path


def command(file: Path, out: Path, devices: str, before: str = "") -> "subprocess.Popen[bytes]":
    """Start `storykit generate`."""
    arguments = ["storykit", "generate", str(file), "--out", str(out), "--devices", devices]
    code = f"{before}import sys; sys.argv = {arguments!r}; from storykit.cli.main import main; main()"
    return subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": _path()})


def _path() -> str:
    return os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])


def pictures(out: Path) -> dict[str, str]:
    """Return the sha256 of every panel of a run."""
    return {str(path.relative_to(out)): sha256_of(path) for path in sorted(out.rglob("panels/**/*.png"))}


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
    """Run it and write what it gave."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/kolors-runs"))
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--size", type=int, default=1024)
    given = parser.parse_args()
    result = killed(given.folder, given.out / "killed", given.seeds, given.steps, given.size)
    machine = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    result["about"] = {"machine": machine, "commit": commit(), "versions": versions(), "date": today()}
    (given.out / "killed.json").write_text(json.dumps(result, indent=1))
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
