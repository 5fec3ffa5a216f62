"""Kolors fetched as it is published, from ModelScope or Hugging Face; a stopped download goes on."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple, Protocol

from kit.errors import WeightsError
from kit.files import sha256_of
from kit.models import Hub
from kit.vouched import forget, read_record, vouch

REPOSITORY = "Kwai-Kolors/Kolors"
NEEDED = (
    "unet/config.json",
    "unet/diffusion_pytorch_model*.safetensors",
    "vae/config.json",
    "vae/diffusion_pytorch_model*.safetensors",
    "text_encoder/config.json",
    "text_encoder/pytorch_model.bin.index.json",
    "text_encoder/pytorch_model-*.bin",
)
"""Each names files that must be there. Of two precisions the one that is there is taken, else the smaller."""
OPTIONAL = ("tokenizer/tokenizer.model", "MODEL_LICENSE", "LICENSE")
SPARE_BYTES = 2**30
"""Left free on the disk."""


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


class ModelScope:
    """The hub of the contest."""

    def files(self) -> Mapping[str, RemoteFile]:
        """Return the repository's files by path."""
        from modelscope_hub.api import HubApi

        with as_os_error():
            listed = HubApi().list_repo_files(REPOSITORY, "model")
        return {e.path: RemoteFile(e.size, e.sha256 or "") for e in listed if not e.is_dir}

    def fetch(self, paths: Sequence[str], folder: Path) -> None:
        """Fetch files with ModelScope's own client, which resumes and shows progress."""
        from modelscope import snapshot_download

        with as_os_error():
            snapshot_download(REPOSITORY, allow_patterns=list(paths), local_dir=str(folder))


@contextmanager
def as_os_error() -> Iterator[None]:
    """Turn what ModelScope's client raises into an OSError, as Hugging Face's errors are."""
    from modelscope_hub.errors import HubError

    try:
        yield
    except HubError as error:
        raise OSError(str(error)) from error


class HuggingFace:
    """The other hub."""

    def files(self) -> Mapping[str, RemoteFile]:
        """Return the repository's files by path."""
        from huggingface_hub import HfApi

        siblings = HfApi().model_info(REPOSITORY, files_metadata=True).siblings or []
        return {
            entry.rfilename: RemoteFile(entry.size or 0, entry.lfs.sha256 if entry.lfs else "")
            for entry in siblings
        }

    def fetch(self, paths: Sequence[str], folder: Path) -> None:
        """Fetch files with Hugging Face's own client, which resumes and shows progress."""
        from huggingface_hub import snapshot_download

        snapshot_download(REPOSITORY, allow_patterns=list(paths), local_dir=folder)


SOURCES: Mapping[Hub, type[ModelScope] | type[HuggingFace]] = {
    "modelscope": ModelScope,
    "huggingface": HuggingFace,
}


def download(folder: Path, source: Source) -> list[str]:
    """Fetch what the folder lacks of Kolors and return the files that were fetched.

    Files that are there are kept if they are the repository's; one that was damaged since is fetched anew.

    Raises:
        WeightsError: when the hub cannot be reached or lacks a file, a file of the user's own is in the way,
            the disk is too full, or a file arrived damaged.
    """
    try:
        remote = _wanted(source.files(), folder)
        lacking = {path: file for path, file in remote.items() if not _is_there(folder / path, file)}
        _refuse_others(folder, lacking)
        _check_disk(folder, sum(file.size for file in lacking.values()))
        for path in lacking:
            (folder / path).unlink(missing_ok=True)
        if lacking:
            source.fetch(list(lacking), folder)
    except OSError as error:
        raise WeightsError(
            f"{REPOSITORY} could not be fetched: {' '.join(str(error).split())[:160]}; "
            "what has arrived stays, run the same command again, or try the other hub with --from"
        ) from error
    for path, file in lacking.items():
        if not _is_there(folder / path, file):
            raise WeightsError(f"{folder / path} did not arrive whole; run the same command again")
    forget(folder, remote)
    vouch(folder, list(remote), "run the same command again")
    return list(lacking)


def _refuse_others(folder: Path, lacking: Mapping[str, RemoteFile]) -> None:
    """Refuse to replace a file of the user's own; one that changed since it was recorded is damaged."""
    record = read_record(folder)
    for path in lacking:
        there = folder / path
        if there.is_file() and (path not in record or record[path].sha256 == sha256_of(there)):
            raise WeightsError(
                f"{there} is not the file of {REPOSITORY}: move it away to have that fetched, "
                "or choose another folder with --out"
            )


def _wanted(files: Mapping[str, RemoteFile], folder: Path) -> dict[str, RemoteFile]:
    def first(path: str) -> tuple[bool, int]:
        return not (folder / path).is_file(), files[path].size

    chosen: list[str] = []
    for pattern in NEEDED:
        found = [path for path in files if fnmatch(path, pattern)]
        if not found:
            raise WeightsError(f"{REPOSITORY} has no {pattern} any more")
        chosen += [min(found, key=first)] if "model*" in pattern else found
    return {path: files[path] for path in [*chosen, *(path for path in OPTIONAL if path in files)]}


def _is_there(path: Path, file: RemoteFile) -> bool:
    if not path.is_file() or path.stat().st_size != file.size:
        return False
    return not file.sha256 or sha256_of(path) == file.sha256


def _check_disk(folder: Path, needed: int) -> None:
    nearest = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(nearest).free
    if free < needed + SPARE_BYTES:
        raise WeightsError(
            f"{folder}: {needed / 1e9:.1f} GB are to be fetched and {SPARE_BYTES / 1e9:.1f} kept free, "
            f"the disk has {free / 1e9:.1f}"
        )
