"""Kolors, in either layout, or what is published for it, from ModelScope or Hugging Face.

A stopped download goes on.
"""

import shutil
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from functools import partial
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
from kit.models.bases.pipeline_class import INDEX
from kit.models.layouts.weight_files import NAMES, NETWORK_NAMES, PARTS, TEXT_NAMES, is_index

LICENSES = ("MODEL_LICENSE", "LICENSE")
_HALF = "fp16"
SPARE_BYTES = 2**30
"""Left free on the disk."""


class RemoteModel(NamedTuple):
    """What is fetched of a repository."""

    repository: str
    parts: Sequence[str]
    """Of each its config.json and its weights: of two precisions those that are there, else the smaller.

    "" is a network that lies in no folder of its own.
    """
    optional: Sequence[str]
    """Patterns of more files."""
    either: Sequence[str] = ()
    """Forms of one file, of which the first that is there is fetched."""


ControlNetName = Literal["kolors-controlnet-canny", "kolors-controlnet-depth", "kolors-controlnet-pose"]
AdapterName = Literal["kolors-ip-adapter-plus", "kolors-ip-adapter-faceid-plus"]
ModelName = Literal["kolors", "kolors-diffusers", "kolors-inpainting"] | ControlNetName | AdapterName
_ENCODERS = ("image_encoder", "clip-vit-large-patch14-336")
"""Parts of IP-Adapters: CLIP's image encoder, whose weights are called as text encoders' are."""
MODELS: Mapping[ModelName, RemoteModel] = {
    "kolors": RemoteModel("Kwai-Kolors/Kolors", PARTS, ("tokenizer/tokenizer.model", *LICENSES)),
    "kolors-diffusers": RemoteModel(
        "Kwai-Kolors/Kolors-diffusers", PARTS, (INDEX, "scheduler/*.json", "tokenizer/*", *LICENSES)
    ),
    "kolors-inpainting": RemoteModel("Kwai-Kolors/Kolors-Inpainting", PARTS[:1], LICENSES),
    "kolors-controlnet-canny": RemoteModel("Kwai-Kolors/Kolors-ControlNet-Canny", ("",), LICENSES),
    "kolors-controlnet-depth": RemoteModel("Kwai-Kolors/Kolors-ControlNet-Depth", ("",), LICENSES),
    "kolors-controlnet-pose": RemoteModel("Kwai-Kolors/Kolors-ControlNet-Pose", ("",), LICENSES),
    "kolors-ip-adapter-plus": RemoteModel(
        "Kwai-Kolors/Kolors-IP-Adapter-Plus",
        _ENCODERS[:1],
        LICENSES,
        ("ip_adapter_plus_general.safetensors", "ip_adapter_plus_general.bin"),
    ),
    "kolors-ip-adapter-faceid-plus": RemoteModel(
        "Kwai-Kolors/Kolors-IP-Adapter-FaceID-Plus",
        _ENCODERS[1:],
        LICENSES,
        ("ipa-faceid-plus.safetensors", "ipa-faceid-plus.bin"),
    ),
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
    chosen = [path for path in files if any(fnmatch(path, pattern) for pattern in model.optional)]
    for part in model.parts:
        place = f"{part}/" if part else ""
        heads = TEXT_NAMES if part in _ENCODERS else NAMES.get(part, NETWORK_NAMES)
        config = f"{place}config.json"
        spellings = [_spelled(files, place, head) for head in heads if f"{place}{head}" in files]
        whole = [paths for paths in spellings if paths]
        if config not in files or not whole:
            lost = config if config not in files else f"{place}{heads[0]}"
            raise _lost(model, lost)
        chosen += [config, *min(whole, key=partial(_rank, files, folder))]
    if model.either:
        there = [path for path in model.either if path in files]
        if not there:
            raise _lost(model, model.either[-1])
        chosen.append(there[0])
    return {path: files[path] for path in sorted(chosen)}


def _lost(model: RemoteModel, path: str) -> WeightsError:
    return WeightsError(
        tr("{repository} has no {pattern} any more", repository=model.repository, pattern=path)
    )


def _spelled(files: Mapping[str, RemoteFile], place: str, head: str) -> list[str]:
    """Return the files of a part's weights in one precision; nothing for an index without its shards."""
    path, half = f"{place}{head}", _HALF in head
    if not is_index(head):
        return [path]
    stem, kind = head.split(".")[:2]
    shards = [
        one for one in files if fnmatch(one, f"{place}{stem}[.-]*-of-*.{kind}") and (_HALF in one) == half
    ]
    return [path, *shards] if shards else []


def _rank(files: Mapping[str, RemoteFile], folder: Path, paths: Sequence[str]) -> tuple[bool, bool, int]:
    """Return what is fetched first of the same weights: what is there, then no pickles, then the smallest."""
    weights = [path for path in paths if not path.endswith(".json")]
    there = any((folder / path).is_file() for path in weights)
    return not there, weights[0].endswith(".bin"), sum(files[path].size for path in weights)


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
