"""Whether a compiled base draws the same bytes in every process, and which part is the first that does not.

    python -m tests.benchmarks.compiled_bytes runs/kolors-random        (a GPU; also mini, on a CPU)

One batch is drawn twice in a process; in another one that finds everything compiled; in one that compiles
anew; and in two that compile at the same time, each other parts first, on two GPUs where there are so many.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from kit.experiment.drawing.draw_settings import DrawSettings
from kit.files.encodings import sha256_bytes
from kit.generation.kolors.kolors_painter import KolorsPainter
from kit.generation.painter import ALONE, BatchPlan, CompileShare, DrawFailure, PanelRequest
from kit.models.base import load_base
from kit.models.kolors.unet import regions
from kit.story.prompt import prompt_of
from kit.story.story import PANELS, load_story
from tests.benchmarks.machine import ROOT, commit, cpu, today, versions
from tests.benchmarks.tables import table

STORY = ROOT / "kit" / "examples" / "demo-zh.toml"
HEADS = (
    "way",
    "same pictures",
    "farthest colours apart",
    "parts of the first step that differ",
    "the first of them",
)


class Drawn(NamedTuple):
    """What a process drew."""

    parts: Mapping[str, str]
    """The sha256 of what each compiled part gave when it was first called, in their order."""
    pictures: list[Image.Image]


def draw(base: str, device: str, share: CompileShare, settings: DrawSettings, out: Path) -> None:
    """Draw one batch twice, compiled, into two folders."""
    painter = KolorsPainter(load_base(base), device, share)
    story = load_story(STORY).story
    prompts = [prompt_of(story, panel, "authored", "") for panel in range(PANELS)]
    requests = [PanelRequest(key="", prompt=one, negative=story.negative, seed=0) for one in prompts]
    painter.encode_prompts([*prompts, story.negative])
    plan = BatchPlan(panels=PANELS, compiled=True)
    painter.draw(requests, settings, plan)
    for turn in ("first", "again"):
        folder = out / turn
        folder.mkdir(parents=True)
        with noted({"unet": painter._networks.denoiser.unet, "decoder": painter._networks.decoder}) as parts:
            drawn = painter.draw(requests, settings, plan)
        (folder / "parts.json").write_text(json.dumps(parts))
        for number, picture in enumerate(drawn):
            assert not isinstance(picture, DrawFailure), picture.reason
            picture.save(folder / f"{number}.png")


@contextmanager
def noted(networks: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Yield what the compiled parts give when they are next called, by their names."""
    told: dict[str, str] = {}
    compiled: list[tuple[Any, Any]] = []

    def called(name: str, call: Any, *given: Any, **named: Any) -> Any:
        answer = call(*given, **named)
        values: Tensor = answer[0] if isinstance(answer, tuple) else answer
        if name not in told:
            told[name] = sha256_bytes(values.float().cpu().contiguous().numpy().tobytes())
        return answer

    try:
        for name, network in networks.items():
            for number, part in enumerate[nn.Module](regions(network)):
                call: Any = part._compiled_call_impl
                compiled.append((part, call))
                vars(part)["_compiled_call_impl"] = partial(
                    called, f"{name} {number} {type(part).__name__}", call
                )
        yield told
    finally:
        for part, call in compiled:
            vars(part)["_compiled_call_impl"] = call


def begun(
    given: argparse.Namespace, device: str, share: CompileShare, out: Path, cache: Path
) -> "subprocess.Popen[bytes]":
    """Begin to draw in another process."""
    asked = [given.base, "--steps", str(given.steps), "--size", str(given.size), "--out", str(out)]
    asked += ["--device", device, "--share", str(share.number), str(share.workers)]
    told = os.environ | {"TORCHINDUCTOR_CACHE_DIR": str(cache)}
    return subprocess.Popen([sys.executable, "-m", "tests.benchmarks.compiled_bytes", *asked], env=told)


def read(folder: Path) -> Drawn:
    """Return what lies in a folder."""
    pictures = [Image.open(path) for path in sorted(folder.glob("*.png"))]
    return Drawn(json.loads((folder / "parts.json").read_text()), pictures)


def row(way: str, one: Drawn, other: Drawn) -> list[str]:
    """Return how far one is from the other."""
    apart = [
        int(np.abs(np.asarray(a, int) - np.asarray(b, int)).max())
        for a, b in zip(one.pictures, other.pictures, strict=True)
    ]
    differ = [name for name, told in one.parts.items() if other.parts[name] != told]
    pictures, parts = f"{apart.count(0)} of {len(apart)}", f"{len(differ)} of {len(one.parts)}"
    return [way, pictures, str(max(apart)), parts, differ[0] if differ else ""]


def main() -> None:
    """Draw in several processes, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("base")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--device", default="auto", help=argparse.SUPPRESS)
    parser.add_argument("--share", type=int, nargs=2, default=ALONE, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.out:
        settings = DrawSettings(steps=given.steps, cfg=4.0, size=given.size, noise="portable")
        draw(given.base, given.device, CompileShare(*given.share), settings, given.out)
        return
    gpus = torch.cuda.device_count()
    first, second = ("cuda:0", f"cuda:{1 % gpus}") if gpus else ("cpu", "cpu")
    with TemporaryDirectory() as name:
        there = Path(name)
        for way, cache in (("alone", "one"), ("everything compiled", "one"), ("compiled anew", "other")):
            begun(given, first, ALONE, there / way, there / cache).wait()
        two = ("one of two", first, CompileShare(0, 2)), ("the other", second, CompileShare(1, 2))
        for process in [
            begun(given, device, share, there / way, there / "two") for way, device, share in two
        ]:
            process.wait()
        alone = read(there / "alone" / "first")
        rows = [row("again in the same process", alone, read(there / "alone" / "again"))]
        for way in ("everything compiled", "compiled anew", "one of two", "the other"):
            rows.append(row(way, alone, read(there / way / "first")))
    print(table(HEADS, rows))
    what = torch.cuda.get_device_name() if gpus else "no GPU"
    print(f"\n{given.steps} steps, {given.size} px; {what}; {cpu()}; {versions()}; {commit()}; {today()}")


if __name__ == "__main__":
    main()
