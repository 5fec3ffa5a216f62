"""A LoRA's safetensors file, read without torch: whether it is whole, its rank, the texts it carries."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from kit.lora.convert import SafetensorsFile, read_safetensors
from kit.lora.key_names import Half, read_key
from submissions.faults import Fault
from submissions.untrusted.secret_scan import find_leaks

MAX_METADATA = 64 << 10
"""Characters of a LoRA's metadata: what trainers write of single pictures goes beyond it."""


_EXPONENTS = {
    "F64": ("<u8", 0x7FF0_0000_0000_0000), "F32": ("<u4", 0x7F80_0000),
    "F16": ("<u2", 0x7C00), "BF16": ("<u2", 0x7F80),
}  # fmt: skip
"""As whole numbers: the bits that are all set in what is not finite."""
_AT_ONCE = 1 << 17
"""Numbers that are looked at together, so that they stay in the processor's cache."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LoraFacts:
    """What a LoRA file says."""

    tensors: int
    layers: frozenset[str]
    """DiffSynth's names of the layers that have both factors."""
    ranks: frozenset[int]
    """What the factors' inner sides are; one number in a sound file of one rank."""
    alphas: int
    """Tensors that hold a layer's alpha, as kohya writes them."""
    strangers: tuple[str, ...]
    """Names that are no part of a LoRA."""
    metadata: Mapping[str, str]


def read_lora_facts(data: bytes) -> LoraFacts:
    """Return what a LoRA file says.

    Raises:
        ValueError: it is no whole safetensors file, or it holds no LoRA.
    """
    try:
        file = read_safetensors(data)
    except ValueError as error:
        raise ValueError(f"is not a whole safetensors file: it {error}") from error
    parts = {name: read_key(name) for name in file.spots}
    known = {(part.layer, part.half): file.spots[name].shape for name, part in parts.items() if part}
    if not known:
        raise ValueError(f"holds no LoRA: none of its {len(file.spots)} tensors is one of its factors")
    return LoraFacts(
        tensors=len(file.spots),
        layers=frozenset(layer for layer, half in known if half == "A" and (layer, "B") in known),
        ranks=frozenset(_rank(half, shape) for (_, half), shape in known.items() if half != "alpha"),
        alphas=sum(half == "alpha" for _, half in known),
        strangers=tuple(name for name, part in parts.items() if part is None),
        metadata=file.metadata,
    )


def _rank(half: Half, shape: tuple[int, ...]) -> int:
    """Return the inner side of a factor, (rank, in) or (out, rank); 0 for what is no matrix."""
    return shape[0 if half == "A" else 1] if len(shape) == 2 else 0


def lora_data_faults(place: str, data: bytes) -> list[Fault]:
    """Return what is wrong with a LoRA file by itself, and whether its texts betray anything."""
    try:
        facts = read_lora_facts(data)
    except ValueError as error:
        return [Fault(place=place, problem=str(error))]
    text = "\n".join(f"{key}: {value}" for key, value in sorted(facts.metadata.items()))
    if len(text) > MAX_METADATA:
        problem = f"carries {len(text)} characters of metadata, {MAX_METADATA} are the most"
        return [Fault(place=place, problem=problem, mend="write it anew with `storykit lora convert`")]
    faults = find_leaks(f"{place} metadata", text)
    faults += [Fault(place=place, problem=problem) for problem in _number_problems(read_safetensors(data))]
    paired = 2 * len(facts.layers) + facts.alphas
    if paired < facts.tensors:
        first = f", the first that is none: {facts.strangers[0][:100]}" if facts.strangers else ""
        problem = f"has {paired} of {facts.tensors} tensors that load as a LoRA, all must{first}"
        faults.append(Fault(place=place, problem=problem))
    return faults


def _number_problems(file: SafetensorsFile) -> Iterator[str]:
    """Yield what is wrong with a LoRA's numbers, told from their bits alone."""
    moved = False
    for name, spot in file.spots.items():
        if spot.dtype not in _EXPONENTS:
            continue
        kind, exponent = _EXPONENTS[spot.dtype]
        bits, part = np.frombuffer(file.numbers(name), kind), read_key(name)
        for first in range(0, len(bits), _AT_ONCE):
            some = bits[first : first + _AT_ONCE]
            if ((some & exponent) == exponent).any():
                yield f"holds numbers that are not finite, in {name[:100]}"
                return
            moved = moved or (part is not None and part.half == "B" and bool((some << 1).any()))
    if not moved:
        yield "changes nothing: its second factors are all zero, as before a training"
