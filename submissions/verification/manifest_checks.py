"""Checks of a bundle's manifest: does it agree with the files beside it, and with itself."""

from collections.abc import Iterator, Mapping

from pydantic_core import from_json

from kit.experiment.step_sizes import size_faults
from kit.experiment.steps import sides_in
from kit.files.encodings import csv_bytes, json_bytes
from kit.messages import joined, tr
from kit.models.bases.controlnet_files import controlnet_identity
from submissions.bundle.bundle import Bundle, order_of
from submissions.bundle.comfyui import workflows_of
from submissions.bundle.lora_files import lora_forms
from submissions.bundle.manifest import (
    MANIFEST,
    PROMPT_COLUMNS,
    FileRecord,
    LoraRecord,
    Manifest,
    lora_names,
    map_files,
    mask_files,
    panel_file,
    prompts_json,
    record_of_pieces,
    reference_files,
    seal_of,
    settings_json,
)
from submissions.bundle.texts import CONFIGURATION
from submissions.faults import Fault
from submissions.untrusted.lora_reader import LoraFile


def agreement_faults(bundle: Bundle, manifest: Manifest) -> Iterator[Fault]:
    """Yield where the manifest and the files beside it say different things."""
    files = bundle.files
    document = from_json(files[MANIFEST])
    if files[MANIFEST] != json_bytes(document) or document["seal"] != seal_of(document):
        yield Fault(MANIFEST, tr("is not as it was packed, its seal does not fit"), tr("pack again"))
    yield from _hash_faults(bundle.records, manifest)
    yield from _panel_faults(manifest)
    yield from _size_faults(manifest)
    yield from _mask_faults(manifest)
    yield from _control_faults(manifest)
    yield from _reference_faults(manifest)
    yield from _name_faults(manifest)
    yield from _lora_faults(manifest)
    if manifest.lora and bundle.lora:
        yield from _lora_file_faults(bundle.records, manifest, manifest.lora, bundle.lora)
    yield from _json_faults(files, manifest)
    prompts = "prompts.csv"
    if prompts in files and files[prompts] != csv_bytes(PROMPT_COLUMNS, prompts_json(manifest)):
        yield Fault(
            prompts, tr("does not give each panel the prompt it has in the manifest"), tr("pack again")
        )


def _hash_faults(records: Mapping[str, FileRecord], manifest: Manifest) -> Iterator[Fault]:
    """Yield which files are lost, unlisted, or others than those listed."""
    for name in manifest.files:
        if name not in records:
            yield Fault(name, tr("is in the manifest but not in the bundle"))
    for name, found in records.items():
        if name == MANIFEST:
            continue
        record = manifest.files.get(name)
        if record is None:
            yield Fault(name, tr("is in the bundle but not in the manifest"))
        elif record != found:
            yield Fault(name, tr("is not the file in the manifest, its sha256 or size differs"))


def _size_faults(manifest: Manifest) -> Iterator[Fault]:
    """Yield which steps of panels cannot follow a picture of the size before them."""
    for panel in manifest.panels:
        sides = sides_in(manifest.settings.size, panel.chain)
        for step, side in zip(panel.chain, sides, strict=False):
            for problem in size_faults(step, side):
                yield Fault(panel.file, problem, tr("repair or finish it again, and pack again"))


def _mask_faults(manifest: Manifest) -> Iterator[Fault]:
    """Yield which masks that panels were repaired with are not in the bundle."""
    for name in mask_files(manifest):
        if name not in manifest.files:
            yield Fault(name, tr("is missing, a panel was repaired with this mask"), tr("pack again"))


def _control_faults(manifest: Manifest) -> Iterator[Fault]:
    """Yield which maps are not in the bundle, and which ControlNets the manifest does not tell of."""
    for name in map_files(manifest):
        if name not in manifest.files:
            yield Fault(name, tr("is missing, a panel was held to this map"), tr("pack again"))
    told = {(kind, controlnet_identity(files)) for kind, files in manifest.controlnets.items()}
    used = {(held.kind, held.controlnet) for panel in manifest.panels for held in panel.control}
    if told != used:
        problem = tr("must tell the files of those ControlNets that panels were held by, and of no others")
        yield Fault(f"{MANIFEST}, controlnets", problem, tr("pack again"))
    for batch in manifest.batches:
        if batch.panels and [_prompt_of(manifest, panel) for panel in batch.panels] != [*batch.prompts]:
            problem = tr("must name the panels that its prompts are of")
            yield Fault(f"{MANIFEST}, batches", problem, tr("pack again"))
        if bool(batch.panels) != bool(used or reference_files(manifest)):
            problem = tr(
                "must name its panels where panels were held to maps or drawn after pictures, and only there"
            )
            yield Fault(f"{MANIFEST}, batches", problem, tr("pack again"))


