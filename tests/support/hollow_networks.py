"""Networks made on no device draw no numbers by lot that they cannot hold: a UNet is there in half the time."""

from collections.abc import Callable

from torch import nn

LAYERS = (nn.Linear, nn.Conv2d, nn.GroupNorm, nn.LayerNorm, nn.Embedding)


def _where_numbers_are(reset: Callable[[nn.Module], None]) -> Callable[[nn.Module], None]:
    def sparing(layer: nn.Module) -> None:
        if not any(one.is_meta for one in layer.parameters(recurse=False)):
            reset(layer)

    return sparing


for made in LAYERS:
    setattr(made, "reset_parameters", _where_numbers_are(getattr(made, "reset_parameters")))  # noqa: B009, B010
