"""Which LoRAs are one, told by what they do to a layer's input and not by their files."""

import zlib
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from kit.files.safetensors_files import SafetensorsFile
from submissions.untrusted.lora_reader import LoraFile

SAME = 0.999
"""Cosine of two prints above which two LoRAs are one: rounding to bfloat16 leaves 0.9999 and more."""
_PROBES, _SLOTS = 8, 512
_DTYPES = {"F64": np.float64, "F32": np.float32, "F16": np.float16}

Print = NDArray[np.float32]
"""(numbers,) of unit length: how a LoRA answers to some fixed inputs."""


def lora_print(lora: LoraFile) -> Print | None:
    """Return a LoRA's print; None where its numbers cannot be read or change nothing.

    Of each layer it holds z'·up·down·x for a few fixed x and z. So it stays the same in another precision or
    tool's form, with other factors of the same product, and at another strength.
    """
    content = lora.content
    layers: dict[str, dict[str, NDArray[np.float64]]] = {}
    for name in content.entries:
        if key := lora.part(name):
            numbers = _numbers(content, name)
            if numbers is None:
                return None
            if lora.of_pipeline and numbers.ndim == 4:  # a convolution, as a matrix over what it looks at
                numbers = numbers.reshape(len(numbers), -1)
            layers.setdefault(key.layer, {})[key.half] = numbers
    answers = np.zeros((_SLOTS, _PROBES))
    for layer, halves in layers.items():
        if {"A", "B"} <= halves.keys() and halves["A"].ndim == halves["B"].ndim == 2:
            answers[zlib.crc32(layer.encode()) % _SLOTS] += _answer(**halves)
    length = float(np.linalg.norm(answers))
    return np.asarray(answers.ravel() / length, np.float32) if 0 < length < np.inf else None


def groups_of_one_lora(prints: Sequence[Print | None]) -> list[list[int]]:
    """Return the groups of places whose LoRAs are one; those without a print are in none."""
    known = [number for number, one in enumerate(prints) if one is not None]
    rows = np.array([prints[number] for number in known], np.float32)
    left, groups = set(range(len(known))), []
    same = rows @ rows.T > SAME if known else np.zeros((0, 0), bool)
    for first in range(len(known)):
        group = [other for other in np.flatnonzero(same[first]).tolist() if other in left]
        left -= set(group)
        if len(group) > 1:
            groups.append([known[number] for number in group])
    return groups


def _answer(
    A: NDArray[np.float64],
    B: NDArray[np.float64],
    alpha: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Return (probes,) z'·B·A·x of a layer's factors, (rank, in) and (out, rank)."""
    scale = 1.0 if alpha is None else float(alpha.ravel()[0]) / len(A)
    return np.asarray(scale * ((B.T @ _probes(len(B))) * (A @ _probes(A.shape[1]))).sum(axis=0))


@cache
def _probes(side: int) -> NDArray[np.float64]:
    """Return (side, probes) signs, the same everywhere."""
    return np.random.default_rng(side).choice([-1.0, 1.0], (side, _PROBES))


def _numbers(content: SafetensorsFile, name: str) -> NDArray[np.float64] | None:
    """Return a tensor's numbers; None for a kind of number that is not read here."""
    entry, data = content.entries[name], content.numbers(name)
    if entry.dtype == "BF16":
        wide = np.frombuffer(data, "<u2").astype("<u4") << 16
        return wide.view("<f4").astype(np.float64).reshape(entry.shape)
    if entry.dtype not in _DTYPES:
        return None
    return np.frombuffer(data, _DTYPES[entry.dtype]).astype(np.float64).reshape(entry.shape)
