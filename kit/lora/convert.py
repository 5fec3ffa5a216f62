"""A LoRA file converted to another tool's key names or container; the numbers stay the same."""

import json
import math
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from kit.errors import LoraError
from kit.files.atomic_write import write_atomic
from kit.files.encodings import canonical_json, zip_bytes
from kit.lora.key_names import ADAPTER_CONFIG, ADAPTER_FILE, Half, Tool, read_key, write_key
from kit.lora.metadata import LoraScale, adapter_config, metadata_of

if TYPE_CHECKING:
    from kit.lora.lora import LoadedLora


def convert(source: Path, tool: Tool, out: Path, alpha: float | None = None) -> "LoadedLora":
    """Write a LoRA in a tool's form, every number as it is; returns the LoRA.

    Args:
        source: a LoRA of any known tool.
        tool: who is to read it.
        out: a .safetensors file; for PEFT a folder; for DiffSynth a .ckpt too, the contest's form.
        alpha: the alpha it was trained with, when the source does not say.
    """
    from kit.lora.formats import content_bytes
    from kit.lora.lora import load_lora

    lora = load_lora(source, alpha)
    if tool == "peft":
        settings = adapter_config(tool, list(lora.pairs), LoraScale(lora.rank, lora.alpha))
        config = {"peft_type": "LORA", "bias": "none", **settings}
        write_atomic(out / ADAPTER_FILE, content_bytes(tool, lora.pairs, lora.alpha, lora.notes))
        write_atomic(out / ADAPTER_CONFIG, json.dumps(config, indent=2, sort_keys=True).encode())
    elif out.suffix == ".ckpt" and tool == "diffsynth":
        write_atomic(out, checkpoint_bytes(content_bytes(tool, lora.pairs, lora.alpha, {})))
    elif out.suffix == ".safetensors":
        write_atomic(out, content_bytes(tool, lora.pairs, lora.alpha, lora.notes))
    else:
        kinds = ".safetensors or .ckpt" if tool == "diffsynth" else ".safetensors"
        raise LoraError(f"{out}: a file for {tool} must end in {kinds}")
    return lora


_LENGTH = struct.Struct("<Q")
"""A safetensors file opens with the length of its header, little-endian."""
MAX_HEADER_BYTES = 1 << 20
"""A LoRA of every layer of Kolors under kohya's names has a header of 430 KB."""
_ALPHA = struct.Struct("<f")
"""kohya's alpha: one number a layer."""
_METADATA = "__metadata__"
_STORAGES = {"F64": "DoubleStorage", "F32": "FloatStorage", "F16": "HalfStorage", "BF16": "BFloat16Storage"}
"""What torch calls an array of each kind of number."""
_SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
"""Bytes of a number."""


@dataclass(frozen=True, kw_only=True, slots=True, config=ConfigDict(extra="forbid"))
class TensorEntry:
    """A tensor's entry in the header."""

    dtype: str
    shape: tuple[Annotated[int, Field(ge=0, lt=2**31)], ...]
    data_offsets: tuple[int, int]
    """From the end of the header."""


class SafetensorsFile(NamedTuple):
    """A safetensors file, its numbers still as they lie in it."""

    spots: Mapping[str, TensorEntry]
    metadata: Mapping[str, str]
    body: memoryview

    def numbers(self, name: str) -> memoryview:
        """Return a tensor's numbers."""
        first, end = self.spots[name].data_offsets
        return self.body[first:end]


_HEADER = TypeAdapter(dict[str, TensorEntry | dict[str, str]])


def read_safetensors(data: bytes) -> SafetensorsFile:
    """Return a safetensors file by its parts, or raise ValueError saying what is wrong with its header."""
    if len(data) < _LENGTH.size or (end := _LENGTH.size + _LENGTH.unpack_from(data)[0]) > len(data):
        raise ValueError(f"has {len(data)} bytes, its header would end beyond them")
    if end > MAX_HEADER_BYTES:
        raise ValueError(f"has a header of {end} bytes, {MAX_HEADER_BYTES} are the most")
    try:
        header = _HEADER.validate_json(data[_LENGTH.size : end])
    except ValidationError as error:
        raise ValueError("has a header that is not safetensors'") from error
    metadata = header.pop(_METADATA, {})
    spots = {name: spot for name, spot in header.items() if isinstance(spot, TensorEntry)}
    if not isinstance(metadata, dict) or len(spots) < len(header):
        raise ValueError("has a header that is not safetensors'")
    body = memoryview(data)[end:]
    _check_places(spots, len(body))
    return SafetensorsFile(spots, metadata, body)


