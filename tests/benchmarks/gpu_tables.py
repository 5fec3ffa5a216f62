"""Tables of where the time of drawing on several GPUs goes."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median

from tests.benchmarks.drawing_times import COMMAND, Phase, read_times
from tests.benchmarks.tables import table

Phases = Sequence[Phase]
MISSING = "–"


@dataclass(frozen=True, kw_only=True, slots=True)
class RunTimes:
    """What is noted of a run; of one that is not done, what is there so far."""

    devices: int
    began: float
    """When the command was typed; seconds, as the times of all phases are."""
    ended: float
    code: int | None
    files: dict[str, str]
    """Of each picture its sha256."""
    processes: dict[str, Phases]
    plan: str
    """How many panels are drawn together, and whether compiled."""

    @classmethod
    def read(cls, folder: Path) -> "RunTimes":
        """Return what lies in a run's folder."""
        told = json.loads((folder / "told.json").read_text())
        processes = read_times(folder / "times")
        last = max((phase.end for phases in processes.values() for phase in phases), default=told["began"])
        batching, plan = folder / "run" / "batching.json", MISSING
        if batching.exists():
            settled = json.loads(batching.read_text())["settled"]
            plan = f"{settled['panels']}{', compiled' if settled['compiled'] else ''}"
        return cls(
            devices=told["devices"], began=told["began"], ended=told.get("ended", last),
            code=told.get("code"), files=told.get("files", {}), processes=processes, plan=plan,
        )  # fmt: skip

    @property
    def command(self) -> Phases:
        """Of the process that the user begins."""
        return self.processes.get(COMMAND, [])

    @property
    def painters(self) -> dict[str, Phases]:
        """Of each process that drew a batch."""
        return {name: phases for name, phases in self.processes.items() if of(phases, "drawing")}

    @property
    def steady(self) -> float:
        """Panels a second of all together, each from its first batch's end to its last's.

        0 where one has drawn a single batch.
        """
        rates = [_rate(of(phases, "drawing")) for phases in self.painters.values()]
        return sum(rates) if all(rates) else 0.0


def of(phases: Phases, name: str) -> list[Phase]:
    """Return the phases of a name, in their order."""
    return [phase for phase in phases if phase.name == name]


def within(phases: Phases, name: str, whole: Phase) -> list[Phase]:
    """Return the phases of a name that lie in another one."""
    return [one for one in of(phases, name) if whole.begin <= one.begin and one.end <= whole.end]


def _rate(batches: Phases) -> float:
    if len(batches) < 2:
        return 0.0
    return sum(one.panels for one in batches[1:]) / (batches[-1].end - batches[0].end)


def markdown(runs: Sequence[RunTimes]) -> str:
    """Return all tables of runs of the same panels; the speed-ups are beside the first."""
    parts = [
        table(SPEEDS, [_speed_row(run, runs[0]) for run in runs]),
        "Seconds of the whole command, one phase after the other:",
        table(["GPUs", *PHASES], [_phase_row(run) for run in runs]),
        "Each process that draws; seconds:",
        table(["GPUs", "process", *LOADING], [row for run in runs for row in _loading_rows(run)]),
        table(["GPUs", "process", *STEADY], [row for run in runs for row in _steady_rows(run)]),
        "The command, while it is drawn:",
        table(["GPUs", *WRITING], [_writing_row(run) for run in runs]),
    ]
    return "\n\n".join(parts)


SPEEDS = (
    "GPUs", "whole command, s", "speed-up", "steady, panels a second", "speed-up",
    "drawn together", "panels", "same bytes as the first", "exit code",
)  # fmt: skip


def _speed_row(run: RunTimes, first: RunTimes) -> list[object]:
    whole, same = run.ended - run.began, sum(first.files.get(file) == sha for file, sha in run.files.items())
    return [
        run.devices, f"{whole:.1f}", f"{(first.ended - first.began) / max(whole, 1e-9):.2f}",
        f"{run.steady:.3f}" if run.steady else MISSING,
        f"{run.steady / first.steady:.2f}" if first.steady and run.steady else MISSING,
        run.plan, len(run.files), f"{same} of {len(first.files)}",
        MISSING if run.code is None else run.code,
    ]  # fmt: skip


PHASES = (
    "start, imports", "Ray begins", "its workers begin", "base opened there", "until texts", "texts",
    "settling", "first batches", "steady batches", "what is left to write", "end",
)  # fmt: skip


