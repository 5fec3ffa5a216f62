"""Where and with what a benchmark ran."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
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
