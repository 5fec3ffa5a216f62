"""Attention to the text that looks at pictures too: decoupled cross-attention (arXiv 2308.06721).

What a row finds in its pictures is added, weighted, to what it finds in its words.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from kit.experiment.references.image_prompt_record import UNetPart
from kit.generation.controls.held_panels import by_half


class PictureKeys(NamedTuple):
    """What an attention reads of the pictures of all rows of a call: (B, tokens, width) each."""

    key: Tensor
    value: Tensor


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PromptedPanels:
    """The panels of a batch that are drawn after pictures, all with the same weight."""

    keys: Sequence[PictureKeys]
    """Of every attention, in the UNet's order, for the panels and, where they are guided, once more."""
    weight: float
    panels: int
    """The first rows of each half of a call."""
    drawn: int
    """Rows of each half: anchors stand behind the panels and look at nothing."""
    steps: range
    """In which the panels are drawn."""
    start: float
    """Share of the steps after which they look."""
    until: float
    """Share of the steps in which they look."""
    parts: Collection[UNetPart]
    """Of the UNet whose attentions look."""

    def looks(self, number: int) -> bool:
        """Return whether they look in a step."""
        share = (number - self.steps.start + 1) / len(self.steps)
        return number in self.steps and self.start < share <= self.until

    def read(self, place: int, rows: int) -> dict[str, Tensor]:
        """Return what an attention reads in a call of so many rows, as diffsynth's takes it.

        What is read is multiplied by "scale": each row has its own, and anchors have none.
        """
        halves = rows // self.drawn
        key, value = (self._whole(one, halves) for one in self.keys[place])
        weights = key.new_zeros(self.drawn)
        weights[: self.panels] = self.weight
        return {"ip_k": key, "ip_v": value, "scale": weights.repeat(halves)[:, None, None, None]}

    def _whole(self, keys: Tensor, halves: int) -> Tensor:
        seen = by_half(keys, self.panels)[:halves]
        beside = seen.new_zeros(halves, self.drawn - self.panels, *seen.shape[2:])
        return torch.cat([seen, beside], dim=1).flatten(0, 1)


class PictureAttention(nn.Module):
    """An attention to the text that looks at pictures while it is told to; else it is what it was."""

    def __init__(self, attention: nn.Module, part: UNetPart) -> None:
        """Wrap the attention of a part of the UNet."""
        super().__init__()
        self.attention, self.part = attention, part
        self.pictures: Mapping[str, Tensor] | None = None
        """As diffsynth's attention takes them."""

    def forward(self, states: Tensor, **kwargs: object) -> Tensor:
        """Return the new states, (B, tokens, width)."""
        read: Tensor = self.attention(states, **(kwargs | {"ipadapter_kwargs": self.pictures}))
        return read


@contextmanager
def looking(
    attentions: Sequence[PictureAttention], prompted: PromptedPanels | None
) -> Iterator[Callable[[int, int], None]]:
    """Yield what is told before each call its step and its rows; afterwards nobody looks any more.

    Args:
        attentions: of the whole UNet, in its order.
        prompted: the panels that look; None for nobody, as if there were no such thing.
    """
    now: tuple[PromptedPanels | None, int] = None, 0

    def look(step: int, rows: int) -> None:
        nonlocal now
        asked = prompted if prompted and prompted.looks(step) else None, rows
        if asked != now:
            now = asked
            _tell(attentions, *now)

    try:
        yield look
    finally:
        _tell(attentions, None, 0)


def _tell(attentions: Sequence[PictureAttention], prompted: PromptedPanels | None, rows: int) -> None:
    for place, attention in enumerate(attentions):
        told = prompted is not None and attention.part in prompted.parts
        attention.pictures = prompted.read(place, rows) if prompted and told else None
