"""What of two models is merged with what: the same tensors of the same UNet, before a number is read."""

from collections.abc import Container, Iterable, Mapping
from typing import NamedTuple

from kit.errors import WeightsError
from kit.files.encodings import without_surrogates
from kit.files.safetensors_files import METADATA
from kit.files.tensors.checkpoint_files import WIDTHS
from kit.messages import joined, tr, trn
from kit.models.merging.shares import Shares
from kit.models.merging.unet_blocks import PREFIXES, block_of, in_ranges, naming_of
from kit.models.unet_files import WholeModel

_FLOATS = frozenset({"F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"})
_SHOWN = 3
"""Tensors that an error names."""


class UNetTensor(NamedTuple):
    """A tensor of a UNet."""

    name: str
    """In the model's file."""
    block: str
    """OUTSIDE where it is in none."""


class TensorPair(NamedTuple):
    """A tensor of the UNet: what it is called in each model, and its share of the second."""

    first: str
    second: str
    share: float


def unet_names(model: WholeModel) -> dict[str, UNetTensor]:
    """Return a UNet's tensors by the names that they have when nothing stands before them.

    Raises WeightsError for a model with a tensor that no such UNet has, or without a whole one.
    """
    prefix = next(one for one in PREFIXES if any(name.startswith(one) for name in model.kinds))
    found: dict[str, UNetTensor] = {}
    for name in model.kinds:
        bare = name.removeprefix(prefix)
        if not name.startswith(prefix):
            continue
        if "lora" in bare:
            raise WeightsError(
                tr("{file} is a LoRA, no model: `storykit lora merge` adds LoRAs up", file=model.name)
            )
        block = block_of(bare)
        if block is None:
            raise WeightsError(
                tr(
                    "{model} holds {name}, which no UNet of the shape of Kolors, SDXL or SD 1.5 has",
                    model=model.name,
                    name=name[:100],
                )
            )
        found[bare] = UNetTensor(name, block)
    blocks = {tensor.block for tensor in found.values()}
    if not {"input0", "out"} <= blocks:
        raise WeightsError(
            tr(
                "{model} holds no whole UNet: its blocks are {blocks}",
                model=model.name,
                blocks=in_ranges(blocks),
            )
        )
    return found


def paired(first: WholeModel, second: WholeModel, shares: Shares) -> dict[str, TensorPair]:
    """Return the UNet's tensors by the first model's names.

    Raises WeightsError unless both have the same ones, in the same sides, and the blocks that have a share.
    """
    ours, theirs = unet_names(first), unet_names(second)
    if (naming := naming_of(ours)) != (other := naming_of(theirs)):
        raise WeightsError(
            tr(
                "{first} has the names of {naming}, {second} those of {other}: both must have the same",
                first=first.name,
                naming=naming,
                second=second.name,
                other=other,
            )
        )
    _refuse_lacking(first, ours.keys() - theirs.keys(), second)
    _refuse_lacking(second, theirs.keys() - ours.keys(), first)
    blocks = {tensor.block for tensor in ours.values()}
    if absent := shares.blocks.keys() - blocks:
        raise WeightsError(
            tr(
                "these models have no {absent}: their blocks are {blocks}",
                absent=in_ranges(absent),
                blocks=in_ranges(blocks),
            )
        )
    pairs = {
        tensor.name: TensorPair(tensor.name, theirs[bare].name, shares.of(tensor.block))
        for bare, tensor in ours.items()
    }
    _check_kinds(first, second, pairs)
    return pairs


def _refuse_lacking(owner: WholeModel, names: Iterable[str], other: WholeModel) -> None:
    if lacking := sorted(names):
        raise WeightsError(
            trn(
                "{model} lacks {n:,} tensor that {owner} has: {names}; both must be of one shape",
                "{model} lacks {n:,} tensors that {owner} has: {names}; both must be of one shape",
                len(lacking),
                model=other.name,
                owner=owner.name,
                names=joined([name[:100] for name in lacking[:_SHOWN]], tr(", ")),
            )
        )


def _check_kinds(first: WholeModel, second: WholeModel, pairs: Mapping[str, TensorPair]) -> None:
    """Refuse tensors that differ in their sides, and numbers that cannot be merged or written."""
    for pair in pairs.values():
        ours, theirs = first.kinds[pair.first], second.kinds[pair.second]
        if ours.shape != theirs.shape:
            raise WeightsError(
                tr(
                    "{name} has the sides {ours} in {first}, {theirs} in {second}; both must be of one shape",
                    name=pair.first[:100],
                    ours=ours.shape,
                    first=first.name,
                    theirs=theirs.shape,
                    second=second.name,
                )
            )
        for model, name in ((first, pair.first), (second, pair.second)):
            _refuse_unless(_FLOATS, model, name)
    for name in first.kinds:
        _refuse_unless(WIDTHS, first, name)
        if name == METADATA or name != without_surrogates(name):
            raise WeightsError(
                tr(
                    "{model} holds a tensor named {name!r}, which a .safetensors file cannot",
                    model=first.name,
                    name=name[:100],
                )
            )


def _refuse_unless(dtypes: Container[str], model: WholeModel, name: str) -> None:
    """Raise WeightsError where a tensor has numbers of another kind than these."""
    if (dtype := model.kinds[name].dtype) not in dtypes:
        raise WeightsError(
            tr(
                "{model} holds {name} as {dtype}, as quantised files do: give it in fp16 or fp32",
                model=model.name,
                name=name[:100],
                dtype=dtype,
            )
        )
