"""Where a UNet's tensors lie: in a file, in shards, or in the folder of a base; nothing of them is run."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pydantic import BaseModel, ValidationError

from kit.embedded import BASE_WEIGHTS, EMBEDDED
from kit.errors import WeightsError
from kit.files.documents import faults_of
from kit.files.tensors.tensor_files import TensorFile, TensorKind, open_tensor_file
from kit.files.text.library_words import reason_of
from kit.files.user_paths import missing_file
from kit.hub.repository import kolors_folder
from kit.messages import joined, tr

if TYPE_CHECKING:
    from torch import Tensor

UNET_FOLDER = "unet"
"""Of a base as it is published."""
WEIGHTS = ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.fp16.safetensors")
"""What diffusers calls a network's file; fp32 under the first name or fp16 under the other."""
UNET = "unet.safetensors"
"""Of a base that is laid out like the embedded one."""
_INDEXES = (
    "diffusion_pytorch_model.safetensors.index.json",
    "diffusion_pytorch_model.safetensors.index.fp16.json",
)
"""What diffusers calls the list of which shard has which tensor."""
_OLD = "diffusion_pytorch_model.bin"
_CHOICES = (WEIGHTS[0], _INDEXES[0], WEIGHTS[1], _INDEXES[1], UNET, _OLD)
"""In a folder, the first that is there."""
_INDEX_BYTES = 8 << 20
_SHOWN = 4
"""Files of a folder that an error names."""


class ShardIndex(BaseModel):
    """Which of several files has a tensor."""

    weight_map: dict[str, str]


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
    path = _file_of(named)
    if path.name in _INDEXES:
        return _sharded(named, path)
    file = _opened(path)
    return WholeModel(named, (path,), file.kinds, file.metadata, file.load)


def _file_of(named: str) -> Path:
    if named == EMBEDDED:
        return BASE_WEIGHTS / UNET
    path = kolors_folder() if named == "kolors" else Path(named)
    if not path.exists():
        if named == "kolors":
            raise WeightsError(
                tr("Kolors is not on this machine yet: `storykit download kolors` fetches it (18 GB)")
            )
        raise WeightsError(tr("{file}: {why}", file=path, why=missing_file(path)))
    if not path.is_dir():
        return path
    for file in (folder / name for folder in (path, path / UNET_FOLDER) for name in _CHOICES):
        if file.is_file():
            return file
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
            file=WEIGHTS[0],
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


def _sharded(named: str, index: Path) -> WholeModel:
    """Return a model that lies in several files beside their index."""
    places = _read_index(index)
    shards = {name: _opened(index.with_name(name)) for name in sorted(set(places.values()))}
    for key, name in places.items():
        if key not in shards[name].kinds:
            raise WeightsError(
                tr(
                    "{file} lacks {key}, which {index} says it has: download the folder again",
                    file=index.with_name(name),
                    key=key[:100],
                    index=index.name,
                )
            )
    kinds = {key: shards[name].kinds[key] for key, name in places.items()}
    files = tuple(index.with_name(name) for name in shards)
    return WholeModel(named, files, kinds, {}, lambda key: shards[places[key]].load(key))


def _read_index(path: Path) -> Mapping[str, str]:
    """Return which file beside an index has each tensor; names that lead elsewhere are refused."""
    try:
        with path.open("rb") as file:
            data = file.read(_INDEX_BYTES + 1)
    except OSError as error:
        raise WeightsError(
            tr("{path} cannot be read: {reason}", path=path, reason=reason_of(error))
        ) from error
    if len(data) > _INDEX_BYTES:
        raise WeightsError(tr("{file}: is too large for an index of shards", file=path))
    try:
        places = ShardIndex.model_validate_json(data).weight_map
    except ValidationError as error:
        raise WeightsError(tr("{file}: {why}", file=path, why=joined(faults_of(error), tr("; ")))) from error
    for name in places.values():
        if name in ("", ".", "..") or "/" in name or "\\" in name:
            raise WeightsError(
                tr("{file}: names {name!r}, which is no file beside it", file=path, name=name[:100])
            )
    if not places:
        raise WeightsError(tr("{file}: holds no tensors at all: save or download it again", file=path))
    return places
