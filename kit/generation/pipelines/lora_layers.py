"""A LoRA in the networks of a pipeline of diffusers: W + strength * scale * up @ down, once and for all."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from kit.lora.formats import layer_sides
from kit.lora.lora import LoadedLora
from kit.lora.pipelines.embeddings import Embedding


@dataclass(frozen=True, slots=True, eq=False)
class WornLora:
    """A LoRA at a strength, or none; its layers are named by part and module, "unet.mid_block…to_q"."""

    lora: LoadedLora | None = None
    strength: float = 1.0
    embeddings: tuple[Embedding, ...] = ()
    """Words that text encoders were taught beside."""

    @property
    def known_by(self) -> tuple[str, float]:
        """What of it shapes pictures: its file's sha256, empty for none, and the factor on up @ down."""
        return (self.lora.sha256, self.strength * self.lora.scale) if self.lora else ("", 0.0)

    def touches(self, *parts: str) -> bool:
        """Return whether it changes any of these networks."""
        layers = self.lora.pairs if self.lora else ()
        return any(layer.partition(".")[0] in parts for layer in layers)

    def merged_into(self, part: str, network: nn.Module) -> nn.Module:
        """Return the network of a part after adding what the LoRA has for it; to be thrown away later."""
        if self.lora is None:
            return network
        modules = dict(network.named_modules())
        for layer, (down, up) in self.lora.pairs.items():
            own, _, name = layer.partition(".")
            if own == part:
                weight = modules[name].weight
                assert isinstance(weight, Tensor)
                with torch.no_grad():
                    change = _product(down, up, weight) * (self.strength * self.lora.scale)
                    weight.copy_((weight.float() + change).to(weight.dtype))
        return network


def _product(down: Tensor, up: Tensor, weight: Tensor) -> Tensor:
    """Return up @ down in the weight's shape; of a convolution, as two convolutions one after the other."""
    flat = up.flatten(1).to(weight.device, torch.float32) @ down.flatten(1).to(weight.device, torch.float32)
    return flat.reshape(weight.shape)


def layer_shapes(part: str, network: nn.Module) -> dict[str, tuple[int, ...]]:
    """Return the sides of each layer of a part that a LoRA may change, by part and module."""
    return {
        f"{part}.{name}": layer_sides(module.weight.shape)
        for name, module in network.named_modules()
        if isinstance(module, nn.Linear | nn.Conv2d)
    }