def _check_places(spots: Mapping[str, TensorEntry], size: int) -> None:
    """Raise ValueError unless the tensors fill the file one behind the other, as safetensors asks."""
    place = 0
    for name, spot in sorted(spots.items(), key=lambda named: named[1].data_offsets):
        first, last = spot.data_offsets
        if first != place or last < first:
            raise ValueError(
                f"has a gap or an overlap: {name[:100]} is at {first} to {last}, not from {place}"
            )
        if math.prod(spot.shape) * _SIZES.get(spot.dtype, 0) not in (0, last - first):
            raise ValueError(f"has {last - first} bytes for {name[:100]}, which is {spot.dtype} {spot.shape}")
        place = last
    if place != size:
        raise ValueError(f"must have {place} bytes of numbers as its header says, got {size}")


def safetensors_for(tool: Tool, data: bytes, scale: LoraScale) -> bytes:
    """Return a LoRA's safetensors file with another tool's names and its alpha where that tool looks for it.

    Raises:
        ValueError: the header is not safetensors', or the tool has no name for one of its layers.
    """
    file = read_safetensors(data)
    header: dict[str, object] = {}
    layers: set[str] = set()
    for name, spot in file.spots.items():
        part = read_key(name)
        if part is None or part.half == "alpha":
            raise ValueError(f"holds {name[:100]}, which is no factor of a LoRA")
        layers.add(part.layer)
        header[_name_for(tool, part.layer, part.half)] = _entry(spot.dtype, spot.shape, spot.data_offsets)
    alphas = b""
    for layer in sorted(layers) if tool == "kohya" else ():
        first = len(file.body) + len(alphas)
        header[_name_for(tool, layer, "alpha")] = _entry("F32", (), (first, first + _ALPHA.size))
        alphas += _ALPHA.pack(scale.alpha)
    metadata = metadata_of(tool, sorted(layers), scale, file.metadata)
    text = canonical_json({_METADATA: metadata, **header})
    text += b" " * (-len(text) % _LENGTH.size)
    return b"".join((_LENGTH.pack(len(text)), text, file.body, alphas))


def _entry(dtype: str, shape: tuple[int, ...], offsets: tuple[int, int]) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def checkpoint_bytes(data: bytes) -> bytes:
    """Return a LoRA's safetensors file as the contest's .ckpt: what torch.save writes of its tensors by name.

    Raises:
        ValueError: the header is not safetensors', or it holds numbers that torch has no storage for.
    """
    file = read_safetensors(data)
    names = sorted(file.spots)
    if strange := {file.spots[name].dtype for name in names} - _STORAGES.keys():
        raise ValueError(f"must hold floating-point numbers, got {', '.join(sorted(strange))}")
    pickled = b"".join(_pickled(file.spots, names))
    arrays = {f"archive/data/{number}": file.numbers(name) for number, name in enumerate(names)}
    return zip_bytes(
        {"archive/data.pkl": pickled, "archive/byteorder": b"little", **arrays, "archive/version": b"3\n"}
    )


def _name_for(tool: Tool, layer: str, half: Half) -> str:
    try:
        return write_key(tool, layer, half)
    except KeyError as error:
        raise ValueError(f"holds the layer {layer}, for which {tool} has no name") from error


def _pickled(spots: Mapping[str, TensorEntry], names: list[str]) -> Iterator[bytes]:
    """Yield a pickle (protocol 2) of a dict of tensors, each rebuilt from an array of the zip."""
    yield b"\x80\x02}("
    for number, name in enumerate(names):
        spot = spots[name]
        count, strides = 1, list[int]()
        for side in reversed(spot.shape):
            strides.insert(0, count)
            count *= side
        yield _text(name) + b"ctorch._utils\n_rebuild_tensor_v2\n(("
        yield _text("storage") + f"ctorch\n{_STORAGES[spot.dtype]}\n".encode()
        yield _text(str(number)) + _text("cpu") + _whole(count) + b"tQ" + _whole(0)
        yield b"(" + b"".join(map(_whole, spot.shape)) + b"t(" + b"".join(map(_whole, strides)) + b"t"
        yield b"\x89ccollections\nOrderedDict\n)RtR"
    yield b"u."


def _text(text: str) -> bytes:
    data = text.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def _whole(number: int) -> bytes:
    return b"J" + struct.pack("<i", number)
