"""Memory, disk and folders: whether there is room, and whether it may be written to."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from kit.doctor.diagnosis import Diagnosis, fault, note, ok
from kit.messages import tr

MEMORY_GIB, MUCH_MEMORY_GIB = 1.2, 2.0
"""What the embedded base takes at its most (docs/benchmarks.md), and what leaves room for other programs."""
DISK_GB, MUCH_DISK_GB = 0.2, 2.0
"""What a first run takes with its scores and page, and what several take."""
_MEMORY = Path("/proc/meminfo")
_LIMITS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (
        Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ),
)
"""What a container may use and uses, in both versions of Linux's groups."""


def free_memory(table: Path = _MEMORY, limits: Sequence[tuple[Path, Path]] = _LIMITS) -> float | None:
    """Return how much memory is free in GiB, in a container of what it may have; None where nobody tells."""
    found = [kib * 1024 for line in _lines(table) if (kib := _available(line)) is not None]
    for most, used in limits:
        numbers = [int(text) for path in (most, used) for text in _lines(path) if text.strip().isdigit()]
        if len(numbers) == 2:
            found.append(max(0, numbers[0] - numbers[1]))
    return min(found) / 2**30 if found else None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("ascii", "replace").splitlines()
    except OSError:  # no Linux, or no such group
        return []


def _available(line: str) -> int | None:
    name, _, told = line.partition(":")
    number = told.replace("kB", "").strip()
    return int(number) if name == "MemAvailable" and number.isdigit() else None


def memory_lines(free_gib: float | None) -> Iterator[Diagnosis]:
    """Yield what is to be said of the free memory, in GiB."""
    if free_gib is None:
        yield note("memory", tr("this system does not say how much memory is free"))
        return
    told = tr("{free:.1f} GiB of memory free", free=free_gib)
    close = tr("close other programs, or give the container more")
    if free_gib < MEMORY_GIB:
        yield fault("memory", tr("{told}, drawing takes {least:.1f}", told=told, least=MEMORY_GIB), close)
    elif free_gib < MUCH_MEMORY_GIB:
        yield note("memory", tr("{told}: enough for the embedded base and little more", told=told), close)
    else:
        yield ok("memory", told)


def free_disk(folder: Path) -> float:
    """Return how much of the disk of a folder is free in GB; the folder may not be there yet."""
    return shutil.disk_usage(nearest(folder)).free / 1e9


def nearest(folder: Path) -> Path:
    """Return the folder, or the first above it that is there."""
    return next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())


def disk_lines(free_gb: float) -> Iterator[Diagnosis]:
    """Yield what is to be said of the disk that the current folder is on, in GB."""
    told = tr("{free:,.1f} GB of disk free here", free=free_gb)
    make = tr("make room, or go to a folder on another disk")
    if free_gb < DISK_GB:
        yield fault("disk", tr("{told}, a first run takes {least:.1f}", told=told, least=DISK_GB), make)
    elif free_gb < MUCH_DISK_GB:
        yield note("disk", told, make)
    else:
        yield ok("disk", told)


def why_no_writing(folder: Path) -> str:
    """Return why no file can be made in a folder, or where it would be made; empty where one can."""
    try:
        with tempfile.TemporaryFile(dir=nearest(folder)) as file:
            file.write(b"storykit")
    except OSError as error:
        return error.strerror or str(error)
    return ""


def writing_lines(cache: Path, why: Callable[[Path], str] = why_no_writing) -> Iterator[Diagnosis]:
    """Yield which folders cannot be written to.

    Args:
        cache: where downloads are kept.
        why: says why a folder cannot be written to.
    """
    if reason := why(Path.cwd()):
        told = tr("the folder that you are in cannot be written to: {reason}", reason=reason)
        yield fault("write.here", told, tr("go to a folder of yours, as with `cd ~`"))
    else:
        yield ok("write.here", tr("the folder that you are in can be written to"))
    if reason := why(cache):
        told = tr("the folder for downloads cannot be written to: {reason}", reason=reason)
        yield note("write.cache", told, tr("set STORYKIT_MODELS to a folder of yours"))
    else:
        yield ok("write.cache", tr("the folder for downloads can be written to"))
    try:
        scratch = Path(tempfile.gettempdir())
    except OSError as error:  # none of the usual ones can be written to
        told = tr("no folder for temporary files: {reason}", reason=error.strerror or str(error))
        yield fault("write.temporary", told, tr("set TMPDIR to a folder of yours"))
        return
    if reason := why(scratch):
        told = tr("the folder for temporary files cannot be written to: {reason}", reason=reason)
        yield fault("write.temporary", told, tr("set TMPDIR to a folder of yours"))
