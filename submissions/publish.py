"""The stage that publishes: a sound bundle on a model page, file by file; what is there is not sent again."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from kit.errors import BundleError, PublishError
from kit.files.encodings import sha256_bytes
from kit.hub.modelscope import Repository
from kit.hub.repository import RemoteFile
from submissions.bundle.manifest import Manifest
from submissions.contest.rules import Rules
from submissions.faults import Fault, listed
from submissions.verification.verify import read_bundle, verify


class Delivery(NamedTuple):
    """What was done."""

    created: bool
    """Whether the repository was made for it."""
    written: tuple[str, ...]
    """The files that the repository lacked or held otherwise."""


def sound_bundle(path: Path, rules: Rules | None = None) -> tuple[Manifest, Mapping[str, bytes]]:
    """Return the manifest and files of a bundle without faults.

    Args:
        path: The zip.
        rules: The contest's rules; by default those that the bundle names.

    Raises:
        BundleError: it has faults; the message lists all of them.
    """
    if faults := verify(path, rules):
        raise BundleError(f"{path.name} cannot be published, {listed(faults)}")
    return read_bundle(path)


def publish(
    manifest: Manifest, files: Mapping[str, bytes], repository: Repository, private: bool
) -> Delivery:
    """Bring a bundle's files to a repository, which is made if it is not there, and check what arrived.

    Other files of the repository are left alone.

    Raises:
        PublishError: the hub cannot be reached or refuses, or a file did not arrive as it is in the bundle.
    """
    there = repository.files()
    if there is None:
        repository.create(manifest.name, private)
    lacking = {name: data for name, data in files.items() if not _is_there(data, (there or {}).get(name))}
    if lacking:
        repository.send(lacking)
    if faults := _differences(files, repository.files() or {}):
        raise PublishError(f"{repository.page} must hold the bundle, {listed(faults)}; run the command again")
    return Delivery(there is None, tuple(lacking))


def _is_there(data: bytes, file: RemoteFile | None) -> bool:
    return file == RemoteFile(len(data), sha256_bytes(data))


def _differences(files: Mapping[str, bytes], there: Mapping[str, RemoteFile]) -> list[Fault]:
    """Return every file of a bundle that the hub lists otherwise."""
    faults = []
    for name, data in files.items():
        if name not in there:
            faults.append(Fault(place=name, problem="did not arrive"))
        elif there[name].size != len(data):
            problem = f"must have {len(data)} bytes, the hub has {there[name].size}"
            faults.append(Fault(place=name, problem=problem))
        elif there[name].sha256 not in ("", sha256_bytes(data)):
            faults.append(Fault(place=name, problem="has another sha256 on the hub"))
    return faults
