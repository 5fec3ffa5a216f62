"""What pipelines read of prompts: CLIP's states, each prompt's made once."""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers import CLIPTokenizer

from kit.errors import WeightsError
from kit.messages import mark, tr
from kit.models.token_counts import CLIP_TOKENS

COMPEL_MISSING = mark("long_prompts = true needs compel: pip install storykit[bases], or delete that line")


def can_read_in_pieces() -> bool:
    """Return whether what reads long prompts is installed; it is not imported."""
    return find_spec("compel") is not None


class TextState(NamedTuple):
    """What a pipeline takes of a prompt, on the CPU."""

    cross: Tensor
    """(tokens, width): what attention reads; tokens are 77, or a multiple where it is read in pieces."""
    pooled: Tensor
    """(width,) or (1, width); empty for Stable Diffusion."""


def tail(tokenizer: CLIPTokenizer, prompt: str) -> str:
    """Return the end of a prompt that is beyond what CLIP reads at once; empty where nothing is."""
    tokens = tokenizer(prompt, truncation=False, add_special_tokens=False, verbose=False).input_ids
    return str(tokenizer.decode(tokens[CLIP_TOKENS:])).strip() if len(tokens) > CLIP_TOKENS else ""


def read_in_pieces(pipeline: Any, text: str) -> TextState:
    """Return the states of a prompt of any length, 75 tokens after 75, as compel puts them together.

    Its own marks for weights mean nothing: the words are read as they are written.

    Args:
        pipeline: of SDXL or Stable Diffusion, with its text encoders.
        text: the prompt.
    """
    try:
        from compel import Compel, ReturnedEmbeddingsType
        from compel.prompt_parser import Conjunction, FlattenedPrompt
    except ImportError as error:
        raise WeightsError(tr(COMPEL_MISSING)) from error
    if hasattr(pipeline, "text_encoder_2"):
        reader = Compel(
            tokenizer=[pipeline.tokenizer, pipeline.tokenizer_2],
            text_encoder=[pipeline.text_encoder, pipeline.text_encoder_2],
            returned_embeddings_type=ReturnedEmbeddingsType.PENULTIMATE_HIDDEN_STATES_NON_NORMALIZED,
            requires_pooled=[False, True],
            truncate_long_prompts=False,
        )
    else:
        reader = Compel(pipeline.tokenizer, pipeline.text_encoder, truncate_long_prompts=False)
    words = Conjunction([FlattenedPrompt([(text, 1.0)])])
    cross, _ = reader.build_conditioning_tensor_for_conjunction(words)
    pooled = torch.empty(0)
    if reader.requires_pooled:
        pooled = reader.conditioning_provider.get_pooled_embeddings([text], device=reader.device)
    return TextState(cross.reshape(-1, cross.shape[-1]).cpu(), pooled.flatten().cpu())


def stacked(
    states: Sequence[TextState], device: str, dtype: torch.dtype, filler: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return states as a pipeline takes them, (B, tokens, width) and (B, …).

    Args:
        states: of a batch.
        device: where they go.
        dtype: in which.
        filler: (77, width), the state of no words, put behind those that are read in fewer pieces.
    """
    most = max(len(state.cross) for state in states)
    cross = [_filled(state.cross, filler, most) for state in states]
    pooled = torch.stack([state.pooled for state in states])
    return torch.stack(cross).to(device, dtype), pooled.to(device, dtype)


def _filled(cross: Tensor, filler: Tensor | None, most: int) -> Tensor:
    if filler is None or len(cross) == most:
        return cross
    pieces = (most - len(cross)) // len(filler)
    return torch.cat([cross, *[filler] * pieces])
