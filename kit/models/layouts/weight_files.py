"""Which files of a folder hold a network's weights, under the names of diffusers and of ChatGLM's own code.

```
unet/   vae/     diffusion_pytorch_model[.fp16].safetensors    or .bin
text_encoder/    model[.fp16].safetensors                      or pytorch_model[.fp16].bin
                 each of them whole, or in shards that an .index.json lists
```
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ValidationError

from kit.errors import WeightsError
from kit.files.documents import faults_of
from kit.files.regular_files import read_file
from kit.files.text.library_words import reason_of
from kit.messages import joined, tr
from kit.models.bases.pipeline_class import is_diffusers_kolors

UNET_FOLDER, VAE_FOLDER, TEXT_FOLDER = PARTS = "unet", "vae", "text_encoder"
"""The folders of a base as it is published."""
_INDEX = ".index."
_INDEX_BYTES = 8 << 20


def _spellings(stem: str, kind: str) -> tuple[str, ...]:
    """Return what diffusers and transformers call weights, whole and in shards, the precise ones first."""
    return (
        f"{stem}.{kind}",
        f"{stem}.{kind}.index.json",
        f"{stem}.fp16.{kind}",
        f"{stem}.{kind}.index.fp16.json",
        f"{stem}.{kind}.fp16.index.json",
    )


NETWORK_NAMES = _spellings("diffusion_pytorch_model", "safetensors") + _spellings(
    "diffusion_pytorch_model", "bin"
)
"""What diffusers calls a network's file, or the list of its shards; of two the first is read."""
TEXT_NAMES = _spellings("model", "safetensors") + _spellings("pytorch_model", "bin")
"""What the text encoder's are called."""
NAMES: Mapping[str, tuple[str, ...]] = {
    UNET_FOLDER: NETWORK_NAMES,
    VAE_FOLDER: NETWORK_NAMES,
    TEXT_FOLDER: TEXT_NAMES,
}


class WeightFiles(NamedTuple):
    """The files that hold a network's weights."""

    folder: Path
    head: str
    """The file's name, or that of the shards' index."""
    names: tuple[str, ...]
    """Of the files that hold tensors."""
    places: Mapping[str, str]
    """Which of them has a tensor; empty for a single file, which has all."""
    part: str = ""
    """What stands before each name in records: the folder's name in a base, or nothing."""

    @property
    def path(self) -> Path:
        """The one that names the weights in messages."""
        return self.folder / self.head

    @property
    def paths(self) -> tuple[Path, ...]:
        """Where they are."""
        return tuple(self.folder / name for name in self.names)

    @property
    def keys(self) -> tuple[str, ...]:
        """Return what records call the files that hold tensors."""
        return tuple(self.key_of(name) for name in self.names)

    @property
    def all_keys(self) -> tuple[str, ...]:
        """Return what records call every file of it, the index too."""
        return tuple(dict.fromkeys((self.key_of(self.head), *self.keys)))

    def key_of(self, name: str) -> str:
        """Return what records call one of the files."""
        return f"{self.part}/{name}" if self.part else name

    def lacking(self) -> Iterator[str]:
        """Yield the keys of those that are not there."""
        return (self.key_of(name) for name in self.names if not (self.folder / name).is_file())


class ShardIndex(BaseModel):
    """Which of several files has a tensor."""

    weight_map: dict[str, str]


def weights_at(path: Path, part: str = "") -> WeightFiles:
    """Return a file of weights, or the shards that an index lists; WeightsError for an index that is none."""
    if not is_index(path.name):
        return WeightFiles(path.parent, path.name, (path.name,), {}, part)
    places = _read_index(path)
    return WeightFiles(path.parent, path.name, tuple(sorted(set(places.values()))), places, part)


def is_index(name: str) -> bool:
    """Return whether a name is that of a list of shards."""
    return _INDEX in name and name.endswith(".json")


def find_weights(folder: Path, part: str) -> WeightFiles | None:
    """Return the weights of a part of a base's folder, None where there are none; else as `weights_in`."""
    return weights_in(folder / part, NAMES[part], part)


def weights_in(folder: Path, names: Sequence[str], part: str = "") -> WeightFiles | None:
    """Return the weights in a folder under the first of the names that is there, None where none is.

    Whoever lacks a shard gives way to one that is whole, as where a hub fetched one precision and the index
    of each. Raises WeightsError for an index that cannot be read.
    """
    found = [weights_at(folder / name, part) for name in names if (folder / name).is_file()]
    return next((one for one in found if not any(one.lacking())), next(iter(found), None))


def missing_files(folder: Path, parts: Sequence[str] = PARTS) -> list[str]:
    """Return which files a base's folder lacks, and under which other names they would be found."""
    lost = [f"{part}/config.json" for part in parts if not (folder / part / "config.json").is_file()]
    for part in parts:
        found = find_weights(folder, part)
        lost += [wanted_file(folder, part)] if found is None else found.lacking()
    return lost


def lacks(folder: Path, missing: Sequence[str], remedy: str) -> WeightsError:
    """Return what is raised where a folder lacks files, with what brings them."""
    told = joined(missing, tr(", "))
    return WeightsError(tr("{folder} lacks {missing}; {remedy}", folder=folder, missing=told, remedy=remedy))


def wanted_file(folder: Path, part: str) -> str:
    """Return what is said to be lacking where a part has no weights: the first name, and the others."""
    if part != TEXT_FOLDER:
        return tr(
            "{file} (or the same with .fp16, or shards with their .index.json)",
            file=f"{part}/{NETWORK_NAMES[0]}",
        )
    whole, shards = f"{part}/{TEXT_NAMES[0]}", f"{part}/pytorch_model.bin.index.json"
    first, other = (whole, shards) if is_diffusers_kolors(folder) else (shards, whole)
    return tr("{file} (or {other}; whole or in shards with their index)", file=first, other=other)


def _read_index(path: Path) -> Mapping[str, str]:
    """Return which file beside an index has each tensor; names that lead elsewhere are refused."""
    try:
        data = read_file(path, _INDEX_BYTES + 1)
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
        if name in ("", ".", "..") or "/" in name or "\\" in name or name.endswith(".json"):
            raise WeightsError(
                tr("{file}: names {name!r}, which is no file beside it", file=path, name=name[:100])
            )
    if not places:
        raise WeightsError(tr("{file}: holds no tensors at all: save or download it again", file=path))
    return places


def checked_places(weights: WeightFiles, held: Mapping[str, Collection[str]]) -> Mapping[str, str]:
    """Return which shard has each tensor, or raise WeightsError for one that its shard lacks.

    Args:
        weights: the shards.
        held: the tensors in each of them.
    """
    for key, name in weights.places.items():
        if key not in held[name]:
            raise WeightsError(
                tr(
                    "{file} lacks {key}, which {index} says it has: download the folder again",
                    file=weights.folder / name,
                    key=key[:100],
                    index=weights.head,
                )
            )
    return weights.places
