"""Where a UNet's tensors lie: in a file, in shards, or in the folder of a base; nothing of them is run."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from kit.errors import WeightsError
from kit.files.tensors.tensor_files import TensorFile, TensorKind, open_tensor_file
from kit.files.user_paths import missing_file
from kit.messages import joined, tr
from kit.models.layouts.model_folder import model_folder
from kit.models.layouts.weight_files import (
    NETWORK_NAMES,
    UNET_FOLDER,
    WeightFiles,
    checked_places,
    weights_at,
    weights_in,
)

if TYPE_CHECKING:
    from torch import Tensor

UNET = "unet.safetensors"
"""Of a base that is laid out like the embedded one."""
_SHOWN = 4
"""Files of a folder that an error names."""


class WholeModel(NamedTuple):
    """A model's tensors by name; each is read when it is asked for."""

    name: str
    """As the user named it."""
    files: tuple[Path, ...]
    """All that hold a part of it."""
    kinds: Mapping[str, TensorKind]
    metadata: Mapping[str, str]
    load: "Callable[[str], Tensor]"
    """A tensor, in memory of its own; ValueError says why it cannot be read."""


def open_model(named: str) -> WholeModel:
    """Return a model's tensors.

    Args:
        named: a safetensors file or a .ckpt with nothing but weights, a folder with the file or the shards
            of a UNet as diffusers writes them, the folder of a base, or "mini" or "kolors".

    Raises:
        WeightsError: in one line, what is missing, or no such model.
    """
    weights = _weights_of(named)
    files = dict(zip(weights.names, map(_opened, weights.paths), strict=True))
    kinds = {key: kind for file in files.values() for key, kind in file.kinds.items()}
    if not weights.places:
        (file,) = files.values()
        return WholeModel(named, weights.paths, kinds, file.metadata, file.load)
    places = checked_places(weights, {name: file.kinds for name, file in files.items()})
    kinds = {key: kinds[key] for key in places}
    return WholeModel(named, weights.paths, kinds, {}, lambda key: files[places[key]].load(key))


def _weights_of(named: str) -> WeightFiles:
    path = model_folder(named)
    if not path.exists():
        if named == "kolors":
            raise WeightsError(
                tr("Kolors is not on this machine yet: `storykit download kolors` fetches it (18 GB)")
            )
        raise WeightsError(tr("{file}: {why}", file=path, why=missing_file(path)))
    if not path.is_dir():
        return weights_at(path)
    for folder in (path, path / UNET_FOLDER):
        if found := weights_in(folder, (*NETWORK_NAMES, UNET)):
            return found
    others = sorted(one.name for one in path.iterdir() if one.suffix in (".safetensors", ".ckpt"))
    if others:
        raise WeightsError(
            tr(
                "{folder} is a folder: give one file in it, {files}",
                folder=path,
                files=joined(others[:_SHOWN], tr(", ")),
            )
        )
    raise WeightsError(
        tr(
            "{folder} is a folder without a UNet: it must hold {file}, or {part}/ with it",
            folder=path,
            file=NETWORK_NAMES[0],
            part=UNET_FOLDER,
        )
    )


def _opened(path: Path) -> TensorFile:
    try:
        file = open_tensor_file(path)
    except ValueError as error:
        raise WeightsError(tr("{file}: {why}", file=path, why=error)) from error
    if not file.kinds:
        raise WeightsError(tr("{file}: holds no tensors at all: save or download it again", file=path))
    return file
