import random
from pathlib import Path

import pytest
import sentencepiece
import torch

from kit.embedded import BASE_WEIGHTS
from kit.mini.training.corpus import padded_left, text_sizes, tokenised, train_tokenizer
from kit.mini.training.shards import LANGUAGES, training_captions, training_scene
from kit.models.kolors.text_encoder import build_prompter, tokenize
from kit.models.networks import TOKENIZER
from kit.world import words
from kit.world.captions import caption
from kit.world.scene import STYLES, sample_scene


def unknown(tokenizer: Path, texts: list[str]) -> list[str]:
    processor = sentencepiece.SentencePieceProcessor(model_file=str(tokenizer))
    return [text for text in texts if processor.unk_id() in processor.encode(text)]


def world_words() -> list[str]:
    """Return all words for what a scene has, but for faults."""
    tables = (words.KINDS, words.COLOURS, words.CLOTHES, words.PLACED_POSES, words.PROPS, words.EXPRESSIONS)
    tables += (words.PLACES, words.TIMES, words.FRAMINGS, words.STYLES)
    groups = [group for table in tables for part in table.values() for group in part.values()]
    groups += [group for part in words.POSES.values() for pose, group in part.items() if pose != "hold"]
    return [word for group in (*groups, *words.GOOD.values()) for word in group]


def fault_words() -> list[str]:
    groups = [group for part in words.DEGRADATIONS.values() for group in part.values()]
    return [word for group in (*groups, *words.BAD.values()) for word in group]


def test_the_embedded_tokenizer_knows_every_word_of_the_world() -> None:
    rng = random.Random(1)
    texts = [caption(sample_scene(rng, rng.choice(STYLES)), rng.choice(LANGUAGES), rng) for _ in range(600)]
    assert not unknown(BASE_WEIGHTS / TOKENIZER, world_words() + texts)


def test_the_embedded_tokenizer_knows_the_words_for_faults() -> None:
    assert not unknown(BASE_WEIGHTS / TOKENIZER, fault_words())


def test_a_new_tokenizer_knows_all_words_and_fits_its_sizes(tmp_path: Path) -> None:
    train_tokenizer(tmp_path / "new.model", captions=3000)
    assert not unknown(tmp_path / "new.model", world_words() + fault_words())
    processor = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "new.model"))
    rows = text_sizes(tmp_path / "new.model").vocabulary
    assert rows % 64 == 0
    assert processor.vocab_size() + 9 <= rows < processor.vocab_size() + 9 + 64


@pytest.mark.slow
def test_the_same_seed_makes_the_same_tokenizer(tmp_path: Path) -> None:
    for name in ("once", "again"):
        train_tokenizer(tmp_path / name)
    assert (tmp_path / "once").read_bytes() == (tmp_path / "again").read_bytes()


def test_tokens_are_padded_as_kolors_does_it_and_none_is_lost() -> None:
    texts = [text for number in range(60) for text in training_captions(training_scene("flat", number))]
    ids, lengths = tokenised(["", *texts], BASE_WEIGHTS / TOKENIZER)
    wanted = tokenize(build_prompter((BASE_WEIGHTS / TOKENIZER).parent), ["", *texts])
    for ours, theirs in zip(padded_left(ids, lengths), wanted, strict=True):
        assert torch.equal(ours, theirs)
