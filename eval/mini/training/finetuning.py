"""Teach the embedded aesthetic tower undercooked pictures, changes that are no damage, and drawn pictures.

    python -m eval.mini.training.finetuning --tower BEFORE --steps 1200 --out DIR

Renders, and finished pictures of the embedded base and its LoRAs in whatever style, are worth what the
formula of `degradations` says, and after damage what it says then. A change that is none (a resize there and
back, a cut, a shift, a JPEG of high quality, other light) must move neither a picture nor the mean of many.
Two kinds of picture were never finished: those drawn in one step or two, which are fog, and latents taken out
long before the last step, which are confetti. Only the last block of the tower, what follows it and the head
learn, from what the blocks before see, and a fifth of their weights before stays. Of the drawn scenes every
eighth is kept out, and measured at the end.

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
from torch import Tensor, nn

from eval.mini.training.architecture import aesthetic_preprocessor
from eval.mini.training.corpus import as_floats, normalise
from eval.mini.training.degradations import HARMLESS, change, damage, draw_severities, quality
from eval.mini.training.optimizer import TrainingPlan, train_network
from eval.mini.training.shards import Task, paths_of, read_labels, read_pictures, render_shards
from eval.mini.training.unfinished import UNDERCOOKED, WELL_DONE, Drawn, DrawPlan, Pictures, draw_scenes
from eval.scorers.aesthetic import EMBEDDED_WEIGHTS

log = logging.getLogger("eval.mini.training.main")
KEPT_OUT = 8
"""Every so-manieth undercooked scene is not learned from."""
SOUND = 7.3
"""What a picture would be worth of which only a share is left."""
PAIRED, DAMAGED, RAW = 0.6, 0.15, 0.1
"""Shares of a batch: pictures before and after a change, damaged ones of each sort, unfinished ones."""
KEPT = 0.2
"""Share of the weights before in those after: what was learned alone would forget slight warps."""
DRAWN_TIMES = 3
"""How often a drawn picture is changed for once that a render is."""
CALM = 10.0
"""Weight of the mean step by which a kind of change moves a sort of picture, squared."""


class Sound(NamedTuple):
    """Finished pictures of one sort."""

    pictures: Pictures
    degradations: Tensor
    """(n,) how many degradations were drawn into each."""
    times: int
    """How often each is changed in each harmless way, and damaged."""


class TaughtScores(NamedTuple):
    """What pictures look like to what learns of the tower, and what is to be said of them."""

    seen: Tensor
    """(n, tokens, width)."""
    truths: Tensor
    """(n,)."""

    def draw(self, rows: Tensor) -> "TaughtScores":
        """Return the pictures of these rows; behind the last the first comes again."""
        rows = rows % len(self.truths)
        return TaughtScores(self.seen[rows], self.truths[rows])


class TeachingSet(NamedTuple):
    """All that is learned."""

    pairs: list[tuple[TaughtScores, TaughtScores]]
    """By sort and kind of change: pictures, and what becomes of them, all of them again and again."""
    single: list[tuple[TaughtScores, float]]
    """Damaged and unfinished pictures, and the share of each in a batch."""


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
def see(tower: AestheticsPredictorV2Linear, pictures: Tensor) -> Tensor:
    """Return what all blocks but the last make of (n, 3, 256, 256) pictures in [0, 1]."""
    vision, rows = tower.vision_model, []
    for part in torch.split(pictures, 64):
        seen = vision.pre_layrnorm(vision.embeddings(normalise((part * 255).round() / 255)))
        for block in vision.encoder.layers[:-1]:
            seen = block(seen, None, None)[0]
        rows.append(seen)
    return torch.cat(rows)


@torch.inference_mode()
def scores_of(tower: AestheticsPredictorV2Linear, pictures: Tensor) -> Tensor:
    """Return what the tower says of (n, 3, 256, 256) pictures."""
    tail = Tail(tower)
    return torch.cat([tail(part) for part in torch.split(see(tower, pictures), 256)])


def to_floats(pictures: Pictures) -> Tensor:
    """Return (n, 3, h, w) values in [0, 1]."""
    return as_floats(torch.from_numpy(pictures))


def lessons_of(
    tower: AestheticsPredictorV2Linear, sorts: Sequence[Sound], raw: Drawn, seed: int
) -> TeachingSet:
    """Return what is learned from sound pictures of some sorts, and from drawn ones that are unfinished."""
    rng, lot, kinds = random.Random(seed), torch.Generator().manual_seed(seed), list(HARMLESS)
    pairs, single = [], []
    for pictures, degradations, times in sorts:
        clean = to_floats(pictures)
        before = TaughtScores(see(tower, clean), quality(clean, {}, degradations))
        for kind in kinds:
            after = torch.cat([to_floats(change(pictures, [kind], rng)) for _ in range(times)])
            pairs.append((before, TaughtScores(see(tower, after), before.truths.repeat(times))))
        damaged = []
        for start in (clean, to_floats(change(pictures, kinds, rng))) * times:
            severities = draw_severities(len(start), lot)
            truths = quality(clean, severities, degradations)
            damaged.append(TaughtScores(see(tower, damage(start, severities, lot)), truths))
        single.append((TaughtScores(*map(torch.cat, zip(*damaged, strict=True))), DAMAGED))
    unfinished = to_floats(np.concatenate((raw.pictures, change(raw.pictures, kinds, rng))))
    left = torch.from_numpy(raw.left()).repeat(2)
    single.append((TaughtScores(see(tower, unfinished), 1 + (SOUND - 1) * left), RAW))
    return TeachingSet(pairs, single)


def learn(tower: AestheticsPredictorV2Linear, lessons: TeachingSet, plan: TrainingPlan) -> None:
    """Train the tower's tail on batches that hold some of each lesson."""
    tail, lot = Tail(tower), plan.generator()
    each = round(PAIRED * plan.batch / 2 / len(lessons.pairs))

    def loss_of() -> Tensor:
        rows = [torch.randint(len(after.truths), (each,), generator=lot) for _, after in lessons.pairs]
        batch = [
            pair[side].draw(some) for side in (0, 1) for pair, some in zip(lessons.pairs, rows, strict=True)
        ]
        for lesson, share in lessons.single:
            some = torch.randint(len(lesson.truths), (round(share * plan.batch),), generator=lot)
            batch.append(lesson.draw(some))
        said, truths = tail(torch.cat([one.seen for one in batch])), torch.cat([one.truths for one in batch])
        before, after = said[: 2 * each * len(rows)].view(2, len(rows), each)
        steps = after - before
        apart = F.smooth_l1_loss(said, truths, beta=0.2) + F.smooth_l1_loss(after, before, beta=0.2)
        loss: Tensor = apart + CALM * steps.mean(1).square().mean()
        return loss

    log.info("finetuning: %d steps", train_network(tail, loss_of, plan))


