"""The field of a contest: every bundle handed in, checked; one that cannot be read stops no other."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from kit.errors import BundleError, InputError
from submissions.bundle.bundle import Bundle, open_bundle
from submissions.contest.rules import Rules, load_rules
from submissions.faults import Fault
from submissions.verification.verify import verify

_NAMED = 3
"""Bundles of one contest that a message names."""


class CheckedBundle(NamedTuple):
    """One bundle and what is wrong with it."""

    bundle: Bundle | None
    """None where the file cannot be read at all."""
    faults: tuple[Fault, ...]


def bundles_in(places: Iterable[Path]) -> list[Path]:
    """Return the bundles that are meant, each once: a folder stands for the zips that lie directly in it.

    A folder without any stays in the list, so that its check can say so.
    """
    found: dict[Path, Path] = {}
    for place in places:
        inside = sorted(path for path in _listed(place) if path.suffix.lower() == ".zip")
        for path in inside or [place]:
            found.setdefault(path.resolve(), path)
    return list(found.values())


def check(path: Path, rules: Rules | None) -> CheckedBundle:
    """Return a bundle with its faults; that it is not there or cannot be read is a fault, too."""
    try:
        bundle = open_bundle(path)
    except BundleError as error:
        return CheckedBundle(None, (Fault("bundle", str(error)),))
    except OSError as error:
        return CheckedBundle(None, (Fault("bundle", f"cannot be read: {error.strerror or error}"),))
    return CheckedBundle(bundle, verify(bundle, rules))


def names_of(paths: Sequence[Path]) -> dict[Path, str]:
    """Return what reports call each bundle, no folder of this machine in it but those that tell two apart.

    >>> names_of([Path("/in/a.zip"), Path("/in/late/a.zip")])
    {PosixPath('/in/a.zip'): 'a.zip', PosixPath('/in/late/a.zip'): 'late/a.zip'}
    """
    whole = {path: path.absolute() for path in paths}
    root = os.path.commonpath([path.parent for path in whole.values()]) if whole else ""
    return {path: place.relative_to(root).as_posix() for path, place in whole.items()}


def contest_of(files: Mapping[str, Sequence[str]]) -> Rules | None:
    """Return the rules of the one contest that sound bundles name; None where no bundle is sound.

    Args:
        files: of the sound bundles, by the contest that they name.

    Raises:
        InputError: they name several.
    """
    if len(files) > 1:
        told = "; ".join(f"{name} ({_some(named)})" for name, named in sorted(files.items()))
        raise InputError("the bundles", [f"must be for one contest, got {told}; give its --rules"])
    return load_rules(next(iter(files))) if files else None


def _listed(place: Path) -> list[Path]:
    """Return what lies in a folder; nothing for a file, or a folder that must not be read."""
    try:
        return list(place.iterdir()) if place.is_dir() else []
    except OSError:
        return []


def _some(files: Sequence[str]) -> str:
    more = f" and {len(files) - _NAMED} more" if len(files) > _NAMED else ""
    return ", ".join(files[:_NAMED]) + more
