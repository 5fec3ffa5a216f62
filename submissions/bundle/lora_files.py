"""The bundle's LoRA files: one safetensors file in the forms that other tools read."""

from collections.abc import Callable, Sequence
from pathlib import Path

from kit.files.encodings import Piece, sha256_bytes
from kit.files.safetensors_files import SafetensorsFile
from kit.lora.convert import checkpoint_pieces, safetensors_pieces
from kit.lora.key_names import read_key
from submissions.bundle.manifest import LoraRecord
from submissions.untrusted.lora_reader import LoraFile

MAX_NOTE = 2000
"""Characters of one note that goes along when a LoRA is written anew."""


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
    lora = LoraFile(data=data, source_sha256=source)
    if path.suffix == ".safetensors" and not _is_anothers(lora):
        return lora
    from kit.lora.formats import content_bytes
    from kit.lora.lora import load_lora

    loaded = load_lora(path, alpha)
    notes = {name: text for name, text in loaded.notes.items() if len(text) <= MAX_NOTE}
    rewritten = content_bytes("diffsynth", loaded.pairs, loaded.alpha, notes)
    return LoraFile(data=rewritten, source_sha256=source)


def _is_anothers(lora: LoraFile) -> bool:
    """Return whether a safetensors file has the names of another tool than DiffSynth."""
    try:
        parts = [read_key(name) for name in lora.content.entries]
    except ValueError:
        return False
    return any(part is not None and part.tool != "diffsynth" for part in parts)


def lora_forms(record: LoraRecord, content: SafetensorsFile) -> dict[str, Callable[[], Sequence[Piece]]]:
    """Return how the other forms of a LoRA are computed from its safetensors file, in pieces, by file name.

    Each raises ValueError where diffusers or torch have no name for something in it.
    """
    rank, alpha = record.rank, record.alpha
    return {
        record.checkpoint: lambda: checkpoint_pieces(content),
        record.diffusers: lambda: safetensors_pieces("diffusers", content, rank, alpha),
        record.comfyui: lambda: safetensors_pieces("kohya", content, rank, alpha),
    }
