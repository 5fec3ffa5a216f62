"""The command `storykit plan`, and the two lines that `storykit run` says of the same."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple, cast

import typer

from kit.embedded import EMBEDDED
from kit.messages import Message, joined, tr, trn
from kit.progress import Progress
from storykit.cli.terminal.console import (
    AsJson,
    Cluster,
    Devices,
    Draft,
    ExperimentFile,
    say,
    say_json,
)
from storykit.cli.terminal.painters import ready_painters
from storykit.cli.terminal.progress import lasting, progress_bar

if TYPE_CHECKING:
    from kit.experiment.config import LoadedExperiment
    from kit.generation.painter import Painter
    from kit.models.bases.base_parts import BaseChoice
    from kit.planning.drawing_load import DrawingLoad, Factors
    from kit.planning.estimate import DrawingPlan, Saving
    from kit.planning.pace import Duration, Pace

MOST_NAMES = 12
"""Candidates that are named."""
VERDICT_SEEDS = 6
"""With fewer pairs there is no verdict."""


class _Planned(NamedTuple):
    """What is told of an experiment."""

    loaded: "LoadedExperiment"
    factors: "Factors"
    made: "DrawingPlan"
    free_gb: float
    """Of the disk."""
    base_is_here: bool


def plan(
    experiment: ExperimentFile,
    devices: Devices = "auto",
    ray: Cluster = "",
    out: Annotated[
        Path | None, typer.Option("--out", help="The run's folder, whose pictures need not be drawn.")
    ] = None,
    probe: Annotated[
        bool | None,
        typer.Option(
            "--probe/--no-probe", help="Draw ten seconds for it; by default where no probe is kept."
        ),
    ] = None,
    as_json: AsJson = False,
    draft: Draft = False,
) -> None:
    """Say what an experiment will draw and what that takes, before anything is drawn."""
    planned = _plan(experiment, (devices, ray), out, probe, draft=draft)
    if as_json:
        disk = {"free_gb": round(planned.free_gb, 1)}
        factors = {**planned.factors._asdict(), "panels": planned.factors.panels}
        made = planned.made.record()
        say_json({"factors": factors, **made, "disk": disk, "base_is_here": planned.base_is_here})
        return
    for line in _lines(planned):
        say(line)


def _plan(
    experiment: Path, where: tuple[str, str], out: Path | None, probe: bool | None, *, draft: bool
) -> _Planned:
    began = time.monotonic()
    from eval.comparison.racing import can_race
    from eval.metrics.registry import judgeable
    from kit.doctor.room import free_disk
    from kit.experiment.config import load_experiment
    from kit.experiment.out_folder import check_out_folder
    from kit.planning.drawing_load import BaseNotHere, drawing_load, factors_of
    from kit.planning.estimate import PlanFacts, device_of, make_plan, panels_at_once

    loaded = load_experiment(experiment, judgeable(), draft=draft)
    if out is not None:
        check_out_folder(out)
    with _painter(loaded.experiment.base, *where) as (painter, devices):
        panels = panels_at_once(loaded.settings, painter.free_gib(), painter.identity)
        load = drawing_load(loaded, out, painter, panels)
        facts = PlanFacts(
            factors=factors_of(loaded),
            load=load,
            settings=loaded.settings,
            base=str(painter.identity["name"]),
            device=device_of(painter),
            devices=devices,
            panels=panels,
            pace=_pace(loaded, painter, load, panels, _Probing(probe, began, bool(where[1]))),
            races=can_race(loaded.experiment),
        )
    here = not isinstance(painter, BaseNotHere)
    return _Planned(loaded, facts.factors, make_plan(facts), free_disk(out or Path.cwd()), here)


@contextmanager
def _painter(base: "BaseChoice", devices: str, ray: str) -> "Iterator[tuple[Painter, int]]":
    """Yield who would draw, and how many do; where Kolors was never fetched, who stands for it."""
    from kit.generation.devices.multi_gpu import load_painter
    from kit.models.base import is_fetched
    from kit.planning.drawing_load import BaseNotHere
    from kit.workers.devices import hardware_of, pick_devices

    if ray:
        with ready_painters(base, devices, ray) as painters:
            yield painters[0], len(painters)
        return
    first, *others = pick_devices(devices)
    if is_fetched(base):
        yield load_painter(base, first), 1 + len(others)
    else:
        yield cast("Painter", BaseNotHere(str(base), first, hardware_of(first))), 1 + len(others)


class _Probing(NamedTuple):
    """What is asked of a probe."""

    asked: bool | None
    """True for a new one, False for none, None for one where none is kept."""
    began: float
    """When libraries and the base's files were first looked at."""
    elsewhere: bool
    """Whether it is drawn in another process, whose work is not told by this one's clock."""


