"""The stage that verifies: is a bundle what it says, by its form, files, hashes and rules. Needs no model."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from kit.errors import BundleError
from submissions.agreement import agreement_faults
from submissions.archive import read_zip
from submissions.card import texts_of
from submissions.content import file_faults
from submissions.entry import Saying, words_faults
from submissions.fault import Fault
from submissions.manifest import MANIFEST, Manifest, read_manifest
from submissions.preflight import gate_faults
from submissions.rules import Rules, load_rules, shipped_rules


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


def rule_faults(files: Mapping[str, bytes], manifest: Manifest, rules: Rules) -> list[Fault]:
    """Return which rules of a contest a bundle breaks."""
    saying = Saying(
        team=manifest.team, title=manifest.title, introduction=manifest.introduction, link=manifest.link
    )
    faults = [
        *words_faults(rules, saying),
        *(
            Fault(place=name, problem="is missing, the contest asks for it")
            for name in rules.files.required
            if name not in files
        ),
    ]
    if len(manifest.panels) != rules.panels.count:
        problem = f"must have {rules.panels.count} panels, got {len(manifest.panels)}"
        faults.append(Fault(place=MANIFEST, problem=problem))
    name = rules.name_of(manifest.team, manifest.title)
    if manifest.name != name:
        faults.append(Fault(place=f"{MANIFEST}, name", problem=f"must be {name!r}, got {manifest.name!r}"))
    if rules.lora.required and manifest.lora is None:
        faults.append(Fault(place="lora", problem="is missing, the contest asks for one"))
    return faults + _gate_faults(manifest, rules) + _text_faults(files, manifest, rules)


def _gate_faults(manifest: Manifest, rules: Rules) -> list[Fault]:
    """Return whether the recorded score lets the bundle through."""
    faults: list[Fault] = []
    if manifest.gate.embedded and not rules.gate.embedded and not manifest.notice:
        problem = f"the contest scores with {rules.gate.scorer}, the bundle with {manifest.gate.scorer}"
        faults.append(
            Fault(place="gate", problem=problem, mend="set [score] aesthetic, score and pack again")
        )
    return faults + gate_faults(rules, manifest.gate.score)


def _text_faults(files: Mapping[str, bytes], manifest: Manifest, rules: Rules) -> list[Fault]:
    """Return which texts are others than those that the manifest and the rules give."""
    problem = "is not the text that follows from the manifest and the contest's rules"
    return [
        Fault(place=name, problem=problem, mend="pack again")
        for name, data in texts_of(manifest, rules).items()
        if name in files and files[name] != data
    ]


def _named_rules(manifest: Manifest) -> Rules | None:
    """Return the rules that a bundle names, from those that storykit ships and from nowhere else."""
    return load_rules(manifest.rules) if manifest.rules in shipped_rules() else None
