"""What of a run goes into a bundle, gathered with every gap named."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from operator import attrgetter
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
from kit.experiment.candidates.candidate import Candidate, embedding_file
from kit.experiment.config import Experiment
from kit.experiment.controls.control_record import map_file
from kit.experiment.extras.extra_pictures import Origin, all_slots, origins_of
from kit.experiment.identity import CandidateIdentity, RunIdentity, read_identity
from kit.experiment.references.image_prompt_record import pictures_in, reference_file
from kit.experiment.references.kept_pictures import kept_bytes
from kit.experiment.run import PanelRow, Run, Slot
from kit.experiment.steps import kept_networks_in, mask_file, masks_in, network_file
from kit.files.text.library_words import reason_of
from kit.files.user_paths import shell_word
from kit.generation.batching import recorded_batches
from kit.generation.controls.run_controls import map_bytes
from kit.generation.repair.step_files import mask_bytes, network_bytes
from kit.lora.pipelines.layout import PipelineLayout, lora_layout, recorded_layout
from kit.messages import mark, tr
from kit.story.story import LoadedStory
from submissions.bundle.lora_files import load_lora_file
from submissions.bundle.manifest import COMPARISON, BatchRecord, panel_file
from submissions.faults import Fault, Remedy, changed
from submissions.packing.entry import Entry, unknown_choices
from submissions.untrusted.lora_reader import LoraFile
from submissions.untrusted.zip_list import networks_problem
from submissions.verification.comparison_checks import comparison_problem

T = TypeVar("T")
STORY = attrgetter("candidate", "order", "story")
DRAW_AGAIN = mark("run `storykit generate` to draw it again")
"""What mends a picture."""
DRAWING = Remedy("generate")


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """What the run holds about one story of one candidate; parts that are missing are left out."""

    candidate: Candidate
    story: LoadedStory
    experiment: Experiment
    rows: Mapping[int, PanelRow]
    """By panel, 1 to 8."""
    pngs: Mapping[int, bytes]
    """By panel, 1 to 8."""
    drawn: Mapping[int, Slot]
    """By panel, 1 to 8: what was drawn of it; another picture where it was repaired since."""
    masks: Mapping[str, bytes]
    """That panels were repaired with, by sha256."""
    maps: Mapping[str, bytes]
    """That panels were held to, by sha256."""
    references: Mapping[str, bytes]
    """Pictures of characters that panels were drawn with, by sha256."""
    networks: Mapping[str, bytes]
    """That panels were finished with, by sha256."""
    embeddings: Mapping[str, bytes]
    """That the candidate's text encoders were taught by, by sha256."""
    identity: RunIdentity | None
    scores: Scores | None
    lora: LoraFile | None
    batches: tuple[BatchRecord, ...]
    """What was drawn together with the panels."""
    comparison: bytes | None
    """The run's comparison; None when it was not compared, or when it is none that a bundle may hold."""
    comparison_problem: str
    """Why the run's comparison does not go along; empty when it does, or there is none."""

    @property
    def trained_lora(self) -> CandidateIdentity | None:
        """Return how the candidate was drawn, if the run says it."""
        return self.identity.candidates.get(self.candidate.name) if self.identity else None

    @property
    def taught(self) -> Sequence[Mapping[str, str]]:
        """Return the token and sha256 of each of the candidate's embeddings."""
        return self.trained_lora.embeddings if self.trained_lora else ()


def gather(run: Run, entry: Entry) -> tuple[Evidence | None, list[Fault]]:
    """Return what the run holds for an entry and what is missing; None when the run has no such story."""
    experiment = run.loaded.experiment
    candidates = {candidate.name: candidate for candidate in experiment.candidates}
    stories = {story.name: story for story in run.loaded.stories}
    if faults := unknown_choices(run, STORY(entry), entry.seeds):
        return None, faults
    rows, (comparison, problem) = _rows(run, entry), _comparison(run, entry)
    drawn = _drawn(run, rows, faults)
    identity = _read(run, "run.json", read_identity, faults)
    layout = lora_layout(experiment.base) or (recorded_layout(identity.base) if identity else None)
    evidence = Evidence(
        candidate=candidates[entry.candidate],
        story=stories[entry.story],
        experiment=experiment,
        rows=rows,
        pngs=_pngs(run, rows, entry.rules.panels.count, faults),
        drawn=drawn,
        masks=_masks(run, rows, faults),
        maps=_maps(run, rows, faults),
        references=_references(run, rows, faults),
        networks=_networks(run, rows, faults),
        embeddings=_embeddings(run, identity, entry.candidate, faults),
        identity=identity,
        scores=_scores(run, faults),
        lora=_lora(candidates[entry.candidate], layout, faults),
        batches=_batches(run, drawn.values()),
        comparison=comparison,
        comparison_problem=problem,
    )
    return evidence, faults


