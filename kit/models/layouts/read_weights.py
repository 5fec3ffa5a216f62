"""Weights read from the files of a base; on the CPU they stay on disk until they are used."""

from collections.abc import Collection, Mapping
from pathlib import Path

import torch
from torch import Tensor

from kit.errors import WeightsError
from kit.files.regular_files import refuse_special
from kit.files.safetensors_files import TORCH_LOAD_ERRORS, read_tensors
from kit.files.tensors.tensor_files import TensorKind, open_tensor_file
from kit.files.text.library_words import reason_of
from kit.messages import tr
from kit.models.layouts.weight_files import WeightFiles, checked_places

_READ = frozenset({"F64", "F32", "F16", "BF16", "I64"})
"""Numbers that are read, as safetensors calls them; positions, which nothing here uses, are whole ones."""
_READ_BY_TORCH = frozenset({"float64", "float32", "float16", "bfloat16", "int64"})


def read_weights(
    weights: WeightFiles, mend: str, device: str = "cpu", dtype: torch.dtype | None = None
) -> dict[str, Tensor]:
    """Return a network's tensors by name; on the CPU in their own numbers, each is read where it is used.

    Args:
        weights: its files.
        mend: what the user can do where one of them is damaged.
        device: where the tensors are put.
        dtype: what they are made; by default they stay what they are.

    Raises:
        WeightsError: naming the file that is missing, damaged, quantised, or holds more than tensors.
    """
    shards = {
        name: _read_file(path, mend, device, dtype)
        for name, path in zip(weights.names, weights.paths, strict=True)
    }
    checked_places(weights, shards)
    return {key: tensor for shard in shards.values() for key, tensor in shard.items()}


def _read_file(path: Path, mend: str, device: str, dtype: torch.dtype | None) -> Mapping[str, Tensor]:
    if path.suffix != ".bin":
        try:
            kinds_in(path)
            return read_tensors(path, device, dtype)[0]
        except ValueError as error:
            raise WeightsError(tr("{file} {why}; {mend}", file=path, why=error, mend=mend)) from error
    try:
        refuse_special(path)
        shard = torch.load(path, map_location=device, mmap=True, weights_only=True)
    except TORCH_LOAD_ERRORS as error:
        raise WeightsError(
            tr(
                "{file} is not a whole shard: {error}; {mend}",
                file=path,
                error=reason_of(error),
                mend=mend,
            )
        ) from error
    if not isinstance(shard, dict) or not all(isinstance(one, Tensor) for one in shard.values()):
        raise WeightsError(tr("{file} is not a shard of tensors; {mend}", file=path, mend=mend))
    dtypes = {name: str(tensor.dtype).removeprefix("torch.") for name, tensor in shard.items()}
    _refuse_quantised(path, dtypes, _READ_BY_TORCH)
    return {name: tensor.to(dtype=dtype) for name, tensor in shard.items()}


def kinds_in(path: Path) -> Mapping[str, TensorKind]:
    """Return what tensors a file has; ValueError says what else it is, WeightsError that it is quantised."""
    kinds = open_tensor_file(path).kinds
    _refuse_quantised(path, {name: kind.dtype for name, kind in kinds.items()}, _READ)
    return kinds


def _refuse_quantised(path: Path, dtypes: Mapping[str, str], read: Collection[str]) -> None:
    for name, dtype in dtypes.items():
        if dtype not in read:
            raise WeightsError(
                tr(
                    "{model} holds {name} as {dtype}, as quantised files do: give it in fp16 or fp32",
                    model=path,
                    name=name[:100],
                    dtype=dtype,
                )
            )
