"""Kolors, or its UNet for inpainting, as it is published, from ModelScope or Hugging Face.

A stopped download goes on.
"""

import shutil
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Literal, NamedTuple

from kit.errors import WeightsError
from kit.files.checksums import RECORD, checked_sha256, read_record
from kit.files.encodings import sha256_of
from kit.files.folder_lock import lock_folder
from kit.files.text.library_words import reason_of
from kit.hub.huggingface import HuggingFace
from kit.hub.modelscope import ModelScope
from kit.hub.repository import Hub, RemoteFile, Source
from kit.messages import tr

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
LICENSES = ("MODEL_LICENSE", "LICENSE")
SPARE_BYTES = 2**30
"""Left free on the disk."""


class RemoteModel(NamedTuple):
    """What is fetched of a repository."""

    repository: str
    needed: Sequence[str]
    """Each names files that must be there, as `NEEDED` does."""
    optional: Sequence[str]


ModelName = Literal["kolors", "kolors-inpainting"]
MODELS: Mapping[ModelName, RemoteModel] = {
    "kolors": RemoteModel("Kwai-Kolors/Kolors", NEEDED, ("tokenizer/tokenizer.model", *LICENSES)),
    "kolors-inpainting": RemoteModel("Kwai-Kolors/Kolors-Inpainting", NEEDED[:2], LICENSES),
}
SOURCES: Mapping[Hub, type[ModelScope] | type[HuggingFace]] = {
    "modelscope": ModelScope,
    "huggingface": HuggingFace,
}


def download(folder: Path, source: Source, model: RemoteModel) -> list[str]:
    """Fetch what the folder lacks of a model and return the files that were fetched.

    Files that are there are kept if they are the repository's; one that was damaged since is fetched anew.

    Args:
        folder: where it goes.
        source: a hub, its repository.
        model: what is wanted of it.

    Raises:
        WeightsError: when the hub cannot be reached or lacks a file, a file of the user's own is in the way,
            the disk is too full, or a file arrived damaged.
        RunError: when another process fetches into the folder.
    """
    with lock_folder(folder, "filled"):
        return _download(folder, source, model)


def _download(folder: Path, source: Source, model: RemoteModel) -> list[str]:
    try:
        remote = _wanted(source.files(), folder, model)
        lacking = {path: file for path, file in remote.items() if not _is_there(folder / path, file)}
        _refuse_others(folder, lacking, model)
        _check_disk(folder, sum(file.size for file in lacking.values()))
        for path in lacking:
            (folder / path).unlink(missing_ok=True)
        if lacking:
            source.fetch(list(lacking), folder)
    except OSError as error:
        raise WeightsError(
            tr(
                "{repository} could not be fetched: {error}; what has arrived stays, run the same"
                " command again, or try the other hub with --from",
                repository=model.repository,
                error=reason_of(" ".join(str(error).split())[:160]),
            )
        ) from error
    for path, file in lacking.items():
        if not _is_there(folder / path, file):
            raise WeightsError(
                tr("{file} did not arrive whole; run the same command again", file=folder / path)
            )
    checked_sha256(folder, list(remote), tr("run the same command again"), replaced=True)
    return list(lacking)


def _refuse_others(folder: Path, lacking: Mapping[str, RemoteFile], model: RemoteModel) -> None:
    """Refuse to replace a file of the user's own; one that changed since it was recorded is damaged."""
    record = read_record(folder / RECORD)
    for path in lacking:
        there = folder / path
        if there.is_file() and (path not in record or record[path].sha256 == sha256_of(there)):
            raise WeightsError(
                tr(
                    "{file} is not the file of {repository}: move it away to have that fetched, or "
                    "choose another folder with --out",
                    file=there,
                    repository=model.repository,
                )
            )


def _wanted(files: Mapping[str, RemoteFile], folder: Path, model: RemoteModel) -> dict[str, RemoteFile]:
    def first(path: str) -> tuple[bool, int]:
        return not (folder / path).is_file(), files[path].size

    chosen: list[str] = []
    for pattern in model.needed:
        found = [path for path in files if fnmatch(path, pattern)]
        if not found:
            raise WeightsError(
                tr("{repository} has no {pattern} any more", repository=model.repository, pattern=pattern)
            )
        chosen += [min(found, key=first)] if "model*" in pattern else found
    return {path: files[path] for path in [*chosen, *(path for path in model.optional if path in files)]}


def _is_there(path: Path, file: RemoteFile) -> bool:
    if not path.is_file() or path.stat().st_size != file.size:
        return False
    return not file.sha256 or sha256_of(path) == file.sha256


def _check_disk(folder: Path, needed: int) -> None:
    nearest = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(nearest).free
    if free < needed + SPARE_BYTES:
        raise WeightsError(
            tr(
                "{folder}: {needed:.1f} GB are to be fetched and {spare:.1f} kept free, the disk "
                "has {free:.1f}",
                folder=folder,
                needed=needed / 1e9,
                spare=SPARE_BYTES / 1e9,
                free=free / 1e9,
            )
        )