def _reference_faults(manifest: Manifest) -> Iterator[Fault]:
    """Yield which pictures of characters are not in the bundle."""
    for name in reference_files(manifest):
        if name not in manifest.files:
            yield Fault(name, tr("is missing, a panel was drawn with this picture"), tr("pack again"))


def _prompt_of(manifest: Manifest, panel: int) -> str | None:
    return manifest.panels[panel - 1].prompt if panel <= len(manifest.panels) else None


def _panel_faults(manifest: Manifest) -> Iterator[Fault]:
    """Yield what is wrong among the panels' records."""
    for number, panel in enumerate(manifest.panels, 1):
        place, file = tr("{file}, panel {panel}", file=MANIFEST, panel=number), panel_file(number)
        if panel.panel != number or panel.file != file:
            yield Fault(
                place,
                tr(
                    "must be panel {panel} in {file}, got panel {got} in {got_file}",
                    panel=number,
                    file=file,
                    got=panel.panel,
                    got_file=panel.file,
                ),
            )
        record = manifest.files.get(panel.file)
        if record is None:
            yield Fault(place, tr("is not in the bundle, which lists no {file}", file=panel.file))
        elif record.sha256 != panel.sha256:
            yield Fault(place, tr("has two different sha256"))
        if not panel.prompt.strip():
            yield Fault(place, tr("has no prompt"))


def _name_faults(manifest: Manifest) -> Iterator[Fault]:
    """Yield which files are no part of a bundle, so that nothing rides along."""
    known = set(order_of(manifest)) - {MANIFEST}
    for name in manifest.files:
        if name not in known:
            yield Fault(name, tr("is no part of a bundle"), tr("take it out"))


def _lora_faults(manifest: Manifest) -> Iterator[Fault]:
    """Yield what is wrong with how the manifest names the LoRA's files."""
    if (lora := manifest.lora) is None:
        return
    names = lora_names(manifest.candidate)
    wanted, got = list(names.values()), [getattr(lora, form) for form in names]
    if got != wanted:
        problem = tr(
            "must be called {names}, got {got}",
            names=joined(wanted, tr(", ")),
            got=", ".join(got)[:200],
        )
        yield Fault(f"{MANIFEST}, lora", problem)
    for name in wanted:
        if name not in manifest.files:
            yield Fault(name, tr("is missing, the LoRA is handed in in this form too"))


def _lora_file_faults(
    records: Mapping[str, FileRecord], manifest: Manifest, record: LoraRecord, lora: LoraFile
) -> Iterator[Fault]:
    """Yield where a LoRA's files differ from what the manifest says of them, or from one another."""
    listed = manifest.files.get(record.file)
    if listed is not None and listed.sha256 != record.sha256:
        yield Fault(f"{MANIFEST}, lora", tr("has two different sha256"))
    yield from lora_record_faults(record, lora)
    try:
        for name, form in lora_forms(record, lora).items():
            if name in records and records[name] != record_of_pieces(form()):
                other = tr("is not {file} in another form, byte by byte", file=record.file)
                own = tr("is not in the one form that pack writes, with the alpha of the manifest")
                yield Fault(name, own if name == record.file else other, tr("pack again"))
    except ValueError as error:
        yield Fault(record.file, str(error))


def lora_record_faults(record: LoraRecord, lora: LoraFile) -> Iterator[Fault]:
    """Yield where a LoRA file differs from what the manifest says of it; nothing where it holds none."""
    try:
        facts = lora.facts
    except ValueError:
        return
    metadata = lora.content.metadata
    said = metadata.get("alpha", str(record.alpha))
    if not _equals(said, record.alpha):
        yield Fault(
            record.file,
            tr("must have alpha {alpha} as the manifest says, got {got}", alpha=record.alpha, got=said[:20]),
        )
    if facts.ranks != {record.rank}:
        ranks = joined(map(str, sorted(facts.ranks)), tr(", "))
        yield Fault(
            record.file,
            tr("must have rank {rank} as the manifest says, got {got}", rank=record.rank, got=ranks),
        )
    if len(facts.layers) != record.keys:
        problem = tr(
            "must change {number} layers as the manifest says, got {got}",
            number=record.keys,
            got=len(facts.layers),
        )
        yield Fault(record.file, problem)
    if metadata != record.notes:
        yield Fault(record.file, tr("says something else of its training than the manifest"))


def _equals(text: str, number: float) -> bool:
    """Return whether a text says a number."""
    try:
        return float(text) == number
    except ValueError:
        return False


def _json_faults(files: Mapping[str, bytes], manifest: Manifest) -> Iterator[Fault]:
    """Yield which JSON files say something else than the manifest."""
    wanted = {
        "prompts.json": prompts_json(manifest),
        "settings.json": settings_json(manifest),
        "configuration.json": dict(CONFIGURATION),
        **workflows_of(manifest),
    }
    for name, value in wanted.items():
        if name in files and files[name] != json_bytes(value):
            yield Fault(name, tr("does not say what it must by the manifest"), tr("pack again"))
