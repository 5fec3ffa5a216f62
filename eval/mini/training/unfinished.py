"""Draws with the embedded base what was never finished: pictures of few steps, latents taken out early."""

import logging
import random
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kit.embedded import EMBEDDED
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.generation.kolors.kolors_painter import KolorsPainter
from kit.generation.painter import DrawFailure, PanelRequest
from kit.generation.sampling.first_noise import first_noise
from kit.generation.sampling.picture_latents import decoded
from kit.lora.lora import embedded_loras, find_lora
from kit.models.base import load_base
from kit.models.kolors.scheduler import scheduler
from kit.models.kolors.unet import time_ids
from kit.world.captions import caption
from kit.world.scene import STYLES, Style, sample_scene

log = logging.getLogger("eval.mini.training.main")
Pictures = NDArray[np.uint8]
LEFT = {(1, 1): 0.12, (2, 2): 0.12, (10, 2): 0.08, (10, 4): 0.12}
"""By steps and the step after which the latent was taken out, which share of the quality above 1 is left."""
FINISHED = ((6, 6), (10, 10))
BETWEEN = ((3, 3), (4, 4), (10, 7), (10, 9))
"""Measured, not taught: some are nearly finished, and soft finished pictures look like others of these."""
NEGATIVES = ("", "模糊, 变形", "blurry, deformed")
GUIDANCE = (3.0, 4.0, 5.0, 7.0)


class DrawPlan(NamedTuple):
    """Which scenes the embedded base draws, and in how many steps."""

    lot: int
    styles: tuple[Style, ...]
    """In turn; where there is a LoRA for a style, it draws with it."""
    sampled: int
    """Scenes there are; batches of four of them come in chance order."""
    drawn: int
    """Scenes that are drawn, a multiple of four."""
    steps: tuple[int, ...]
    slow: tuple[int, ...] = ()
    """Steps that only every third batch is drawn in as well."""


UNDERCOOKED = DrawPlan(
    lot=1000, styles=(*STYLES[4:], *STYLES[:4]), sampled=144, drawn=64, steps=(1, 2, 3, 4, 6), slow=(10,)
)
SOUND_STYLES: tuple[Style, ...] = ("ink", "watercolour", "watercolour", "cyberpunk", "ink", "flat")
WELL_DONE = DrawPlan(lot=7000, styles=SOUND_STYLES, sampled=96, drawn=96, steps=(6, 10))
"""Finished pictures, most of them of LoRAs, whose soft edges are no fog."""


class Drawn(NamedTuple):
    """Pictures of the embedded base."""

    pictures: Pictures
    kinds: NDArray[np.int64]
    """(n, 2) steps, and the step after which the latent was taken out."""
    scenes: NDArray[np.int64]
    """(n,) numbers of the scenes."""

    def where(self, rows: NDArray[np.bool_]) -> "Drawn":
        """Return some of the pictures."""
        return Drawn(self.pictures[rows], self.kinds[rows], self.scenes[rows])

    def taught(self, kept_out: int) -> "Drawn":
        """Return what is learned from: no kind between, and not every so-manieth scene."""
        between = [(steps, after) in BETWEEN for steps, after in self.kinds.tolist()]
        return self.where(~np.array(between) & (self.scenes % kept_out != 0))

    def joined(self, other: "Drawn") -> "Drawn":
        """Return these pictures, then the other ones; scenes of both may share numbers."""
        return Drawn(
            np.concatenate((self.pictures, other.pictures)),
            np.concatenate((self.kinds, other.kinds)),
            np.concatenate((self.scenes, other.scenes)),
        )

    def left(self) -> NDArray[np.float32]:
        """Return (n,) shares of the quality above 1 that are left; 1 of finished pictures."""
        shares = [LEFT.get((steps, after), 1.0) for steps, after in self.kinds.tolist()]
        return np.array(shares, np.float32)


