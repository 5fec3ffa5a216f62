"""The field of a contest: every bundle handed in, checked; one that cannot be read stops no other."""

import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from kit.errors import BundleError, InputError
from kit.files.encodings import shown_path
from kit.files.path_contents import kind_at, mistaken
from kit.files.text.library_words import reason_of
from kit.messages import in_english, joined, mark, tr
from submissions.bundle.bundle import Bundle, open_bundle
from submissions.contest.rules import Rules, load_rules
from submissions.faults import Fault, shortened
from submissions.verification.verify import verify

_NAMED = 3
"""Bundles of one contest that a message names."""
NO_ZIP = mark(
    "no .zip of an entry lies in this folder: give the folder with the zips that "
    "`storykit pack` wrote, or one such zip"
)
"""Said of a folder that holds nothing of ours."""
_SHOWN = 200
"""Characters of what nobody foresaw."""


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
        for path in _zips_in(place) or [place]:
            found.setdefault(Path(os.path.realpath(path)), path)
    return list(found.values())


def refuse_empty_places(places: Sequence[Path]) -> None:
    """Raise BundleError where no place holds a bundle, saying of the first what it is."""
    told = [_why_empty(place) for place in places if not _zips_in(place)]
    if len(told) == len(places) and all(told):
        raise BundleError(tr("{path}: {problem}", path=places[0], problem=told[0]))


def _why_empty(place: Path) -> str:
    """Return why there is no bundle at a place, in words to put behind it; empty where there may be one."""
    told = mistaken(place, "bundle")
    if place.is_dir() and kind_at(place) in (None, "pictures") and "give " not in in_english(told):
        return tr(NO_ZIP)
    return told


def check(path: Path, rules: Rules | None) -> CheckedBundle:
    """Return a bundle with its faults; that it is not there or cannot be read is a fault, too.

    Whatever else a stranger's file sets off is that file's fault as well, and stops no other.
    """
    try:
        if path.suffix.lower() != ".zip" and path.is_dir() and (told := _why_empty(path)):
            raise BundleError(told)
        bundle = open_bundle(path)
        return CheckedBundle(bundle, verify(bundle, rules))
    except BundleError as error:
        return CheckedBundle(None, (Fault("bundle", str(error)),))
    except OSError as error:
        return CheckedBundle(
            None, (Fault("bundle", tr("cannot be read: {reason}", reason=reason_of(error))),)
        )
    except Exception as error:  # noqa: BLE001
        return CheckedBundle(None, (beyond(mark("cannot be checked, it sets off {error}"), error),))


def beyond(told: str, error: Exception) -> Fault:
    """Return the fault of a bundle that set off what no sound bundle does.

    Args:
        told: what cannot be done with it, {error} where it says what came of it.
        error: what came of it.
    """
    said = f"{type(error).__name__}: {error}".rstrip(": ")
    problem = shortened(tr(told, error=said), _SHOWN)
    return Fault("bundle", problem, tr("ask for the zip that `storykit pack` wrote"))


def names_of(paths: Sequence[Path]) -> dict[Path, str]:
    """Return what reports call each bundle, no folder of this machine in it but those that tell two apart.

    No two have one name, whatever bytes their files' names are made of.

    >>> names_of([Path("/in/a.zip"), Path("/in/late/a.zip")])
    {PosixPath('/in/a.zip'): 'a.zip', PosixPath('/in/late/a.zip'): 'late/a.zip'}
    """
    whole = {path: path.absolute() for path in paths}
    root = os.path.commonpath([path.parent for path in whole.values()]) if whole else ""
    names: dict[str, Path] = {}
    for path, place in whole.items():
        name = told = shown_path(place.relative_to(root))
        for number in itertools.count(2):
            if names.setdefault(told, path) is path:
                break
            told = f"{name} ({number})"
    return {path: name for name, path in names.items()}


def contest_of(files: Mapping[str, Sequence[str]]) -> Rules | None:
    """Return the rules of the one contest that sound bundles name; None where no bundle is sound.

    Args:
        files: of the sound bundles, by the contest that they name.

    Raises:
        InputError: they name several.
    """
    if len(files) > 1:
        contests = [
            tr("{contest} ({bundles})", contest=name, bundles=_some(named))
            for name, named in sorted(files.items())
        ]
        told = tr("must be for one contest, got {contests}; give its --rules", contests=joined(contests))
        raise InputError(tr("the bundles"), [told])
    return load_rules(next(iter(files))) if files else None


def _zips_in(place: Path) -> list[Path]:
    """Return the zips in a folder; nothing for a file, or a folder that must not be read."""
    try:
        inside = list(place.iterdir()) if place.is_dir() else []
        return sorted(path for path in inside if path.suffix.lower() == ".zip")
    except OSError:
        return []


def _some(files: Sequence[str]) -> str:
    named = joined(files[:_NAMED], tr(", "))
    more = len(files) - _NAMED
    return tr("{files} and {more} more", files=named, more=more) if more > 0 else named
