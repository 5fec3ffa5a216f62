"""What a run has already and would lose: pictures drawn otherwise, and pictures changed by hand."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from kit.embedded import LORA_PREFIX
from kit.errors import RunError
from kit.experiment.candidates.candidate import Candidate
from kit.experiment.candidates.kept_loras import keep_lora
from kit.experiment.config import LoadedExperiment
from kit.experiment.run import CHANGED, PanelRow, Run
from kit.files.encodings import sha256_of
from kit.files.text.library_words import reason_of
from kit.generation.painter import Painter
from kit.generation.recipe import Job, RunPlan, plan_run
from kit.lora.pipelines.layout import lora_layout
from kit.messages import Message, joined, mark, tr
from kit.story.story import PANELS

SHOWN = 3
"""Differences that a message names."""
_WORDS = {"lora_sha256": mark("another LoRA file"), "sha256": mark("other weights")}
_DRAFTS = mark("drafts in place of finals; without --draft it goes on with the finals")
_FINALS = mark("finals in place of drafts; with --draft it goes on with the drafts")
_IN_PLACE = mark(
    "{folder}: {lost} panels that are there would be drawn again and {stay}"
    " stay ({reasons}); add --again to draw them again in place of the old pictures, or"
    " choose another --out to keep both"
)
_ELSEWHERE = mark(
    "{folder}: {lost} panels that are there would be drawn again and {stay}"
    " stay ({reasons}); draw the part in a new folder, with another --out"
)
_NO_REASON = ("rank", "keys", "memory")
"""What shapes no picture, or only says again what another value says."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Redrawing:
    """What drawing an experiment would do to the pictures that are there."""

    lost: Sequence[Job]
    """Panels whose picture was drawn with another recipe and would be replaced."""
    stay: int
    """Panels that have the picture they are to have."""
    whole_sets: bool
    """Whether more was changed than a panel's words, as where some set would keep none of its pictures."""


def refuse_redrawing(
    folder: Path, loaded: LoadedExperiment, painter: Painter, *, in_place: bool = True
) -> None:
    """Raise RunError, saying what would be drawn again and why, where a change replaces whole sets.

    Words of single panels may change: those panels alone are drawn again.

    Args:
        folder: the run's.
        loaded: what is to be drawn there.
        painter: who draws.
        in_place: whether it is told how to draw in place of the old pictures.
    """
    if (found := whole_sets_lost(folder, loaded, painter)) is not None:
        redrawn, reasons = found
        raise RunError(
            tr(
                _IN_PLACE if in_place else _ELSEWHERE,
                folder=folder,
                lost=len(redrawn.lost),
                stay=redrawn.stay,
                reasons=reasons,
            )
        )


def whole_sets_lost(
    folder: Path, loaded: LoadedExperiment, painter: Painter
) -> tuple[Redrawing, Message] | None:
    """Return what drawing an experiment would do to a run, and why; None where no whole set is replaced."""
    run = Run(folder)
    if not run.experiment_path.is_file() or not (rows := run.rows()):
        return None
    with TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        plan = plan_run(Run.planned(folder, as_kept(loaded, Path(scratch))), painter)
    found = redrawing(folder, rows, plan.jobs)
    if not found.whole_sets:
        return None
    reasons = list(dict.fromkeys([*_settings(run, plan), *_words(rows, found.lost)]))
    more = [tr("and more")] if len(reasons) > SHOWN else []
    return found, joined([*reasons[:SHOWN], *more], tr("; "))


def redrawing(folder: Path, rows: Sequence[PanelRow], jobs: Sequence[Job]) -> Redrawing:
    """Return what drawing these panels would do to the pictures of a run.

    Args:
        folder: the run's.
        rows: what was drawn there.
        jobs: what is to be there.
    """
    drawn = {row.file: row for row in rows}
    there = [job for job in jobs if job.request.label in drawn and (folder / job.request.label).is_file()]
    lost = [job for job in there if drawn[job.request.label].key != job.key]
    kept = {job.slot[:4] for job in there if drawn[job.request.label].key == job.key}
    sizes = Counter(job.slot[:4] for job in jobs)
    gone = any(
        job.slot[:4] not in kept or _kept_otherwise(job, drawn[job.request.label])
        for job in lost
        if sizes[job.slot[:4]] == PANELS  # else single panels were asked for of this seed
    )
    return Redrawing(lost=lost, stay=len(there) - len(lost), whole_sets=gone)


