"""What a worker runs with, and in what that differs from this process."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from kit.messages import Message, tr
from kit.versions import PACKAGES, commit_of_checkout, installed_version


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """What decides the last bits of what a process computes."""

    versions: Mapping[str, str | None]
    """Of packages, storykit's own first."""
    commit: str | None
    processor: str | None = None
    """What of a CPU decides the last bits; None where that is not compared, as on a GPU."""


def surroundings(more: Sequence[str] = (), processor: str | None = None) -> Surroundings:
    """Return what this process runs with.

    Args:
        more: packages that are used beside the usual ones.
        processor: what of this CPU decides the last bits.
    """
    versions = {name: installed_version(name) for name in ("storykit", *PACKAGES, *more)}
    return Surroundings(versions=versions, commit=commit_of_checkout(), processor=processor)


def strangeness(theirs: Surroundings, ours: Surroundings) -> Iterator[Message]:
    """Yield what another process runs with that this one does not."""
    pairs: dict[str, tuple[object, object]] = {
        name: (theirs.versions.get(name), version) for name, version in ours.versions.items()
    }
    pairs["commit"] = theirs.commit, ours.commit
    pairs["CPU"] = theirs.processor, ours.processor
    for name, (there, here) in pairs.items():
        if there != here:
            told = {"theirs": there or tr("missing"), "ours": here or tr("missing")}
            yield tr("{name} is {theirs} there, {ours} here", name=name, **told)
