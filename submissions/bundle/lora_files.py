"""The bundle's LoRA files: one safetensors file that every tool reads, and the contest's .ckpt of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from kit.files.encodings import Piece, sha256_bytes
from kit.files.regular_files import read_file
from kit.files.safetensors_files import LENGTH_BYTES, SafetensorsFile, read_safetensors
from kit.lora.convert import checkpoint_pieces, shared_pieces
from kit.lora.key_names import Tool, read_key
from kit.lora.metadata import agreed_alpha, promises, said_alpha, short_hash
from kit.lora.pipelines.layout import PipelineLayout
from submissions.bundle.manifest import LoraRecord
from submissions.untrusted.lora_reader import LoraFile, sorted_notes


def load_lora_file(path: Path, alpha: float | None, layout: PipelineLayout | None = None) -> LoraFile:
    """Return a LoRA file for a bundle, in the one form that every tool reads, its numbers unchanged.

    Notes that a bundle must not hold stay behind and are named. A file that cannot be written anew comes as
    it is: what is wrong with it is told with all other faults.

    Args:
        path: The file.
        alpha: The alpha of the training, which a .ckpt does not hold.
        layout: Of the base that wears it; None for Kolors and the embedded base.

    Raises:
        OSError: the file cannot be read.
        LoraError: it has to be read with torch, and holds no LoRA.
    """
    data = read_file(path)
    source = LoraFile(
        data=data,
        source_sha256=sha256_bytes(data),
        source_hash=short_hash(data),
        of_pipeline=layout is not None,
    )
    try:
        plain = _plain_lora(path, data, alpha) if layout is None else _plain_lora_of_pipeline(source, alpha)
        content, rank, told = plain or _any_lora(path, alpha, layout)
        kept, left = sorted_notes(content.metadata)
        noted = content._replace(metadata=kept)
        packed = b"".join(shared_pieces(noted, rank, told, of_pipeline=source.of_pipeline))
    except ValueError:
        return source
    return replace(source, data=packed, left_behind=left)


def _plain_lora(path: Path, data: bytes, alpha: float | None) -> tuple[SafetensorsFile, int, float] | None:
    """Return a safetensors file's parts, rank and alpha; None where it takes torch to read it."""
    if path.suffix != ".safetensors" and data[LENGTH_BYTES : LENGTH_BYTES + 1] != b"{":
        return None
    lora = LoraFile(data=data)
    facts = lora.facts
    widened = any(entry.dtype.startswith("F8") for entry in lora.content.entries.values())
    if facts.alphas or len(facts.ranks) != 1 or widened:
        return None
    (rank,) = facts.ranks
    tool = next(part.tool for name in lora.content.entries if (part := read_key(name)))
    return lora.content, rank, agreed_alpha(path, said_alpha(path, tool, lora.content.metadata, rank), alpha)


def _plain_lora_of_pipeline(lora: LoraFile, alpha: float | None) -> tuple[SafetensorsFile, int, float] | None:
    """Return the same of a LoRA of a pipeline that storykit wrote, all of whose layers have one scale."""
    try:
        content, facts = lora.content, lora.facts
    except ValueError:
        return None
    widened = any(entry.dtype.startswith("F8") for entry in content.entries.values())
    if promises(content.metadata) is None or facts.strangers or len(facts.ranks) != 1 or widened:
        return None
    (rank,), told = facts.ranks, float(content.metadata["alpha"])
    return (content, rank, told) if alpha in (None, told) else None


def _any_lora(
    path: Path, alpha: float | None, layout: PipelineLayout | None
) -> tuple[SafetensorsFile, int, float]:
    from kit.lora.formats import content_bytes
    from kit.lora.lora import load_lora

    loaded = load_lora(path, alpha, layout)
    tool: Tool = "diffusers" if layout else "diffsynth"
    whole = content_bytes(tool, loaded.pairs, loaded.alpha, {})
    content = read_safetensors(whole)._replace(metadata=loaded.notes)
    return content, loaded.rank, loaded.alpha


def lora_forms(record: LoraRecord, lora: LoraFile) -> Mapping[str, Callable[[], Sequence[Piece]]]:
    """Return how each of a bundle's LoRA files is computed from the safetensors file, in pieces, by name.

    The safetensors file itself is among them: it comes back byte by byte when it has the one form that pack
    writes. Each raises ValueError where a form has no name for something in it.
    """
    content, own = lora.content, lora.of_pipeline
    return {
        record.file: lambda: shared_pieces(content, record.rank, record.alpha, of_pipeline=own),
        record.checkpoint: lambda: checkpoint_pieces(content, of_pipeline=own),
    }