def _kept_otherwise(job: Job, row: PanelRow) -> bool:
    """Return whether a panel has its words still, and its characters are kept the same otherwise."""
    return row.prompt == job.request.prompt and row.consistency != job.request.consistency


def set_aside(run: Run, job: Job, row: PanelRow | None) -> Path | None:
    """Move what lies in a panel's place to `changed-by-hand`, unless it is a picture of ours as it was drawn.

    Args:
        run: the panel's.
        job: what is to be there.
        row: what the run says of the file; None where it says nothing.

    Returns:
        Where it is now; None where nothing was moved.
    """
    path = run.folder / job.request.label
    if not path.is_file():
        return None
    if row is None and job.key.encode() in path.read_bytes():
        return None  # drawn by a run that was killed before it could say so
    if row is not None and sha256_of(path) == row.sha256:
        return None
    place = run.folder / CHANGED / Path(job.request.label).relative_to("panels")
    number = 2
    aside = place
    while aside.exists():
        aside, number = place.with_stem(f"{place.stem}-{number}"), number + 1
    try:
        aside.parent.mkdir(parents=True, exist_ok=True)
        path.rename(aside)
    except OSError as error:
        raise RunError(
            tr(
                "{file} was changed and cannot be kept as {aside}: {error}",
                file=path,
                aside=aside,
                error=reason_of(error),
            )
        ) from error
    return aside


def as_kept(loaded: LoadedExperiment, scratch: Path) -> LoadedExperiment:
    """Return an experiment whose LoRAs that are merged in a run are the one file that it keeps of them."""

    def kept(candidate: Candidate) -> Candidate:
        if not (candidate.loras or candidate.blocks):
            return candidate
        merged = keep_lora(scratch, candidate, layout)
        lora = str(merged.lora)
        return (
            merged
            if lora.startswith(LORA_PREFIX)
            else merged.model_copy(update={"lora": str(scratch / lora)})
        )

    layout = lora_layout(loaded.experiment.base)
    candidates = tuple(map(kept, loaded.experiment.candidates))
    return LoadedExperiment(
        path=loaded.path,
        experiment=loaded.experiment.model_copy(update={"candidates": candidates}),
        stories=loaded.stories,
    )


def _settings(run: Run, plan: RunPlan) -> Iterator[str]:
    """Yield how run.json differs from what it would say; nothing where it cannot be read."""
    try:
        drawn = run.read_json("run.json")
    except RunError:
        return
    parts: list[tuple[str, str | None]] = [("settings", None), ("base", None)]
    parts += [("candidates", name) for name in plan.loras]
    for table, name in parts:
        old, new = _table(drawn, table, name), _table(plan.identity, table, name)
        if name:
            old = {"consistency": 0.0, **old}  # what was drawn before there was any
        elif table == "settings":
            old, new = ({"quality": "final", "noise_per_panel": False, **one} for one in (old, new))
        for key, value in new.items():
            if key in old and key not in _NO_REASON and old[key] != value:
                told = _changed(key, value, old[key])
                if table == "base":
                    told = tr("another base: {change}", change=told)
                yield tr("{candidate}: {change}", candidate=name, change=told) if name else told


def _changed(key: str, now: object, before: object) -> str:
    """Return how a value differs; a long one is cut."""
    if key in _WORDS:
        return tr(_WORDS[key])
    if key == "quality":
        return tr(_DRAFTS if now == "draft" else _FINALS)
    texts = {"now": json.dumps(now, ensure_ascii=False), "before": json.dumps(before, ensure_ascii=False)}
    return tr("{change:.80}", change=tr("{key} {now} instead of {before}", key=key, **texts))


def _table(identity: object, *names: str | None) -> Mapping[str, object]:
    for name in filter(None, names):
        identity = identity.get(name) if isinstance(identity, Mapping) else None
    return identity if isinstance(identity, Mapping) else {}


def _words(rows: Sequence[PanelRow], lost: Sequence[Job]) -> Iterator[str]:
    before = {row.slot: row for row in rows}
    for job in lost:
        row = before.get(job.slot)
        if row is not None and row.prompt != job.request.prompt:
            yield tr("other words in {story}", story=job.slot.story)
        elif row is not None and row.negative != job.request.negative:
            yield tr("another negative prompt in {story}", story=job.slot.story)
        elif row is not None and row.control != tuple(one.record for one in job.request.control):
            yield tr("another control in {story}", story=job.slot.story)
        elif row is not None and (
            row.anchors != job.request.anchors
            or row.image_prompts != tuple(one.record for one in job.request.image_prompts)
        ):
            yield tr("another picture of a character in {story}", story=job.slot.story)
