"""A .ckpt of torch, read without running anything in it: its pickle is walked, tensors are understood.

`torch.load(weights_only=True)` runs no code either, but makes what a file asks for: 900 bytes can ask for
34 GiB. Here every tensor must lie in the file, number by number, before one is made.
"""

import struct
import zipfile
import zlib
from collections.abc import Callable, Collection, Mapping
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from kit.files.regular_files import open_file
from kit.files.tensors.pickle_walk import PickledTensor, content_by_name
from kit.files.text.library_words import reason_of
from kit.messages import tr

if TYPE_CHECKING:
    from torch import Tensor

MAX_PICKLE_BYTES = 8 << 20
"""Of names and shapes: a whole model of 2500 tensors has 400 kB."""
MAX_DIRECTORY_BYTES = 8 << 20
"""Of the zip's list of entries."""
_END = b"PK\x05\x06"
_END64 = b"PK\x06\x06"
_TAIL_BYTES = 1 << 17
"""A zip's end with its comment has less than 66 kB."""
_LOCAL = struct.Struct("<4s22xHH")
"""An entry's own header: its mark, the lengths of its name and of what follows."""
WIDTHS = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1, "I64": 8, "I32": 4, "I16": 2,
    "I8": 1, "U8": 1, "BOOL": 1, "C64": 8, "C128": 16,
}  # fmt: skip
"""Bytes of one number, by its kind as safetensors calls it."""
_READ_BYTES = 1 << 20
_ZIP_TROUBLE = (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, struct.error)


class Spot(NamedTuple):
    """Where a tensor's numbers lie in the file."""

    dtype: str
    """As safetensors calls it."""
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    """A permutation of what lies without gaps, in numbers."""
    first: int
    """Byte in the file."""
    size_bytes: int


class Checkpoint(NamedTuple):
    """The tensors of a .ckpt by name."""

    spots: Mapping[str, Spot]
    load: "Callable[[str], Tensor]"
    lists: Mapping[str, tuple[str, ...]]
    """Lists of texts that lie beside the tensors, of those that were asked for."""


def open_checkpoint(path: Path, lists: Collection[str] = ()) -> Checkpoint:
    """Return the tensors of a zip that torch.save wrote; ValueError says why it is none or not sound.

    Args:
        path: the file.
        lists: names under which lists of texts may lie beside the tensors.
    """
    try:
        with open_file(path) as file:
            size = file.seek(0, 2)
            _check_directory(file, size)
            with zipfile.ZipFile(file) as archive:
                members, root = _members(archive)
                pickled, texts = content_by_name(archive.read(f"{root}data.pkl"), lists)
            storages = _storages(file, size, members, root, pickled)
    except zlib.error as error:
        raise ValueError(tr("is damaged: download or copy it again")) from error
    except _ZIP_TROUBLE as error:
        raise ValueError(
            tr("is no whole .ckpt, perhaps half a download: download or copy it again")
        ) from error
    spots = {name: spot_of(name, tensor, storages[tensor.storage.key]) for name, tensor in pickled.items()}
    if sum(spot.size_bytes for spot in spots.values()) > size:
        raise ValueError(tr("names more numbers than it holds: torch.save never writes that"))
    return Checkpoint(spots, lambda name: load_spot(path, spots[name]), texts)


def _check_directory(file: BinaryIO, size: int) -> None:
    """Refuse a zip whose list of entries would take much memory before zipfile reads it."""
    file.seek(max(0, size - _TAIL_BYTES))
    tail = file.read(_TAIL_BYTES)
    for mark, place, form in ((_END, 12, "<I"), (_END64, 40, "<Q")):
        at = tail.find(mark)
        while at >= 0:
            told = tail[at + place : at + place + struct.calcsize(form)]
            if len(told) == struct.calcsize(form):
                (length,) = struct.unpack(form, told)
                if MAX_DIRECTORY_BYTES < length != 0xFFFFFFFF:
                    raise ValueError(tr("is a zip with more entries than a model has"))
            at = tail.find(mark, at + 1)


def _members(archive: zipfile.ZipFile) -> tuple[dict[str, zipfile.ZipInfo], str]:
    """Return the entries by name, and what stands before data.pkl; refuse what torch.save does not write."""
    members = {member.filename: member for member in archive.infolist()}
    roots = [
        name.removesuffix("data.pkl") for name in members if name == "data.pkl" or name.endswith("/data.pkl")
    ]
    if len(roots) != 1 or roots[0].count("/") > 1:
        inside = next((name for name in members if name.endswith((".safetensors", ".ckpt", ".pt"))), "")
        if inside:
            raise ValueError(
                tr("is a zip archive, no file of weights: unpack it and give {file} in it", file=inside[:100])
            )
        what = tr("unpack it and give the .safetensors file in it, if there is one")
        raise ValueError(tr("is a zip archive, no file of weights: {remedy}", remedy=what))
    (root,) = roots
    if any(member.compress_type or member.flag_bits & 1 for member in members.values()):
        raise ValueError(tr("is compressed or locked inside, as torch.save never does: give the original"))
    if members[f"{root}data.pkl"].file_size > MAX_PICKLE_BYTES:
        raise ValueError(tr("names more tensors than a model has"))
    order = members.get(f"{root}byteorder")
    if order is not None and (order.file_size > len(b"little") or archive.read(order) != b"little"):
        raise ValueError(tr("was written on a big-endian machine: give it as .safetensors"))
    return members, root