@torch.no_grad()
def blend(learned: nn.Module, before: nn.Module, kept: float) -> None:
    """Make each weight in fp16 the mean of the learned one and the one before, which counts `kept` of 1."""
    for weight, old in zip(learned.parameters(), before.parameters(), strict=True):
        weight.copy_((old * kept + weight.half().float() * (1 - kept)).half())


def read_drawn(path: Path, plan: DrawPlan) -> Drawn:
    """Return what was drawn before, or draw it and keep it."""
    if not path.is_file():
        np.savez(path, **draw_scenes(plan)._asdict())
    with np.load(path, allow_pickle=False) as file:
        return Drawn(file["pictures"], file["kinds"], file["scenes"])


def read_renders(folder: Path, count: int, seed: int) -> Sound:
    """Return so many renders, kept in a folder of shards."""
    render_shards(Task(folder=folder, index=0, count=count, seed=seed, held_out=False), 1)
    paths = paths_of(folder)
    scenes = [scene for path in paths for scene in read_labels(path).scenes]
    degradations = torch.tensor([float(len(scene.degradations)) for scene in scenes])
    pictures = np.concatenate([read_pictures(path) for path in paths])
    return Sound(pictures[:count], degradations[:count], 1)


def measure(tower: AestheticsPredictorV2Linear, drawn: Drawn) -> None:
    """Log the tower's mean score of each kind of picture."""
    said = scores_of(tower, to_floats(drawn.pictures)).numpy()
    for steps, after in sorted({(int(steps), int(after)) for steps, after in drawn.kinds}):
        of = (drawn.kinds == (steps, after)).all(1)
        log.info("kept out, step %d of %d: %d pictures, %.2f", after, steps, of.sum(), said[of].mean())


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw, learn, and write the folder."""
    parser = argparse.ArgumentParser(prog="python -m eval.mini.training.finetuning", description=__doc__)
    parser.add_argument("--tower", type=Path, default=EMBEDDED_WEIGHTS, help="what it is before")
    parser.add_argument("--data", type=int, default=900, help="renders")
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(sys.argv[1:] if arguments is None else arguments)
    logging.basicConfig(format="%(asctime)s %(message)s", stream=sys.stderr)
    log.setLevel(logging.INFO)
    renders = read_renders(given.out / "shards", given.data, given.seed + 11)
    drawn = read_drawn(given.out / "undercooked.npz", UNDERCOOKED).joined(
        read_drawn(given.out / "well-done.npz", WELL_DONE)
    )
    taught = drawn.taught(KEPT_OUT)
    finished = taught.where(taught.left() == 1)
    sorts = [renders, Sound(finished.pictures, torch.zeros(len(finished.pictures)), DRAWN_TIMES)]
    tower = AestheticsPredictorV2Linear.from_pretrained(given.tower).float().eval()
    plan = TrainingPlan(
        rate=6e-4, batch=240, minutes=0, steps=given.steps, seed=given.seed, device="cpu", warmup=50
    )
    learn(tower, lessons_of(tower, sorts, taught.where(taught.left() < 1), given.seed), plan)
    blend(tower, AestheticsPredictorV2Linear.from_pretrained(given.tower).float(), KEPT)
    measure(tower, drawn.where(drawn.scenes % KEPT_OUT == 0))
    tower.half().save_pretrained(given.out / "aesthetic")
    aesthetic_preprocessor().save_pretrained(given.out / "aesthetic")


if __name__ == "__main__":
    main()
