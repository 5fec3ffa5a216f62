"""ControlNets of Kolors: read by diffusers' class, each once, and ready to hold the panels of a batch.

diffusers' class has the projection of the text that Kolors' ControlNets are trained with, `encoder_hid_proj`,
and does not call it; Kolors' own code does, and so do we.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from kit.errors import InputError
from kit.generation.controls.control import Control, map_pixels
from kit.generation.controls.held_panels import HeldPanels, HoldingNet
from kit.generation.painter import PanelRequest, misfits
from kit.messages import tr
from kit.models.bases.controlnet_files import need_diffusers, open_controlnet
from kit.models.sizes import LATENT_CHANNELS, UNetSizes


class MapReader(nn.Module):
    """The layers of a ControlNet that read its map, which is the same at every step: asked once by `read`."""

    def __init__(self, layers: nn.Module, *, turned: bool) -> None:
        """Wrap the layers; `turned` says that the ControlNet turns the order of the colours itself."""
        super().__init__()
        self.layers, self._turned = layers, turned

    def read(self, maps: Tensor) -> Tensor:
        """Return what the layers make of maps, (B, 3, H, W) from 0 to 1: (B, channels, H/8, W/8)."""
        made: Tensor = self.layers(maps.flip(1) if self._turned else maps)
        return made.flip(1) if self._turned else made

    def forward(self, made: Tensor) -> Tensor:
        """Return what was read before, whole or a part."""
        return made


class KolorsControlNets:
    """The ControlNets that panels were held by so far, each loaded once."""

    def __init__(self, device: str) -> None:
        """Take the device that draws; nothing is loaded yet."""
        self._device = device
        self._nets: dict[str, Any] = {}
        """By their sha256."""

    def held(
        self, requests: Sequence[PanelRequest], texts: Tensor, steps: range, size: int, dtype: torch.dtype
    ) -> HeldPanels:
        """Return how panels are held; their ControlNets are on the device then.

        Args:
            requests: that the same ControlNets hold alike, or none.
            texts: (halves, rows, tokens, hidden), those of anchors behind the panels'.
            steps: in which they are drawn.
            size: of their pictures, in pixels.
            dtype: that is computed in.
        """
        own, nets = texts[:, : len(requests)].flatten(0, 1), []
        for column in zip(*(one.control for one in requests), strict=True):
            net, told = self._loaded(column[0], dtype), column[0].record
            maps = (map_pixels([one], size).to(self._device, dtype) for one in column)
            nets.append(
                HoldingNet(
                    net=net,
                    maps=torch.cat([net.controlnet_cond_embedding.read(one) for one in maps]),
                    texts=net.encoder_hid_proj(own.to(self._device, dtype)),
                    weight=told.weight,
                    until=told.until,
                )
            )
        return HeldPanels(nets=nets, panels=len(requests), drawn=texts.shape[1], steps=steps)

    def _loaded(self, control: Control, dtype: torch.dtype) -> Any:
        need_diffusers()
        from kit.generation.pipelines.parts import read_controlnet

        known = control.record.controlnet
        with torch.inference_mode(False):
            if known not in self._nets:
                net: Any = read_controlnet(open_controlnet(control.folder).network, self._device, dtype)
                turned = net.config.controlnet_conditioning_channel_order == "bgr"
                net.controlnet_cond_embedding = MapReader(net.controlnet_cond_embedding, turned=turned)
                self._nets[known] = net
            return self._nets[known].to(self._device, dtype)

    def put_aside(self) -> None:
        """Leave the device to others: the ControlNets wait in the computer's own memory until they hold."""
        with torch.inference_mode(False):
            for net in self._nets.values():
                net.to("cpu")

    def unload(self) -> None:
        """Free all of them."""
        self._nets = {}


def refuse_strangers(requests: Iterable[PanelRequest], base: str, sizes: UNetSizes) -> None:
    """Raise InputError where a panel is held by a ControlNet that is for another base.

    Args:
        requests: that are to be drawn.
        base: what the base is called.
        sizes: of its UNet.
    """
    unet = {
        "in_channels": LATENT_CHANNELS,
        "block_out_channels": list(sizes.widths),
        "layers_per_block": 2,
        "cross_attention_dim": sizes.cross,
        "projection_class_embeddings_input_dim": sizes.pooled + 6 * sizes.time_ids,
        "addition_embed_type": "text_time",
        "encoder_hid_dim": sizes.pooled,
    }
    if faults := misfits(requests, base, unet):
        raise InputError(tr("base {name}", name=base), faults)