def _pace(
    loaded: "LoadedExperiment", painter: "Painter", load: "DrawingLoad", panels: int, probing: _Probing
) -> "Pace | None":
    """Return how fast is drawn: by a probe that is kept, by a new one, or by the table."""
    from kit.planning.drawing_load import BaseNotHere
    from kit.planning.known_pace import known_pace, probe_name
    from kit.planning.probe import Clocks, Took, keep_probe, probe, probes_file

    known = (
        None if probing.asked else known_pace(painter, loaded.settings, panels, table=probing.asked is False)
    )
    large = painter.identity["name"] == "kolors" or "pipeline" in painter.identity
    slow = large and painter.device == "cpu" and not probing.asked
    if known is not None or isinstance(painter, BaseNotHere) or slow or not load.first:
        return known or known_pace(painter, loaded.settings, panels)
    if probing.asked is False:
        return None
    with progress_bar(tr("probing"), transient=True) as progress:
        progress.note(tr("drawing for ten seconds"))
        if probing.elsewhere:  # where workers begin at the same time; a plan counts the start once for each
            opened, clocks = Took(0.0, 0.0), Clocks(work=time.monotonic)
        else:
            opened = Took(time.monotonic() - probing.began, time.process_time())
            clocks = Clocks()
        made = probe(painter, load.first, loaded.settings, opened, clocks)
    keep_probe(probes_file(), probe_name(painter, loaded.settings, panels), made)
    return made.pace()


def product_of(factors: "Factors") -> Message:
    """Return what multiplies with what, in words."""
    parts = [
        trn("{n} candidate", "{n} candidates", len(factors.candidates)),
        trn("{n} prompt order", "{n} prompt orders", len(factors.orders)),
        trn("{n} story", "{n} stories", len(factors.stories)),
        trn("{n} seed", "{n} seeds", len(factors.seeds)),
        tr("8 panels"),
    ]
    return tr("{factors} = {panels:,} panels", factors=joined(parts, " x "), panels=factors.panels)


def about(time_: "Duration") -> Message:
    """Return how long something takes, with its range."""
    told, low, high = map(lasting, (time_.seconds, time_.low, time_.high))
    return tr("about {time} ({low} to {high})", time=told, low=low, high=high)


def _lines(planned: _Planned) -> Iterator[str]:
    factors, made = planned.factors, planned.made
    load = made.load
    yield tr("plan    {product}", product=product_of(factors))
    if len(factors.candidates) > 1:
        names, more = factors.candidates[:MOST_NAMES], len(factors.candidates) - MOST_NAMES
        last = [tr("and {more:,} more", more=more)] if more > 0 else []
        yield tr("        candidates: {names}", names=joined([*names, *last], tr(", ")))
    yield tr(
        "draw    {pictures:,} pictures; {there:,} panels are there", pictures=load.pictures, there=load.there
    )
    if load.replaced:
        yield tr(
            "note    {n:,} panels that are there were drawn otherwise: --again draws them again, "
            "another --out keeps both",
            n=load.replaced,
        )
    if not planned.base_is_here:
        yield tr("note    the base is not on this machine yet: `storykit download kolors` fetches it (18 GB)")
    yield _time_line(made, probed=planned.base_is_here)
    yield _memory_line(made)
    yield tr(
        "disk    about {needed}; {free:,.1f} GB are free", needed=_size(made.disk_bytes), free=planned.free_gb
    )
    for saving in made.savings:
        yield tr("less    {change}", change=_change(saving, made, planned.loaded.settings.steps))


def _time_line(made: "DrawingPlan", *, probed: bool) -> str:
    """Return how long it takes; where nobody knows, who can tell if it can be probed."""
    if made.time is None or made.pace is None:
        if probed:
            return tr("time    not known: {hardware} was not measured; --probe does", hardware=made.hardware)
        return tr("time    not known: {hardware} was not measured with this base", hardware=made.hardware)
    if not made.load.pictures:
        return tr("time    nothing is left to draw")
    each = made.time.seconds / made.load.pictures
    return tr(
        "time    {about} of drawing, {each:.2g} s a picture on {hardware}; {source}; scores come on top",
        about=about(made.time),
        each=each,
        hardware=made.hardware,
        source=made.pace.source,
    )


