"""Where the weights of a scorer or an encoder lie."""

from collections.abc import Sequence
from pathlib import Path

from kit.errors import WeightsError
from kit.files.user_paths import missing_folder
from kit.messages import joined, tr


def weights_file(folder: Path, kind: str, settings: Sequence[str], names: Sequence[str]) -> Path:
    """Return the first file of these names; raises WeightsError where none or a settings file is missing."""
    if not folder.is_dir():
        told = tr("is a file") if folder.exists() else missing_folder(folder)
        raise WeightsError(
            tr(
                "{folder}: {told}; give {kind}, or mini for the embedded one",
                folder=folder,
                told=told,
                kind=tr(kind),
            )
        )
    for name in settings:
        if not (folder / name).is_file():
            raise WeightsError(
                tr("{folder}: {kind} must hold {name}; none found", folder=folder, kind=tr(kind), name=name)
            )
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise WeightsError(
        tr(
            "{folder}: {kind} must hold one of {names}; none found",
            folder=folder,
            kind=tr(kind),
            names=joined(names, tr(", ")),
        )
    )
