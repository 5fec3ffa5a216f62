"""The drawing loop: from the first noise, step by step, to a batch's latents."""

from collections.abc import Sequence

import torch
from torch import Tensor

from kit.experiment.drawing.draw_settings import DrawSettings
from kit.generation.anchors.joining import join_anchors, sharing_of
from kit.generation.anchors.pictured_anchors import AnchorLatents, PicturedAnchors
from kit.generation.controls.held_panels import by_half
from kit.generation.ip_adapter.picture_attention import looking
from kit.generation.kolors.denoiser import refuse_too_small
from kit.generation.kolors.kolors_networks import KolorsNetworks
from kit.generation.painter import PanelRequest
from kit.generation.repair.repainting import Kept
from kit.generation.sampling.deep_cache import deep_cache
from kit.generation.sampling.dpm_solver import solver_of
from kit.generation.sampling.first_noise import first_noise
from kit.generation.sampling.tiled import LATENTS, tiled
from kit.models.kolors.vae import pixels_of


class DrawingLoop:
    """Takes noise out of latents with Kolors' networks."""

    def __init__(self, networks: KolorsNetworks) -> None:
        """Take the networks, of which nothing need be loaded yet."""
        self._networks = networks
        self._anchor_latents = AnchorLatents()

    def unload(self) -> None:
        """Forget the latents of pictures that panels were drawn to match."""
        self._anchor_latents.unload()

    def first_noise(self, requests: Sequence[PanelRequest], settings: DrawSettings) -> Tensor:
        """Return the noise that panels begin from, (B, 4, H/8, W/8)."""
        device = self._networks.device
        return torch.cat([first_noise(one.seed, settings, device, one.variation) for one in requests])

    def denoise(
        self,
        latents: Tensor,
        requests: Sequence[PanelRequest],
        settings: DrawSettings,
        kept: Kept | None = None,
    ) -> Tensor:
        """Return the latents after all steps; classifier-free guidance ends when the settings say.

        One that is drawn again begins at its first step, or waits for it where anchors are drawn beside it.
        """
        networks = self._networks
        joined, guided = join_anchors(requests), settings.guided_steps
        begins = kept.first if kept else 0
        noise, first = latents[:1], 0 if joined.beside else begins
        if joined.beside:
            latents = torch.cat([latents, self.first_noise(joined.beside, settings)])
        originals = {row: self._anchor(settings, png) for row, png in joined.pictures.items()}
        pictured = PicturedAnchors(originals=originals, noise=latents)
        drawn = [*requests, *joined.beside]
        negatives = [row.negative for row in drawn] if guided else []
        texts, words = [*(row.prompt for row in drawn), *negatives], drawn[0].embeddings
        cross, pooled = networks.texts.of(texts, words)
        least = len(drawn) if guided < settings.steps else 2 * len(drawn)
        refuse_too_small(networks.base.sizes.unet, least, settings.size)
        solver = solver_of(settings, first)
        engine = networks.denoiser
        engine.share(sharing_of(joined, drawn, networks.texts))
        halves, steps = by_half(cross, len(drawn)), range(begins, settings.steps)
        held = networks.controlnets.held(requests, halves, steps, settings.size, engine.dtype)
        prompted = networks.pictures.prompted(requests, len(drawn), steps, engine, settings.memory)
        caching = deep_cache(engine.unet, settings.cache_every)
        with caching, looking(engine.lookers, prompted) as look:
            for number, step in enumerate(solver.timesteps, first):
                if kept:
                    latents = kept.held(latents, solver.add_noise(kept.original, noise, step), number)
                latents = pictured.held(latents, solver, step)
                rows = torch.cat([latents, latents]) if number < guided else latents
                if number in (first, guided):
                    engine.set_text(cross[: len(rows)])
                read, tile = (kept.seen(rows), kept.tile) if kept else (rows, 0)
                now = held.at(number)
                look(number, len(rows))
                predict = engine.at(step[None], pooled[: len(rows)], now)
                predicted = tiled(predict, now.with_maps(read) if now else read, LATENTS, tile)
                if number < guided:
                    wanted, unwanted = predicted.chunk(2)
                    predicted = unwanted + settings.cfg * (wanted - unwanted)
                latents = solver.step(predicted, step, latents)
        if kept:
            latents = kept.held(latents, kept.original, settings.steps)
        return latents[: len(requests)]

    def _anchor(self, settings: DrawSettings, png: bytes) -> Tensor:
        """Return the latents of a picture that panels are drawn to match."""
        networks = self._networks
        return self._anchor_latents.of(
            png, settings.size, lambda seen: networks.encode(settings, pixels_of(seen, networks.device))
        )
