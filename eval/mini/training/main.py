"""Train the embedded encoder and the embedded aesthetic tower on the drawn world.

    python -m eval.mini.training.main --stage clip --data 120000 --minutes 4.6 --out DIR --workers 16
    python -m eval.mini.training.main --stage aesthetic --data 60000 --minutes 1.6 --out DIR --workers 16
    python -m eval.mini.training.main --stage check --out DIR --workers 16

Stages share DIR/shards (rendered once; --shards takes another folder) and leave DIR/clip and DIR/aesthetic;
a stage whose folder is complete is not run again. `check` writes DIR/check.json and shows it.
"""

import argparse
import json
import logging
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from aesthetics_predictor import AestheticsPredictorV2Linear
from open_clip import CLIP
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import AutoTokenizer

from eval.mini.training.architecture import (
    AESTHETIC_SIDE,
    CLIP_SIDE,
    aesthetic_config,
    aesthetic_preprocessor,
    half,
    start_clip_folder,
)
from eval.mini.training.corpus import (
    Corpus,
    Texts,
    as_floats,
    flip,
    normalise,
    read_corpus,
    read_texts,
    resize,
    tokenise,
)
from eval.mini.training.degradations import damage, draw_severities, quality
from eval.mini.training.exam import check
from eval.mini.training.optimizer import TrainingPlan, log, settle_statistics, train_network
from eval.mini.training.shards import Task, render_shards
from eval.mini.training.zero_shot import LANGUAGES, VARIANTS, ask, name_loss
from eval.scorers.clip import open_folder
from kit.world.captions import caption

ALIKE = 32
"""Pictures of one place and style in every other batch."""
SPEAKERS = 20_000
"""Scenes whose captions give the vocabulary: those in shards hold meaningless words, too."""
REACH = 5.0
"""Length of the aesthetic head at first: how far its scores can be from 5."""


def contrast(pictures: Tensor, texts: Tensor, rows: Tensor, scale: Tensor) -> Tensor:
    """Return the symmetric contrastive loss of unit rows; equal texts are each other's pictures, too."""
    logits = scale.exp().clamp(max=100) * pictures.float() @ texts.float().T
    same = (rows[:, None] == rows[None]).float()
    target = same / same.sum(1, keepdim=True)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def roughen(pictures: Tensor, generator: torch.Generator, rng: random.Random) -> Tensor:
    """Return the pictures a little shifted, brighter, fainter or noisier, as drawn ones may be."""
    n, device = len(pictures), pictures.device
    lot = torch.rand(4, n, 1, 1, 1, generator=generator, device=device)
    left, top = rng.randrange(13), rng.randrange(13)
    height, width = pictures.shape[2:]
    padded = F.pad(pictures, (6, 6, 6, 6), mode="replicate")
    moved = padded[:, :, top : top + height, left : left + width]
    toned = (moved - 0.5) * (0.85 + 0.3 * lot[0]) + 0.5 + 0.1 * (lot[1] - 0.5)
    grain = torch.randn(toned.shape, generator=generator, device=device)
    return (toned + 0.05 * lot[2] * (lot[3] < 0.3) * grain).clamp(0, 1)


class TokenisedQuestion(NamedTuple):
    """One question, its names as tokens."""

    weight: float
    truths: Tensor
    tokens: Sequence[Tensor]
    """A language: (names, VARIANTS, context)."""

    def pick(self, generator: torch.Generator, rng: random.Random) -> Tensor:
        """Return (names, context): one text a name, all in one language, by lot."""
        tokens = rng.choice(self.tokens)
        lot = torch.randint(VARIANTS, (len(tokens),), generator=generator, device=tokens.device)
        return tokens[torch.arange(len(tokens), device=tokens.device), lot]


@dataclass(frozen=True, kw_only=True, slots=True)
class Lesson:
    """What the encoder is shown and asked, batch by batch."""

    corpus: Corpus
    network: CLIP
    tokens: Tensor
    """(distinct texts, context)."""
    options: Tensor
    captions: int
    asked: Sequence[TokenisedQuestion]
    plan: TrainingPlan
    generator: torch.Generator
    rng: random.Random

    def show(self) -> Tensor:
        """Return rows of pictures as they are, drawn by lot."""
        rows = self.corpus.draw(self.plan.batch, self.generator)
        panels = normalise(as_floats(self.corpus.pictures[rows]))
        return self._see(panels)

    def _see(self, panels: Tensor) -> Tensor:
        with self.plan.precision():
            unit: Tensor = self.network.encode_image(
                panels.contiguous(memory_format=torch.channels_last), normalize=True
            )
        return unit

    def loss(self) -> Tensor:
        """Return the contrastive loss of a batch plus those of all questions about it.

        Every other batch shows groups of pictures of one place and style, with whole captions only.
        """
        plan, generator, alike = self.plan, self.generator, self.rng.random() < 0.5
        rows = (
            self.corpus.draw_alike(plan.batch, ALIKE, generator)
            if alike
            else self.corpus.draw(plan.batch, generator)
        )
        many = self.captions if alike else self.options.shape[1]
        pick = torch.randint(many, (plan.batch, 1), generator=generator, device=plan.device)
        texts = self.options[rows].gather(1, pick)[:, 0]
        names = [asked.pick(generator, self.rng) for asked in self.asked]
        panels = flip(as_floats(self.corpus.pictures[rows]), generator)
        seen = self._see(normalise(roughen(panels, generator, self.rng)))
        with plan.precision():
            tokens = torch.cat([self.tokens[texts], *names]).long()
            read = self.network.encode_text(tokens, normalize=True)
        captions, *read_names = read.split([plan.batch, *map(len, names)])
        scale = self.network.logit_scale
        loss = contrast(seen, captions, texts, scale)
        for asked, said in zip(self.asked, read_names, strict=True):
            loss = loss + asked.weight * name_loss(seen, said, asked.truths[rows].float(), scale)
        return loss


