"""Whether compiling pays, and which parts of the networks a worker compiles before others."""

from collections.abc import Iterator, Sequence
from itertools import chain

import torch
from diffsynth.models.sdxl_unet import SDXLUNet
from diffsynth.models.sdxl_vae_decoder import SDXLVAEDecoder
from torch import nn

from kit.generation.painter import CompileShare
from kit.models.kolors.unet import regions

SHAPES = 64
"""More than SDXL's UNet has of blocks that differ in widths; torch stops compiling after 8."""
COMPILED_SAVES, COMPILING_S = 0.17, 72.0
"""Share of the time that compiling saves, and the most it cost, on an H200 with 16 cores."""


def compiling_pays(seconds: float, kinds: int) -> bool:
    """Return whether drawing for so long, with so many kinds of calls, is faster compiled."""
    return seconds * COMPILED_SAVES > COMPILING_S * kinds


def compiled_in_turn(networks: Sequence[SDXLUNet | SDXLVAEDecoder], share: CompileShare) -> Iterator[None]:
    """Have the parts that repeat compiled when they are next called, a share after each yield, ours first.

    Inductor keeps what one process of a machine compiled in a folder that all read, so the shares of others
    are there by the time that their turn comes. What cannot be compiled runs as before. No kernel is chosen
    by how fast it was just now where that decides the last bits. Each part is told so: torch ends its setting
    for all of them, torch._inductor.config.deterministic, with the first part that it compiles.
    """
    torch._dynamo.config.suppress_errors = True  # torch has no public way to fall back
    torch.compiler.config.recompile_limit = max(torch.compiler.config.recompile_limit, SHAPES)
    kinds: dict[object, list[nn.Module]] = {}
    for region in chain.from_iterable(regions(network) for network in networks):
        widths = tuple(weight.shape for weight in region.parameters())
        kinds.setdefault((type(region), widths), []).append(region)
    for turn in range(share.workers):
        first = (share.number + turn) % share.workers
        for region in chain.from_iterable(list(kinds.values())[first :: share.workers]):
            region.compile(dynamic=False, options={"deterministic": True})
        yield
