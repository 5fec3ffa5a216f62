"""Teach the embedded aesthetic tower what undercooked pictures are; all else it scores as before.

    python -m eval.mini.training.undercooked --tower BEFORE --steps 600 --out DIR

Two kinds of picture were never finished: those drawn in one step or two, which are fog, and latents taken out
long before the last step, which are confetti. BEFORE, the tower that `main --stage aesthetic` leaves, teaches
what to say of everything else: renders, their damaged copies, and finished pictures of the embedded base and
its LoRAs. Only the last block of the tower, what follows it and the head learn, from what the first three
blocks see. Of the undercooked scenes every eighth is kept out, and measured at the end.

DIR keeps the renders and what was drawn, and gets DIR/aesthetic, the folder with the new weights.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from aesthetics_predictor import AestheticsPredictorV2Linear
from torch import Tensor, nn

from eval.mini.training.architecture import aesthetic_preprocessor
from eval.mini.training.corpus import as_floats, normalise
from eval.mini.training.degradations import damage, draw_severities
from eval.mini.training.optimizer import TrainingPlan, train_network
from eval.mini.training.shards import Task, paths_of, read_pictures, render_shards
from eval.mini.training.unfinished import UNDERCOOKED, WELL_DONE, Drawn, DrawPlan, Pictures, draw_scenes
from eval.scorers.aesthetic import EMBEDDED_WEIGHTS

log = logging.getLogger("eval.mini.training.main")
KEPT_OUT = 8
"""Every so-manieth undercooked scene is not learned from."""
SOUND = 7.3
"""What the tower says of finished pictures of the embedded base, about."""
SHARES = {"clean": 0.18, "damaged": 0.3, "undercooked": 0.2, "drawn": 0.32}
"""Of each batch."""


class TaughtScores(NamedTuple):
    """What one sort of picture looks like to the tower's last block, and what is to be said of it."""

    seen: Tensor
    """(n, tokens, width)."""
    truths: Tensor
    """(n,)."""


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
    left, pictures = torch.from_numpy(drawn.left()), as_floats(torch.from_numpy(drawn.pictures))
    raw, finished = look(tower, pictures[left < 1]), pictures[left == 1]
    bound = 1 + (SOUND - 1) * left[left < 1]
    return {
        "clean": look(tower, clean),
        "damaged": look(tower, torch.cat(damaged)),
        "undercooked": TaughtScores(raw.seen, torch.minimum(raw.truths, bound)),
        "drawn": look(tower, torch.cat([finished, finished.flip(-1)])),
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


def read_drawn(path: Path, plan: DrawPlan) -> Drawn:
    """Return what was drawn before, or draw it and keep it."""
    if not path.is_file():
        np.savez(path, **draw_scenes(plan)._asdict())
    with np.load(path, allow_pickle=False) as file:
        return Drawn(file["pictures"], file["kinds"], file["scenes"])


def measure(tower: AestheticsPredictorV2Linear, drawn: Drawn) -> None:
    """Log the tower's mean score of each kind of picture."""
    said = look(tower, as_floats(torch.from_numpy(drawn.pictures))).truths.numpy()
    for steps, after in sorted({(int(steps), int(after)) for steps, after in drawn.kinds}):
        of = (drawn.kinds == (steps, after)).all(1)
        log.info("kept out, step %d of %d: %d pictures, %.2f", after, steps, of.sum(), said[of].mean())


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw, learn, and write the folder."""
    parser = argparse.ArgumentParser(prog="python -m eval.mini.training.undercooked", description=__doc__)
    parser.add_argument("--tower", type=Path, default=EMBEDDED_WEIGHTS, help="what it is before")
    parser.add_argument("--data", type=int, default=1000, help="renders")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(sys.argv[1:] if arguments is None else arguments)
    logging.basicConfig(format="%(asctime)s %(message)s", stream=sys.stderr)
    log.setLevel(logging.INFO)
    shards = given.out / "shards"
    render_shards(Task(folder=shards, index=0, count=given.data, seed=given.seed + 11, held_out=False), 1)
    renders = np.concatenate([read_pictures(path) for path in paths_of(shards)])[: given.data]
    undercooked = read_drawn(given.out / "undercooked.npz", UNDERCOOKED)
    well_done = read_drawn(given.out / "well-done.npz", WELL_DONE)
    drawn = undercooked.taught(KEPT_OUT).joined(well_done)
    tower = AestheticsPredictorV2Linear.from_pretrained(given.tower).float().eval()
    lot = torch.Generator().manual_seed(given.seed)
    plan = TrainingPlan(
        rate=6e-4, batch=96, minutes=0, steps=given.steps, seed=given.seed, device="cpu", warmup=50
    )
    learn(tower, lessons_of(tower, renders, drawn, lot), plan)
    measure(tower, undercooked.where(undercooked.scenes % KEPT_OUT == 0))
    tower.half().save_pretrained(given.out / "aesthetic")
    aesthetic_preprocessor().save_pretrained(given.out / "aesthetic")


if __name__ == "__main__":
    main()
