"""The stage that packs: a run's chosen story as a bundle that the contest can check and draw again."""

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from kit.errors import BundleError
from kit.experiment.run import Run
from kit.experiment.steps import side_after
from kit.files.atomic_write import drafted
from kit.files.encodings import Piece, sha256_of, zip_pieces
from kit.files.folder_lock import lock_folder
from kit.files.regular_files import open_file
from kit.images.lettering import NUMBERS_ONLY
from kit.messages import joined, mark, tr
from submissions.bundle.bundle import open_bundle
from submissions.bundle.manifest import EMBEDDED_NOTICE, MANIFEST, Manifest, network_files, read_manifest
from submissions.contest.rules import Rules, load_rules, shipped_rules
from submissions.faults import Fault, listed
from submissions.packing.build import build
from submissions.packing.entry import Entry, draft_faults
from submissions.packing.preflight import check_entry, check_evidence
from submissions.packing.run_evidence import Evidence, gather
from submissions.untrusted.lora_reader import LoraFile
from submissions.verification.verify import verify

_MANIFEST_BYTES = 3 << 20
"""More than any manifest has."""


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
    refuse_drafts(run)
    with lock_folder(run.folder, mark("packed")):
        return _pack(run, entry)


def refuse_drafts(run: Run) -> None:
    """Raise BundleError, saying how finals are drawn, where a run holds drafts."""
    _refuse(draft_faults(run))


def _pack(run: Run, entry: Entry) -> PackReport:
    refuse_to_replace(entry.out, run, entry)
    faults = list(check_entry(entry))
    evidence, gaps = gather(run, entry)
    _refuse([*faults, *gaps, *(check_evidence(run, evidence, entry) if evidence else ())])
    assert evidence is not None
    manifest, files = build(evidence, entry)
    _write_sound(files, entry)
    return PackReport(
        path=entry.out,
        sha256=sha256_of(entry.out),
        size_bytes=entry.out.stat().st_size,
        name=manifest.name,
        files=tuple(files),
        notes=(*_notes(manifest, entry, evidence), *_left_behind(evidence.lora)),
    )


def refuse_to_replace(out: Path, run: Run, entry: Entry) -> None:
    """Raise BundleError where a folder, a file that is no bundle or another entry has the bundle's name."""
    if out.is_dir():
        raise BundleError(
            tr(
                "{out} is a folder: name the zip file to write, such as --out {example}",
                out=out,
                example=out / "entry.zip",
            )
        )
    if out.is_file() and out.stat().st_size and not _is_bundle(out):
        raise BundleError(
            tr("{out} is there and is no bundle: choose another --out, or move it away", out=out)
        )
    if out.is_file() and out.stat().st_size and not entry.overwrite and not _is_of(run, entry, out):
        raise BundleError(
            tr(
                "{out} is the bundle of another entry: choose another --out, or add --overwrite "
                "to replace it",
                out=out,
            )
        )


def _is_bundle(path: Path) -> bool:
    return _manifest_in(path) is not None


def _is_of(run: Run, entry: Entry, path: Path) -> bool:
    """Return whether a bundle is an earlier one of the same entry: one of its pictures is this run's."""
    manifest, _ = read_manifest(_manifest_in(path) or b"")
    if manifest is None:
        return False
    same = (manifest.candidate, manifest.order, manifest.story) == (entry.candidate, entry.order, entry.story)
    drawn = {row.key for row in run.rows()}
    return same and any(panel.key in drawn for panel in manifest.panels)


def _manifest_in(path: Path) -> bytes | None:
    """Return the manifest of a bundle, at most as much as any has; None where there is none."""
    try:
        with open_file(path) as zipped, zipfile.ZipFile(zipped) as opened, opened.open(MANIFEST) as file:
            return file.read(_MANIFEST_BYTES)
    except (
        OSError,
        ValueError,
        LookupError,
        NotImplementedError,
        RuntimeError,
        zipfile.BadZipFile,
        zlib.error,
    ):
        return None


def _write_sound(files: Mapping[str, Piece], entry: Entry) -> None:
    """Write a bundle; it gets its name once `verify` has read it from disk and found nothing."""
    with drafted(entry.out) as (draft, file):
        file.writelines(zip_pieces(files))
        file.flush()
        _refuse(bundle_faults(draft, entry.rules))


def bundle_faults(path: Path, rules: Rules) -> tuple[Fault, ...]:
    """Return what `verify` would refuse of a bundle on disk."""
    bundle = open_bundle(path)
    faults = verify(bundle, rules)
    if rules.name in shipped_rules() and rules != load_rules(rules.name):
        faults = tuple(dict.fromkeys((*faults, *verify(bundle))))  # as without --rules
    return faults


def _refuse(faults: Sequence[Fault]) -> None:
    if faults:
        raise BundleError(
            tr("the entry cannot be packed, {faults}", faults=listed(faults)), [one.message for one in faults]
        )


def _left_behind(lora: LoraFile | None) -> tuple[str, ...]:
    """Return which notes of the LoRA file are not in the bundle, and why."""
    return (
        tuple(tr("not packed with the LoRA: {note}", note=text) for text in lora.left_behind) if lora else ()
    )


def _notes(manifest: Manifest, entry: Entry, evidence: Evidence) -> tuple[str, ...]:
    """Return what the team should know."""
    deadline = entry.rules.deadline.at
    post = tr(
        "post.txt: paste it at {where}, with panels/1.png to panels/{count}.png and mosaic-2x4.png beside it",
        where=entry.rules.post.where,
        count=len(manifest.panels),
    )
    sides = sorted({side_after(manifest.settings.size, panel.chain) for panel in manifest.panels})
    edited = [panel.panel for panel in manifest.panels if any(step.editor for step in panel.chain)]
    own, unfit = entry.rules.name not in shipped_rules(), evidence.comparison_problem
    notes = {
        tr(EMBEDDED_NOTICE): bool(manifest.notice),
        tr("rules: {rules}; give verify the same rules file", rules=entry.rules.name): own,
        tr("comparison.json is left out: it {problem}", problem=unfit): bool(unfit),
        tr("panels of the seeds {seeds}, as cast", seeds=entry.seeds_said): (
            not entry.of_one_seed(evidence.experiment)
        ),
        tr(
            "finishers/: the networks that finished panels go along; see that their licences let you pass "
            "them on"
        ): bool(network_files(manifest)),
        tr(
            "panels {panels} were edited by an InstructPix2Pix, which is not in the bundle: who draws them "
            "again gives its folder with --editor",
            panels=joined(map(str, edited), tr(", ")),
        ): bool(edited),
        tr("mosaics: {note}", note=tr(NUMBERS_ONLY)): manifest.mosaic == NUMBERS_ONLY,
        tr(
            "panels differ in size, {sizes} pixels a side: `storykit finish` makes them alike",
            sizes=joined(map(str, sides), tr(", ")),
        ): len(sides) > 1,
        tr("the contest's deadline was {deadline}", deadline=deadline): (
            deadline is not None and deadline < datetime.now(UTC)
        ),
        tr("post.txt: put the address of the published LoRA into the title"): not manifest.link,
        post: not entry.rules.practice,
    }
    return tuple(note for note, holds in notes.items() if holds)