class UnfinishedPainter(KolorsPainter):
    """Draws on a CPU, and takes latents out before they are finished."""

    @torch.inference_mode()
    def unfinished(self, requests: Sequence[PanelRequest], settings: DrawSettings) -> dict[int, list[Tensor]]:
        """Return the latents after each step, from 1; guided as `draw` guides."""
        latents = torch.cat([first_noise(request.seed, settings, "cpu") for request in requests])
        prompts = [request.prompt for request in requests] + [request.negative for request in requests]
        cross, pooled = self._networks.texts.of(prompts)
        self._networks.denoiser.set_text(cross)
        sizes, sampler, found = time_ids(len(prompts), settings.size, "cpu"), scheduler(settings.steps), {}
        for number, step in enumerate(sampler.timesteps, 1):
            predicted = self._networks.denoiser(torch.cat([latents, latents]), step[None], sizes, pooled)
            wanted, unwanted = predicted.chunk(2)
            latents = sampler.step(unwanted + settings.cfg * (wanted - unwanted), step, latents)
            found[number] = list(latents)
        return found

    @torch.inference_mode()
    def decoded(self, latents: Sequence[Tensor]) -> list[Pictures | None]:
        """Return the pictures of latents; None of what has one colour all over."""
        drawn = (decoded(self._networks.decoder, latent) for latent in latents)
        return [None if isinstance(picture, DrawFailure) else np.asarray(picture) for picture in drawn]


def sample_batches(plan: DrawPlan, rng: random.Random) -> list[tuple[Style, list[PanelRequest]]]:
    """Return batches of one style each, those without a LoRA as flat, in chance order."""
    groups: dict[Style, list[PanelRequest]] = {}
    for number in range(plan.sampled):
        style = plan.styles[number % len(plan.styles)]
        scene = sample_scene(rng, style)
        text = caption(scene, rng.choice(("zh", "zh", "en")), rng)
        negative = rng.choice(NEGATIVES)
        rng.choice(GUIDANCE)  # was a scene's own before it was a batch's; kept, for the lot goes on from here
        request = PanelRequest(key=str(number), prompt=text, negative=negative, seed=1000 * plan.lot + number)
        groups.setdefault(style if style in embedded_loras() else "flat", []).append(request)
    batches = [(style, one[k : k + 4]) for style, one in groups.items() for k in range(0, len(one), 4)]
    rng.shuffle(batches)
    return batches


def draw_scenes(plan: DrawPlan) -> Drawn:
    """Return the plan's pictures; a seeded lot decides, so the same plan draws the same."""
    painter, rng = UnfinishedPainter(load_base(EMBEDDED), "cpu"), random.Random(f"fog {plan.lot}")
    batches = sample_batches(plan, rng)
    requests = sorted((one for _, batch in batches for one in batch), key=lambda one: int(one.key))
    painter.encode_prompts([*(one.prompt for one in requests), *NEGATIVES])
    rows: list[tuple[Pictures, tuple[int, int], int]] = []
    for number, (style, batch) in enumerate(batches):
        cfg = rng.choice(GUIDANCE)
        if 4 * number >= plan.drawn:
            break
        painter.set_lora(find_lora(f"mini:{style}") if style in embedded_loras() else None, 1.0)
        for steps in (*plan.steps, *(plan.slow if number % 3 == 0 else ())):
            settings = DrawSettings(steps=steps, cfg=cfg, size=256, noise="portable")
            for after, latents in painter.unfinished(batch, settings).items():
                if (steps, after) in (*LEFT, *FINISHED, *BETWEEN):
                    found = painter.decoded(latents)
                    rows += [
                        (picture, (steps, after), int(one.key))
                        for one, picture in zip(batch, found, strict=True)
                        if picture is not None
                    ]
        log.info("drawn: %d scenes, %d pictures", 4 * number + 4, len(rows))
    pictures, kinds, scenes = zip(*rows, strict=True)
    return Drawn(np.stack(pictures), np.array(kinds), np.array(scenes))
