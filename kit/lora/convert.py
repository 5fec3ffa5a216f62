"""A LoRA file converted to another tool's key names or container; the numbers stay the same."""

import json
import struct
from collections.abc import Iterator, Mapping
from itertools import accumulate
from operator import mul
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from kit.errors import LoraError
from kit.files.atomic_write import write_atomic
from kit.files.encodings import Piece, zip_pieces
from kit.files.safetensors_files import (
    METADATA,
    SafetensorsFile,
    TensorEntry,
    framed_pieces,
    read_safetensors,
)
from kit.lora.key_names import ADAPTER_CONFIG, ADAPTER_FILE, Tool, read_key, write_key
from kit.lora.metadata import adapter_config, metadata_of
from kit.lora.pipelines.layer_names import read_pipeline_key
from kit.messages import tr

if TYPE_CHECKING:
    from kit.lora.lora import LoadedLora


def convert_lora(source: Path, tool: Tool, out: Path, alpha: float | None = None) -> "LoadedLora":
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
    checkpoint = out.suffix == ".ckpt" and tool == "diffsynth"
    data = content_bytes(tool, lora.pairs, lora.alpha, {} if checkpoint else lora.notes)
    if tool == "peft":
        settings = adapter_config(tool, list(lora.pairs), lora.rank, lora.alpha)
        config = {"peft_type": "LORA", "bias": "none", **settings}
        write_atomic(out / ADAPTER_FILE, data)
        write_atomic(out / ADAPTER_CONFIG, json.dumps(config, indent=2, sort_keys=True).encode())
    elif checkpoint:
        write_atomic(out, b"".join(checkpoint_pieces(read_safetensors(data))))
    elif out.suffix == ".safetensors":
        write_atomic(out, data)
    else:
        if tool == "diffsynth":
            raise LoraError(tr("{file}: a file for diffsynth must end in .safetensors or .ckpt", file=out))
        raise LoraError(tr("{file}: a file for {tool} must end in .safetensors", file=out, tool=tool))
    return lora


_ALPHA = struct.Struct("<f")
"""kohya's alpha: one number a layer."""
_STORAGES = {"F64": "DoubleStorage", "F32": "FloatStorage", "F16": "HalfStorage", "BF16": "BFloat16Storage"}
"""What torch calls an array of each kind of number."""
_WIDTHS = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
"""Bytes of one number."""


class _Array(NamedTuple):
    dtype: str
    shape: tuple[int, ...]
    numbers: Piece


def shared_pieces(
    file: SafetensorsFile, rank: int, alpha: float, *, of_pipeline: bool = False
) -> tuple[Piece, ...]:
    """Return a LoRA's safetensors file in the form that ComfyUI, KolorsPipeline and DiffSynth 1.x all read.

    The numbers are a view of the file's own, so that a large LoRA is never there twice.

    That is kohya's, with diffusers' names of the blocks and the alpha among the tensors; of a pipeline's LoRA
    it is diffusers' own, which notes the alpha. The same LoRA gives the same bytes, so a file in this form
    comes back as it is.

    Args:
        file: it, a pipeline's with names by part and module.
        rank: of every layer.
        alpha: it was trained with.
        of_pipeline: whether its base is one that diffusers draws with.

    Raises:
        ValueError: it holds something else than a LoRA's factors, or a layer or numbers that the form has no
            name for.
    """
    tool: Tool = "diffusers" if of_pipeline else "kohya"
    arrays = _factors(file, tool)
    read = read_pipeline_key if of_pipeline else read_key
    layers = sorted({part.layer for name in file.entries if (part := read(name))})
    alphas = [] if of_pipeline else layers
    arrays |= {write_key("kohya", layer, "alpha"): _Array("F32", (), _ALPHA.pack(alpha)) for layer in alphas}
    names = sorted(arrays, key=lambda name: (-_WIDTHS[arrays[name].dtype], name))
    metadata = metadata_of(tool, layers, rank, alpha, file.metadata)
    header: dict[str, object] = {METADATA: dict(sorted(metadata.items()))}
    end = 0
    for name in names:
        dtype, shape, numbers = arrays[name]
        first, end = end, end + len(numbers)
        header[name] = TensorEntry(dtype, shape, (first, end))._asdict()
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":"))
    return framed_pieces(text.encode(), *(arrays[name].numbers for name in names))


def _factors(file: SafetensorsFile, tool: Tool) -> dict[str, _Array]:
    """Return a LoRA's factors under a tool's names; an alpha among the tensors stays behind."""
    arrays: dict[str, _Array] = {}
    for name, entry in file.entries.items():
        part = read_pipeline_key(name) if tool == "diffusers" else read_key(name)
        if part is None:
            raise ValueError(tr("holds {name}, which is no part of a LoRA", name=name[:100]))
        if part.half == "alpha":
            continue
        if entry.dtype not in _WIDTHS:
            raise ValueError(tr("must hold floating-point numbers, got {dtype}", dtype=entry.dtype))
        try:
            key = write_key(tool, part.layer, part.half)
        except KeyError as error:
            raise ValueError(
                tr(
                    "holds the layer {layer}, for which ComfyUI and diffusers have no name",
                    layer=part.layer[:100],
                )
            ) from error
        if key in arrays:
            raise ValueError(tr("holds {layer} twice", layer=part.layer[:100]))
        arrays[key] = _Array(entry.dtype, entry.shape, file.numbers(name))
    return arrays


def checkpoint_pieces(file: SafetensorsFile, *, of_pipeline: bool = False) -> tuple[Piece, ...]:
    """Return a LoRA's safetensors file as the contest's .ckpt: what torch.save writes of its factors by name.

    A pipeline's LoRA has diffusers' names there, too.

    Raises:
        ValueError: it holds something else than factors, or numbers that torch has no storage for.
    """
    arrays = dict(sorted(_factors(file, "diffusers" if of_pipeline else "diffsynth").items()))
    data = {f"archive/data/{number}": array.numbers for number, array in enumerate(arrays.values())}
    pickled = b"".join(_pickled(arrays))
    files: dict[str, Piece] = {
        "archive/data.pkl": pickled, "archive/byteorder": b"little", **data, "archive/version": b"3\n"
    }  # fmt: skip
    return tuple(zip_pieces(files))


def _pickled(arrays: Mapping[str, _Array]) -> Iterator[bytes]:
    """Yield a pickle (protocol 2) of a dict of tensors, each rebuilt from an array of the zip."""
    yield b"\x80\x02}("
    for number, (name, (dtype, shape, _)) in enumerate(arrays.items()):
        *strides, count = accumulate(reversed(shape), mul, initial=1)
        yield _text(name) + b"ctorch._utils\n_rebuild_tensor_v2\n(("
        yield _text("storage") + f"ctorch\n{_STORAGES[dtype]}\n".encode()
        yield _text(str(number)) + _text("cpu") + _whole(count) + b"tQ" + _whole(0)
        yield b"(" + b"".join(map(_whole, shape)) + b"t(" + b"".join(map(_whole, reversed(strides))) + b"t"
        yield b"\x89ccollections\nOrderedDict\n)RtR"
    yield b"u."


def _text(text: str) -> bytes:
    data = text.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def _whole(number: int) -> bytes:
    return b"J" + struct.pack("<i", number)
