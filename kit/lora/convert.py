"""A LoRA file converted to another tool's key names or container; the numbers stay the same."""

import json
import struct
from collections.abc import Iterator, Mapping
from itertools import accumulate
from operator import mul
from pathlib import Path
from typing import TYPE_CHECKING

from kit.errors import LoraError
from kit.files.atomic_write import write_atomic
from kit.files.encodings import Piece, canonical_json, zip_pieces
from kit.files.safetensors_files import (
    METADATA,
    SafetensorsFile,
    TensorEntry,
    framed_pieces,
    read_safetensors,
)
from kit.lora.key_names import ADAPTER_CONFIG, ADAPTER_FILE, Tool, read_key, write_key
from kit.lora.metadata import adapter_config, metadata_of

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
        write_atomic(out, checkpoint_bytes(read_safetensors(data)))
    elif out.suffix == ".safetensors":
        write_atomic(out, data)
    else:
        kinds = ".safetensors or .ckpt" if tool == "diffsynth" else ".safetensors"
        raise LoraError(f"{out}: a file for {tool} must end in {kinds}")
    return lora


_ALPHA = struct.Struct("<f")
"""kohya's alpha: one number a layer."""
_STORAGES = {"F64": "DoubleStorage", "F32": "FloatStorage", "F16": "HalfStorage", "BF16": "BFloat16Storage"}
"""What torch calls an array of each kind of number."""


def safetensors_for(tool: Tool, file: SafetensorsFile, rank: int, alpha: float) -> bytes:
    """Return the safetensors file that `safetensors_pieces` gives in pieces."""
    return b"".join(safetensors_pieces(tool, file, rank, alpha))


def safetensors_pieces(tool: Tool, file: SafetensorsFile, rank: int, alpha: float) -> tuple[Piece, ...]:
    """Return a LoRA's safetensors file with another tool's names and its alpha where that tool looks for it.

    The numbers are a view of the file's own, so that a large LoRA is never there twice.

    Raises:
        ValueError: it holds something else than factors, or the tool has no name for one of its layers.
    """
    header: dict[str, object] = {}
    layers: set[str] = set()
    try:
        for name, entry in file.entries.items():
            part = read_key(name)
            if part is None or part.half == "alpha":
                raise ValueError(f"holds {name[:100]}, which is no factor of a LoRA")
            layers.add(part.layer)
            header[write_key(tool, part.layer, part.half)] = entry._asdict()
    except KeyError as error:
        raise ValueError(f"holds the layer {error.args[0]}, for which {tool} has no name") from error
    alphas = b""
    for layer in sorted(layers) if tool == "kohya" else ():
        first = len(file.body) + len(alphas)
        entry = TensorEntry("F32", (), (first, first + _ALPHA.size))
        header[write_key(tool, layer, "alpha")] = entry._asdict()
        alphas += _ALPHA.pack(alpha)
    metadata = metadata_of(tool, sorted(layers), rank, alpha, file.metadata)
    return framed_pieces(canonical_json({METADATA: metadata, **header}), file.body, alphas)


def checkpoint_bytes(file: SafetensorsFile) -> bytes:
    """Return the .ckpt that `checkpoint_pieces` gives in pieces."""
    return b"".join(checkpoint_pieces(file))


def checkpoint_pieces(file: SafetensorsFile) -> tuple[Piece, ...]:
    """Return a LoRA's safetensors file as the contest's .ckpt: what torch.save writes of its tensors by name.

    Raises:
        ValueError: it holds numbers that torch has no storage for.
    """
    names = sorted(file.entries)
    if strange := {entry.dtype for entry in file.entries.values()} - _STORAGES.keys():
        raise ValueError(f"must hold floating-point numbers, got {', '.join(sorted(strange))}")
    pickled = b"".join(_pickled(file.entries, names))
    arrays = {f"archive/data/{number}": file.numbers(name) for number, name in enumerate(names)}
    files: dict[str, Piece] = {
        "archive/data.pkl": pickled,
        "archive/byteorder": b"little",
        **arrays,
        "archive/version": b"3\n",
    }
    return tuple(zip_pieces(files))


def _pickled(entries: Mapping[str, TensorEntry], names: list[str]) -> Iterator[bytes]:
    """Yield a pickle (protocol 2) of a dict of tensors, each rebuilt from an array of the zip."""
    yield b"\x80\x02}("
    for number, name in enumerate(names):
        dtype, shape, _ = entries[name]
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