class ArrayPlace(NamedTuple):
    """Where an array of the file lies."""

    first: int
    size_bytes: int


def _storages(
    file: BinaryIO,
    size: int,
    members: Mapping[str, zipfile.ZipInfo],
    root: str,
    tensors: Mapping[str, PickledTensor],
) -> dict[str, ArrayPlace]:
    """Return where each array lies, its checksum checked; each byte of the file is looked at once."""
    found: dict[str, ArrayPlace] = {}
    room = size
    for key in dict.fromkeys(tensor.storage.key for tensor in tensors.values()):
        member = members.get(f"{root}data/{key}")
        if member is None:
            raise ValueError(
                tr("is damaged: its array {key} is missing; download or copy it again", key=key[:20])
            )
        file.seek(member.header_offset)
        head = file.read(_LOCAL.size)
        mark, name_bytes, extra_bytes = _LOCAL.unpack(head) if len(head) == _LOCAL.size else (b"", 0, 0)
        first = member.header_offset + _LOCAL.size + name_bytes + extra_bytes
        room -= member.file_size
        if mark != b"PK\x03\x04" or first + member.file_size > size or room < 0:
            raise ValueError(tr("is damaged, or half a download: download or copy it again"))
        if _checksum(file, first, member.file_size) != member.CRC:
            raise ValueError(tr("is damaged, its checksum differs: download or copy it again"))
        found[key] = ArrayPlace(first, member.file_size)
    return found


def _checksum(file: BinaryIO, first: int, size_bytes: int) -> int:
    """Return a part's checksum; it is read piece by piece, for it may be gigabytes."""
    file.seek(first)
    crc = 0
    for start in range(0, size_bytes, _READ_BYTES):
        crc = zlib.crc32(file.read(min(_READ_BYTES, size_bytes - start)), crc)
    return crc


def spot_of(name: str, tensor: PickledTensor, room: ArrayPlace) -> Spot:
    """Return where a tensor lies, every number of it inside its array."""
    width = WIDTHS[tensor.dtype]
    count = prod(tensor.shape)
    end = (tensor.offset + count) * width
    if len(tensor.shape) != len(tensor.strides) or not _is_dense(tensor.shape, tensor.strides):
        raise ValueError(
            tr(
                "holds {name} with gaps or repeats between its numbers: save it again, `.contiguous()`",
                name=name[:100],
            )
        )
    if end > room.size_bytes or tensor.offset < 0:
        raise ValueError(tr("names more numbers for {name} than it holds", name=name[:100]))
    return Spot(tensor.dtype, tensor.shape, tensor.strides, room.first + tensor.offset * width, count * width)


def _is_dense(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    """Return whether a tensor is one that lies without gaps, its sides perhaps exchanged."""
    if any(side < 0 for side in shape) or any(stride < 0 for stride in strides):
        return False
    step = 1
    for stride, side in sorted(
        (stride, side) for stride, side in zip(strides, shape, strict=True) if side != 1
    ):
        if stride != step and side != 0:
            return False
        step *= side
    return True


def load_spot(path: Path, spot: Spot) -> "Tensor":
    """Return a tensor of a file, read into memory of its own; ValueError where the file is shorter by now."""
    data = bytearray(spot.size_bytes)
    try:
        with open_file(path) as file:
            file.seek(spot.first)
            read = file.readinto(data)
    except OSError as error:
        raise ValueError(tr("cannot be read: {reason}", reason=reason_of(error))) from error
    if read != len(data):
        raise ValueError(tr("became shorter while it was read: download or copy it again"))
    return tensor_of(data, spot)


def tensor_of(data: bytearray, spot: Spot) -> "Tensor":
    """Return a tensor of numbers that are in memory, which it keeps as they are."""
    import torch

    kinds = {
        "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
        "F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2, "I64": torch.int64, "I32": torch.int32,
        "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool, "C64": torch.complex64,
        "C128": torch.complex128,
    }  # fmt: skip
    if not prod(spot.shape):
        return torch.empty(spot.shape, dtype=kinds[spot.dtype])
    return torch.frombuffer(data, dtype=kinds[spot.dtype]).as_strided(spot.shape, spot.strides).contiguous()
