"""What of a run goes into a bundle, gathered with every gap named."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from eval.scoring.records import (
    FILE,
    PANELS_FILE,
    STORIES_FILE,
    Scores,
    read_panels,
    read_stories,
    read_summary,
)
from kit.embedded import LORAS
from kit.errors import LoraError, RunError
from kit.experiment.config import Candidate
from kit.experiment.identity import CandidateIdentity, RunIdentity, read_identity
from kit.experiment.run import PanelRow, Run, Slot
from kit.generation.batching import recorded_batches
from kit.story.story import LoadedStory
from submissions.bundle.lora_files import load_lora_file
from submissions.bundle.manifest import COMPARISON, BatchRecord, panel_file
from submissions.faults import Fault
from submissions.packing.entry import Entry
from submissions.untrusted.lora_reader import LoraFile

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """What the run holds about one story of one candidate; parts that are missing are left out."""

    candidate: Candidate
    story: LoadedStory
    rows: Mapping[int, PanelRow]
    """By panel, 1 to 8."""
    pngs: Mapping[int, bytes]
    """By panel, 1 to 8."""
    identity: RunIdentity | None
    scores: Scores | None
    lora: LoraFile | None
    batches: tuple[BatchRecord, ...]
    """What was drawn together with the panels."""
    comparison: bytes | None
    """The run's comparison; None when it was not compared."""

    @property
    def trained_lora(self) -> CandidateIdentity | None:
        """Return how the candidate was drawn, if the run says it."""
        return self.identity.candidates.get(self.candidate.name) if self.identity else None


def gather(run: Run, entry: Entry) -> tuple[Evidence | None, list[Fault]]:
    """Return what the run holds for an entry and what is missing; None when the run has no such story."""
    loaded = run.loaded
    candidates = {candidate.name: candidate for candidate in loaded.experiment.candidates}
    stories = {story.name: story for story in loaded.stories}
    faults = [
        *_unknown("candidate", entry.candidate, candidates),
        *_unknown("order", entry.order, loaded.experiment.orders),
        *_unknown("story", entry.story, stories),
        *(
            fault
            for seed in dict.fromkeys(entry.seeds)
            for fault in _unknown("seed", seed, loaded.experiment.seeds)
        ),
    ]
    if faults:
        return None, faults
    candidate = candidates[entry.candidate]
    rows = _rows(run, entry)
    pngs, png_faults = _pngs(run, rows, entry.rules.panels.count)
    identity, identity_faults = _read(run, "run.json", read_identity)
    scores, score_faults = _scores(run)
    lora, lora_faults = _lora(candidate)
    evidence = Evidence(
        candidate=candidate,
        story=stories[entry.story],
        rows=rows,
        pngs=pngs,
        identity=identity,
        scores=scores,
        lora=lora,
        batches=_batches(run, rows),
        comparison=_comparison(run),
    )
    return evidence, png_faults + identity_faults + score_faults + lora_faults


def _read(run: Run, place: str, read: Callable[[Run], T]) -> tuple[T | None, list[Fault]]:
    """Return what a file of the run says, or None and what is wrong with it."""
    try:
        return read(run), []
    except RunError as error:
        problem = str(error).removeprefix(f"{run.folder / place} ").removeprefix(f"{run.folder}: ")
        return None, [Fault(place, problem)]


def _scores(run: Run) -> tuple[Scores | None, list[Fault]]:
    """Return the scores of a run, or None and what is wrong with any of their files."""
    summary, faults = _read(run, FILE, read_summary)
    panels, panel_faults = _read(run, PANELS_FILE, read_panels)
    stories, story_faults = _read(run, STORIES_FILE, read_stories)
    faults += panel_faults + story_faults
    if summary is None or panels is None or stories is None:
        return None, faults
    scores = replace(summary, panels=panels, stories=stories)
    _, faults = _read(run, FILE, lambda _: scores.stamp("aesthetic"))
    return None if faults else scores, faults


def _unknown(place: str, wanted: object, known: Iterable[object]) -> list[Fault]:
    """Return a fault unless the run has what is wanted."""
    have = list(known)
    if wanted in have:
        return []
    return [Fault(place, f"the run has no {place} {wanted!r}, it has {', '.join(map(str, have))}")]


def _rows(run: Run, entry: Entry) -> dict[int, PanelRow]:
    """Return the run's rows about the entry's story, by panel."""
    wanted = {
        Slot(entry.candidate, entry.order, entry.story, seed, panel)
        for panel, seed in enumerate(entry.seeds, 1)
    }
    faults = run.faults()
    rows = [row for row in run.rows() if row.slot in wanted and row.file not in faults]
    return {row.panel: row for row in rows}


def _pngs(run: Run, rows: Mapping[int, PanelRow], count: int) -> tuple[dict[int, bytes], list[Fault]]:
    """Return the panels' files, and a fault for each that is not there."""
    pngs: dict[int, bytes] = {}
    faults: list[Fault] = []
    for panel in range(1, count + 1):
        if panel not in rows:
            mend = "run `storykit generate` to draw what is missing"
            faults.append(Fault(panel_file(panel), "is not drawn", mend))
            continue
        try:
            pngs[panel] = (run.folder / rows[panel].file).read_bytes()
        except OSError as error:
            problem = f"cannot be read from the run: {error.strerror}"
            mend = "run `storykit generate` to draw it again"
            faults.append(Fault(panel_file(panel), problem, mend))
    return pngs, faults


def _batches(run: Run, rows: Mapping[int, PanelRow]) -> tuple[BatchRecord, ...]:
    """Return the batches that hold one of the panels."""
    keys = {row.key for row in rows.values()}
    return tuple(
        BatchRecord(
            seed=batch.rows[0].seed, prompts=tuple(row.prompt for row in batch.rows), compiled=batch.compiled
        )
        for batch in recorded_batches(run)
        if any(row.key in keys for row in batch.rows)
    )


def _comparison(run: Run) -> bytes | None:
    """Return comparison.json as it stands; None when the run was not compared."""
    path = run.folder / COMPARISON
    return path.read_bytes() if path.is_file() else None


def _lora(candidate: Candidate) -> tuple[LoraFile | None, list[Fault]]:
    """Return the candidate's LoRA file; None for the bare base, or with a fault when it is not there."""
    if candidate.lora is None:
        return None, []
    style = candidate.lora.removeprefix("mini:")
    path = Path(candidate.lora) if style == candidate.lora else LORAS / f"{style}.safetensors"
    try:
        return load_lora_file(path, candidate.alpha), []
    except LoraError as error:
        return None, [Fault("lora", str(error).replace(str(path), path.name))]
    except OSError as error:
        return None, [Fault("lora", f"{path.name} cannot be read: {error.strerror}")]
