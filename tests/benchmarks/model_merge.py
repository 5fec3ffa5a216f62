"""Measures `storykit model merge` on two UNets of SDXL's full size with random fp16 weights.

python -m tests.benchmarks.model_merge FOLDER        (takes 20 GB there, and removes them again)
"""

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch

from kit.models.layouts.diffusers_networks import diffusers_unet
from kit.models.sizes import KOLORS_SIZES
from tests.benchmarks import machine
from tests.benchmarks.tables import table

BLOCKS = "input4=0.7,middle1=0.2,output0-5=1,out=0,time_embed=0"
GIB = 1 << 30
_MERGE = """
import sys
from pathlib import Path
from storykit.cli.main import main
try:
    main(["model", "merge", *sys.argv[1:]])
except SystemExit as end:
    print(Path("/proc/self/status").read_text())
    raise
"""
_SAVE = """
import sys, torch
from safetensors.torch import load_file
torch.save({"state_dict": load_file(sys.argv[1])}, sys.argv[2])
"""


def write_random_unet(path: Path, seed: int) -> None:
    """Write Kolors' UNet, which is SDXL's and a projection, in random fp16, a tensor at a time."""
    with torch.device("meta"):
        shapes = {
            name: tuple(tensor.shape)
            for name, tensor in diffusers_unet(KOLORS_SIZES.unet).state_dict().items()
        }
    chance = np.random.default_rng(seed)
    with path.open("wb") as file:
        file.writelines(_head(shapes))
        for shape in shapes.values():
            numbers = chance.standard_normal(int(np.prod(shape)), dtype=np.float32) * 0.02
            file.write(numbers.astype(np.float16).data)


def _head(shapes: Mapping[str, tuple[int, ...]]) -> Iterator[bytes]:
    header, end = {}, 0
    for name, shape in shapes.items():
        first, end = end, end + 2 * int(np.prod(shape))
        header[name] = {"dtype": "F16", "shape": shape, "data_offsets": (first, end)}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    yield len(text).to_bytes(8, "little") + text


def measured(*words: str) -> tuple[float, float]:
    """Return the seconds of a command and the GiB that its process held at most."""
    began = time.monotonic()
    done = _elsewhere(_MERGE, *words)
    [kib] = re.findall(r"VmHWM:\s*(\d+) kB", done)
    return time.monotonic() - began, int(kib) / (1 << 20)


def _elsewhere(script: str, *words: str) -> str:
    """Return what a script prints in a process of its own, whose memory is not that of this one."""
    return subprocess.run(
        [sys.executable, "-c", script, *words], stdout=subprocess.PIPE, text=True, check=True
    ).stdout


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    a, b, ckpt, out = (
        folder / name for name in ("a.safetensors", "b.safetensors", "a.ckpt", "out.safetensors")
    )
    watch, rows = machine.Watch(), []
    try:
        for seed, path in enumerate((a, b)):
            write_random_unet(path, seed)
        for what, first, words in (
            ("shares for blocks", a, ("--share", "0.3", "--blocks", BLOCKS)),
            ("one share for all", a, ("--share", "0.5")),
            ("the first as .ckpt", ckpt, ("--share", "0.5")),
        ):
            if first == ckpt:
                _elsewhere(_SAVE, str(a), str(ckpt))
            seconds, gib = measured(str(first), str(b), *words, "--out", str(out))
            rows.append([what, f"{out.stat().st_size / GIB:.2f}", f"{seconds:.0f}", f"{gib:.2f}"])
            out.unlink()
    finally:
        for path in (a, b, ckpt, out):
            path.unlink(missing_ok=True)
    sys.stdout.write(table(["", "GiB written", "s", "GiB of memory at most"], rows))
    sys.stdout.write(
        f"\n{machine.cpu()}; {watch.others():.1f} cores taken by others; commit {machine.commit()}; "
    )
    sys.stdout.write(f"{machine.versions()}; {machine.today()}\n")


if __name__ == "__main__":
    main()
