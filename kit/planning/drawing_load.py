"""What an experiment multiplies, and what of it is still to be drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, cast

from kit.experiment.config import LoadedExperiment
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.experiment.run import PanelRow, Run
from kit.files.encodings import sha256_of
from kit.generation.batching import Batch, drawn_apart, group_batches
from kit.generation.devices.device_memory import free_gib
from kit.generation.painter import Painter, PanelRequest
from kit.generation.recipe import Job, plan_run
from kit.generation.redrawing import as_kept, redrawing
from kit.story.story import PANELS


class Factors(NamedTuple):
    """What multiplies with what."""

    candidates: tuple[str, ...]
    """Each strength and consistency of a sweep is one."""
    orders: tuple[str, ...]
    stories: tuple[str, ...]
    seeds: tuple[int, ...]

    @property
    def panels(self) -> int:
        """How many panels that makes."""
        return len(self.candidates) * len(self.orders) * len(self.stories) * len(self.seeds) * PANELS


def factors_of(loaded: LoadedExperiment) -> Factors:
    """Return what an experiment multiplies."""
    asked = loaded.experiment
    return Factors(
        tuple(one.name for one in asked.candidates),
        asked.orders,
        tuple(story.name for story in loaded.stories),
        asked.seeds,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class DrawingLoad:
    """What is to be drawn."""

    panels: int
    """All that the experiment wants."""
    there: int
    """Of them already there and whole, or a copy of a picture that is."""
    pictures: int
    """To be drawn; panels of one recipe are one picture, and a batch is drawn whole."""
    rows: int
    """Pictures with the anchors that are drawn beside them."""
    readers: int
    """Pictures that read an anchor."""
    texts: int
    """Different prompts and negative prompts."""
    replaced: int = 0
    """Pictures that were drawn otherwise and would be drawn again, which needs --again."""
    first: tuple[PanelRequest, ...] = ()
    """The first batch."""


class BaseNotHere:
    """Stands for a painter whose base is not on this machine: all can be counted, nothing be drawn."""

    def __init__(self, base: str, device: str, hardware: str) -> None:
        """Name the base, where it would draw, and what that is called."""
        self.device, self.hardware = device, hardware
        self.identity: Mapping[str, object] = {"name": base}

    prompt_tokens = 0

    def free_gib(self) -> float | None:
        """Return how much of the device's memory is free, in GiB; None on a CPU."""
        return free_gib(self.device)

    def refusals(self, settings: DrawSettings, consistency: float = 0.0) -> list[str]:
        """Return nothing: who draws is not here."""
        return []

    def truncated_tail(self, prompt: str) -> str:
        """Return nothing: who reads prompts is not here."""
        return ""

    def check(self, lora: object) -> None:
        """Refuse nothing."""


def drawing_load(
    loaded: LoadedExperiment, folder: Path | None, painter: Painter | BaseNotHere, panels: int
) -> DrawingLoad:
    """Return what is to be drawn of an experiment.

    Args:
        loaded: the experiment.
        folder: the run's, which may hold pictures; None for a new one.
        painter: who would draw it.
        panels: drawn at once.
    """
    run = Run(folder) if folder is not None else None
    rows = run.rows() if run is not None and run.experiment_path.is_file() else []
    with TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        planned = Run.planned(folder or Path("run"), as_kept(loaded, Path(scratch)))
        jobs = plan_run(planned, cast(Painter, painter)).jobs
    missing, replaced = set(job.request.label for job in jobs), 0
    if folder is not None and rows:
        missing = _missing(folder, rows, jobs)
        found = redrawing(folder, rows, jobs)
        replaced = len(found.lost) if found.whole_sets else 0
    batches = [
        batch
        for batch in group_batches(jobs, panels, drawn_apart(planned))
        if any(job.request.label in missing for same in batch for job in same)
    ]
    return _load(jobs, batches, len(missing), replaced, loaded.settings)


def unread_load(loaded: LoadedExperiment, pictures: int) -> DrawingLoad:
    """Return about what is to be drawn where only the number of pictures is known."""
    kept = [bool(one.consistency) for one in loaded.experiment.candidates]
    return DrawingLoad(
        panels=factors_of(loaded).panels,
        there=factors_of(loaded).panels - pictures,
        pictures=pictures,
        rows=pictures,
        readers=round(pictures * sum(kept) / len(kept)),
        texts=0,
    )


def _missing(folder: Path, rows: Sequence[PanelRow], jobs: Sequence[Job]) -> set[str]:
    """Return the files of panels whose picture is nowhere in the run."""
    whole = {
        row.file: row.key
        for row in rows
        if (folder / row.file).is_file() and sha256_of(folder / row.file) == row.sha256
    }
    keys = set(whole.values())
    return {job.request.label for job in jobs if job.key not in keys}


def _load(
    jobs: Sequence[Job], batches: Sequence[Batch], missing: int, replaced: int, settings: DrawSettings
) -> DrawingLoad:
    together = [[same[0].request for same in batch] for batch in batches]
    pictures = [request for batch in together for request in batch]
    return DrawingLoad(
        panels=len(jobs),
        there=len(jobs) - missing,
        pictures=len(pictures),
        rows=sum(_rows(batch, settings) for batch in together),
        readers=sum(bool(request.anchors) for request in pictures),
        texts=len({text for request in pictures for text in request.texts}),
        replaced=replaced,
        first=tuple(together[0]) if together else (),
    )


def _rows(batch: Sequence[PanelRequest], settings: DrawSettings) -> int:
    """Return how many pictures a batch draws, anchors beside them counted."""
    if not any(request.anchors for request in batch):
        return len(batch)
    from kit.generation.anchors.joining import join_anchors

    alone = [[request] for request in batch] if settings.memory == "low" else [batch]
    return len(batch) + sum(len(join_anchors(part).beside) for part in alone)
