"""Where and with what a benchmark ran."""

import os
import platform
import resource
import subprocess
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIBRARIES = ("torch", "diffsynth", "transformers")


def cpu() -> str:
    """Return the CPU's model and how many cores this process may use."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor()}, {len(os.sched_getaffinity(0))} cores"


def commit() -> str:
    """Return the commit that is checked out, with + when files differ from it; "none" before the first."""
    head = _git("rev-parse", "--short", "HEAD")
    return f"{head}{'+' if _git('status', '--porcelain') else ''}" if head else "none"


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def versions() -> str:
    """Return the versions of Python and of the libraries that draw."""
    return ", ".join(
        [f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in LIBRARIES)]
    )


def today() -> str:
    """Return the date, UTC."""
    return datetime.now(UTC).date().isoformat()


def load() -> float:
    """Return how many processes wanted a core in the last minute, ours among them."""
    return round(os.getloadavg()[0], 2)


class Watch:
    """Tells how many cores other processes took since it was made; Linux only."""

    def __init__(self) -> None:
        """Start watching."""
        self._started, self._before = time.monotonic(), _busy_s() - _own_s()

    def others(self) -> float:
        """Return the mean number of cores taken by processes that are neither this one nor its children."""
        return max(0.0, (_busy_s() - _own_s() - self._before) / (time.monotonic() - self._started))


def _busy_s() -> float:
    """Return the seconds all cores have worked since the start: all of /proc/stat but idle and waiting."""
    ticks = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


def _own_s() -> float:
    """Return the processor seconds of this process and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)
