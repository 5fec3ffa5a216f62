"""The stage that verifies: is a bundle what it says, by its form, files, hashes and rules. Needs no model."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from kit.errors import BundleError
from submissions.bundle.manifest import MANIFEST, Manifest, read_manifest
from submissions.contest.rules import Rules, load_rules, shipped_rules
from submissions.faults import Fault
from submissions.untrusted.zip_reader import read_zip
from submissions.verification.file_checks import file_faults
from submissions.verification.manifest_checks import agreement_faults
from submissions.verification.rule_checks import rule_faults


class Examined(NamedTuple):
    """What a bundle says of itself, and everything that is wrong with it."""

    manifest: Manifest | None
    """None where it cannot be read."""
    faults: tuple[Fault, ...]


def verify(path: Path, rules: Rules | None = None) -> tuple[Fault, ...]:
    """Return everything that is wrong with a bundle; nothing is written to disk.

    Args:
        path: The zip.
        rules: The contest's rules; by default those that the bundle names, if storykit knows them.

    Raises:
        BundleError: there is no such file or it cannot be read at all.
    """
    return examine(path, rules).faults


def examine(path: Path, rules: Rules | None = None) -> Examined:
    """Return what `verify` does, with the bundle's manifest beside it."""
    contents = read_zip(path)
    faults = list(contents.faults)
    if not contents.files:
        return Examined(None, tuple(faults or [Fault(place="bundle", problem="is empty")]))
    manifest, manifest_faults = manifest_of(contents.files)
    faults += manifest_faults
    faults += file_faults(contents.files, manifest)
    if manifest is None:
        return Examined(None, tuple(faults))
    faults += agreement_faults(contents.files, manifest)
    known = rules or _named_rules(manifest)
    if known is None:
        problem = f"is for the contest {manifest.rules!r}, which storykit does not know"
        faults.append(Fault(place=MANIFEST, problem=problem, mend="give the contest's rules file"))
        return Examined(manifest, tuple(faults))
    faults += rule_faults(contents.files, manifest, known)
    if manifest.notice and not known.practice:
        faults.append(Fault(place=MANIFEST, problem=manifest.notice, mend="draw it with Kolors"))
    return Examined(manifest, tuple(faults))


def read_bundle(path: Path) -> tuple[Manifest, Mapping[str, bytes]]:
    """Return the manifest and files of a bundle, to draw its panels again.

    Raises:
        BundleError: the zip or its manifest cannot be used; the message lists every fault of it.
    """
    contents = read_zip(path)
    manifest, faults = manifest_of(contents.files)
    if manifest is None or contents.faults:
        told = "; ".join(map(str, (*contents.faults, *faults)))
        raise BundleError(f"{path.name} cannot be read: {told}")
    return manifest, contents.files


def content_faults(files: Mapping[str, bytes], manifest: Manifest, rules: Rules) -> list[Fault]:
    """Return everything that is wrong with files that claim to be a bundle for a contest."""
    return [
        *file_faults(files, manifest),
        *agreement_faults(files, manifest),
        *rule_faults(files, manifest, rules),
    ]


def manifest_of(files: Mapping[str, bytes]) -> tuple[Manifest | None, list[Fault]]:
    """Return the manifest among files, or None and why."""
    if MANIFEST not in files:
        return None, [
            Fault(place=MANIFEST, problem="is missing, it says what the bundle is", mend="pack again")
        ]
    manifest, faults = read_manifest(files[MANIFEST])
    return manifest, list(faults)


def _named_rules(manifest: Manifest) -> Rules | None:
    """Return the rules that a bundle names, from those that storykit ships and from nowhere else."""
    return load_rules(manifest.rules) if manifest.rules in shipped_rules() else None
