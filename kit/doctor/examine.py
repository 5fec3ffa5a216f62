"""Everything that `storykit doctor` looks at, none of which can stop it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from kit.doctor.diagnosis import Diagnosis, note
from kit.doctor.hubs import HubAnswer, ask_head, ask_hubs, hub_lines
from kit.doctor.libraries import bases_lines, library_lines, pinned_versions, python_lines
from kit.doctor.room import disk_lines, free_disk, free_memory, memory_lines, writing_lines
from kit.doctor.surroundings import clock_lines, encoding_lines, font_lines, language_lines
from kit.doctor.torch_facts import TorchAnswer, ask_torch
from kit.doctor.torch_lines import torch_lines
from kit.doctor.usual_places import models_in_usual_places
from kit.doctor.weights import embedded_lines, kolors_lines, scorer_lines
from kit.errors import StorykitError
from kit.hub.repository import kolors_folder, models_folder
from kit.messages import tr
from kit.versions import installed_version

EXPECTED = (StorykitError, OSError, ImportError, ValueError, RuntimeError, LookupError, AttributeError)
"""What a library raises that is half there, or a file system that answers oddly."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """Whom the doctor asks."""

    scorers: Sequence[Path] = ()
    """The folders of the embedded scorers."""
    torch: Callable[[], TorchAnswer] = ask_torch
    head: Callable[[str], HubAnswer] = ask_head
    version_of: Callable[[str], str | None] = installed_version
    memory: Callable[[], float | None] = free_memory
    disk: Callable[[Path], float] = free_disk
    models: Callable[[], Iterable[Path]] = models_in_usual_places
    now: Callable[[], datetime] = field(default=_now)


def examine(machine: Machine) -> list[Diagnosis]:
    """Return what is to be said of a machine; what goes wrong on the way is a line of its own."""
    with ThreadPoolExecutor(2) as pool:
        torch, hubs = pool.submit(machine.torch), pool.submit(ask_hubs, machine.head)
        before = list(_at_once(machine))
        told = pinned_versions()["torch"]
        drawing = list(guarded("torch", lambda: torch_lines(torch.result(), told)))
        reached = list(guarded("hubs", lambda: hub_lines(hubs.result())))
        dates = (answer.date for answer in hubs.result().values())
        clock = list(guarded("clock", lambda: clock_lines(machine.now(), next(filter(None, dates), None))))
    first, *rest = before
    return [first, *drawing, *rest, *reached, *clock]


def _at_once(machine: Machine) -> Iterator[Diagnosis]:
    """Yield what takes no time; Python comes first."""
    looks: dict[str, Callable[[], Iterable[Diagnosis]]] = {
        "python": python_lines,
        "libraries": lambda: library_lines(machine.version_of),
        "bases": lambda: bases_lines(models_folder(), machine.version_of),
        "memory": lambda: memory_lines(machine.memory()),
        "disk": lambda: disk_lines(machine.disk(Path.cwd())),
        "write": lambda: writing_lines(models_folder()),
        "fonts": font_lines,
        "weights.embedded": lambda: embedded_lines(machine.scorers),
        "weights.kolors": lambda: kolors_lines(kolors_folder(), machine.models()),
        "weights.scorers": lambda: scorer_lines(list(machine.models())),
        "letters": encoding_lines,
        "language": language_lines,
    }
    for id_, look in looks.items():
        yield from guarded(id_, look)


def guarded(id_: str, look: Callable[[], Iterable[Diagnosis]]) -> Iterator[Diagnosis]:
    """Yield what a look finds, or that it could not be had and why."""
    try:
        yield from look()
    except EXPECTED as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        yield note(id_, tr("could not be looked at: {reason}", reason=reason))
