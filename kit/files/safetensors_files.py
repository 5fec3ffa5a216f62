"""Named tensors in a safetensors file, the same bytes for the same content; read without torch on demand."""

import json
import math
import pickle
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from safetensors import SafetensorError, deserialize, safe_open

from kit.files.encodings import Piece
from kit.files.regular_files import refuse_special
from kit.files.text.library_words import reason_of
from kit.files.user_paths import missing_file
from kit.messages import tr

if TYPE_CHECKING:
    import torch
    from torch import Tensor

TORCH_LOAD_ERRORS = (
    OSError, EOFError, LookupError, TypeError, ValueError, RuntimeError, pickle.PickleError, struct.error
)  # fmt: skip
"""What `torch.load` raises of a file that is not whole, or not torch's."""
LENGTH_BYTES = 8
"""A safetensors file opens with the length of its header, little-endian."""
MAX_HEADER_BYTES = 1 << 20
"""A LoRA of every layer of Kolors under kohya's names has a header of 430 KB."""
METADATA = "__metadata__"
_UNCOVERED = "incomplete metadata, file not fully covered"
"""What the library says last, of a header that is right by itself but not for these numbers."""
_MAX_NUMBERS = 2**31
"""Of one tensor, empty sides counted as 1: what a pickle's 32-bit numbers can say."""


class TensorEntry(NamedTuple):
    """A tensor's entry in the header."""

    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]
    """From the end of the header."""


class SafetensorsFile(NamedTuple):
    """A safetensors file, its numbers still as they lie in it."""

    entries: Mapping[str, TensorEntry]
    metadata: Mapping[str, str]
    body: memoryview

    def numbers(self, name: str) -> memoryview:
        """Return a tensor's numbers."""
        first, end = self.entries[name].data_offsets
        return self.body[first:end]


def read_safetensors(data: bytes) -> SafetensorsFile:
    """Return a safetensors file by its parts, or raise ValueError saying what is wrong with it.

    The library judges the header; it never sees the numbers, which it would copy.
    """
    end = _header_end(data)
    if len(data) < LENGTH_BYTES or end > len(data):
        raise ValueError(tr("has {size} bytes, its header would end beyond them", size=len(data)))
    if end > MAX_HEADER_BYTES:
        raise ValueError(
            tr("has a header of {size} bytes, {most} are the most", size=end, most=MAX_HEADER_BYTES)
        )
    try:
        _judge(data[:end])
        header = json.loads(data[LENGTH_BYTES:end])
        metadata = header.pop(METADATA, None) or {}
        entries = {
            name: TensorEntry(entry["dtype"], tuple(entry["shape"]), tuple(entry["data_offsets"]))
            for name, entry in header.items()
        }
    except SafetensorError as error:
        reason = reason_of(str(error)[:200])
        raise ValueError(tr("is refused by safetensors: {reason}", reason=reason)) from error
    except TypeError as error:  # safetensors takes a list for a table
        raise ValueError(tr("is refused: its header must hold tables")) from error
    if max((entry.data_offsets[1] for entry in entries.values()), default=0) != len(data) - end:
        raise ValueError(tr("is refused by safetensors: {reason}", reason=reason_of(_UNCOVERED)))
    for name, entry in entries.items():
        if math.prod(max(1, side) for side in entry.shape) >= _MAX_NUMBERS:
            raise ValueError(
                tr(
                    "has {name} with sides {shape}, which are too long",
                    name=name[:100],
                    shape=str(entry.shape)[:100],
                )
            )
    return SafetensorsFile(entries, metadata, memoryview(data)[end:])


def _judge(head: bytes) -> None:
    """Raise SafetensorError unless a file without its numbers would be whole with them."""
    try:
        deserialize(head)
    except SafetensorError as error:
        if _UNCOVERED not in str(error):
            raise


def framed_pieces(header: bytes, *body: Piece) -> tuple[Piece, ...]:
    """Return a safetensors file: its header, filled up to a multiple of eight bytes, and its numbers."""
    header += b" " * (-len(header) % LENGTH_BYTES)
    return len(header).to_bytes(LENGTH_BYTES, "little"), header, *body


def tensor_bytes(tensors: Mapping[str, "Tensor"], metadata: Mapping[str, str]) -> bytes:
    """Return a safetensors file; metadata in sorted order, which the library leaves to chance."""
    from safetensors.torch import save

    data: bytes = save(
        {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, dict(metadata)
    )
    end = _header_end(data)
    header = json.loads(data[LENGTH_BYTES:end])
    header[METADATA] = dict(sorted(metadata.items()))
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":"))
    return b"".join(framed_pieces(text.encode(), memoryview(data)[end:]))


def read_tensors(
    path: Path, device: str = "cpu", dtype: "torch.dtype | None" = None
) -> tuple[dict[str, "Tensor"], dict[str, str]]:
    """Return a safetensors file's tensors and metadata; raises ValueError saying what is wrong with it.

    Args:
        path: the file.
        device: where the tensors are put, one after the other.
        dtype: what they are made; by default they stay what they are.
    """
    try:
        refuse_special(path)
        with safe_open(path, framework="pt", device=device) as file:
            tensors = {name: file.get_tensor(name).to(dtype=dtype) for name in file.keys()}  # noqa: SIM118
            return tensors, dict(file.metadata() or {})
    except FileNotFoundError as error:
        raise ValueError(missing_file(path)) from error
    except (OSError, SafetensorError) as error:
        reason = reason_of(str(error))
        raise ValueError(tr("is not a whole safetensors file: {reason}", reason=reason)) from error


def _header_end(data: bytes) -> int:
    return LENGTH_BYTES + int.from_bytes(data[:LENGTH_BYTES], "little")