def _read(run: Run, place: str, read: Callable[[Run], T], faults: list[Fault]) -> T | None:
    """Return what a file of the run says; None where something is wrong with it, which joins the faults."""
    try:
        return read(run)
    except RunError as error:
        told = changed(str(error), lambda text: _without_path(text, run, place))
        faults.append(Fault(place, told, remedy=Remedy("generate" if place == "run.json" else "score")))
        return None


def _without_path(text: str, run: Run, place: str) -> str:
    """Return what is said of a file of a run, without the path in front of it."""
    file, folder = re.escape(str(run.folder / place)), re.escape(str(run.folder))
    return re.sub(rf"\A{folder}(?:: |：)", "", re.sub(rf"\A{file}[ ：]", "", text))


def _comparison(run: Run, entry: Entry) -> tuple[bytes | None, str]:
    """Return a run's comparison, None where there is none for the entry, and why it does not go along."""
    if not (run.folder / COMPARISON).exists():
        return None, ""
    try:
        data = (run.folder / COMPARISON).read_bytes()
    except OSError as error:
        return None, tr("cannot be read: {reason}", reason=reason_of(error))
    problem = comparison_problem(data, entry.candidate, entry.order)
    return (None, problem) if problem else (data, "")


def _scores(run: Run, faults: list[Fault]) -> Scores | None:
    """Return the scores of a run; None where something is wrong with any of their files."""
    if not any((run.folder / name).exists() for name in (FILE, PANELS_FILE, STORIES_FILE)):
        faults.append(
            Fault(
                "scores",
                tr("the run is not scored"),
                f"`storykit score {shell_word(run.folder)}`",
                Remedy("score"),
            )
        )
        return None
    summary = _read(run, FILE, read_summary, faults)
    panels = _read(run, PANELS_FILE, read_panels, faults)
    stories = _read(run, STORIES_FILE, read_stories, faults)
    if summary is None or panels is None or stories is None:
        return None
    scores = replace(summary, panels=panels, stories=stories)
    return scores if _read(run, FILE, lambda _: scores.stamp("aesthetic"), faults) else None


def _rows(run: Run, entry: Entry) -> dict[int, PanelRow]:
    """Return the run's rows about the entry's story, by panel."""
    faults, seeds = run.faults(), dict(enumerate(entry.seeds, 1))
    return {
        row.panel: row
        for row in run.rows()
        if STORY(row) == STORY(entry) and row.seed == seeds.get(row.panel) and row.file not in faults
    }


def _pngs(run: Run, rows: Mapping[int, PanelRow], count: int, faults: list[Fault]) -> dict[int, bytes]:
    """Return the panels' files; each that is not there joins the faults."""
    pngs: dict[int, bytes] = {}
    for panel in range(1, count + 1):
        if panel not in rows:
            mend = tr("run `storykit generate` to draw what is missing")
            faults.append(Fault(panel_file(panel), tr("is not drawn"), mend, DRAWING))
            continue
        try:
            pngs[panel] = (run.folder / rows[panel].file).read_bytes()
        except OSError as error:
            problem = tr("cannot be read from the run: {reason}", reason=reason_of(error))
            faults.append(Fault(panel_file(panel), problem, tr(DRAW_AGAIN), DRAWING))
    return pngs


def _drawn(run: Run, rows: Mapping[int, PanelRow], faults: list[Fault]) -> dict[int, Slot]:
    """Return what was drawn of each panel; one that was repaired otherwise than asked joins the faults."""
    origins, wanted = origins_of(run), frozenset(all_slots(run))
    made = {panel: origins.get(row.slot, Origin(row.slot, ())) for panel, row in rows.items()}
    for panel, origin in made.items():
        if origin.chain != rows[panel].chain:
            problem = tr("was repaired otherwise than extras.json says")
            mend = tr("delete its line in panels.jsonl to draw it again")
            faults.append(Fault(panel_file(panel), problem, mend))
        elif origin.drawn not in wanted:
            problem = tr(
                "was repaired from a picture of seed {seed}, which the run no longer has",
                seed=origin.drawn.seed,
            )
            mend = tr("give the experiment that seed again and run `storykit generate`")
            faults.append(Fault(panel_file(panel), problem, mend, DRAWING))
    return {panel: origin.drawn for panel, origin in made.items()}


def _masks(run: Run, rows: Mapping[int, PanelRow], faults: list[Fault]) -> dict[str, bytes]:
    """Return the masks that the panels were repaired with; each that is not there joins the faults."""
    masks: dict[str, bytes] = {}
    for mask in (mask for row in rows.values() for mask in masks_in(row.chain)):
        try:
            masks[mask] = mask_bytes(run, mask)
        except RunError as error:
            faults.append(Fault(mask_file(mask), _without_path(str(error), run, mask_file(mask))))
    return masks