def _phase_row(run: RunTimes) -> list[object]:
    """Return how long each phase of the command took; they are marked by when they are over."""
    told = run.command
    asked, ray = of(told, "all asked"), of(told, "Ray begins")
    opened = of(told, "bases opened") or of(told, "opening")
    batches = [of(phases, "drawing") for phases in run.painters.values()]
    marks: list[float | None] = [
        _begin(ray) or _begin(opened),
        _end(ray),
        _end(of(told, "workers begin")),
        _end(opened),
        asked[0].begin if asked else None,
        asked[0].end if asked else None,
        asked[1].end if len(asked) > 1 else None,
        max(one[0].end for one in batches) if batches else None,
        max(one[-1].end for one in batches) if batches else None,
        _end(of(told, "writing")[-1:]),
        run.ended,
    ]
    row: list[object] = [run.devices]
    before = run.began
    for mark in marks:
        row.append(MISSING if mark is None else f"{mark - before:.2f}")
        before = before if mark is None else mark
    return row


def _begin(phases: Phases) -> float | None:
    return phases[0].begin if phases else None


def _end(phases: Phases) -> float | None:
    return phases[-1].end if phases else None


LOADING = (
    "began after", "imports", "base opened", "texts read", "of it weights", "texts taken", "settling",
    "of it weights", "first batch", "of it weights", "of it compiling", "usual batch",
    "idle before the first batch", "idle after the last",
)  # fmt: skip


def _loading_rows(run: RunTimes) -> Iterator[list[object]]:
    for name, phases in run.painters.items():
        batches = of(phases, "drawing")
        busy = [
            *of(phases, "imports"), *of(phases, "opening"), *of(phases, "texts"), *of(phases, "texts taken"),
            *of(phases, "settling"),
        ]  # fmt: skip
        before = sum(one.seconds for one in busy if one.end <= batches[0].begin)
        numbers = [
            phases[0].begin - run.began,
            _seconds(of(phases, "imports")),
            _seconds(of(phases, "opening")),
            *_with_weights(phases, of(phases, "texts")),
            _seconds(of(phases, "texts taken")),
            *_with_weights(phases, of(phases, "settling")),
            *_with_weights(phases, batches[:1]),
            _seconds(of(phases, "compiling")),
            median(one.seconds for one in batches[1:] or batches),
            batches[0].begin - phases[0].begin - before,
            run.ended - batches[-1].end,
        ]
        yield [run.devices, name, *(f"{number:.2f}" for number in numbers)]


def _with_weights(phases: Phases, wholes: Phases) -> tuple[float, float]:
    inside = [one for whole in wholes for one in within(phases, "weights", whole)]
    return _seconds(wholes), _seconds(inside)


def _seconds(phases: Phases) -> float:
    return sum(one.seconds for one in phases)


STEADY = (
    "batches", "panels", "s a panel, drawing alone", "denoising", "decoding", "panels a second, all in all",
    "ms between two batches", "highest", "ms until the command hears of it",
)  # fmt: skip


def _steady_rows(run: RunTimes) -> Iterator[list[object]]:
    asked = {one.batch: one for one in of(run.command, "batch asked") if one.batch}
    for name, phases in run.painters.items():
        batches = of(phases, "drawing")
        later = batches[1:] or batches
        panels = sum(one.panels for one in later)
        inside = {
            part: sum(_seconds(within(phases, part, one)) for one in later) / panels
            for part in ("denoising", "decoding")
        }
        gaps = [1000 * (after.begin - one.end) for one, after in pairwise(batches)]
        back = [1000 * (asked[one.batch].end - one.end) for one in later if one.batch in asked]
        yield [
            run.devices, name, len(batches), sum(one.panels for one in batches),
            f"{_seconds(later) / panels:.3f}", f"{inside['denoising']:.3f}", f"{inside['decoding']:.3f}",
            f"{_rate(batches):.3f}", f"{fmean(gaps):.0f}" if gaps else MISSING,
            f"{max(gaps):.0f}" if gaps else MISSING, f"{fmean(back):.0f}" if back else MISSING,
        ]  # fmt: skip


WRITING = (
    "s a panel, fetching", "PNG", "small picture", "all of writing", "share of the time at it",
    "longest from a batch's end to its files, s",
)  # fmt: skip


def _writing_row(run: RunTimes) -> list[object]:
    written = of(run.command, "writing")
    panels = sum(one.panels for one in written)
    if not written or not run.painters:
        return [run.devices, *[MISSING] * len(WRITING)]
    drawn = {one.batch: one for phases in run.painters.values() for one in of(phases, "drawing")}
    late = [one.end - drawn[one.batch].end for one in written if one.batch in drawn]
    first, last = min(one.end for one in drawn.values()), max(one.end for one in written)
    return [
        run.devices,
        f"{_seconds([one for one in of(run.command, 'batch fetched') if one.batch]) / panels:.3f}",
        f"{_seconds(of(run.command, 'encoding')) / panels:.3f}",
        f"{_seconds(of(run.command, 'thumbnails')) / panels:.3f}",
        f"{_seconds(written) / panels:.3f}",
        f"{_seconds(written) / (last - first):.0%}" if last > first else MISSING,
        f"{max(late):.2f}" if late else MISSING,
    ]
