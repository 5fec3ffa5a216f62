"""Textual inversion: words that a text encoder was taught, read from the files that the field has."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from kit.errors import LoraError, printable
from kit.files.atomic_write import write_atomic
from kit.files.encodings import sha256_bytes
from kit.files.safetensors_files import tensor_bytes
from kit.files.tensors.tensor_files import TensorFile, open_tensor_file, tensors_in
from kit.lora.other_files import FLOATS, is_lora, model_in_words
from kit.lora.pipelines.layout import lora_layout
from kit.messages import Message, joined, mark, tr
from kit.models.bases.base_parts import BaseChoice
from kit.models.bases.pipeline_class import json_in, pipeline_folder
from kit.models.sizes import TEXT_ENCODER

MOST_VECTORS = 75
"""As many tokens as CLIP reads at once, and for Kolors, too."""
PLAIN = "emb_params"
"""The only tensor of what is for one text encoder, as A1111 calls it in safetensors."""
PAIR = {"clip_l": TEXT_ENCODER, "clip_g": "text_encoder_2"}
"""The tensors of what is for SDXL, by the text encoder that each is for."""
_UNNAMED = (PLAIN, "*")
_FAMILIES = {
    768: mark("Stable Diffusion 1.x"),
    1024: mark("Stable Diffusion 2.x"),
    4096: mark("Kolors"),
    192: mark("the embedded base"),
}
_NOT_FINITE = mark("holds numbers that are not finite: the training went wrong, or the file")
_TOKEN = re.compile(r"\S{1,60}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Embedding:
    """A word that stands for vectors in place of a text encoder's own."""

    token: str
    """What prompts call it by."""
    sha256: str
    """Of the one form in which runs and bundles keep it."""
    vectors: Mapping[str, Tensor] = field(compare=False, repr=False)
    """(vectors, width) by text encoder: "text_encoder" and, of SDXL, "text_encoder_2"."""

    @property
    def shaping(self) -> dict[str, str]:
        """What a recipe says of it."""
        return {"token": self.token, "sha256": self.sha256}


class TextWidths(NamedTuple):
    """What has to be known of a base to read embeddings for it."""

    widths: Mapping[str, int]
    """Numbers of a token, by text encoder."""
    vocabulary: frozenset[str]
    """Words and pieces of words that its tokenizer has already."""


def text_widths(base: BaseChoice) -> TextWidths | None:
    """Return what embeddings of a base must have; None for one that takes none."""
    layout, folder = lora_layout(base), pipeline_folder(base)
    if folder is None:
        from kit.models.base import load_base  # with diffsynth, which the pipelines do without
        from kit.models.kolors.text_encoder import vocabulary

        own = load_base(base)
        return TextWidths({TEXT_ENCODER: own.sizes.text.hidden}, vocabulary(own.prompter()))
    if layout is None or layout.family == "cascade":
        return None
    parts = PAIR.values() if layout.family == "sdxl" else (TEXT_ENCODER,)
    configs = {part: json_in(folder / part / "config.json") for part in parts}
    widths = {part: told for part in parts if isinstance(told := configs[part].get("hidden_size"), int)}
    return TextWidths(widths, frozenset(json_in(folder / "tokenizer" / "vocab.json")))


def read_embedding(path: Path, token: str | None, base: BaseChoice) -> Embedding:
    """Return the embedding in a file of A1111 or diffusers, nothing of which is run.

    Args:
        path: .pt, .bin or .safetensors.
        token: what prompts call it by; None: as the file says, else its name without the ending.
        base: that reads it.

    Raises:
        LoraError: in one line, what the file is instead, or why it does not fit the base.
    """
    space = text_widths(base)
    try:
        if space is None:
            raise ValueError(tr("this base takes no embeddings: delete it"))
        named, vectors = _vectors(open_tensor_file(path))
        if fault := _misfit(vectors, space.widths):
            raise ValueError(fault)
        word = token or named or path.stem
        if not _TOKEN.fullmatch(word) or word in space.vocabulary:
            raise ValueError(
                tr(
                    "{token} is no word that prompts can call it by, or one that the base knows already: "
                    'name another, {{ file = "…", token = "<{word}>" }}',
                    token=printable(word[:60]),
                    word=re.sub(r"\W+", "-", printable(word[:40])).strip("-") or "it",
                )
            )
    except ValueError as error:
        raise LoraError(tr("{file}: {why}", file=path, why=error)) from error
    return Embedding(token=word, sha256=sha256_bytes(embedding_bytes(vectors)), vectors=vectors)


