"""Checks of a bundle's manifest: does it agree with the files beside it, and with itself."""

import math
from collections.abc import Mapping

from pydantic_core import from_json

from kit.experiment.identity import is_embedded
from kit.files.encodings import csv_rows, json_bytes, sha256_bytes
from kit.lora.convert import read_safetensors
from submissions.bundle.comfyui import workflows_of
from submissions.bundle.lora_files import lora_forms
from submissions.bundle.manifest import (
    COMPARISON,
    EMBEDDED_NOTICE,
    MANIFEST,
    PROMPT_COLUMNS,
    LoraRecord,
    Manifest,
    lora_names,
    panel_file,
    prompts_json,
    seal_of,
    settings_json,
)
from submissions.bundle.mosaic import GRIDS
from submissions.bundle.texts import CONFIGURATION, TEXTS
from submissions.faults import Fault
from submissions.untrusted.lora_reader import read_lora_facts

Files = Mapping[str, bytes]

_MOST_POINTS = 100.0
"""No head gives a picture more; the contest's gives 1 to 10."""
_CLOSE = 1e-6
"""How far the recorded mean may be from the mean of the recorded scores: rounding only."""


def agreement_faults(files: Files, manifest: Manifest) -> list[Fault]:
    """Return where the manifest and the files beside it say different things."""
    return [
        *_seal_faults(files),
        *_hash_faults(files, manifest),
        *_panel_faults(manifest),
        *_batch_faults(manifest),
        *_name_faults(manifest),
        *_lora_faults(files, manifest),
        *_json_faults(files, manifest),
        *_table_faults(files, manifest),
    ]


def _seal_faults(files: Files) -> list[Fault]:
    """Return whether the manifest is another than the one that was packed."""
    document = from_json(files[MANIFEST])
    if files[MANIFEST] == json_bytes(document) and document["seal"] == seal_of(document):
        return []
    return [
        Fault(place=MANIFEST, problem="is not as it was packed, its seal does not fit", mend="pack again")
    ]


def _hash_faults(files: Files, manifest: Manifest) -> list[Fault]:
    """Return which files are lost, unlisted, or others than those listed."""
    faults = [
        Fault(place=name, problem="is in the manifest but not in the bundle")
        for name in manifest.files
        if name not in files
    ]
    for name, data in files.items():
        if name == MANIFEST:
            continue
        record = manifest.files.get(name)
        if record is None:
            faults.append(Fault(place=name, problem="is in the bundle but not in the manifest"))
        elif (record.sha256, record.size_bytes) != (sha256_bytes(data), len(data)):
            faults.append(
                Fault(place=name, problem="is not the file in the manifest, its sha256 or size differs")
            )
    return faults


def _panel_faults(manifest: Manifest) -> list[Fault]:
    """Return what is wrong among the panels' records."""
    faults: list[Fault] = []
    for number, panel in enumerate(manifest.panels, 1):
        place = f"{MANIFEST}, panel {number}"
        if panel.panel != number or panel.file != panel_file(number):
            problem = (
                f"must be panel {number} in {panel_file(number)}, got panel {panel.panel} in {panel.file}"
            )
            faults.append(Fault(place=place, problem=problem))
        record = manifest.files.get(panel.file)
        if record is None:
            faults.append(Fault(place=place, problem=f"is not in the bundle, which lists no {panel.file}"))
        elif record.sha256 != panel.sha256:
            faults.append(Fault(place=place, problem="has two different sha256"))
        if not panel.prompt.strip():
            faults.append(Fault(place=place, problem="has no prompt"))
    return faults


def _batch_faults(manifest: Manifest) -> list[Fault]:
    """Return whether the batches are those that the panels were drawn in."""
    panels = {(panel.seed, panel.prompt) for panel in manifest.panels}
    batches = [{(batch.seed, prompt) for prompt in batch.prompts} for batch in manifest.batches]
    if not batches or (panels <= set().union(*batches) and not any(panels.isdisjoint(b) for b in batches)):
        return []
    problem = "must have each panel in one of the batches and a panel in each batch"
    return [Fault(place=f"{MANIFEST}, batches", problem=problem)]


def _name_faults(manifest: Manifest) -> list[Fault]:
    """Return which files are no part of a bundle, so that nothing rides along."""
    known = {*TEXTS, *workflows_of(manifest), *(grid.file for grid in GRIDS)}
    known |= {panel.file for panel in manifest.panels}
    known |= {"prompts.csv", "prompts.json", "settings.json", "scores.csv", COMPARISON}
    known |= set(lora_names(manifest.candidate)) if manifest.lora else set()
    return [
        Fault(place=name, problem="is no part of a bundle", mend="take it out")
        for name in manifest.files
        if name not in known
    ]


