"""Where the weights of a scorer or an encoder lie."""

from collections.abc import Sequence
from pathlib import Path

from kit.errors import WeightsError
from kit.files.user_paths import missing_folder


def weights_file(folder: Path, kind: str, settings: Sequence[str], names: Sequence[str]) -> Path:
    """Return the first file of these names; raises WeightsError where none or a settings file is missing."""
    if not folder.is_dir():
        told = "is a file" if folder.exists() else missing_folder(folder)
        raise WeightsError(f"{folder}: {told}; give {kind}, or mini for the embedded one")
    for name in settings:
        if not (folder / name).is_file():
            raise WeightsError(f"{folder}: {kind} must hold {name}; none found")
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise WeightsError(f"{folder}: {kind} must hold one of {', '.join(names)}; none found")
