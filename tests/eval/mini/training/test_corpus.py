from pathlib import Path

import pytest
import torch
from encoder_shards import labels_in

from eval.mini.training.architecture import CONTEXT, build_tokenizer
from eval.mini.training.corpus import read_corpus, read_texts, tokenise
from kit.errors import TrainError


def test_a_corpus_has_as_many_pictures_as_asked_and_texts_for_each(shards: Path) -> None:
    corpus, said = read_corpus(shards, 7, "cpu", 64), read_texts(shards, 7, workers=1)
    assert corpus.pictures.shape == (7, 64, 64, 3)
    assert len(said.options) == len(corpus.weights) == 7
    captions = labels_in(shards).captions
    for row, own in zip(said.options.tolist(), captions, strict=False):
        assert {said.distinct[k] for k in row} >= set(own)


def test_a_folder_without_shards_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainError, match=r"must hold files named shard-\*\.npz"):
        read_corpus(tmp_path, 1, "cpu", 64)


def test_fast_tokens_are_the_tokenizers_own() -> None:
    texts = ("小女孩，在公园里", "a little girl", "女" * 200)
    tokenizer = build_tokenizer(texts)
    own = tokenizer(
        list(texts), padding="max_length", truncation=True, max_length=CONTEXT, return_tensors="pt"
    ).input_ids
    assert torch.equal(tokenise(tokenizer, texts).long(), own)
