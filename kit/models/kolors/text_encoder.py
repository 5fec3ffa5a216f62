"""Kolors' text encoder, ChatGLM3, and its tokenizer, at any size."""

from collections.abc import Iterator, Sequence
from pathlib import Path

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


def encode_ids(
    text_encoder: ChatGLMModel, ids: Tensor, mask: Tensor, positions: Tensor
) -> tuple[Tensor, Tensor]:
    """Return what the UNet reads of a text: (B, tokens, hidden) and (B, hidden), as KolorsPrompter does.

    The first is the second last layer's states, the second the last layer's state of the last token.
    """
    seen = text_encoder.get_masks(ids, None, padding_mask=mask)
    states = text_encoder(
        input_ids=ids, full_attention_mask=seen, position_ids=positions, output_hidden_states=True
    ).hidden_states
    return states[-2].permute(1, 0, 2), states[-1][-1]


def encode_prompts(
    text_encoder: ChatGLMModel, prompter: KolorsPrompter, prompts: Sequence[str], device: str
) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Yield each prompt with what the UNet reads of it, on the CPU: (tokens, hidden) and (hidden,)."""
    for first in range(0, len(prompts), READ_BATCH):
        batch = prompts[first : first + READ_BATCH]
        tokens = (part.to(device) for part in tokenize(prompter, batch))
        cross, pooled = encode_ids(text_encoder, *tokens)
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


def tokenize(prompter: KolorsPrompter, prompts: Sequence[str]) -> tuple[Tensor, Tensor, Tensor]:
    """Return ids, mask and positions of the prompts, (B, 256) each; longer prompts lose their end."""
    tokens = prompter.tokenizer(
        list(prompts), padding="max_length", max_length=TOKENS, truncation=True, return_tensors="pt"
    )
    return tokens["input_ids"], tokens["attention_mask"], tokens["position_ids"]


def is_one_piece(prompter: KolorsPrompter, word: str) -> bool:
    """Return whether a tokenizer has a word as one piece, as it has those that are common."""
    return len([piece for piece in prompter.tokenizer.tokenize(word) if piece != _BLANK]) == 1


def token_places(prompter: KolorsPrompter, text: str, words: str) -> range:
    """Return where words of a text stand among its TOKENS tokens; empty where they are not."""
    before, found, _ = text.partition(words)
    if not found:
        return range(0)
    pieces = prompter.tokenizer.tokenize
    _, mask, _ = tokenize(prompter, [text])
    first = int(mask[0].argmax()) + PREFIX_TOKENS  # padding goes before
    start, end = (first + len(pieces(part)) for part in (before, before + words))
    return range(min(start, TOKENS), min(end, TOKENS))


def truncated_tail(prompter: KolorsPrompter, text: str) -> str:
    """Return the end of a text that the text encoder would not see; empty when it sees all of it."""
    pieces = prompter.tokenizer.tokenize(text)
    if len(pieces) <= TOKENS - PREFIX_TOKENS:
        return ""
    end: str = prompter.tokenizer.convert_tokens_to_string(pieces[TOKENS - PREFIX_TOKENS :])
    return end.strip()
