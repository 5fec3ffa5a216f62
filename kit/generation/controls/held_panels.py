"""Panels that ControlNets hold to maps while our own UNet draws them.

A ControlNet (Zhang et al., arXiv 2302.05543) is a copy of the UNet's downward half that reads a map too. What
it says is added where diffusers' UNet adds it: to every state that the upward half takes back, and to the
middle's.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kit.models.sizes import LATENT_CHANNELS

_NO_PADDING = (0, 0) * 3
"""No padding of channels, height and width."""


class Residuals(NamedTuple):
    """What ControlNets add to a UNet's states in one call."""

    skipped: Sequence[Tensor]
    """To those that the upward half takes back, (B, channels, height, width), in the order they were made."""
    middle: Tensor


class HoldingNet(NamedTuple):
    """A ControlNet, and what it reads for the panels of a batch that is the same at every step."""

    net: Any
    maps: Tensor
    """(panels, channels, H/8, W/8): the maps behind its first layers."""
    texts: Tensor
    """(panels, or two for each, tokens, width): behind its own projection."""
    weight: float
    until: float
    """Share of the steps in which it is heard."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldPanels:
    """The panels of a batch that the same ControlNets hold."""

    nets: Sequence[HoldingNet]
    panels: int
    """The first rows of each half of a call."""
    drawn: int
    """Rows of each half: anchors stand behind the panels and are held to nothing."""
    steps: range
    """In which the panels are drawn."""

    def at(self, number: int) -> "HeldPanels | None":
        """Return the panels as they are held in a step, None where no ControlNet is heard in it."""
        share = (number - self.steps.start + 1) / len(self.steps)
        heard = [one for one in self.nets if share <= one.until] if number in self.steps else []
        return replace(self, nets=heard) if heard else None

    def with_maps(self, rows: Tensor) -> Tensor:
        """Return rows with the maps behind them as further channels, so that both are cut alike."""
        maps = torch.cat([one.maps for one in self.nets], dim=1).to(rows)
        whole = F.pad(maps, (*_NO_PADDING, 0, self.drawn - self.panels))
        return torch.cat([rows, whole.repeat(len(rows) // self.drawn, 1, 1, 1)], dim=1)

    def residuals(
        self, rows: Tensor, step: Tensor, sizes: Tensor, pooled: Tensor
    ) -> tuple[Tensor, Residuals]:
        """Return rows without their maps, and what is added to the states that a UNet makes of them.

        Args:
            rows: as `with_maps` returns them, in the precision of the ControlNets.
            step: (1,), as the UNet takes it.
            sizes: as `time_ids` gives them.
            pooled: (B, hidden), the texts' second half.
        """
        widths = [one.maps.shape[1] for one in self.nets]
        latents, *maps = torch.split(rows, [rows.shape[1] - sum(widths), *widths], dim=1)
        seen = self._held(latents)[:, :LATENT_CHANNELS]
        told = {"text_embeds": self._held(pooled), "time_ids": sizes[: 6 * len(seen)]}
        answers = [
            one.net(
                seen, step, one.texts[: len(seen)], self._held(own), one.weight,
                added_cond_kwargs=told, return_dict=False,
            )
            for one, own in zip(self.nets, maps, strict=True)
        ]  # fmt: skip
        skipped = [self._whole(states) for states in zip(*(states for states, _ in answers), strict=True)]
        return latents, Residuals(skipped, self._whole([middle for _, middle in answers]))

    def _held(self, rows: Tensor) -> Tensor:
        """Return of all rows of a call those of the panels."""
        return by_half(rows, self.drawn)[:, : self.panels].flatten(0, 1)

    def _whole(self, states: Sequence[Tensor]) -> Tensor:
        """Return the sum of what ControlNets say of the panels, for all rows: of anchors nothing."""
        halves = by_half(reduce(torch.add, states), self.panels)
        return F.pad(halves, (*_NO_PADDING, 0, self.drawn - self.panels)).flatten(0, 1)


def by_half(rows: Tensor, count: int) -> Tensor:
    """Return rows of which a half has so many, (halves, count, ...)."""
    return rows.reshape(-1, count, *rows.shape[1:])


@contextmanager
def added(pops: Sequence[nn.Module], residuals: Residuals | None) -> Iterator[None]:
    """Add residuals to a UNet's states for a while; None: nothing.

    Args:
        pops: the blocks in which the UNet takes states back, in their order.
        residuals: of one call.
    """
    if residuals is None:
        yield
        return
    middles = [residuals.middle, *[None] * (len(pops) - 1)]
    hooks = [
        pop.register_forward_pre_hook(_adding(residual, middle))
        for pop, residual, middle in zip(pops, reversed(residuals.skipped), middles, strict=True)
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _adding(residual: Tensor, middle: Tensor | None) -> Callable[[nn.Module, Any], Any]:
    def add(_pop: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
        states, time, text, skipped = given
        skipped[-1] = skipped[-1] + residual
        return (states if middle is None else states + middle), time, text, skipped

    return add
