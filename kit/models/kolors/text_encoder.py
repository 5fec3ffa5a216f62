"""Kolors' text encoder, ChatGLM3, and its tokenizer, at any size."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from diffsynth.models.kolors_text_encoder import ChatGLMConfig, ChatGLMModel
from diffsynth.prompters.kolors_prompter import KolorsPrompter
from torch import Tensor, nn

from kit.errors import WeightsError
from kit.library_warnings import hide_torch_dtype_warning
from kit.messages import tr
from kit.models.sizes import PREFIX_TOKENS, TOKENS, TextSizes

SPECIAL_TOKENS = 9
"""Ids Kolors' tokenizer adds behind the pieces; [gMASK] and sop, +1 and +3, open every prompt."""
_BLANK = "\u2581"
"""What sentencepiece puts in front of a text."""
READ_BATCH = 16
"""Prompts the text encoder reads at once."""


def build_text_encoder(sizes: TextSizes) -> ChatGLMModel:
    """Return Kolors' text encoder, untrained, without the word-predicting layer that drawing never uses."""
    config = ChatGLMConfig(
        num_layers=sizes.layers,
        padded_vocab_size=sizes.vocabulary,
        hidden_size=sizes.hidden,
        ffn_hidden_size=sizes.ffn,
        kv_channels=sizes.head,
        num_attention_heads=sizes.hidden // sizes.head,
        multi_query_attention=True,
        multi_query_group_num=sizes.groups,
        add_qkv_bias=True,
        original_rope=True,
        use_cache=True,
        torch_dtype="float32",
    )
    hide_torch_dtype_warning()
    model = ChatGLMModel(config, empty_init=False).float()
    model.output_layer = nn.Identity()
    return model


@dataclass(frozen=True, kw_only=True, slots=True)
class TaughtWords:
    """Words that stand for vectors in place of the tokenizer's own pieces (textual inversion)."""

    rows: Mapping[str, range]
    """Of each word its rows among the vectors."""
    vectors: Tensor
    """(rows of all words, hidden)."""


def encode_ids(
    text_encoder: ChatGLMModel, ids: Tensor, mask: Tensor, positions: Tensor, vectors: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return what the UNet reads of a text: (B, tokens, hidden) and (B, hidden), as KolorsPrompter does.

    The first is the second last layer's states, the second the last layer's state of the last token. Where an
    id is -1 - k, row k of the vectors stands in place of the embedding layer's answer.
    """
    seen = text_encoder.get_masks(ids, None, padding_mask=mask)
    embedded = None if vectors is None else _embedded(text_encoder, ids, vectors)
    states = text_encoder(
        input_ids=ids,
        inputs_embeds=embedded,
        full_attention_mask=seen,
        position_ids=positions,
        output_hidden_states=True,
    ).hidden_states
    return states[-2].permute(1, 0, 2), states[-1][-1]


def _embedded(text_encoder: ChatGLMModel, ids: Tensor, vectors: Tensor) -> Tensor:
    """Return (tokens, B, hidden), as the embedding layer does."""
    rows: Tensor = text_encoder.embedding(ids.clamp(min=0))
    taught = (ids < 0).T
    return rows.index_put((taught,), vectors[-1 - ids.T[taught]].to(rows))


def encode_prompts(
    text_encoder: ChatGLMModel,
    prompter: KolorsPrompter,
    prompts: Sequence[str],
    device: str,
    taught: TaughtWords | None = None,
) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Yield each prompt with what the UNet reads of it, on the CPU: (tokens, hidden) and (hidden,)."""
    for first in range(0, len(prompts), READ_BATCH):
        batch = prompts[first : first + READ_BATCH]
        ids, mask, places = (part.to(device) for part in tokenize(prompter, batch, taught))
        vectors = taught.vectors.to(device) if taught else None
        cross, pooled = encode_ids(text_encoder, ids, mask, places, vectors)
        yield from zip(batch, cross.cpu(), pooled.cpu(), strict=True)


def build_prompter(tokenizer: Path | None) -> KolorsPrompter:
    """Return Kolors' prompter over the sentencepiece model in a folder; None for Kolors' own.

    Raises WeightsError when the folder's tokenizer.model is damaged.
    """
    prompter = KolorsPrompter(tokenizer_path=tokenizer and str(tokenizer))
    if isinstance(prompter.tokenizer, bool):  # transformers answers so where sentencepiece fails
        raise WeightsError(
            tr("{file} is not a whole sentencepiece model", file=f"{tokenizer}/tokenizer.model")
        )
    return prompter


def tokenize(
    prompter: KolorsPrompter, prompts: Sequence[str], taught: TaughtWords | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return ids, mask and positions of the prompts, (B, 256) each; longer prompts lose their end.

    Row k of taught words has the id -1 - k.
    """
    tokenizer = prompter.tokenizer
    how = {"padding": "max_length", "max_length": TOKENS, "truncation": True, "return_tensors": "pt"}
    if taught is None:
        tokens = tokenizer(list(prompts), **how)
        return tokens["input_ids"], tokens["attention_mask"], tokens["position_ids"]
    each = [tokenizer.prepare_for_model(_pieces(prompter, prompt, taught), **how) for prompt in prompts]
    ids, mask, positions = (
        torch.stack([one[part] for one in each]) for part in ("input_ids", "attention_mask", "position_ids")
    )
    return ids, mask, positions


def _pieces(prompter: KolorsPrompter, text: str, taught: TaughtWords | None) -> list[int]:
    """Return the ids of a text's pieces; what stands between taught words is read as a text of its own."""
    tokenizer = prompter.tokenizer
    longest = sorted(taught.rows, key=len, reverse=True) if taught else []
    found: list[int] = []
    for part in re.split(f"({'|'.join(map(re.escape, longest))})", text) if longest else [text]:
        if taught and part in taught.rows:
            found += [-1 - row for row in taught.rows[part]]
        elif part:
            found += tokenizer.convert_tokens_to_ids(tokenizer.tokenize(part))
    return found


def pieces_of(prompter: KolorsPrompter, word: str) -> list[int]:
    """Return the ids of a word's pieces, without the blank that stands in front of every text."""
    tokenizer = prompter.tokenizer
    pieces = [piece for piece in tokenizer.tokenize(word) if piece != _BLANK]
    ids: list[int] = tokenizer.convert_tokens_to_ids(pieces)
    return ids


def vocabulary(prompter: KolorsPrompter) -> frozenset[str]:
    """Return the words and pieces of words that a tokenizer has as one piece, as it has all common ones."""
    return frozenset(piece.lstrip(_BLANK) for piece in prompter.tokenizer.get_vocab())


def token_places(prompter: KolorsPrompter, text: str, words: str, taught: TaughtWords | None = None) -> range:
    """Return where words of a text stand among its TOKENS tokens; empty where they are not."""
    before, found, _ = text.partition(words)
    if not found:
        return range(0)
    _, mask, _ = tokenize(prompter, [text], taught)
    first = int(mask[0].argmax()) + PREFIX_TOKENS  # padding goes before
    start, end = (first + len(_pieces(prompter, part, taught)) for part in (before, before + words))
    return range(min(start, TOKENS), min(end, TOKENS))


def truncated_tail(prompter: KolorsPrompter, text: str) -> str:
    """Return the end of a text that the text encoder would not see; empty when it sees all of it."""
    pieces = prompter.tokenizer.tokenize(text)
    if len(pieces) <= TOKENS - PREFIX_TOKENS:
        return ""
    end: str = prompter.tokenizer.convert_tokens_to_string(pieces[TOKENS - PREFIX_TOKENS :])
    return end.strip()
