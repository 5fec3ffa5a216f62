"""What the UNet reads of prompts, each encoded once."""

from collections.abc import Sequence
from functools import cached_property

import torch
from diffsynth.prompters.kolors_prompter import KolorsPrompter
from torch import Tensor

from kit.errors import RunError
from kit.models.kolors.text_encoder import encode_prompts, token_places, truncated_tail
from kit.models.networks import Base


class PromptStates:
    """The states of every prompt read so far; the text encoder is there only while prompts are read."""

    def __init__(self, base: Base, device: str) -> None:
        """Take a base, of which nothing is loaded yet."""
        self._base, self._device = base, device
        self._states: dict[str, Sequence[Tensor]] = {}

    @cached_property
    def _prompter(self) -> KolorsPrompter:
        return self._base.prompter()

    def encode(self, prompts: Sequence[str], dtype: torch.dtype) -> None:
        """Encode each prompt not read before, then free the text encoder."""
        unread = [prompt for prompt in dict.fromkeys(prompts) if prompt not in self._states]
        if not unread:
            return
        encoder = self._base.text_encoder(self._device, dtype)
        for prompt, *states in encode_prompts(encoder, self._prompter, unread, self._device):
            self._states[prompt] = states
        del encoder
        torch.cuda.empty_cache()  # nothing where there is no GPU

    def of(self, prompts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return prompts as the UNet takes them, (B, tokens, hidden) and (B, hidden).

        Raises RunError for one that was not read.
        """
        unread = next((prompt for prompt in prompts if prompt not in self._states), None)
        if unread is not None:
            raise RunError(f"every prompt must be read before it is drawn, got {unread!r}")
        states = [self._states[prompt] for prompt in prompts]
        cross, pooled = (torch.stack(part).to(self._device) for part in zip(*states, strict=True))
        return cross, pooled

    def places(self, prompt: str, words: str) -> range:
        """Return where words of a prompt stand among its tokens; empty where they are not."""
        return token_places(self._prompter, prompt, words)

    def truncated_tail(self, prompt: str) -> str:
        """Return the end of a prompt that is too long to be read whole; empty when it is not."""
        return truncated_tail(self._prompter, prompt)
