"""Teach the embedded aesthetic tower what undercooked pictures are; all else it scores as before.

    python -m eval.mini.training.undercooked --scenes 160 --steps 700 --out DIR

Two kinds of picture were never finished: those drawn in one to four steps, which are fog, and latents taken
out before the last step, which are confetti. The tower as it is teaches what to say of everything else:
renders, their damaged copies, and pictures of the embedded base and its LoRAs drawn in six steps and ten.
Only the last block of the tower, what follows it and the head learn, from what the first three blocks see.

DIR keeps the renders and what was drawn, and gets DIR/aesthetic, the folder with the new weights.
"""

import argparse
import logging
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from aesthetics_predictor import AestheticsPredictorV2Linear
from numpy.typing import NDArray
from torch import Tensor, nn

from eval.mini.training.architecture import aesthetic_preprocessor
from eval.mini.training.corpus import as_floats, normalise
from eval.mini.training.degradations import damage, draw_severities
from eval.mini.training.optimizer import TrainingPlan, train_network
from eval.mini.training.shards import Task, paths_of, read_pictures, render_shards
from eval.scorers.aesthetic import EMBEDDED_WEIGHTS
from kit.embedded import EMBEDDED
from kit.experiment.config import DrawSettings
from kit.generation.kolors_painter import KolorsPainter, first_noise
from kit.generation.painter import DrawFailure, PanelRequest
from kit.lora.lora import embedded_loras, find_lora
from kit.models.base import load_base
from kit.models.kolors.scheduler import scheduler
from kit.models.kolors.unet import time_ids
from kit.world.captions import caption
from kit.world.scene import STYLES, sample_scene

log = logging.getLogger("eval.mini.training.main")
Pictures = NDArray[np.uint8]
LEFT = {
    **{(1, 1): 0.12, (2, 2): 0.12, (3, 3): 0.45, (4, 4): 0.82},
    **{(10, 2): 0.08, (10, 4): 0.12, (10, 7): 0.35, (10, 9): 0.75},
}
"""By steps and the step after which the latent was taken out, which share of the quality above 1 is left."""
FINISHED = ((6, 6), (10, 10))
SOUND = 7.3
"""What the tower says of finished pictures of the embedded base, about."""
SHARES = {"clean": 0.2, "damaged": 0.32, "undercooked": 0.24, "drawn": 0.24}
"""Of each batch."""


class Drawn(NamedTuple):
    """Pictures of the embedded base."""

    pictures: Pictures
    kinds: NDArray[np.int64]
    """(n, 2) steps, and the step after which the latent was taken out."""


class UnfinishedPainter(KolorsPainter):
    """Draws on a CPU, and takes latents out before they are finished."""

    @torch.inference_mode()
    def unfinished(self, requests: Sequence[PanelRequest], settings: DrawSettings) -> dict[int, list[Tensor]]:
        """Return the latents after each step, from 1; guided as `draw` guides."""
        latents = torch.cat([first_noise(request.seed, settings, "cpu") for request in requests])
        prompts = [request.prompt for request in requests] + [request.negative for request in requests]
        cross, pooled = self._read_states(prompts)
        self._denoiser.set_text(cross)
        sizes, sampler, found = time_ids(len(prompts), settings.size, "cpu"), scheduler(settings.steps), {}
        for number, step in enumerate(sampler.timesteps, 1):
            predicted = self._denoiser(torch.cat([latents, latents]), step[None], sizes, pooled)
            wanted, unwanted = predicted.chunk(2)
            latents = sampler.step(unwanted + settings.cfg * (wanted - unwanted), step, latents)
            found[number] = list(latents)
        return found

    @torch.inference_mode()
    def decoded(self, latents: Sequence[Tensor]) -> list[Pictures]:
        """Return the pictures of latents; what has one colour all over is left out."""
        drawn = (self._decode(latent) for latent in latents)
        return [np.asarray(picture) for picture in drawn if not isinstance(picture, DrawFailure)]


class TaughtScores(NamedTuple):
    """What one sort of picture looks like to the tower's last block, and what is to be said of it."""

    seen: Tensor
    """(n, tokens, width)."""
    truths: Tensor
    """(n,)."""


