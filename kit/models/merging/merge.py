"""Two models merged tensor by tensor: the UNet's by the shares of its blocks, the rest is the first one's."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from kit.errors import WeightsError
from kit.files.atomic_write import drafted
from kit.files.encodings import sha256_of, shown_path
from kit.files.safetensors_files import METADATA, TensorEntry, framed_pieces
from kit.files.tensors.checkpoint_files import WIDTHS
from kit.messages import tr
from kit.models.merging.pairing import TensorPair, paired
from kit.models.merging.recipe import NOTE, MergedPart, MergeRecipe
from kit.models.merging.shares import Shares
from kit.models.unet_files import WholeModel
from kit.progress import Progress
from kit.versions import installed_version


class MergedModel(NamedTuple):
    """What a merge wrote."""

    tensors: int
    """Of the UNet."""
    rest: int
    """Of other networks in the first model's file, as they were."""


def merge_models(
    first: WholeModel, second: WholeModel, shares: Shares, out: Path, progress: Progress
) -> MergedModel:
    """Write a model between two: (1 - share) * first + share * second for each tensor of the UNet.

    That is computed in fp32, in fp64 where both are, and rounded to the first one's kind of numbers; a share
    of 0 keeps the first one's bytes, of 1 the second one's where the kind is the same. What is in none of the
    blocks takes the base share; what is no part of the UNet stays the first one's.

    Args:
        first: whose names, kinds of numbers and other networks the result has.
        second: a model with the same UNet.
        shares: of the second.
        out: a .safetensors file, written whole or not at all; none of those that are read.
        progress: told of each tensor.

    Raises:
        WeightsError: the models do not fit each other or the shares, or a result would not be finite.
        RunError: a file cannot be read, or the new one not written.
    """
    if out.exists() and any(out.samefile(file) for file in (*first.files, *second.files)):
        raise WeightsError(tr("{out} is one of the models that are merged: choose another --out", out=out))
    pairs = paired(first, second, shares)
    progress.note(tr("reading what the checksums are made of"))
    metadata = {"format": "pt", NOTE: _recipe(first, second, shares).note()}
    order = sorted(first.kinds, key=lambda name: (-WIDTHS[first.kinds[name].dtype], name))
    with drafted(out) as (_, file):
        file.writelines(_head(first, order, metadata))
        progress.begin(len(order), 0)
        for name in order:
            tensor = _merged(first, second, pairs[name]) if name in pairs else _load(first, name)
            file.write(tensor.reshape(-1).view(torch.uint8).numpy().data)
            progress.advance(1)
    return MergedModel(len(pairs), len(order) - len(pairs))


def blend(first: Tensor, second: Tensor, share: float) -> Tensor:
    """Return (1 - share) * first + share * second in the first one's kind of numbers.

    Each product and the sum is rounded by itself, so that every machine gives the same bits.

    Args:
        first: floating-point numbers of any kind.
        second: the same sides.
        share: from 0 to 1; at both ends nothing is computed.
    """
    if share in (0, 1):
        return first if share == 0 else second.to(first.dtype)
    double = first.dtype == second.dtype == torch.float64
    wide = torch.float64 if double else torch.float32
    return first.to(wide).mul(1 - share).add_(second.to(wide).mul(share)).to(first.dtype)


def _merged(first: WholeModel, second: WholeModel, pair: TensorPair) -> Tensor:
    """Return a tensor of the result; one that is kept as it is, is not judged."""
    if pair.share == 0:
        return _load(first, pair.first)
    theirs = _load(second, pair.second)
    if pair.share == 1 and second.kinds[pair.second] == first.kinds[pair.first]:
        return theirs
    made = blend(_load(first, pair.first), theirs, pair.share)
    if not bool((made if made.dtype.itemsize > 1 else made.float()).isfinite().all()):
        raise WeightsError(
            tr(
                "{name} would not be finite: one of the models is damaged, or its numbers are too large for"
                " {dtype}",
                name=pair.first[:100],
                dtype=first.kinds[pair.first].dtype,
            )
        )
    return made


def _load(model: WholeModel, name: str) -> Tensor:
    try:
        return model.load(name)
    except ValueError as error:
        raise WeightsError(tr("{file}: {why}", file=model.name, why=error)) from error


def _recipe(first: WholeModel, second: WholeModel, shares: Shares) -> MergeRecipe:
    parts = [
        MergedPart(
            name=shown_path(Path(Path(model.name).resolve().name)),
            sha256={shown_path(Path(file.name)): sha256_of(file) for file in model.files},
        )
        for model in (first, second)
    ]
    return MergeRecipe(
        first=parts[0],
        second=parts[1],
        share=shares.base,
        blocks=dict(shares.blocks),
        storykit=installed_version("storykit") or "",
    )


def _head(
    model: WholeModel, order: Sequence[str], metadata: Mapping[str, str]
) -> tuple[bytes | memoryview, ...]:
    """Return what a safetensors file with a model's tensors begins with, in this order."""
    header: dict[str, object] = {METADATA: dict(sorted(metadata.items()))}
    end = 0
    for name in order:
        kind = model.kinds[name]
        first, end = end, end + torch.Size(kind.shape).numel() * WIDTHS[kind.dtype]
        header[name] = TensorEntry(kind.dtype, kind.shape, (first, end))._asdict()
    return framed_pieces(json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode())
