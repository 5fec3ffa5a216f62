"""The stage that packs: a run's chosen story as a bundle that the contest can check and draw again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from kit.errors import BundleError
from kit.experiment.run import Run
from kit.files.atomic_write import write_atomic
from kit.files.encodings import sha256_bytes, zip_bytes
from kit.images.lettering import NUMBERS_ONLY
from submissions.bundle.bundle import Bundle
from submissions.bundle.manifest import Manifest
from submissions.faults import Fault, listed
from submissions.packing.build import build
from submissions.packing.entry import Entry
from submissions.packing.preflight import check_entry, check_evidence
from submissions.packing.run_evidence import gather
from submissions.untrusted.lora_reader import LoraFile
from submissions.untrusted.zip_reader import size_faults
from submissions.verification.verify import content_faults


@dataclass(frozen=True, kw_only=True, slots=True)
class PackReport:
    """What was packed."""

    path: Path
    sha256: str
    """Of the zip."""
    size_bytes: int
    name: str
    """The name under which the LoRA is to be published."""
    files: tuple[str, ...]
    notes: tuple[str, ...]
    """What a team should know though it is no fault."""


def pack(run: Run, entry: Entry) -> PackReport:
    """Write the bundle of an entry and return what is in it; the same run and entry give the same bytes.

    Raises:
        BundleError: something must be mended first; the message lists all of it, and nothing is written.
    """
    faults = list(check_entry(entry))
    evidence, gaps = gather(run, entry)
    _refuse([*faults, *gaps, *(check_evidence(evidence, entry) if evidence else ())])
    assert evidence is not None
    manifest, files = build(evidence, entry)
    bundle = Bundle(files=files, manifest=manifest)
    _refuse([*size_faults(files), *content_faults(bundle, manifest, entry.rules)])
    data = zip_bytes(files)
    write_atomic(entry.out, data)
    return PackReport(
        path=entry.out,
        sha256=sha256_bytes(data),
        size_bytes=len(data),
        name=manifest.name,
        files=tuple(files),
        notes=(*_notes(manifest, entry), *_left_behind(evidence.lora)),
    )


def _refuse(faults: Sequence[Fault]) -> None:
    if faults:
        raise BundleError(f"the entry cannot be packed, {listed(faults)}")


def _left_behind(lora: LoraFile | None) -> tuple[str, ...]:
    """Return which notes of the LoRA file are not in the bundle, and why."""
    return tuple(f"not packed with the LoRA: {text}" for text in lora.left_behind) if lora else ()


def _notes(manifest: Manifest, entry: Entry) -> tuple[str, ...]:
    """Return what the team should know."""
    deadline = entry.rules.deadline.at
    notes = {
        manifest.notice: bool(manifest.notice),
        f"panels of the seeds {' '.join(map(str, entry.seeds))}, as cast": len(set(entry.seeds)) > 1,
        f"mosaics: {manifest.mosaic}": manifest.mosaic == NUMBERS_ONLY,
        f"the contest's deadline was {deadline}": deadline is not None and deadline < datetime.now(UTC),
        "post.txt: put the address of the published LoRA into the title": not manifest.link,
    }
    return tuple(note for note, holds in notes.items() if holds)
