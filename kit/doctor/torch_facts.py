"""What torch says of itself and of the GPUs, asked in a process of its own: a broken one may end its process.

`python -m kit.doctor.torch_facts` is that process. It writes a line of JSON about torch, then imports what
draws and writes another; whatever goes wrong is the last line on standard error.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ValidationError

PATIENCE_S = 8.0
"""How long the process may take; importing what draws takes two to five seconds."""
DRAWS = "drawing can be imported"
_LONGEST = 200
"""Letters of a library's complaint that are told."""


class GpuFacts(BaseModel, frozen=True):
    """A GPU, as torch sees it."""

    name: str
    total_gib: float = 0.0
    free_gib: float = 0.0
    error: str = ""
    """Why it cannot be used; empty where it can."""


class TorchFacts(BaseModel, frozen=True):
    """What torch says."""

    version: str
    cuda: str | None
    """The CUDA, or ROCm, that it is built for; None for the CPU alone."""
    gpus: tuple[GpuFacts, ...]
    threads: int = 1


class TorchAnswer(NamedTuple):
    """What came of asking."""

    torch: TorchFacts | None
    """None where it could not be imported."""
    draws: bool
    """Whether what draws could be imported."""
    late: bool = False
    """Whether the process was ended because it took too long."""
    error: str = ""
    """Why the process ended, empty where it ended well."""


def ask_torch(command: Sequence[str] | None = None, patience_s: float = PATIENCE_S) -> TorchAnswer:
    """Return what torch says, whatever becomes of the process that asks it.

    Args:
        command: the process; by default this module.
        patience_s: after which it is ended.
    """
    asking = command or [sys.executable, "-P", "-W", "ignore", "-m", "kit.doctor.torch_facts"]
    root = str(Path(__file__).parents[2])
    where = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}
    late, code = False, 0
    with subprocess.Popen(
        asking,
        env=where,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
    ) as process:
        try:
            out, err = process.communicate(timeout=patience_s)
            code = process.returncode
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            late = True
    first, *rest = out.splitlines() or [""]
    try:
        torch = TorchFacts.model_validate_json(first)
    except ValidationError:
        torch = None
    return TorchAnswer(torch, DRAWS in rest, late, "" if late or code == 0 else _why(code, err))


def _why(code: int, err: str) -> str:
    """Return why a process ended: what it said last, or the signal that ended it."""
    if code < 0:
        return signal.Signals(-code).name
    lines = [line.strip() for line in err.splitlines() if line.strip()]
    return lines[-1][:_LONGEST] if lines else str(code)


def _tell() -> Iterator[str]:
    """Yield what this process has to say."""
    import torch

    hip = getattr(torch.version, "hip", None)
    yield TorchFacts(
        version=str(torch.__version__),
        cuda=torch.version.cuda or (f"ROCm {hip}" if hip else None),
        gpus=tuple(_gpus()),
        threads=torch.get_num_threads(),
    ).model_dump_json()
    import kit.generation.kolors.kolors_painter  # noqa: F401

    yield DRAWS


def _gpus() -> Iterator[GpuFacts]:
    """Yield each GPU, tried with one sum: it may be held by another program or too old for this torch."""
    import torch

    def tried(number: int) -> GpuFacts:
        total = torch.cuda.get_device_properties(number).total_memory / 2**30
        free = torch.cuda.mem_get_info(number)[0] / 2**30
        (torch.zeros(1, device=f"cuda:{number}") + 1).item()
        return GpuFacts(name=torch.cuda.get_device_name(number), total_gib=total, free_gib=free)

    if torch.cuda.is_available():
        yield from (_or_why(tried, number) for number in range(torch.cuda.device_count()))


def _or_why(tried: Callable[[int], GpuFacts], number: int) -> GpuFacts:
    try:
        return tried(number)
    except (RuntimeError, AssertionError) as error:  # what torch raises of CUDA's own complaints
        return GpuFacts(name=f"cuda:{number}", error=" ".join(str(error).split())[:_LONGEST])


if __name__ == "__main__":
    for line in _tell():
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
