"""Ten seconds of drawing that tell how fast this machine is, and where that is kept."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, TypeAdapter, ValidationError

from kit.errors import RunError, WeightsError
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.files.atomic_write import write_atomic
from kit.generation.painter import BatchPlan, Painter, PanelRequest
from kit.hub.repository import models_folder
from kit.messages import tr
from kit.planning.pace import Pace
from kit.versions import PACKAGES, installed_version

BUDGET_S = 5.0
"""Of drawing; loading comes on top."""
FEWEST, MOST = 4, 16
"""Steps that are timed together."""
PROBED = (0.75, 1.4)
"""Between which shares of what is told the time most likely is: other programs come and go."""
LASTS = timedelta(days=30)
_KEPT = 50
"""Probes in the file; the oldest goes."""


class Clocks(NamedTuple):
    """What tells seconds."""

    wall: Callable[[], float] = time.monotonic
    work: Callable[[], float] = time.process_time
    """Seconds of this process alone, which other programs do not stretch."""


class Took(NamedTuple):
    """How long something took, in seconds."""

    wall: float
    work: float
    """Of this process alone."""


def probe(
    painter: Painter,
    requests: Sequence[PanelRequest],
    settings: DrawSettings,
    opened: Took,
    clocks: Clocks = Clocks(),  # noqa: B008
) -> "KeptProbe":
    """Return how fast a painter draws, by drawing the first steps of a batch.

    On a CPU other programs stretch some steps and not others: parts are told by the work that they are, and
    stretched by what all the drawing was stretched.

    Args:
        painter: who draws; its base is loaded by it.
        requests: the batch.
        settings: how it is to be drawn.
        opened: what libraries and looking at the base's files took.
        clocks: what tells seconds.
    """
    plan = BatchPlan(panels=len(requests), compiled=False)
    alone = [replace(request, anchors=(), consistency=0.0, bystanders=()) for request in requests]

    def timed(act: Callable[[], object]) -> Took:
        wall, work = clocks.wall(), clocks.work()
        act()
        return Took(clocks.wall() - wall, clocks.work() - work)

    def drawing(steps: int) -> Took:
        return timed(lambda: painter.draw(alone, settings.whole_steps(steps), plan))

    read = timed(lambda: painter.encode_prompts([text for one in requests for text in one.texts]))
    first, again = drawing(1), drawing(1)
    more = max(FEWEST, min(MOST, int(BUDGET_S / max(again.wall, 1e-6))))
    longer = drawing(1 + more)
    stretched = (again.wall + longer.wall) / max(again.work + longer.work, 1e-6)

    def told(took: Took) -> float:
        return took.work * stretched if painter.device == "cpu" else took.wall

    step = (told(longer) - told(again)) / more / len(requests)
    if step <= 0:  # something else held the machine meanwhile: all of it is told as steps
        step = told(longer) / (1 + more) / len(requests)
    return KeptProbe(
        made=datetime.now(UTC),
        versions=versions(),
        step_s=step,
        picture_s=max(0.0, told(again) / len(requests) - step),
        start_s=told(opened) + told(read) + max(0.0, told(first) - told(again)),
    )


def versions() -> dict[str, str | None]:
    """Return the versions that a pace hangs on."""
    return {name: installed_version(name) for name in ("storykit", *PACKAGES)}


class KeptProbe(BaseModel, frozen=True):
    """A probe as it is kept."""

    made: datetime
    versions: dict[str, str | None]
    step_s: float
    picture_s: float
    start_s: float

    def pace(self) -> Pace:
        """Return the pace that it found."""
        day = f"{self.made.astimezone():%Y-%m-%d %H:%M}"
        return Pace(
            step_s=self.step_s,
            picture_s=self.picture_s,
            start_s=self.start_s,
            origin="probe",
            source=tr("a probe of this machine, {day}", day=day),
            low=PROBED[0],
            high=PROBED[1],
        )


_Probes = TypeAdapter(dict[str, KeptProbe])


def probes_file() -> Path | None:
    """Return where probes are kept, beside the downloads; None where there is no such place."""
    with suppress(WeightsError):
        return models_folder() / "probes.json"
    return None


def find_probe(file: Path | None, name: str, now: datetime | None = None) -> KeptProbe | None:
    """Return a probe that was kept; None where there is none, it is old, or libraries have changed since."""
    kept = _read(file).get(name)
    if kept is None or kept.versions != versions():
        return None
    age = (now or datetime.now(UTC)) - kept.made
    return kept if timedelta(0) <= age + timedelta(minutes=1) and age <= LASTS else None


def keep_probe(file: Path | None, name: str, made: KeptProbe) -> None:
    """Keep a probe; where nothing may be written it is made again next time."""
    if file is None:
        return
    every = sorted({**_read(file), name: made}.items(), key=lambda one: one[1].made)[-_KEPT:]
    with suppress(RunError):
        write_atomic(file, _Probes.dump_json(dict(every), indent=1) + b"\n")


def _read(file: Path | None) -> dict[str, KeptProbe]:
    try:
        return _Probes.validate_json(file.read_bytes()) if file is not None else {}
    except (OSError, ValidationError):  # none yet, or half a file of somebody's
        return {}
