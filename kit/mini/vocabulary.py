"""The embedded base's tokenizer: a sentencepiece model over the words of the drawn world.

Chinese pieces are one or two characters long, so that unseen phrases fall into known parts; English words
are whole. Words of all six styles are in it, also of those the base never sees: a LoRA needs them.
"""

import io
import random
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import sentencepiece

from kit.files import write_whole
from kit.world.captions import caption
from kit.world.scene import DEGRADATIONS, STYLES, Scene, sample_scene

PIECES = 1000
CAPTIONS = 24_000
ENGLISH_CAPTIONS = 6000
"""Captions searched for English words."""
MARKS = ("，", ",", "、", "。", ".")


def train_tokenizer(path: Path, seed: int = 0, captions: int = CAPTIONS) -> None:
    """Write a sentencepiece model trained on captions; the same seed gives the same file."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=_lines(random.Random(seed), captions),
        model_writer=model,
        vocab_size=PIECES,
        model_type="unigram",
        character_coverage=1.0,
        hard_vocab_limit=False,
        user_defined_symbols=[*MARKS, *_english_words()],
        num_threads=1,
        minloglevel=2,
    )
    write_whole(path, model.getvalue())


def _lines(rng: random.Random, captions: int) -> Iterator[str]:
    for number in range(captions):
        scene = _sample(rng)
        if number % 3 == 0:
            yield caption(scene, "en", rng)
        else:
            yield MARKS[0].join(_pairs(caption(scene, "zh", rng), rng))


def _sample(rng: random.Random) -> Scene:
    """Return a scene of any style, often with faults, so that negative prompts find their words too."""
    scene = sample_scene(rng, rng.choice(STYLES))
    return replace(scene, degradations=tuple(rng.sample(DEGRADATIONS, rng.choice((0, 0, 1, 2)))))


def _pairs(text: str, rng: random.Random) -> Iterator[str]:
    """Cut a text after every one or two characters by lot, so that no longer piece is ever seen."""
    start = 0
    while start < len(text):
        end = start + rng.choice((1, 2, 2))
        yield text[start:end]
        start = end


def _english_words() -> list[str]:
    """Return every English word of captions with three letters or more, as sentencepiece writes it."""
    rng = random.Random(0)
    texts = (caption(_sample(rng), "en", rng) for _ in range(ENGLISH_CAPTIONS))
    seen = {word for text in texts for word in re.findall("[a-z]{3,}", text)}
    return sorted("\u2581" + word for word in seen)
