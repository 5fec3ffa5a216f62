"""The UNet while it draws: LoRAs merged into it, text projected once, compiled when that pays."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

import torch
from diffsynth.models.sd_unet import PopBlock
from diffsynth.models.sdxl_unet import SDXLUNet
from torch import Tensor, nn

from kit.errors import RunError
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.generation.anchors.shared_attention import SharedAttention, Sharing, WatchedAttention
from kit.generation.controls.held_panels import HeldPanels, added
from kit.generation.ip_adapter.picture_attention import PictureAttention
from kit.generation.sampling.tiled import sizes_of
from kit.lora.lora import LoadedLora
from kit.messages import tr
from kit.models.kolors.unet import attentions, parted_layers, rising_layers
from kit.models.sizes import UNetSizes


class CachedProjection(nn.Module):
    """A linear layer over the text, which is the same at every step: computed once, then remembered."""

    def __init__(self, linear: nn.Module) -> None:
        """Wrap the layer."""
        super().__init__()
        self.linear = linear
        self.answer: Tensor | None = None

    def set_text(self, text: Tensor) -> Tensor:
        """Compute the answer for a batch of texts, (B, tokens, width)."""
        answer: Tensor = self.linear(text)
        self.answer = answer
        return answer

    def forward(self, text: Tensor) -> Tensor | None:
        """Return the answer, whatever is asked."""
        return self.answer


class Denoiser:
    """Predicts noise with one UNet; `set_text` first, then call it step by step."""

    def __init__(self, unet: SDXLUNet) -> None:
        """Take over the UNet."""
        self.unet = unet
        self.compiled: Collection[int] = ()
        """How many rows the compiled parts are for; empty while nothing is compiled."""
        self.layers = {name: layer for name, layer in unet.named_modules() if isinstance(layer, nn.Linear)}
        self._pristine: dict[str, Tensor] = {}
        self._first = CachedProjection(unet.get_submodule("text_intermediate_proj"))
        unet.text_intermediate_proj = self._first
        self._projections = list(_cached_projections(unet))
        self._sharers = list(_sharers(unet))
        self._sharing: Sharing | None = None
        self.lookers = list(_lookers(unet))
        """The attentions that may look at pictures, in the UNet's order."""
        self._pops = [block for block in unet.blocks if isinstance(block, PopBlock)]
        self._device, self._dtype = unet.conv_in.weight.device, unet.conv_in.weight.dtype

    @property
    def dtype(self) -> torch.dtype:
        """What it computes in."""
        told: torch.dtype = self._dtype
        return told

    @property
    def text_projection(self) -> nn.Module:
        """What makes of a text's states what the attentions read."""
        return self._first.linear

    @torch.no_grad()
    def set_lora(self, lora: LoadedLora | None, strength: float) -> None:
        """Merge the LoRA; what was merged before is taken out, to the last bit."""
        for name, weight in self._pristine.items():
            self.layers[name].weight.copy_(weight)
        self._pristine.clear()
        if lora is None:
            return
        for name, (down, up) in lora.pairs.items():
            weight = self.layers[name].weight
            self._pristine[name] = weight.to("cpu", copy=True)
            change = up.to(self._device).float() @ down.to(self._device).float()
            weight.copy_(weight.float() + strength * lora.scale * change)

    @contextmanager
    def in_fp32(self) -> Iterator[None]:
        """Compute in fp32 for a while; fp16 weights come back as they were, to the last bit."""
        before, compiled = self._dtype, self.compiled
        try:
            with torch.inference_mode(False):
                self.unet.float()
            self._dtype, self.compiled = torch.float32, ()
            yield
        finally:
            with torch.inference_mode(False):
                self.unet.to(before)
            self._dtype, self.compiled = before, compiled

    def run_compiled(self, rows: Collection[int]) -> None:
        """Run what is compiled of the UNet in calls of so many rows; others run as before.

        Channels go last, which is faster compiled and slower not.
        """
        self.unet.to(memory_format=torch.channels_last)
        self.compiled = rows

    def set_text(self, cross: Tensor) -> None:
        """Say which texts the rows of the next calls are drawn from, (B, tokens, hidden)."""
        text = self._first.set_text(cross.to(self._device, self._dtype))
        for layer in self._projections:
            layer.set_text(text)

    def share(self, sharing: Sharing | None) -> None:
        """Say which rows of the next calls read others; None for nobody, as if there were no such thing."""
        for attention in self._sharers:
            attention.sharing = sharing
        self._sharing = sharing

    def at(self, step: Tensor, pooled: Tensor, held: HeldPanels | None = None) -> Callable[[Tensor], Tensor]:
        """Return what predicts the noise in rows of any size at one step, as a call does."""
        return lambda rows: self(rows, step, sizes_of(rows), pooled, held)

    def __call__(
        self, rows: Tensor, step: Tensor, sizes: Tensor, pooled: Tensor, held: HeldPanels | None = None
    ) -> Tensor:
        """Return the noise in each row, (B, 4, H/8, W/8), in the rows' own precision.

        Args:
            rows: noisy latents, and what else the UNet reads of each cell, behind them; then the maps.
            step: (1,), the noise level of all of them.
            sizes: as `time_ids` gives them.
            pooled: (B, hidden), the texts' second half.
            held: the panels that ControlNets hold in this step, whose maps the rows have.
        """
        seen, step, pooled, residuals = (
            rows.to(self._dtype),
            step.to(self._device),
            pooled.to(self._dtype),
            None,
        )
        stance = "default" if len(rows) in self.compiled else "force_eager"
        with torch.compiler.set_stance(stance):
            if held is not None:
                seen, residuals = held.residuals(seen, step, sizes, pooled)
            with added(self._pops, residuals):
                predicted: Tensor = self.unet(seen, step, self._first.answer, sizes, pooled)
        if self._sharing is not None:
            self._sharing.end_step()
        return predicted.to(rows.dtype)


def refuse_too_small(sizes: UNetSizes, rows: int, size: int) -> None:
    """Raise RunError where so few rows of a call are too small for the UNet's normalisations."""
    if not sizes.can_normalise(rows, size):
        raise RunError(
            tr(
                "size = {size} is too small for this base: set size = {enough} or more in the experiment",
                size=size,
                enough=2 * size,
            )
        )


def halves_of(settings: DrawSettings) -> list[int]:
    """Return how many rows of a call a panel has, for each kind of call: 2 while it is guided, else 1."""
    return [2] * (settings.guided_steps > 0) + [1] * (settings.guided_steps < settings.steps)


def _cached_projections(unet: SDXLUNet) -> Iterator[CachedProjection]:
    """Have every attention to the text remember its projections, and yield the layers that do."""
    for attention in attentions(unet):
        for name in ("to_k", "to_v"):
            cached = CachedProjection(attention.get_submodule(name))
            attention.set_submodule(name, cached)
            yield cached


def _sharers(unet: SDXLUNet) -> Iterator[SharedAttention | WatchedAttention]:
    """Have the upward half's attentions share rows when they are told to, and yield them."""
    for layer in rising_layers(unet):
        layer.attn1, layer.attn2 = SharedAttention(layer.attn1), WatchedAttention(layer.attn2)
        yield from (layer.attn1, layer.attn2)


def _lookers(unet: SDXLUNet) -> Iterator[PictureAttention]:
    """Have every attention to the text look at pictures when it is told to, and yield them."""
    for part, layer in parted_layers(unet):
        looker = PictureAttention(layer.get_submodule("attn2"), part)
        layer.set_submodule("attn2", looker)
        yield looker