def train_clip(corpus: Corpus, said: Texts, folder: Path, plan: TrainingPlan) -> None:
    """Train the encoder and complete its folder."""
    rng = random.Random(plan.seed)
    questions = ask(corpus.scenes, rng)
    named = [text for q in questions for lists in q.texts.values() for texts in lists for text in texts]
    clean = [caption(scene, language, rng) for scene in corpus.scenes[:SPEAKERS] for language in LANGUAGES]
    start_clip_folder(folder, [*clean, *named])
    with torch.random.fork_rng():
        torch.manual_seed(plan.seed)
        network = open_folder(folder, weights=False).network.to(plan.device).train()
    network.visual.to(memory_format=torch.channels_last)
    tokenizer = AutoTokenizer.from_pretrained(folder)

    def tokens_of(texts: Sequence[str]) -> Tensor:
        return tokenise(tokenizer, texts).to(plan.device)

    asked = [
        TokenisedQuestion(
            weight=question.weight,
            truths=question.truths.to(plan.device),
            tokens=[torch.stack([tokens_of(texts) for texts in lists]) for lists in question.texts.values()],
        )
        for question in questions
    ]
    lesson = Lesson(
        corpus=corpus,
        network=network,
        tokens=tokens_of(said.distinct),
        options=said.options.to(plan.device),
        captions=said.captions,
        asked=asked,
        plan=plan,
        generator=plan.generator(),
        rng=rng,
    )
    log.info("clip: %d pictures, %d texts", len(corpus.pictures), len(said.distinct))
    log.info("clip: %d steps", train_network(network, lesson.loss, plan))
    settle_statistics(network, lesson.show)
    save_file(half(network), folder / "open_clip_model.safetensors")


def train_aesthetic(corpus: Corpus, folder: Path, plan: TrainingPlan) -> None:
    """Train the aesthetic tower with its head and write its folder."""
    with torch.random.fork_rng():
        torch.manual_seed(plan.seed)
        network = AestheticsPredictorV2Linear(aesthetic_config()).to(plan.device).eval()
    head = network.layers[-1]
    nn.init.constant_(head.bias, 5.0)
    head.weight.data *= REACH / head.weight.data.norm()
    generator = plan.generator()

    def loss_of() -> Tensor:
        rows = corpus.draw(plan.batch, generator)
        clean = flip(as_floats(corpus.pictures[rows]), generator)
        severities = draw_severities(plan.batch, generator)
        truth = quality(clean, severities, corpus.degradations[rows])
        panels = normalise(resize(damage(clean, severities, generator), AESTHETIC_SIDE))
        with plan.precision():
            embedding = network.visual_projection(network.vision_model(pixel_values=panels).pooler_output)
        return F.smooth_l1_loss(network.layers(F.normalize(embedding.float(), dim=-1))[:, 0], truth, beta=0.2)

    log.info("aesthetic: %d steps", train_network(network, loss_of, plan))
    network.half().save_pretrained(folder)
    aesthetic_preprocessor().save_pretrained(folder)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the command line's choices."""
    parser = argparse.ArgumentParser(
        prog="python -m eval.mini.training.main", description="Train the embedded encoders."
    )
    parser.add_argument("--stage", choices=("clip", "aesthetic", "check"), required=True)
    parser.add_argument("--data", type=int, default=120_000, help="pictures to train on (check: 2000)")
    parser.add_argument("--minutes", type=float, default=4.0)
    parser.add_argument("--steps", type=int, help="end after so many steps instead of minutes")
    parser.add_argument("--batch", type=int, help="default 1024 (clip), 384 (aesthetic)")
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--shards", type=Path, help="rendered pictures; default OUT/shards, rendered if missing"
    )
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one stage."""
    given = parse(sys.argv[1:] if arguments is None else arguments)
    logging.basicConfig(format="%(asctime)s %(message)s", stream=sys.stderr)
    log.setLevel(logging.INFO)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if given.stage == "check":
        held = given.shards or given.out / "held-out"
        task = Task(folder=held, index=0, count=min(given.data, 2000), seed=given.seed + 1, held_out=True)
        if given.shards is None:
            render_shards(task, given.workers)
        report = json.dumps(check(given.out, held, device), indent=2)
        (given.out / "check.json").write_text(report + "\n", "utf-8")
        sys.stdout.write(report + "\n")
        return
    folder = given.out / given.stage
    if any(folder.glob("*.safetensors")):
        log.info("%s is complete", folder)
        return
    shards = given.shards or given.out / "shards"
    if given.shards is None:
        task = Task(folder=shards, index=0, count=given.data, seed=given.seed, held_out=False)
        render_shards(task, given.workers)
    plan = TrainingPlan(
        rate=given.rate,
        batch=given.batch or (1024 if given.stage == "clip" else 384),
        minutes=given.minutes,
        steps=given.steps,
        seed=given.seed,
        device=device,
    )
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    if given.stage == "clip":
        said = read_texts(shards, given.data, given.workers)
        train_clip(read_corpus(shards, given.data, device, CLIP_SIDE), said, folder, plan)
    else:
        train_aesthetic(read_corpus(shards, given.data, device, AESTHETIC_SIDE), folder, plan)


if __name__ == "__main__":
    main()
