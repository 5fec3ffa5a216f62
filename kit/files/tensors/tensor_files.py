"""A file of tensors by name, opened by what it holds, not by its ending: safetensors or a .ckpt."""

import json
from collections.abc import Callable, Mapping
from itertools import accumulate
from operator import mul
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from safetensors import SafetensorError, safe_open

from kit.files.file_kinds import HEAD_BYTES, is_partial, why_no_tensors
from kit.files.regular_files import open_file
from kit.files.safetensors_files import LENGTH_BYTES, METADATA, read_safetensors
from kit.files.tensors.checkpoint_files import WIDTHS, Spot, load_spot, open_checkpoint, tensor_of
from kit.files.tensors.legacy_files import MARK, open_legacy
from kit.files.text.library_words import reason_of
from kit.files.user_paths import missing_file
from kit.messages import tr

if TYPE_CHECKING:
    from torch import Tensor

MAX_HEADER_BYTES = 32 << 20
"""What a file with notes on each of its training pictures may need."""
_SAFETENSORS_MARKS = (b"{", b" ")
_PICKLE_MARK = b"\x80"


class TensorKind(NamedTuple):
    """What a tensor is before a number of it is read."""

    dtype: str
    """As safetensors calls it: F16, BF16, F8_E4M3, I8."""
    shape: tuple[int, ...]


class TensorFile(NamedTuple):
    """A file's tensors; each is read when it is asked for, and lies whole in the file."""

    kinds: Mapping[str, TensorKind]
    metadata: Mapping[str, str]
    load: "Callable[[str], Tensor]"


def open_tensor_file(path: Path) -> TensorFile:
    """Return a file of tensors; ValueError says in words what else it is, or what is wrong with it."""
    try:
        with open_file(path) as file:
            head = file.read(HEAD_BYTES)
            size = file.seek(0, 2)
    except FileNotFoundError as error:
        raise ValueError(missing_file(path)) from error
    except OSError as error:
        raise ValueError(tr("cannot be read: {reason}", reason=reason_of(error))) from error
    length = int.from_bytes(head[:LENGTH_BYTES], "little")
    if head[LENGTH_BYTES : LENGTH_BYTES + 1] in _SAFETENSORS_MARKS and length >> 40 == 0:
        return _safetensors(path, size, length)
    if head.startswith(b"PK") or MARK in head[:32]:
        checkpoint = (open_checkpoint if head.startswith(b"PK") else open_legacy)(path)
        kinds = {name: TensorKind(spot.dtype, spot.shape) for name, spot in checkpoint.spots.items()}
        return TensorFile(kinds, {}, checkpoint.load)
    raise ValueError(_refusal(path, head))


def _refusal(path: Path, head: bytes) -> str:
    """Return what a file is that is neither safetensors nor torch's zip, and what to do."""
    if is_partial(path):
        return tr(
            "is half a download, as its ending {suffix} says: wait for its end, or download it again",
            suffix=path.suffix,
        )
    if reason := why_no_tensors(head):
        return reason
    if head.startswith(_PICKLE_MARK):
        return tr("is a bare pickle, which could run anything when it is opened: give it as .safetensors")
    return tr("is neither a safetensors file nor a .ckpt of torch, or is damaged: download or copy it again")


def _safetensors(path: Path, size: int, length: int) -> TensorFile:
    if length + LENGTH_BYTES > size:
        raise ValueError(
            tr(
                "is cut off, perhaps half a download: its header alone has {length} bytes, the "
                "file {size}; download or copy it again",
                length=length,
                size=size,
            )
        )
    if length > MAX_HEADER_BYTES:
        raise ValueError(
            tr("has a header of {size} bytes, {most} are the most", size=length, most=MAX_HEADER_BYTES)
        )
    try:
        with safe_open(path, framework="pt") as file:
            views = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            kinds = {
                name: TensorKind(view.get_dtype(), tuple(view.get_shape())) for name, view in views.items()
            }
            metadata = dict(file.metadata() or {})
    except (OSError, SafetensorError) as error:
        if "not fully covered" in str(error):
            raise ValueError(
                tr(
                    "is cut off, perhaps half a download, it has {size} bytes: download or copy it again",
                    size=size,
                )
            ) from error
        raise ValueError(
            tr(
                "is not a whole safetensors file, {reason}: download or copy it again",
                reason=reason_of(str(error)[:200]),
            )
        ) from error
    starts = _starts(path, length)
    return TensorFile(kinds, metadata, lambda name: _load(path, name, kinds[name], starts[name]))


def _starts(path: Path, length: int) -> dict[str, int]:
    """Return the byte of the file at which each tensor begins, by a header that the library has judged."""
    with open_file(path) as file:
        header = json.loads(file.read(LENGTH_BYTES + length)[LENGTH_BYTES:])
    body = LENGTH_BYTES + length
    return {name: body + told["data_offsets"][0] for name, told in header.items() if name != METADATA}


def _load(path: Path, name: str, kind: TensorKind, first: int) -> "Tensor":
    """Return a tensor in memory of its own; what the library gives keeps the file mapped."""
    return load_spot(path, _spot(name, kind, first))


def _spot(name: str, kind: TensorKind, first: int) -> Spot:
    """Return where a safetensors file holds a tensor; ValueError where its numbers are not read here."""
    if kind.dtype not in WIDTHS:
        raise ValueError(
            tr("holds {name} in numbers that are not read here ({dtype})", name=name[:100], dtype=kind.dtype)
        )
    *strides, count = accumulate(reversed(kind.shape), mul, initial=1)
    size_bytes = count * WIDTHS[kind.dtype]
    return Spot(kind.dtype, kind.shape, tuple(reversed(strides)), first, size_bytes)


def tensors_in(data: bytes) -> TensorFile:
    """Return the tensors of a safetensors file that is in memory; ValueError says why it is none."""
    file = read_safetensors(data)
    kinds = {name: TensorKind(entry.dtype, entry.shape) for name, entry in file.entries.items()}

    def load(name: str) -> "Tensor":
        return tensor_of(bytearray(file.numbers(name)), _spot(name, kinds[name], 0))

    return TensorFile(kinds, file.metadata, load)
