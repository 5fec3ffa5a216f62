"""Which folder a base's name stands for; a hub's cache keeps several versions of a model as links."""

import os
from contextlib import suppress
from pathlib import Path

from kit.embedded import BASE_WEIGHTS, EMBEDDED
from kit.errors import WeightsError
from kit.files.checksums import RECORD
from kit.files.encodings import sha256_bytes
from kit.files.regular_files import read_file
from kit.hub.repository import kolors_folder, models_folder
from kit.messages import joined, tr

_CACHED = "models--"
_SNAPSHOTS = "snapshots"
_SHOWN = 4
"""Snapshots that an error names."""


def model_folder(name: str | Path) -> Path:
    """Return the folder with a base's files.

    Args:
        name: "mini", "kolors" for the downloaded one, or a folder; of a folder in which Hugging Face's client
            keeps a model (models--OWNER--NAME) the version that is main.

    Raises:
        WeightsError: where such a folder has several versions of which none is main, or none at all.
    """
    if name in (EMBEDDED, "kolors"):
        return BASE_WEIGHTS if name == EMBEDDED else kolors_folder()
    return _main_version(Path(name))


def _main_version(named: Path) -> Path:
    snapshots = named / _SNAPSHOTS
    if not named.absolute().name.startswith(_CACHED) or not snapshots.is_dir():
        return named
    versions = sorted(one.name for one in snapshots.iterdir() if one.is_dir())
    with suppress(OSError, ValueError):
        main = read_file(named / "refs" / "main").decode().strip()
        if main in versions:
            return snapshots / main
    if len(versions) == 1:
        return snapshots / versions[0]
    if not versions:
        raise WeightsError(tr("{folder} holds no snapshot: download the model again", folder=named))
    raise WeightsError(
        tr(
            "{folder} holds several snapshots and does not say which is main: name one, {choices}",
            folder=named,
            choices=joined([str(snapshots / one) for one in versions[:_SHOWN]], tr(", ")),
        )
    )


def record_of(folder: Path) -> Path:
    """Return where the checksums of a base's files are noted.

    In its folder, or in our own where that is no place to write: a hub's cache, or what this user may not
    change and has no record in it.
    """
    own = folder / RECORD
    if not in_hub_cache(folder) and (own.is_file() or os.access(folder, os.W_OK)):
        return own
    return record_by_us(sha256_bytes(str(folder.resolve()).encode())) or own


def record_by_us(name: str) -> Path | None:
    """Return where we note checksums of what lies in other people's folders; None where nobody has a home."""
    with suppress(WeightsError):
        return models_folder() / "checksums" / f"{name}.json"
    return None


def in_hub_cache(folder: Path) -> bool:
    """Return whether a folder is a snapshot in a hub's cache, which others read and clear."""
    place = folder.absolute().parent
    return place.name == _SNAPSHOTS and place.parent.name.startswith(_CACHED)