def embedding_bytes(vectors: Mapping[str, Tensor]) -> bytes:
    """Return the one form in which runs and bundles keep an embedding: safetensors as A1111 reads it."""
    names = {part: name for name, part in PAIR.items()} if len(vectors) > 1 else {TEXT_ENCODER: PLAIN}
    return tensor_bytes({names[part]: rows for part, rows in vectors.items()}, {})


def save_embedding(path: Path, token: str, rows: Tensor, notes: Mapping[str, str]) -> None:
    """Write a word of one text encoder as diffusers does: a tensor that is called as the word is, and notes.

    Raises LoraError where its numbers are not finite.
    """
    if not bool(rows.isfinite().all()):
        raise LoraError(tr(_NOT_FINITE))
    write_atomic(path, tensor_bytes({token: rows.contiguous()}, dict(notes)))


def kept_embedding(token: str, data: bytes) -> Embedding:
    """Return an embedding of a bundle, which was checked."""
    file = tensors_in(data)
    parts = PAIR if len(file.kinds) > 1 else {PLAIN: TEXT_ENCODER}
    vectors = {part: file.load(name) for name, part in parts.items()}
    return Embedding(token=token, sha256=sha256_bytes(data), vectors=vectors)


def _vectors(file: TensorFile) -> tuple[str, dict[str, Tensor]]:
    """Return the word that a file names, if any, and its vectors by text encoder."""
    if is_lora(file):
        raise ValueError(tr("is a LoRA, no embedding: name it at lora"))
    if file.kinds.keys() == PAIR.keys():
        vectors = {part: _rows(file, name) for name, part in PAIR.items()}
        if len({len(rows) for rows in vectors.values()}) > 1:
            raise ValueError(tr("must have as many vectors for both text encoders: it is damaged"))
        return "", vectors
    if len(file.kinds) != 1:
        what = model_in_words(file) or tr("no embedding")
        raise ValueError(
            tr(
                "is {what}: it must hold emb_params, string_to_param, clip_l and clip_g, or one word",
                what=what,
            )
        )
    (name,) = file.kinds
    return "" if name in _UNNAMED else name, {TEXT_ENCODER: _rows(file, name)}


def _rows(file: TensorFile, name: str) -> Tensor:
    """Return (vectors, width)."""
    kind = file.kinds[name]
    if kind.dtype not in FLOATS or len(kind.shape) not in (1, 2) or 0 in kind.shape:
        raise ValueError(tr("must hold vectors of numbers, got {shape} {dtype}", **kind._asdict()))
    if len(kind.shape) == 2 and kind.shape[0] > MOST_VECTORS:
        raise ValueError(
            tr(
                "has {number} vectors, {most} are the most of a word",
                number=kind.shape[0],
                most=MOST_VECTORS,
            )
        )
    rows = file.load(name)
    if not bool(rows.isfinite().all()):
        raise ValueError(tr(_NOT_FINITE))
    return rows.reshape(-1, rows.shape[-1])


def _misfit(vectors: Mapping[str, Tensor], widths: Mapping[str, int]) -> Message | None:
    """Return why vectors are for another family than the base's; None where they fit."""
    got = {part: rows.shape[1] for part, rows in vectors.items()}
    if got == dict(widths):
        return None
    first = got[TEXT_ENCODER]
    made = tr("SDXL") if len(got) > 1 else tr(_FAMILIES.get(first, mark("another family")))
    return tr(
        "was made for {family}: its vectors have {got} numbers, this base's {wanted}; use an embedding of "
        "this base's family",
        family=made,
        got=joined(map(str, got.values()), tr(" and ")),
        wanted=joined(map(str, widths.values()), tr(" and ")),
    )
