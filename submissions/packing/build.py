"""A bundle put together from evidence that nothing speaks against: its manifest and its files."""

from dataclasses import asdict

from pydantic import JsonValue

from eval.scoring.records import PanelScore
from kit.experiment.identity import RunIdentity, is_embedded
from kit.experiment.run import PanelRow
from kit.files.encodings import csv_bytes, json_bytes, sha256_bytes
from kit.images.decode import open_picture
from kit.images.lettering import find_lettering
from kit.images.png_metadata import QUICK, encoded
from kit.story.control import KINDS, ControlKind
from kit.versions import installed_version
from submissions.bundle.comfyui import workflows_of
from submissions.bundle.lora_files import lora_forms
from submissions.bundle.manifest import (
    COMPARISON,
    EMBEDDED_NOTICE,
    FORMAT,
    MANIFEST,
    OTHERS,
    PROMPT_COLUMNS,
    SCORE_COLUMNS,
    UNSEALED,
    EmbeddingRecord,
    GateRecord,
    LoraRecord,
    Manifest,
    PanelRecord,
    SettingsRecord,
    embedding_files,
    file_record,
    lora_names,
    manifest_bytes,
    map_files,
    mask_files,
    network_files,
    panel_file,
    prompts_json,
    reference_files,
    settings_json,
)
from submissions.bundle.mosaic import GRIDS, MosaicText, draw_mosaic
from submissions.bundle.texts import texts_of
from submissions.packing.entry import Entry
from submissions.packing.preflight import mean_score, panel_scores
from submissions.packing.run_evidence import Evidence
from submissions.verification.origin_checks import NOT_INSTALLED
from submissions.verification.rule_checks import scorer_of


def build(evidence: Evidence, entry: Entry) -> tuple[Manifest, dict[str, bytes]]:
    """Return the manifest and every file of an entry's bundle in the order of the zip, cards first."""
    story = evidence.story.story
    captions = [panel.caption for panel in story.panels]
    lettering = find_lettering([story.title, *captions])
    draft = _draft(evidence, entry, lettering.note)
    words = MosaicText(title=story.title, captions=captions, lettering=lettering)
    files = _files(evidence, entry, draft, words)
    records = {name: file_record(data) for name, data in files.items()}
    manifest = draft.model_copy(update={"files": records})
    return manifest, files | {MANIFEST: manifest_bytes(manifest)}


def _draft(evidence: Evidence, entry: Entry, mosaic: str) -> Manifest:
    """Return the manifest, its files still empty."""
    identity, scores, rules = evidence.identity, evidence.scores, entry.rules
    assert identity is not None
    assert scores is not None
    head = scores.stamp("aesthetic")
    return Manifest(
        format=FORMAT,
        storykit=installed_version("storykit") or NOT_INSTALLED,
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
        settings=SettingsRecord.model_validate(
            identity.settings.model_dump(include=set(SettingsRecord.model_fields))
        ),
        controlnets=_controlnets(evidence),
        drawn_with=_drawn_with(identity),
        lora=_lora_record(evidence),
        embeddings=tuple(map(EmbeddingRecord.model_validate, evidence.taught)),
        gate=GateRecord(
            threshold=rules.gate.threshold,
            score=mean_score(panel_scores(scores, entry)),
            scorer=scorer_of(rules, head.embedded) or head.weights,
            embedded=head.embedded,
        ),
        mosaic=mosaic,
        panels=tuple(_panel_record(row) for _, row in sorted(evidence.rows.items())),
        batches=evidence.batches,
        files={},
        seal=UNSEALED,
    )


def _drawn_with(identity: RunIdentity) -> dict[str, JsonValue]:
    """Return the machines that drew the run; one alone as it is in bundles of runs that one kind drew."""
    told, others = identity.told(), identity.others
    return {**told, OTHERS: list(others)} if others else told


def _controlnets(evidence: Evidence) -> dict[ControlKind, dict[str, str]]:
    """Return the ControlNets that the entry's panels were drawn with; the run may name others."""
    kinds = {held.kind for row in evidence.rows.values() for held in row.control}
    told = evidence.identity.controlnets if evidence.identity else {}
    return {kind: dict(told.get(kind, {})) for kind in KINDS if kind in kinds}


def _panel_record(row: PanelRow) -> PanelRecord:
    """Return what the run recorded of a panel, with its place in the bundle."""
    told = {name: value for name, value in asdict(row).items() if name in PanelRecord.model_fields}
    return PanelRecord.model_validate(told | {"file": panel_file(row.panel), "seed": row.recipe_seed})


def _lora_record(evidence: Evidence) -> LoraRecord | None:
    """Return what the run recorded of the candidate's LoRA; None for the bare base."""
    trained = evidence.trained_lora
    if evidence.lora is None or trained is None:
        return None
    return LoraRecord.model_validate(
        {
            **lora_names(evidence.candidate.name),
            "notes": evidence.lora.content.metadata,
            "sha256": sha256_bytes(evidence.lora.data),
            "source_sha256": evidence.lora.source_sha256,
            "source_hash": evidence.lora.source_hash,
            **trained.model_dump(
                exclude={"lora_sha256", "negative", "consistency", "merged_from", "embeddings"}
            ),
        }
    )


def _files(evidence: Evidence, entry: Entry, draft: Manifest, words: MosaicText) -> dict[str, bytes]:
    """Return every file of the bundle but the manifest."""
    assert evidence.scores is not None
    scores = [_score_row(row) for row in panel_scores(evidence.scores, entry)]
    pngs = dict(sorted(evidence.pngs.items()))
    pictures = [open_picture(png, ("PNG",)) for png in pngs.values()]
    files = texts_of(draft, entry.rules)
    files |= {panel_file(panel): png for panel, png in pngs.items()}
    files |= {grid.file: encoded(draw_mosaic(pictures, words, grid), level=QUICK) for grid in GRIDS}
    files |= {name: evidence.masks[mask] for name, mask in mask_files(draft).items()}
    files |= {name: evidence.maps[sha256] for name, sha256 in map_files(draft).items()}
    files |= {name: evidence.references[sha256] for name, sha256 in reference_files(draft).items()}
    files |= {name: evidence.networks[network] for name, network in network_files(draft).items()}
    files |= {name: evidence.embeddings[sha256] for name, sha256 in embedding_files(draft).items()}
    files |= {
        "prompts.csv": csv_bytes(PROMPT_COLUMNS, prompts_json(draft)),
        "prompts.json": json_bytes(prompts_json(draft)),
        "settings.json": json_bytes(settings_json(draft)),
        "scores.csv": csv_bytes(SCORE_COLUMNS, scores),
    }
    files |= {name: json_bytes(graph) for name, graph in workflows_of(draft).items()}
    if evidence.comparison is not None:
        files[COMPARISON] = evidence.comparison
    if draft.lora and evidence.lora is not None:
        forms = lora_forms(draft.lora, evidence.lora)
        files |= {name: b"".join(form()) for name, form in forms.items()}
    return files


def _score_row(row: PanelScore) -> dict[str, JsonValue]:
    """Return a panel's scores with its place in the bundle."""
    told: dict[str, JsonValue] = asdict(row) | {"file": panel_file(row.panel)} | dict(row.values)
    return {column: told.get(column) for column in SCORE_COLUMNS}