def draw_undercooked(scenes: int, seed: int) -> Drawn:
    """Return scenes of every style drawn in few steps, some taken out early; styles of LoRAs with these."""
    painter, rng = UnfinishedPainter(load_base(EMBEDDED), "cpu"), random.Random(seed)
    pictures: list[Pictures] = []
    kinds: list[tuple[int, int]] = []
    for number in range(0, scenes, 4):
        style = STYLES[number // 4 % len(STYLES)]
        prompts = [caption(sample_scene(rng, style), "zh", rng) for _ in range(4)]
        painter.encode_prompts([*prompts, ""])
        painter.set_lora(find_lora(f"mini:{style}") if style in embedded_loras() else None, 1.0)
        requests = [
            PanelRequest(key="", prompt=prompt, negative="", seed=seed + number + k)
            for k, prompt in enumerate(prompts)
        ]
        cfg = rng.choice((3.0, 4.0, 5.0, 7.0))
        for steps in dict.fromkeys(steps for steps, _ in (*LEFT, *FINISHED)):
            settings = DrawSettings(steps=steps, cfg=cfg, size=256, noise="portable")
            for after, latents in painter.unfinished(requests, settings).items():
                if (steps, after) in LEFT or (steps, after) in FINISHED:
                    found = painter.decoded(latents)
                    pictures += found
                    kinds += [(steps, after)] * len(found)
    return Drawn(np.stack(pictures), np.array(kinds))


class Tail(nn.Module):
    """The last block of the tower, what follows it and the head, as one network."""

    def __init__(self, tower: AestheticsPredictorV2Linear) -> None:
        """Take the parts of a tower; they stay its own."""
        super().__init__()
        self.block = tower.vision_model.encoder.layers[-1]
        self.norm = tower.vision_model.post_layernorm
        self.projection = tower.visual_projection
        self.head = tower.layers

    def forward(self, seen: Tensor) -> Tensor:
        """Return (n,) scores; of the last block only the first token is wanted, so only that is computed."""
        block, attention = self.block, self.block.self_attn
        tokens = block.layer_norm1(seen)
        parts = (attention.q_proj(tokens[:, :1]), attention.k_proj(tokens), attention.v_proj(tokens))
        heads = [part.unflatten(-1, (attention.num_heads, -1)).transpose(1, 2) for part in parts]
        mixed = F.scaled_dot_product_attention(*heads).transpose(1, 2).flatten(2)
        first = seen[:, :1] + attention.out_proj(mixed)
        first = first + block.mlp(block.layer_norm2(first))
        embedding = self.projection(self.norm(first[:, 0]))
        scores: Tensor = self.head(F.normalize(embedding, dim=-1))[:, 0]
        return scores


@torch.inference_mode()
def look(tower: AestheticsPredictorV2Linear, pictures: Tensor) -> TaughtScores:
    """Return what all blocks but the last make of (n, 3, 256, 256) pictures, and what the tower says now."""
    vision, tail, rows = tower.vision_model, Tail(tower), []
    for part in torch.split(pictures, 64):
        seen = vision.pre_layrnorm(vision.embeddings(normalise((part * 255).round() / 255)))
        for block in vision.encoder.layers[:-1]:
            seen = block(seen, None, None)[0]
        rows.append(seen)
    seen = torch.cat(rows)
    return TaughtScores(seen, torch.cat([tail(part) for part in torch.split(seen, 256)]))


def lessons_of(
    tower: AestheticsPredictorV2Linear, renders: Pictures, drawn: Drawn, lot: torch.Generator
) -> dict[str, TaughtScores]:
    """Return what is learned, by sort: the tower's own scores, but of undercooked pictures."""
    clean = as_floats(torch.from_numpy(renders))
    damaged = [damage(clean, draw_severities(len(clean), lot), lot) for _ in range(2)]
    left = torch.tensor([LEFT.get((steps, after), 1.0) for steps, after in drawn.kinds.tolist()])
    pictures = as_floats(torch.from_numpy(drawn.pictures))
    raw = look(tower, pictures[left < 1])
    bound = 1 + (SOUND - 1) * left[left < 1]
    return {
        "clean": look(tower, clean),
        "damaged": look(tower, torch.cat(damaged)),
        "undercooked": TaughtScores(raw.seen, torch.minimum(raw.truths, bound)),
        "drawn": look(tower, pictures[left == 1]),
    }


def learn(tower: AestheticsPredictorV2Linear, lessons: dict[str, TaughtScores], plan: TrainingPlan) -> None:
    """Train the tower's tail on batches that hold each sort by its share."""
    tail, lot = Tail(tower), plan.generator()

    def loss_of() -> Tensor:
        seen, truths = [], []
        for sort, share in SHARES.items():
            one = lessons[sort]
            rows = torch.randint(len(one.truths), (round(share * plan.batch),), generator=lot)
            seen.append(one.seen[rows])
            truths.append(one.truths[rows])
        return F.smooth_l1_loss(tail(torch.cat(seen)), torch.cat(truths), beta=0.2)

    log.info("undercooked: %d steps", train_network(tail, loss_of, plan))


def read_drawn(path: Path, scenes: int, seed: int) -> Drawn:
    """Return what was drawn before, or draw it and keep it."""
    if not path.is_file():
        np.savez(path, **draw_undercooked(scenes, seed)._asdict())
    with np.load(path, allow_pickle=False) as file:
        return Drawn(file["pictures"], file["kinds"])


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw, learn, and write the folder."""
    parser = argparse.ArgumentParser(prog="python -m eval.mini.training.undercooked", description=__doc__)
    parser.add_argument("--scenes", type=int, default=160, help="scenes drawn in few steps")
    parser.add_argument("--data", type=int, default=1500, help="renders")
    parser.add_argument("--steps", type=int, default=700)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(sys.argv[1:] if arguments is None else arguments)
    logging.basicConfig(format="%(asctime)s %(message)s", stream=sys.stderr)
    log.setLevel(logging.INFO)
    shards = given.out / "shards"
    render_shards(Task(folder=shards, index=0, count=given.data, seed=given.seed + 11, held_out=False), 1)
    renders = np.concatenate([read_pictures(path) for path in paths_of(shards)])[: given.data]
    drawn = read_drawn(given.out / "drawn.npz", given.scenes, given.seed)
    tower = AestheticsPredictorV2Linear.from_pretrained(EMBEDDED_WEIGHTS).float().eval()
    lot = torch.Generator().manual_seed(given.seed)
    plan = TrainingPlan(
        rate=6e-4, batch=96, minutes=0, steps=given.steps, seed=given.seed, device="cpu", warmup=50
    )
    learn(tower, lessons_of(tower, renders, drawn, lot), plan)
    tower.half().save_pretrained(given.out / "aesthetic")
    aesthetic_preprocessor().save_pretrained(given.out / "aesthetic")


if __name__ == "__main__":
    main()
