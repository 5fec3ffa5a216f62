"""Checks of what a bundle claims of its LoRA: its trigger, its strength, and that it does something."""

import json
import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from kit.files.safetensors_files import LENGTH_BYTES, SafetensorsFile, framed_pieces, read_safetensors
from kit.lora.key_names import Half
from kit.messages import tr
from submissions.bundle.bundle import Bundle
from submissions.bundle.manifest import MANIFEST, LoraRecord, Manifest, embedding_files
from submissions.faults import Fault
from submissions.untrusted.lora_reader import MOST_NUMBER, LoraFile, noted_trigger

LEAST_CHANGE = 1e-8
"""Root mean square of what is added to a layer's weights, whose own is about .03. The first step of a
training (learning rate 1e-4, rank 4) adds more than 1e-6; of 1e-8 even fp32 keeps little beside .03."""
LEAST_STRENGTH = 0.01
"""Relative to the training; a fiftieth of a style moves pictures by one or two levels of 255."""
MOST_FACTOR = 100.0
"""Times that up @ down is worn: alpha/rank is 4 at most in every trainer's advice, and strength 2."""
EMBEDDING_NAMES = ({"emb_params"}, {"clip_l", "clip_g"})
"""What the tensors of an embedding are called: of one text encoder, and of SDXL's two."""
_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}


def lora_claim_faults(record: LoraRecord, lora: LoraFile) -> Iterator[Fault]:
    """Yield what a manifest claims of a LoRA that its file does not bear out; nothing of a broken file."""
    try:
        content, layers = lora.content, lora.facts.layers
    except ValueError:
        return
    noted = noted_trigger(content.metadata)
    if noted and record.trigger not in noted:
        problem = tr(
            "must be among the trigger words {words!r} that the LoRA's file names, got {got!r}",
            words=noted[:60],
            got=record.trigger[:60],
        )
        mend = tr("draw again with that trigger, or write other words into the story")
        yield Fault(f"{MANIFEST}, lora.trigger", problem, mend)
    if record.factor > MOST_FACTOR:
        problem = tr(
            "is worn {factor:g} times up @ down, {most:g} are the most",
            factor=record.factor,
            most=MOST_FACTOR,
        )
        yield Fault(record.file, problem, tr("give the alpha of its training"))
    if record.strength < LEAST_STRENGTH:
        problem = tr(
            "is worn at strength {strength:g}, {least:g} is the least that can show",
            strength=record.strength,
            least=LEAST_STRENGTH,
        )
        yield Fault(record.file, problem, tr("draw with a higher strength"))
    if layers and not _changes_weights(record, lora):
        problem = tr(
            "changes nothing at strength {strength:g}: no layer's weights move by {least:g}",
            strength=record.strength,
            least=LEAST_CHANGE,
        )
        yield Fault(record.file, problem, tr("draw with a higher strength, or train it"))


def embedding_faults(bundle: Bundle, manifest: Manifest) -> Iterator[Fault]:
    """Yield what is wrong with the embeddings of a bundle."""
    for name, sha256 in embedding_files(manifest).items():
        if name not in manifest.files:
            yield Fault(name, tr("is missing, panels were drawn with this embedding"), tr("pack again"))
        if name not in bundle.files:
            continue
        if bundle.records[name].sha256 != sha256:
            yield Fault(name, tr("is not the embedding that panels were drawn with"), tr("pack again"))
        elif not _is_kept_embedding(bundle.files[name]):
            yield Fault(name, tr("is no embedding as storykit writes it"), tr("pack again"))


def _is_kept_embedding(data: bytes) -> bool:
    """Return whether a file holds the vectors of one word and nothing else, in the one form of runs."""
    try:
        content = read_safetensors(data)
    except ValueError:
        return False
    if {*content.entries} not in EMBEDDING_NAMES or content.metadata:
        return False
    rows = [_numbers(content, name, (2,)) for name in content.entries]
    header = json.loads(data[LENGTH_BYTES : LENGTH_BYTES + int.from_bytes(data[:LENGTH_BYTES], "little")])
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":"))
    kept = b"".join(framed_pieces(text.encode(), *(content.numbers(name) for name in content.entries)))
    return kept == data and all(one is not None and bool((abs(one) < MOST_NUMBER).all()) for one in rows)


def _changes_weights(record: LoraRecord, lora: LoraFile) -> bool:
    """Return whether some layer is changed by more than LEAST_CHANGE.

    The norm of up @ down is told from where it takes a random vector, which costs no product of the factors;
    the vector hangs on the file, so that no file can be made for it.
    """
    content = lora.content
    names = {(part.layer, part.half): name for name in content.entries if (part := lora.part(name))}
    chance = np.random.default_rng(int(record.sha256[:16], 16))
    for layer in sorted({layer for layer, _ in names}):
        sides = (2, 4) if lora.of_pipeline else (2,)
        down, up = (_numbers(content, names.get((layer, half)), sides) for half in _FACTORS)
        if down is None or up is None or down.shape[0] != up.shape[1]:
            return True  # told by the checks of the file
        if not down.size or not up.size:
            continue
        vector = chance.standard_normal(size=down.shape[1], dtype=np.float32)
        with np.errstate(all="ignore"):  # numbers that are not finite are told elsewhere
            moved = up @ (down @ vector)
        change = record.factor * float(np.linalg.norm(moved)) / math.sqrt(up.shape[0] * down.shape[1])
        if not change < LEAST_CHANGE:
            return True
    return False


_FACTORS: tuple[Half, Half] = ("A", "B")


def _numbers(
    content: SafetensorsFile, name: str | None, sides: tuple[int, ...]
) -> NDArray[np.float32] | None:
    """Return a factor's numbers as a matrix; None where it has other sides, or is of a kind not read here."""
    if name is None or len(content.entries[name].shape) not in sides:
        return None
    entry, body = content.entries[name], content.numbers(name)
    matrix = (entry.shape[0], math.prod(entry.shape[1:]))
    if entry.dtype == "BF16":
        wide = np.frombuffer(body, "<u2").astype(np.uint32) << np.uint32(16)
        return wide.view(np.float32).reshape(matrix)
    if entry.dtype not in _DTYPES:
        return None
    return np.frombuffer(body, _DTYPES[entry.dtype]).reshape(matrix).astype(np.float32)
