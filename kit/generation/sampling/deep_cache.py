"""Deep features that are remembered from step to step, as in DeepCache (arXiv 2312.00858).

From one step to the next, what a UNet sees at its coarser resolutions hardly changes. Between the steps in
which all of it is computed, only the blocks at the finest resolution are, which cost least.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from diffsynth.models.sdxl_unet import SDXLUNet
from torch import Tensor, nn

from kit.models.kolors.unet import inner_blocks


class RememberedBlocks(nn.Module):
    """Neighbouring blocks of a UNet that are computed in every so many-th call."""

    def __init__(self, blocks: Sequence[nn.Module], every: int) -> None:
        """Take blocks of which as many remember a state for a later one as take one back."""
        super().__init__()
        self.blocks, self._every = nn.ModuleList(blocks), every
        self._calls = 0
        self._last: Tensor | None = None

    def forward(
        self, states: Tensor, time: Tensor, text: Tensor, skipped: list[Tensor], **options: object
    ) -> tuple[Tensor, Tensor, Tensor, list[Tensor]]:
        """Return what the blocks make of the states, (B, channels, H, W), or made when they were last asked.

        A call may have fewer rows than the one before, its first.
        """
        if self._last is None or self._calls % self._every == 0:
            for block in self.blocks:
                states, time, text, skipped = block(states, time, text, skipped, **options)
            self._last = states
        else:
            states = self._last[: len(states)]
        self._calls += 1
        return states, time, text, skipped


@contextmanager
def deep_cache(unet: SDXLUNet, every: int) -> Iterator[None]:
    """Compute a UNet's inner blocks in every so many-th call for a while; 1: in each, as it is."""
    if every == 1:
        yield
        return
    whole, inner = unet.blocks, inner_blocks(unet)
    remembered = RememberedBlocks(whole[inner], every)
    try:
        unet.blocks = nn.ModuleList([*whole[: inner.start], remembered, *whole[inner.stop :]])
        yield
    finally:
        unet.blocks = whole
