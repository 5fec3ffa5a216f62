"""Says where the time of `storykit generate` goes on one GPU and on several, and whether bytes are the same.

    python -m tests.benchmarks.published runs/kolors-random
    python -m tests.benchmarks.several_gpus runs/kolors-random --out runs/several-gpus --side-by-side
    python -m tests.benchmarks.several_gpus runs/kolors-random --out runs/several-gpus --print

Each run is the whole command from a cold start: a process of its own, an empty folder, nothing compiled
before; only the checksums of the base were noted. `--side-by-side` has runs go at the same time where there
are GPUs enough for them, such as one and two of four. `--print` tells what is there, of runs that are not
done, too.

On a CPU each worker takes it anew, with one thread. `--sleep 1.57` sleeps so many seconds for each panel in
place of drawing, so that all that is not drawing can be seen without a GPU; the base is then best `mini`.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import torch

from kit.files.encodings import sha256_of
from kit.models.base import load_base
from kit.story.story import PANELS
from tests.benchmarks.gpu_tables import RunTimes, markdown
from tests.benchmarks.machine import ROOT, Watch, commit, cpu, today, versions
from tests.benchmarks.watched_command import Drawing

STORY = ROOT / "kit" / "examples" / "demo-zh.toml"


class Started(NamedTuple):
    """A command at work."""

    devices: Sequence[str]
    process: "subprocess.Popen[bytes]"
    folder: Path


def start(out: Path, devices: Sequence[str], drawing: Drawing) -> Started:
    """Begin to draw in a new folder."""
    folder = out / f"{drawing.panels}-on-{len(devices)}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copy(STORY, folder / "story.toml")
    base = drawing.base if drawing.base == "mini" else str(Path(drawing.base).absolute())
    (folder / "experiment.toml").write_text(
        f'stories = ["story.toml"]\nbase = "{base}"\nseeds = {list(range(drawing.panels // PANELS))}\n'
        f'steps = {drawing.steps}\nsize = {drawing.size}\n[[candidate]]\nname = "base"\n'
    )
    here = "tests.benchmarks.watched_command"
    main = folder / "command.py"
    main.write_text(
        f"if __name__ == '__main__':\n    from pathlib import Path\n    from {here} import Drawing, draw\n\n"
        f"    draw(Path({str(folder)!r}), {list(devices)!r}, {drawing!r})\n"
    )
    told = {
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "TORCHINDUCTOR_CACHE_DIR": str(folder / "compiled"),
        **({} if devices[0] != "cpu" else {"OMP_NUM_THREADS": "1"}),
    }
    began = time.time()
    process = subprocess.Popen([sys.executable, str(main)], env={**os.environ, **told})
    _note(folder, {"devices": len(devices), "began": began})
    return Started(devices, process, folder)


def finish(started: Started) -> None:
    """Wait for a command, and note when it ended and what it drew."""
    code = started.process.wait()
    ended = time.time()
    run = started.folder / "run"
    files = {path.relative_to(run).as_posix(): sha256_of(path) for path in run.rglob("panels/**/*.png")}
    _note(started.folder, {"ended": ended, "code": code, "files": files})
    for gone in ("compiled", "run/panels", "run/cache"):  # gigabytes
        shutil.rmtree(started.folder / gone, ignore_errors=True)
    print(f"{started.folder.name}: {len(files)} panels, exit code {code}", flush=True)


def _note(folder: Path, told: dict[str, object]) -> None:
    path = folder / "told.json"
    before = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(before | told))


def together(counts: Sequence[int], there: int, side_by_side: bool) -> Iterator[list[range]]:
    """Yield which devices the runs take that go at the same time, by their numbers.

    >>> list(together([1, 2, 4], 4, True))
    [[range(0, 1), range(1, 3)], [range(0, 4)]]
    """
    group: list[range] = []
    for count in counts:
        first = group[-1].stop if group else 0
        if group and (not side_by_side or first + count > there):
            yield group
            group, first = [], 0
        group.append(range(first, first + count))
    yield group


def measure(out: Path, drawing: Drawing, counts: Sequence[int], *, side_by_side: bool) -> None:
    """Draw the same on each number of devices."""
    on_gpus = torch.cuda.is_available() and not drawing.sleep
    there = torch.cuda.device_count() if on_gpus else max(counts)
    name: Callable[[int], str] = (lambda number: f"cuda:{number}") if on_gpus else (lambda number: "cpu")
    for group in together([n for n in counts if n <= there], there, side_by_side):
        begun = [start(out, [name(number) for number in numbers], drawing) for numbers in group]
        with ThreadPoolExecutor(len(begun)) as waiting:  # whoever is done first is noted first
            list(waiting.map(finish, begun))


def report(out: Path, panels: Sequence[int]) -> str:
    """Return what is there of all runs, as Markdown."""
    parts = [(out / "about.md").read_text()] if (out / "about.md").exists() else []
    for wanted in panels:
        runs = [RunTimes.read(path.parent) for path in out.glob(f"{wanted}-on-*/told.json")]
        runs.sort(key=lambda run: run.devices)
        parts += [f"### {wanted} panels", markdown(runs)] if runs else []
    return "\n\n".join(parts)


def about(drawing: Drawing, side_by_side: bool) -> str:
    """Return what was measured on what."""
    machine = f"{torch.cuda.get_device_name()}, " if torch.cuda.is_available() else ""
    how = f"{drawing.steps} steps, {drawing.size} pixels"
    if drawing.sleep:
        how = f"sleeping painters, {drawing.sleep} s a panel, {drawing.size} pixels"
    eager = ", nothing compiled" if drawing.eager else ""
    at_once = ", runs side by side" if side_by_side else ""
    return f"{how}{eager}{at_once}. {machine}{cpu()}; {versions()}; commit {commit()}; {today()}."


def main() -> None:
    """Draw, and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("base")
    parser.add_argument("--out", type=Path, default=Path("runs/several-gpus"))
    parser.add_argument("--counts", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--panels", type=int, nargs="+", default=[320])
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--sleep", type=float, default=0.0)
    parser.add_argument("--eager", action="store_true")
    parser.add_argument("--side-by-side", action="store_true")
    parser.add_argument("--print", action="store_true", dest="only_print")
    given = parser.parse_args()
    out: Path = given.out.absolute()
    if not given.only_print:
        load_base(given.base)  # its checksums are noted from now on
        watch = Watch()
        for panels in given.panels:
            drawing = Drawing(
                base=given.base, panels=panels, steps=given.steps, size=given.size, sleep=given.sleep,
                eager=given.eager,
            )  # fmt: skip
            out.mkdir(parents=True, exist_ok=True)
            (out / "about.md").write_text(about(drawing, given.side_by_side))
            measure(out, drawing, given.counts, side_by_side=given.side_by_side)
        print(f"\nother processes took {watch.others():.1f} cores meanwhile")
    print(report(out, given.panels))


if __name__ == "__main__":
    main()