def _lora_faults(files: Files, manifest: Manifest) -> list[Fault]:
    """Return what is wrong with the LoRA's record, and with what the bundle says of its base."""
    faults: list[Fault] = []
    if (manifest.notice == EMBEDDED_NOTICE) != is_embedded(manifest.base):
        problem = "must say that the base is the embedded one exactly when it is"
        faults.append(Fault(place=f"{MANIFEST}, notice", problem=problem))
    lora = manifest.lora
    if lora and (names := (lora.file, lora.checkpoint, lora.diffusers, lora.comfyui)) != lora_names(
        manifest.candidate
    ):
        problem = f"must be called {', '.join(lora_names(manifest.candidate))}, got {', '.join(names)[:200]}"
        faults.append(Fault(place=f"{MANIFEST}, lora", problem=problem))
    for name in lora_names(manifest.candidate) if lora else ():
        if name not in manifest.files:
            faults.append(Fault(place=name, problem="is missing, the LoRA is handed in in this form too"))
    if lora and lora.trigger and not all(panel.prompt.startswith(lora.trigger) for panel in manifest.panels):
        problem = "must stand in front of every prompt"
        faults.append(Fault(place=f"{MANIFEST}, lora.trigger", problem=problem))
    if lora is None or lora.file not in files:
        return faults
    record = manifest.files.get(lora.file)
    if record is not None and record.sha256 != lora.sha256:
        faults.append(Fault(place=f"{MANIFEST}, lora", problem="has two different sha256"))
    return faults + lora_record_faults(lora, files[lora.file]) + _form_faults(files, lora)


def _form_faults(files: Files, lora: LoraRecord) -> list[Fault]:
    """Return which of the LoRA's other forms are not what its safetensors file gives."""
    faults: list[Fault] = []
    data, problem = files[lora.file], f"is not {lora.file} in another form, byte by byte"
    try:
        least = len(read_safetensors(data).body)
        for name, form in lora_forms(lora, data).items():
            if name in files and (len(files[name]) < least or files[name] != form()):
                faults.append(Fault(place=name, problem=problem, mend="pack again"))
    except ValueError as error:
        faults.append(Fault(place=lora.file, problem=str(error)))
    return faults


def _json_faults(files: Files, manifest: Manifest) -> list[Fault]:
    """Return which JSON files say something else than the manifest."""
    wanted = {
        "prompts.json": prompts_json(manifest),
        "settings.json": settings_json(manifest),
        "configuration.json": dict(CONFIGURATION),
        **workflows_of(manifest),
    }
    problem = "does not say what it must by the manifest"
    return [
        Fault(place=name, problem=problem, mend="pack again")
        for name, value in wanted.items()
        if name in files and files[name] != json_bytes(value)
    ]


def _table_faults(files: Files, manifest: Manifest) -> list[Fault]:
    """Return where prompts.csv or scores.csv disagree with the manifest."""
    faults: list[Fault] = []
    for name, check in (("prompts.csv", _prompts_differ), ("scores.csv", _scores_differ)):
        if name not in files:
            continue
        try:
            problem = check(csv_rows(files[name]), manifest)
        except ValueError as error:
            problem = str(error)
        if problem:
            faults.append(Fault(place=name, problem=problem))
    return faults


def _prompts_differ(rows: list[dict[str, str]], manifest: Manifest) -> str:
    """Return how the table of prompts disagrees with the manifest; empty when it agrees."""
    wanted = [{column: str(row[column]) for column in PROMPT_COLUMNS} for row in prompts_json(manifest)]
    return "" if rows == wanted else "does not give each panel the prompt it has in the manifest"


def _scores_differ(rows: list[dict[str, str]], manifest: Manifest) -> str:
    """Return how the table of scores disagrees with the manifest; empty when it agrees."""
    wanted = [(str(panel.panel), panel.sha256) for panel in manifest.panels]
    if [(row.get("panel"), row.get("sha256")) for row in rows] != wanted:
        return "does not score the panels of the manifest"
    scores = [float(row.get("aesthetic", "")) for row in rows]
    if not all(abs(score) <= _MOST_POINTS for score in scores):
        return f"must have aesthetic scores within {_MOST_POINTS:g}"
    mean = math.fsum(scores) / len(scores) if scores else math.nan
    if not abs(mean - manifest.gate.score) <= _CLOSE:
        return f"has mean aesthetic score {mean:.4f}, the manifest says {manifest.gate.score:.4f}"
    return ""


def lora_record_faults(record: LoraRecord, data: bytes) -> list[Fault]:
    """Return where a LoRA file differs from what the manifest says of it."""
    try:
        facts = read_lora_facts(data)
    except ValueError:
        return []
    ranks = ", ".join(map(str, sorted(facts.ranks)))
    said = facts.metadata.get("alpha", str(record.alpha))
    problems = {
        f"must have alpha {record.alpha} as the manifest says, got {said[:20]}": not _equals(
            said, record.alpha
        ),
        f"must have rank {record.rank} as the manifest says, got {ranks}": facts.ranks != {record.rank},
        f"must change {record.keys} layers as the manifest says, got {len(facts.layers)}": len(facts.layers)
        != record.keys,
        "says something else of its training than the manifest": facts.metadata != record.notes,
    }
    return [Fault(place=record.file, problem=problem) for problem, holds in problems.items() if holds]


def _equals(text: str, number: float) -> bool:
    """Return whether a text says a number."""
    try:
        return float(text) == number
    except ValueError:
        return False
