"""The bundle's LoRA files: one safetensors file in the forms that other tools read."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kit.files.encodings import sha256_bytes
from kit.lora.convert import checkpoint_bytes, read_safetensors, safetensors_for
from kit.lora.key_names import read_key
from kit.lora.metadata import LoraScale
from submissions.bundle.manifest import LoraRecord

MAX_NOTE = 2000
"""Characters of one note that goes along when a LoRA is written anew."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LoraFile:
    """A LoRA as it goes into a bundle."""

    data: bytes
    """A safetensors file."""
    source_sha256: str
    """Of the file that the panels were drawn with; the data's own unless that was rewritten."""


def load_lora_file(path: Path, alpha: float | None) -> LoraFile:
    """Return a LoRA file for a bundle: safetensors with DiffSynth's names, which the contest reads.

    Another tool's file and a .ckpt are rewritten, their numbers unchanged; long notes of single pictures stay
    behind.

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
    from kit.lora.formats import content_bytes
    from kit.lora.lora import load_lora

    lora = load_lora(path, alpha)
    notes = {name: text for name, text in lora.notes.items() if len(text) <= MAX_NOTE}
    rewritten = content_bytes("diffsynth", lora.pairs, lora.alpha, notes)
    return LoraFile(data=rewritten, source_sha256=source)


def _is_anothers(data: bytes) -> bool:
    """Return whether a safetensors file has the names of another tool than DiffSynth."""
    try:
        parts = [read_key(name) for name in read_safetensors(data).spots]
    except ValueError:
        return False
    return any(part is not None and part.tool != "diffsynth" for part in parts)


def lora_forms(record: LoraRecord, data: bytes) -> dict[str, Callable[[], bytes]]:
    """Return how the other forms of a LoRA are computed from its safetensors file, by file name.

    Each raises ValueError where diffusers or torch have no name for something in it.
    """
    scale = LoraScale(record.rank, record.alpha)
    return {
        record.checkpoint: lambda: checkpoint_bytes(data),
        record.diffusers: lambda: safetensors_for("diffusers", data, scale),
        record.comfyui: lambda: safetensors_for("kohya", data, scale),
    }
