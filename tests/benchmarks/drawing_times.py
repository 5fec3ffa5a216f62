"""When each phase of a drawing began and ended, in the command and in its workers, on one clock.

The functions that a phase is made of are wrapped, in every process; nothing of the product knows of it. Each
process adds a line of JSON to a file of its own whenever a phase ends, in seconds of `time.time`.
"""

import functools
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kit.generation.devices.painter_worker import PainterWorker

COMMAND = "command"
"""What the process is called that the user begins."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Phase:
    """Something that a process did."""

    name: str
    begin: float
    end: float
    batch: str = ""
    """The first picture of the batch that was drawn, asked for or written; empty for anything else."""
    panels: int = 0

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.end - self.begin


class Times:
    """The file of a process."""

    def __init__(self, folder: Path, process: str) -> None:
        """Begin it with the start of the process."""
        self._path = folder / f"{process}-{os.getpid()}.jsonl"
        folder.mkdir(parents=True, exist_ok=True)
        self.note(Phase(name="process", begin=_process_began(), end=time.time()))

    def note(self, phase: Phase) -> None:
        """Add a phase that has ended."""
        with self._path.open("a") as file:
            file.write(json.dumps(asdict(phase)) + "\n")

    def watch(self, owner: Any, method: str, name: str, batch_of: "BatchOf | None" = None) -> None:
        """Note from now on how long a function takes that lies in a class or a module.

        Args:
            owner: where it lies.
            method: its name there.
            name: what the phase is called.
            batch_of: returns the first picture and the number of pictures from what it is called with.
        """
        asked: Callable[..., Any] = getattr(owner, method)

        @functools.wraps(asked)
        def timed(*arguments: Any, **named: Any) -> Any:
            begin = time.time()
            try:
                return asked(*arguments, **named)
            finally:
                batch, panels = batch_of(*arguments) if batch_of else ("", 0)
                self.note(Phase(name=name, begin=begin, end=time.time(), batch=batch, panels=panels))

        setattr(owner, method, timed)


BatchOf = Callable[..., tuple[str, int]]


def read_times(folder: Path) -> dict[str, list[Phase]]:
    """Return what each process did, the command first, then the workers in the order of their start.

    A last line that is torn, of a process that was killed, is left out.
    """
    found = []
    for path in folder.glob("*.jsonl"):
        lines = path.read_text().split("\n")[:-1]
        found.append((path.stem.partition("-")[0], [Phase(**json.loads(line)) for line in lines]))
    found.sort(key=lambda one: (one[0] != COMMAND, one[1][0].begin))
    return {
        f"{process} {number}" if process != COMMAND else process: phases
        for number, (process, phases) in enumerate(found)
    }


def _process_began() -> float:
    """Return when this process was started; Linux only."""
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    up = float(Path("/proc/uptime").read_text().split()[0])
    return time.time() - up + ticks / os.sysconf("SC_CLK_TCK")


class WatchedWorker(PainterWorker):
    """A painter in another process that notes its times."""

    def __init__(self, folder: Path, before: Callable[[], None], *arguments: Any) -> None:
        """Take what `PainterWorker` takes.

        Args:
            folder: of the times.
            before: called when everything is imported.
            arguments: of a `PainterWorker`.
        """
        times = Times(folder, "worker")
        watch_painting(times, before)
        begin = time.time()
        super().__init__(*arguments)
        times.note(Phase(name="opening", begin=begin, end=time.time()))


def watch_painting(times: Times, before: Callable[[], None]) -> None:
    """Note what the painter of Kolors does in this process."""
    begin = time.time()
    import torch

    from kit.generation.kolors import kolors_painter as module
    from kit.generation.kolors.drawing_loop import DrawingLoop
    from kit.generation.kolors.kolors_painter import KolorsPainter
    from kit.models.networks import Base

    times.note(Phase(name="imports", begin=begin, end=time.time()))
    before()
    for base in (Base, *Base.__subclasses__()):
        for method in ("text_encoder", "unet", "vae_decoder"):
            if method in vars(base):
                times.watch(base, method, "weights")
    denoise = DrawingLoop.denoise

    def waited(*arguments: Any, **named: Any) -> Any:
        latents = denoise(*arguments, **named)
        if latents.is_cuda:
            torch.cuda.synchronize()
        return latents

    DrawingLoop.denoise = waited  # type: ignore[method-assign]
    times.watch(DrawingLoop, "denoise", "denoising")
    times.watch(module, "decoded", "decoding")
    times.watch(KolorsPainter, "_compile", "compiling")
    times.watch(KolorsPainter, "encode_prompts", "texts")
    times.watch(KolorsPainter, "take_states", "texts taken")
    times.watch(KolorsPainter, "plan_batches", "settling")
    times.watch(KolorsPainter, "draw", "drawing", lambda _, requests, *rest: _batch(requests))


def _batch(requests: Sequence[Any]) -> tuple[str, int]:
    return requests[0].label, len(requests)


def watch_command(folder: Path, before: Callable[[], None]) -> None:
    """Note what `storykit generate` does in this process, and in the workers that it begins.

    Args:
        folder: of the times.
        before: called in whatever process draws, when everything is imported there.
    """
    from kit.generation import batching, generate
    from kit.generation.devices import multi_gpu, ray_painter
    from kit.workers import ray_session, worker_pool

    times = Times(folder, COMMAND)
    ray_painter.PainterWorker = functools.partial(WatchedWorker, folder, before)  # type: ignore[misc,assignment]
    load = multi_gpu.load_painter

    def loaded(*arguments: Any) -> Any:
        watch_painting(times, before)
        begin = time.time()
        painter = load(*arguments)
        times.note(Phase(name="opening", begin=begin, end=time.time()))
        return painter

    multi_gpu.load_painter = loaded
    ray_session.ray_here = _entering_watched(times, ray_session.ray_here, "Ray begins")
    times.watch(worker_pool.WorkerPool, "_wait_for_all", "workers begin")
    times.watch(ray_painter, "_begun", "bases opened")
    times.watch(batching, "_ask_all", "all asked")
    times.watch(worker_pool.WorkerPool, "ask_ahead", "batch asked", _asked_batch)
    times.watch(
        worker_pool.WorkerPool,
        "_fetched",
        "batch fetched",
        lambda pool, answer, *asked: _asked_batch(pool, *asked),
    )
    times.watch(generate, "_write", "writing", lambda run, missing, result, *_: _written_batch(result.batch))
    times.watch(generate, "png_bytes", "encoding")
    times.watch(generate, "keep_thumbnail", "thumbnails")


def _asked_batch(pool: object, name: str, *arguments: Any) -> tuple[str, int]:
    return _batch(arguments[1]) if name == "drawn" else ("", 0)


def _written_batch(batch: Sequence[Sequence[Any]]) -> tuple[str, int]:
    return batch[0][0].request.label, len(batch)


def _entering_watched(
    times: Times, asked: Callable[..., AbstractContextManager[Any]], name: str
) -> Callable[..., AbstractContextManager[Any]]:
    @contextmanager
    def entered(*arguments: Any) -> Iterator[Any]:
        begin = time.time()
        with asked(*arguments) as value:
            times.note(Phase(name=name, begin=begin, end=time.time()))
            yield value
        times.note(Phase(name="Ray ends", begin=time.time(), end=time.time()))

    return entered
