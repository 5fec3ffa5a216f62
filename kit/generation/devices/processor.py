"""What of a CPU decides the last bits of a picture."""

import os
from pathlib import Path

from kit.files.encodings import sha256_bytes

CPU_INFO = Path("/proc/cpuinfo")
"""Linux's table of processors."""
_TELLING = ("vendor_id", "cpu family", "model", "model name", "stepping", "cache size", "flags")
_SWITCHES = ("MKL_", "ONEDNN_")
"""Beginnings of the environment variables that make MKL and oneDNN compute otherwise."""
_LONGEST_NAME = 50


def cpu_arithmetic(table: Path = CPU_INFO, threads: int | None = None) -> str | None:
    """Return CPU, instruction set and number of threads in a line; None where the system tells no CPU.

    Where it is equal, versions and weights being equal too, pictures are equal to the last bit: kernels are
    chosen by the CPU's flags and caches, and threads share out the sums (docs/benchmarks.md).

    Args:
        table: the system's.
        threads: that compute; None: as many as do in this process.
    """
    import torch

    try:
        first = table.read_text("utf-8", "replace").split("\n\n", 1)[0]
    except OSError:
        return None
    told = {
        name.strip(): text.strip() for name, _, text in (line.partition(":") for line in first.split("\n"))
    }
    if "flags" not in told:
        return None
    switches = sorted(f"{name}={value}" for name, value in os.environ.items() if name.startswith(_SWITCHES))
    rest = sha256_bytes("\n".join([*(told.get(name, "") for name in _TELLING), *switches]).encode())[:8]
    name = told.get("model name", "CPU")[:_LONGEST_NAME]
    computing = torch.get_num_threads() if threads is None else threads
    return f"{name} {rest}, {torch.backends.cpu.get_cpu_capability()}, threads: {computing}"