def _maps(run: Run, rows: Mapping[int, PanelRow], faults: list[Fault]) -> dict[str, bytes]:
    """Return the maps that the panels were held to; each that is not there joins the faults."""
    maps: dict[str, bytes] = {}
    for sha256 in (held.map for row in rows.values() for held in row.control):
        try:
            maps[sha256] = map_bytes(run, sha256)
        except RunError as error:
            told = _without_path(str(error), run, map_file(sha256))
            faults.append(Fault(map_file(sha256), told, tr(DRAW_AGAIN), DRAWING))
    return maps


def _references(run: Run, rows: Mapping[int, PanelRow], faults: list[Fault]) -> dict[str, bytes]:
    """Return the pictures of characters that the panels were drawn with; each not there joins the faults."""
    shown = (pictures_in((*row.anchors, *row.image_prompts)) for row in rows.values())
    changed = mark("{file} is another picture than a panel was drawn with: put that one back")
    pictures: dict[str, bytes] = {}
    for sha256 in dict.fromkeys(chain.from_iterable(shown)):
        name = reference_file(sha256)
        try:
            pictures[sha256] = kept_bytes(run.folder / name, sha256, changed)
        except RunError as error:
            faults.append(Fault(name, _without_path(str(error), run, name), tr(DRAW_AGAIN), DRAWING))
    return pictures


def _embeddings(
    run: Run, identity: RunIdentity | None, candidate: str, faults: list[Fault]
) -> dict[str, bytes]:
    """Return the embeddings of a candidate; each that is not there as it was joins the faults."""
    told = identity.candidates.get(candidate) if identity else None
    embeddings: dict[str, bytes] = {}
    for sha256 in (one.get("sha256", "") for one in (told.embeddings if told else ())):
        name = embedding_file(sha256)
        try:
            embeddings[sha256] = (run.folder / name).read_bytes()
        except OSError as error:
            problem = tr("cannot be read from the run: {reason}", reason=reason_of(error))
            faults.append(Fault(name, problem, tr(DRAW_AGAIN), DRAWING))
    return embeddings


def _networks(run: Run, rows: Mapping[int, PanelRow], faults: list[Fault]) -> dict[str, bytes]:
    """Return the networks that panels were finished with; each that is not there joins the faults."""
    named = dict.fromkeys(one for row in rows.values() for one in kept_networks_in(row.chain))
    paths = {one: run.folder / network_file(one) for one in named}
    if problem := networks_problem(sum(path.stat().st_size for path in paths.values() if path.is_file())):
        faults.append(
            Fault("bundle", problem, tr("finish the panels with one network, or with a smaller one"))
        )
        return {}
    networks: dict[str, bytes] = {}
    for network in named:
        try:
            networks[network] = network_bytes(run, network)
        except RunError as error:
            file = network_file(network)
            mend = tr("put it back, or repair the panel with another network")
            faults.append(Fault(file, _without_path(str(error), run, file), mend))
    return networks


def _batches(run: Run, drawn: Collection[Slot]) -> tuple[BatchRecord, ...]:
    """Return the batches that hold one of the pictures."""
    rows = [row for row in run.rows() if row.slot in drawn]
    keys = {row.key for row in rows}
    held = any(row.control or row.image_prompts or pictures_in(row.anchors) for row in rows)
    return tuple(
        BatchRecord(
            seed=_seed_of(batch.rows),
            prompts=tuple(row.prompt for row in batch.rows),
            compiled=batch.compiled,
            panels=tuple(row.panel for row in batch.rows) if held else (),
        )
        for batch in recorded_batches(run)
        if any(row.key in keys for row in batch.rows)
    )


def _seed_of(rows: Sequence[PanelRow]) -> int | tuple[int, ...]:
    """Return the one seed of a batch's pictures, or each one's."""
    seeds = tuple(row.recipe_seed for row in rows)
    return seeds if len(set(seeds)) > 1 else seeds[0]


def _lora(candidate: Candidate, layout: PipelineLayout | None, faults: list[Fault]) -> LoraFile | None:
    """Return the candidate's LoRA file; None for the bare base, or where it is not there."""
    if candidate.lora is None:
        return None
    style = candidate.lora.removeprefix("mini:")
    path = Path(candidate.lora) if style == candidate.lora else LORAS / f"{style}.safetensors"
    try:
        return load_lora_file(path, candidate.alpha, layout)
    except LoraError as error:
        problem = changed(str(error), lambda text: text.replace(str(path), path.name))
        faults.append(Fault("lora", problem))
    except OSError as error:
        faults.append(
            Fault("lora", tr("{file} cannot be read: {reason}", file=path.name, reason=reason_of(error)))
        )
    return None
