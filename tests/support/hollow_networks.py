"""Networks made on no device draw no numbers that they cannot hold: a UNet is there in half of the time."""

import sys
from collections.abc import Callable
from typing import Any

LAYERS = ("Linear", "Conv2d", "GroupNorm", "LayerNorm", "Embedding")


def spare_hollow_networks() -> None:
    """Have it so from now on, if anything has networks at all."""
    if torch := sys.modules.get("torch"):
        for name in LAYERS:
            made = getattr(torch.nn, name)
            made.reset_parameters = _where_numbers_are(made.reset_parameters)


def _where_numbers_are(reset: Callable[[Any], None]) -> Callable[[Any], None]:
    def sparing(layer: Any) -> None:
        if not any(one.is_meta for one in layer.parameters(recurse=False)):
            reset(layer)

    return sparing
