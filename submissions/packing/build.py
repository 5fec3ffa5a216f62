"""A bundle put together from evidence that nothing speaks against: its manifest and its files."""

import io
from dataclasses import asdict, dataclass

from PIL import Image
from pydantic import JsonValue

from eval.scoring.records import PanelScore, Scores
from kit.experiment.identity import RunIdentity, is_embedded
from kit.files.encodings import csv_bytes, json_bytes, sha256_bytes
from kit.images.lettering import Lettering
from kit.versions import installed_version
from submissions.bundle.comfyui import workflows_of
from submissions.bundle.lora_files import lora_forms
from submissions.bundle.manifest import (
    COMPARISON,
    EMBEDDED_NOTICE,
    MANIFEST,
    SCORE_COLUMNS,
    UNSEALED,
    GateRecord,
    LoraRecord,
    Manifest,
    PanelRecord,
    SettingsRecord,
    file_record,
    lora_names,
    manifest_bytes,
    panel_file,
    prompts_csv,
    prompts_json,
    settings_json,
)
from submissions.bundle.mosaic import GRIDS, MosaicText, draw_mosaic, png_bytes
from submissions.bundle.texts import texts_of
from submissions.packing.entry import Entry
from submissions.packing.preflight import mean_score, panel_scores
from submissions.packing.run_evidence import Evidence


@dataclass(frozen=True, kw_only=True, slots=True)
class CompleteEvidence:
    """Evidence that has every part a bundle needs."""

    evidence: Evidence
    identity: RunIdentity
    scores: Scores
    lettering: Lettering


def build(whole: CompleteEvidence, entry: Entry) -> tuple[Manifest, dict[str, bytes]]:
    """Return the manifest and every file of an entry's bundle in the order of the zip, cards first."""
    draft = _draft(whole, entry)
    files = _files(whole, entry, draft)
    records = {name: file_record(data) for name, data in files.items()}
    manifest = draft.model_copy(update={"files": records})
    return manifest, files | {MANIFEST: manifest_bytes(manifest)}


def _draft(whole: CompleteEvidence, entry: Entry) -> Manifest:
    """Return the manifest, its files still empty."""
    identity, rules, head = whole.identity, entry.rules, whole.scores.stamp("aesthetic")
    return Manifest(
        format=2,
        storykit=installed_version("storykit") or "not installed",
        rules=rules.name,
        name=rules.name_of(entry.team, entry.title),
        team=entry.team,
        title=entry.title,
        introduction=entry.introduction.replace("\r\n", "\n").strip(),
        link=entry.link,
        notice=EMBEDDED_NOTICE if is_embedded(identity.base) else "",
        candidate=entry.candidate,
        order=entry.order,
        story=entry.story,
        base=identity.base,
        settings=SettingsRecord.model_validate(identity.settings.model_dump()),
        drawn_with=identity.model_dump(mode="json", include={"device", "versions", "commit"}),
        lora=_lora_record(whole.evidence),
        gate=GateRecord(
            threshold=rules.gate.threshold,
            score=mean_score(panel_scores(whole.scores, entry)),
            scorer=head.weights,
            embedded=head.embedded,
        ),
        mosaic=whole.lettering.note,
        panels=tuple(_panel_record(whole.evidence, panel) for panel in sorted(whole.evidence.rows)),
        batches=whole.evidence.batches,
        files={},
        seal=UNSEALED,
    )


def _panel_record(evidence: Evidence, panel: int) -> PanelRecord:
    """Return what the run recorded of a panel, with its place in the bundle."""
    row = evidence.rows[panel]
    return PanelRecord(
        panel=panel,
        file=panel_file(panel),
        sha256=row.sha256,
        key=row.key,
        prompt=row.prompt,
        negative=row.negative,
        seed=row.seed,
    )


def _lora_record(evidence: Evidence) -> LoraRecord | None:
    """Return what the run recorded of the candidate's LoRA; None for the bare base."""
    trained = evidence.trained_lora
    if evidence.lora is None or trained is None:
        return None
    file, checkpoint, diffusers, comfyui = lora_names(evidence.candidate.name)
    return LoraRecord.model_validate(
        {
            "file": file,
            "checkpoint": checkpoint,
            "diffusers": diffusers,
            "comfyui": comfyui,
            "notes": evidence.lora.facts.metadata,
            "sha256": sha256_bytes(evidence.lora.data),
            "source_sha256": evidence.lora.source_sha256,
            **trained.model_dump(exclude={"lora_sha256"}),
        }
    )


def _files(whole: CompleteEvidence, entry: Entry, draft: Manifest) -> dict[str, bytes]:
    """Return every file of the bundle but the manifest."""
    files = texts_of(draft, entry.rules)
    files |= {panel_file(panel): png for panel, png in sorted(whole.evidence.pngs.items())}
    files |= _mosaics(whole)
    files |= {
        "prompts.csv": prompts_csv(draft),
        "prompts.json": json_bytes(prompts_json(draft)),
        "settings.json": json_bytes(settings_json(draft)),
        "scores.csv": csv_bytes(
            SCORE_COLUMNS, [_score_row(row) for row in panel_scores(whole.scores, entry)]
        ),
    }
    files |= {name: json_bytes(graph) for name, graph in workflows_of(draft).items()}
    if whole.evidence.comparison is not None:
        files[COMPARISON] = whole.evidence.comparison
    if draft.lora and whole.evidence.lora is not None:
        files[draft.lora.file] = whole.evidence.lora.data
        forms = lora_forms(draft.lora, whole.evidence.lora.content)
        files |= {name: form() for name, form in forms.items()}
    return files


def _mosaics(whole: CompleteEvidence) -> dict[str, bytes]:
    """Return the mosaics by file name."""
    story = whole.evidence.story.story
    pictures = [Image.open(io.BytesIO(png)) for _, png in sorted(whole.evidence.pngs.items())]
    words = MosaicText(
        title=story.title,
        captions=[panel.caption for panel in story.panels],
        lettering=whole.lettering,
    )
    return {grid.file: png_bytes(draw_mosaic(pictures, words, grid)) for grid in GRIDS}


def _score_row(row: PanelScore) -> dict[str, JsonValue]:
    """Return a panel's scores with its place in the bundle."""
    told: dict[str, JsonValue] = asdict(row) | {"file": panel_file(row.panel)} | dict(row.values)
    return {column: told.get(column) for column in SCORE_COLUMNS}