def _memory_line(made: "DrawingPlan") -> str:
    from kit.planning.estimate import CPU_GIB

    at_once = trn("{n} panel at once", "{n} panels at once", made.panels_at_once)
    if made.gpu_gib is not None:
        return tr("memory  {gib:.1f} GiB of GPU memory, {at_once}", gib=made.gpu_gib, at_once=at_once)
    if made.hardware == "cpu" and made.base == EMBEDDED:
        return tr(
            "memory  about {gib:.1f} GiB with the embedded base, {at_once}", gib=CPU_GIB, at_once=at_once
        )
    return tr("memory  not measured for this base here, {at_once}", at_once=at_once)


def _change(saving: "Saving", made: "DrawingPlan", steps: int) -> Message:
    """Return what a change saves."""
    if saving.id == "memory":
        told = tr('memory = "low": {gib:.1f} GiB of GPU memory', gib=saving.gpu_gib)
    elif saving.id == "race":
        told = tr("`storykit run --race METRIC` draws no further who cannot win")
    elif saving.id == "steps":
        told = tr("steps = {fewer} instead of {steps}, and coarser pictures", fewer=saving.told, steps=steps)
    elif saving.told < VERDICT_SEEDS:
        told = trn("{n} seed, too few for a verdict", "{n} seeds, too few for a verdict", saving.told)
    else:
        told = trn("{n} seed", "{n} seeds", saving.told)
    if saving.low is None or saving.high is None:
        return told
    if saving.low == saving.high:
        return tr("{change}: about {time}", change=told, time=lasting(saving.low.seconds))
    low, high = lasting(saving.low.seconds), lasting(saving.high.seconds)
    return tr("{change}: {low} to {high}", change=told, low=low, high=high)


def _size(count: float) -> Message:
    if count < 1e9:
        return tr("{n:.0f} MB", n=count / 1e6)
    return tr("{n:.1f} GB", n=count / 1e9)


class PlanFirst:
    """A progress that says in two lines what will be drawn, once, when nothing was refused."""

    def __init__(self, loaded: "LoadedExperiment", painters: "Sequence[Painter]", *, race: bool) -> None:
        """Take the whole experiment, of which a race draws parts."""
        self._loaded, self._painters, self._race, self._told = loaded, painters, race, False
        self._inner: Progress | None = None

    def before(self, inner: Progress) -> "PlanFirst":
        """Go before another progress."""
        self._inner = inner
        return self

    def note(self, text: str) -> None:
        """Pass on what goes on."""
        if self._inner is not None:
            self._inner.note(text)

    def begin(self, total: int, done: int) -> None:
        """Say what will be drawn, and pass on."""
        if not self._told:
            self._told = True
            for line in self._lines(done):
                say(line)
        if self._inner is not None:
            self._inner.begin(total, done)

    def advance(self, count: int, note: str = "") -> None:
        """Pass on that so many more are done."""
        if self._inner is not None:
            self._inner.advance(count, note)

    def _lines(self, done: int) -> Iterator[str]:
        from kit.planning.drawing_load import factors_of, unread_load
        from kit.planning.estimate import panels_at_once
        from kit.planning.known_pace import known_pace
        from kit.planning.pace import duration

        factors, first = factors_of(self._loaded), self._painters[0]
        yield tr("plan    {product}, {there:,} are there", product=product_of(factors), there=done)
        load = unread_load(self._loaded, factors.panels - done)
        panels = panels_at_once(self._loaded.settings, first.free_gib(), first.identity)
        pace = known_pace(first, self._loaded.settings, panels)
        if not load.pictures:
            yield tr("time    nothing is left to draw")
        elif pace is None:
            yield tr(
                "time    not known before the first pictures; `storykit plan` measures it in ten seconds"
            )
        else:
            told = about(duration(load, pace, self._loaded.settings, len(self._painters)))
            if self._race:
                told = tr("at most {time}", time=told)
            yield tr("time    {about} of drawing; {source}", about=told, source=pace.source)
