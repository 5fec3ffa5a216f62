"""A repository of a hub, its files, and where models are kept."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from kit.errors import WeightsError
from kit.library_warnings import has_home
from kit.messages import tr

Hub = Literal["modelscope", "huggingface"]


def models_folder() -> Path:
    """Return where downloads are kept: in the folder that STORYKIT_MODELS names, else in the user's cache.

    Raises WeightsError where this user has no home.
    """
    if named := os.environ.get("STORYKIT_MODELS"):
        return Path(os.path.expanduser(named))
    if not has_home():
        raise WeightsError(tr("there is no home folder: set STORYKIT_MODELS to a folder for downloads"))
    return Path.home() / ".cache" / "storykit"


def kolors_folder() -> Path:
    """Return where base "kolors" is."""
    return models_folder() / "Kolors"


def inpainting_folder(base: Path) -> Path:
    """Return where Kolors-Inpainting is for a base in a folder: beside it, by the name it is published by."""
    return base.absolute().with_name("Kolors-Inpainting")


class RemoteFile(NamedTuple):
    """A file of the repository."""

    size: int
    sha256: str
    """Empty where the hub does not tell."""


class Source(Protocol):
    """Where files come from."""

    def files(self) -> Mapping[str, RemoteFile]:
        """Return the repository's files by path."""

    def fetch(self, paths: Sequence[str], folder: Path) -> None:
        """Fetch files into the folder, showing how far it is; what is there in part is gone on with."""
