"""What the UNet reads of prompts, each encoded once."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Protocol, TypeAlias

import torch
from diffsynth.prompters.kolors_prompter import KolorsPrompter
from torch import Tensor

from kit.errors import RunError
from kit.models.kolors.text_encoder import TaughtWords, encode_prompts, token_places, truncated_tail
from kit.models.networks import Base
from kit.models.sizes import TEXT_ENCODER


class Taught(Protocol):
    """A word that the text encoder was taught; equal and hashed by what it stands for."""

    @property
    def token(self) -> str:
        """Return what prompts call it by."""

    @property
    def vectors(self) -> Mapping[str, Tensor]:
        """Return (vectors, hidden) by text encoder."""


Words: TypeAlias = Sequence[Taught]


class PromptStates:
    """The states of every prompt read so far; the text encoder is there only while prompts are read."""

    def __init__(self, base: Base, device: str) -> None:
        """Take a base, of which nothing is loaded yet."""
        self._base, self._device = base, device
        self._states: dict[tuple[str, Words], Sequence[Tensor]] = {}
        """By prompt, and the taught words that are in it."""

    @cached_property
    def _prompter(self) -> KolorsPrompter:
        return self._base.prompter()

    def encode(self, prompts: Sequence[str], dtype: torch.dtype) -> None:
        """Encode each prompt not read before, then free the text encoder."""
        self._encode([prompt for prompt in dict.fromkeys(prompts) if (prompt, ()) not in self._states], dtype)

    def unread(self, words: Words) -> list[str]:
        """Return the prompts that have taught words and were not read with them."""
        return [
            prompt
            for prompt, known in self._states
            if not known and (said := _said(prompt, words)) and (prompt, said) not in self._states
        ]

    def teach(self, words: Words, dtype: torch.dtype) -> None:
        """Encode with taught words every prompt that has some, then free the text encoder."""
        self._encode(self.unread(words), dtype, words)

    def _encode(self, prompts: Sequence[str], dtype: torch.dtype, words: Words = ()) -> None:
        if not prompts:
            return
        encoder, taught = self._base.text_encoder(self._device, dtype), _taught(words)
        for prompt, *states in encode_prompts(encoder, self._prompter, prompts, self._device, taught):
            self._states[prompt, _said(prompt, words)] = states
        del encoder
        torch.cuda.empty_cache()  # nothing where there is no GPU

    def of(self, prompts: Sequence[str], words: Words = ()) -> tuple[Tensor, Tensor]:
        """Return prompts as the UNet takes them, (B, tokens, hidden) and (B, hidden).

        Raises RunError for one that was not read, or not with these taught words.
        """
        keys = [(prompt, _said(prompt, words)) for prompt in prompts]
        unread = next((prompt for prompt, said in keys if (prompt, said) not in self._states), None)
        if unread is not None:
            raise RunError(f"every prompt must be read before it is drawn, got {unread!r}")
        states = [self._states[key] for key in keys]
        cross, pooled = (torch.stack(part).to(self._device) for part in zip(*states, strict=True))
        return cross, pooled

    def places(self, prompt: str, part: str, words: Words = ()) -> range:
        """Return where a part of a prompt stands among its tokens; empty where it is not."""
        return token_places(self._prompter, prompt, part, _taught(_said(prompt, words)))

    def read(self, prompts: Sequence[str]) -> dict[str, Sequence[Tensor]]:
        """Return what was read of prompts, on the CPU and each in memory of its own, for another process."""
        return {prompt: [part.clone() for part in self._states[prompt, ()]] for prompt in prompts}

    def take(self, states: Mapping[str, Sequence[Tensor]]) -> None:
        """Take what another read of prompts, in place of reading them."""
        self._states |= {(prompt, ()): parts for prompt, parts in states.items()}

    def truncated_tail(self, prompt: str) -> str:
        """Return the end of a prompt that is too long to be read whole; empty when it is not."""
        return truncated_tail(self._prompter, prompt)


def _said(prompt: str, words: Words) -> Words:
    """Return the words that a prompt says."""
    return tuple(word for word in words if word.token in prompt)


def _taught(words: Words) -> TaughtWords | None:
    rows, vectors = dict[str, range](), list[Tensor]()
    for word in words:
        first, own = sum(map(len, vectors)), word.vectors[TEXT_ENCODER]
        rows[word.token] = range(first, first + len(own))
        vectors.append(own)
    return TaughtWords(rows=rows, vectors=torch.cat(vectors)) if vectors else None
