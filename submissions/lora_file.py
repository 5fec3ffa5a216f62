"""A LoRA's safetensors file, read without torch: whether it is whole, its rank, the texts it carries."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic_core import from_json
from safetensors import SafetensorError, deserialize

from kit.files import sha256_bytes
from kit.lora_names import read_key
from submissions.fault import Fault
from submissions.leaks import find_leaks

_LENGTH = struct.Struct("<Q")
_HALVES = ("lora_A", "lora_B", "lora_down", "lora_up", "lora.down", "lora.up")


@dataclass(frozen=True, kw_only=True, slots=True)
class LoraFile:
    """A LoRA as it goes into a bundle."""

    data: bytes
    """A safetensors file."""
    source_sha256: str
    """Of the file that the panels were drawn with; the data's own unless that was rewritten."""


def load_lora_file(path: Path, alpha: float | None) -> LoraFile:
    """Return a LoRA file for a bundle: safetensors with DiffSynth's names, which the contest reads.

    Another tool's file and a .ckpt are rewritten, their numbers unchanged.

    Args:
        path: The file.
        alpha: The alpha of the training, which a .ckpt does not hold.

    Raises:
        OSError: the file cannot be read.
        LoraError: it has to be rewritten, and holds no LoRA.
    """
    data = path.read_bytes()
    source = sha256_bytes(data)
    if path.suffix == ".safetensors" and not _is_anothers(data):
        return LoraFile(data=data, source_sha256=source)
    from kit.lora import load_lora
    from kit.lora_format import content_bytes

    lora = load_lora(path, alpha)
    rewritten = content_bytes("diffsynth", lora.pairs, lora.alpha, lora.notes)
    return LoraFile(data=rewritten, source_sha256=source)


def _is_anothers(data: bytes) -> bool:
    """Return whether a safetensors file has the names of another tool than DiffSynth."""
    try:
        parts = [read_key(name) for name, _ in deserialize(data)]  # type: ignore[no-untyped-call]
    except SafetensorError:
        return False
    return any(part is not None and part.tool != "diffsynth" for part in parts)


@dataclass(frozen=True, kw_only=True, slots=True)
class LoraFacts:
    """What a LoRA file says."""

    tensors: int
    ranks: frozenset[int]
    """The smaller side of each factor; one number in a sound file of one rank."""
    metadata: Mapping[str, str]


def read_lora_facts(data: bytes) -> LoraFacts:
    """Return what a LoRA file says.

    Raises:
        ValueError: it is no whole safetensors file, or it holds no LoRA.
    """
    try:
        tensors = deserialize(data)  # type: ignore[no-untyped-call]
    except SafetensorError as error:
        raise ValueError(f"is not a whole safetensors file: {error}") from error
    factors = [tensor["shape"] for name, tensor in tensors if any(half in name for half in _HALVES)]
    if not factors:
        raise ValueError(f"holds no LoRA: none of its {len(tensors)} tensors is one of its factors")
    ranks = frozenset(min(shape[:2], default=0) for shape in factors)
    return LoraFacts(tensors=len(tensors), ranks=ranks, metadata=_metadata(data))


def lora_data_faults(place: str, data: bytes, rank: int | None = None) -> list[Fault]:
    """Return what is wrong with a LoRA file by itself, and whether its texts betray anything.

    Args:
        place: What the faults call the file.
        data: The file.
        rank: The rank it must have, if that is known.
    """
    try:
        facts = read_lora_facts(data)
    except ValueError as error:
        return [Fault(place=place, problem=str(error))]
    text = "\n".join(f"{key}: {value}" for key, value in sorted(facts.metadata.items()))
    faults = find_leaks(f"{place} metadata", text)
    if rank is not None and facts.ranks != {rank}:
        ranks = ", ".join(map(str, sorted(facts.ranks)))
        faults.append(Fault(place=place, problem=f"must have rank {rank} as the manifest says, got {ranks}"))
    return faults


def _metadata(data: bytes) -> dict[str, str]:
    """Return the texts in the header of a file that safetensors itself has read."""
    (length,) = _LENGTH.unpack_from(data)
    header = from_json(data[_LENGTH.size : _LENGTH.size + length])
    return dict(header.get("__metadata__") or {})
