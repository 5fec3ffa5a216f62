"""Folders in which models usually lie: our downloads, the hubs' caches, and `models` where one stands."""

import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from kit.errors import WeightsError
from kit.hub.repository import models_folder
from kit.library_warnings import has_home
from kit.models.bases.pipeline_class import KOLORS, pipeline_class
from kit.models.layouts.weight_files import TEXT_FOLDER, TEXT_NAMES

_MOST = 2000
"""Folders of a place that are looked at."""


def models_in_usual_places() -> Iterator[Path]:
    """Yield the folder of each model that the usual places hold."""
    for place, patterns in _places():
        for pattern in patterns:
            with suppress(OSError):  # a folder of somebody else's
                yield from islice((one for one in sorted(place.glob(pattern)) if one.is_dir()), _MOST)


def _places() -> Iterator[tuple[Path, tuple[str, ...]]]:
    with suppress(WeightsError):  # no home, said elsewhere
        yield models_folder(), ("*", "*/*")
    yield Path.cwd() / "models", ("*", "*/*")
    for cache in _caches("HF_HUB_CACHE", "HF_HOME", "huggingface", "hub"):
        yield cache, ("models--*/snapshots/*",)
    for cache in _caches("MODELSCOPE_CACHE", "", "modelscope", ""):
        yield cache, ("models/*/*", "hub/models/*/*", "hub/*/*", "*/*")


def _caches(variable: str, parent: str, usual: str, below: str) -> Iterator[Path]:
    if told := os.environ.get(variable):
        yield Path(os.path.expanduser(told))
    if parent and (told := os.environ.get(parent)):
        yield Path(os.path.expanduser(told)) / below
    if has_home():
        yield Path.home() / ".cache" / usual / below


def is_predictor(folder: Path) -> bool:
    """Return whether a folder holds the contest's aesthetics predictor, in the files that are read of it."""
    lineage = [part.lower() for part in folder.parts[-3:]]
    return any("aesthetics-predictor" in part for part in lineage) and _holds(
        folder, "config.json", "preprocessor_config.json", ("model.safetensors", "pytorch_model.bin")
    )


def is_clip(folder: Path) -> bool:
    """Return whether a folder holds a CLIP that open_clip reads."""
    weights = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin", "model.safetensors")
    return _holds(folder, "open_clip_config.json", weights)


def is_kolors(folder: Path) -> bool:
    """Return whether a folder holds Kolors, in whatever layout."""
    original = "text_encoder/pytorch_model.bin.index.json"
    text = tuple(f"{TEXT_FOLDER}/{name}" for name in TEXT_NAMES)
    named = pipeline_class(folder) == KOLORS
    return _holds(folder, "unet/config.json", "vae/config.json", text if named else original)


def _holds(folder: Path, *files: str | tuple[str, ...]) -> bool:
    """Return whether a folder holds each file, of several names one."""
    every = ((file,) if isinstance(file, str) else file for file in files)
    return all(any((folder / name).is_file() for name in names) for names in every)
