"""The stage that publishes: a sound bundle on a model page, file by file; what is there is not sent again."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from kit.errors import BundleError, PublishError
from kit.hub.modelscope import Repository
from kit.hub.repository import RemoteFile
from kit.messages import tr
from submissions.bundle.bundle import Bundle, open_bundle
from submissions.contest.rules import Rules
from submissions.faults import Fault, listed
from submissions.verification.verify import verify


class Delivery(NamedTuple):
    """What was done."""

    created: bool
    """Whether the repository was made for it."""
    written: tuple[str, ...]
    """The files that the repository lacked or held otherwise."""


def sound_bundle(path: Path, rules: Rules | None = None) -> Bundle:
    """Return a bundle without faults, as it was when it was verified.

    Args:
        path: The zip.
        rules: The contest's rules; by default those that the bundle names.

    Raises:
        BundleError: it has faults; the message lists all of them.
    """
    bundle = open_bundle(path)
    if faults := verify(bundle, rules):
        raise BundleError(
            tr("{file} cannot be published, {faults}", file=path.name, faults=listed(faults)),
            [one.message for one in faults],
        )
    return bundle


def publish(bundle: Bundle, repository: Repository, private: bool) -> Delivery:
    """Bring a sound bundle's files to a repository, made if it is not there, and check what arrived.

    Other files of the repository are left alone.

    Raises:
        PublishError: the hub cannot be reached or refuses, or a file did not arrive as it is in the bundle.
    """
    wanted = {name: RemoteFile(one.size_bytes, one.sha256) for name, one in bundle.records.items()}
    there = repository.files()
    if there is None:
        repository.create(bundle.sound_manifest.name, private)
    lacking = {name: bundle.content(name) for name, file in wanted.items() if file != (there or {}).get(name)}
    if lacking:
        repository.send(lacking)
    if faults := list(_differences(wanted, repository.files() or {})):
        raise PublishError(
            tr(
                "{page} must hold the bundle, {faults}; run the command again",
                page=repository.page,
                faults=listed(faults),
            )
        )
    return Delivery(there is None, tuple(lacking))


def _differences(wanted: Mapping[str, RemoteFile], there: Mapping[str, RemoteFile]) -> Iterator[Fault]:
    """Yield every file of a bundle that the hub lists otherwise."""
    for name, file in wanted.items():
        if name not in there:
            yield Fault(name, tr("did not arrive"))
        elif there[name].size != file.size:
            yield Fault(
                name,
                tr(
                    "must have {size} bytes, the hub has {got}",
                    size=file.size,
                    got=there[name].size,
                ),
            )
        elif there[name].sha256 not in ("", file.sha256):
            yield Fault(name, tr("has another sha256 on the hub"))
