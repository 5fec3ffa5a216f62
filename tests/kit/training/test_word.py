"""Textual inversion: a word's vectors learn, every network stays as it is."""

from copy import deepcopy
from pathlib import Path

import pytest
import tomli_w
import torch
from fakes import TOY_PROMPTS, toy_base, write_story
from toy_training import SHORT, SilentListener, encoded, training_file

from kit.errors import StorykitError
from kit.lora.pipelines.embeddings import read_embedding
from kit.models.base import load_base
from kit.models.networks import Base
from kit.training.config import WordToLearn, load_training
from kit.training.loop import TrainState, TrainStep
from kit.training.train import train
from kit.training.word import SpokenExamples, spoken_examples, train_word

WORD = WordToLearn(token="<zu>", begins_as="猫", vectors=2)
CONFIG = SHORT.model_copy(update={"steps": 4, "save_every": 1, "learning_rate": 0.1})


class Kept:
    """Keeps a training in memory."""

    def __init__(self, learning: TrainState | None = None) -> None:
        self.states: list[TrainState] = []
        self.losses: list[float] = []
        self._learning = learning

    def begin(self) -> TrainState | None:
        return self._learning

    def on_step(self, step: TrainStep) -> None:
        self.losses.append(step.loss)

    def save_checkpoint(self, state: TrainState, learned: object) -> None:
        self.states.append(deepcopy(state))


@pytest.fixture(scope="module")
def base() -> Base:
    return load_base(toy_base())


@pytest.fixture
def examples(base: Base, tmp_path: Path) -> SpokenExamples:
    latents = encoded(tmp_path).latents
    captions = [f"<zu>，{text}" for text in TOY_PROMPTS[:2]]
    return spoken_examples(latents, captions, WORD, base.text_encoder(), base.prompter())


def word_file(folder: Path, changes: dict[str, object], **learn: object) -> Path:
    path = training_file(folder)
    document = {"data": "data", "base": str(toy_base()), "preset": "embedding"}
    small = {"steps": 4, "batch": 2, "size": 32, "save_every": 2, "trigger": "一只<zu>"}
    write_story(folder / "story.toml", TOY_PROMPTS)
    tables = {"learn": small | learn, "embedding": WORD.model_dump()} | changes
    path.write_text(tomli_w.dumps(document | tables), encoding="utf-8")
    return path


def test_only_the_words_own_vectors_move(base, examples):
    unet = base.unet()
    networks = {"unet": unet, "text": examples.text_encoder}
    before = {name: deepcopy(network.state_dict()) for name, network in networks.items()}
    start = examples.word.detach() * examples.unit
    vectors = train_word(unet, examples, CONFIG)
    assert (vectors - start).abs().min() > 0
    for name, network in networks.items():
        assert all(torch.equal(before[name][key], value) for key, value in network.state_dict().items())
        assert not network.training


def test_a_word_begins_as_another_and_says_the_same_until_it_learned(base, examples):
    table = base.text_encoder().embedding.word_embeddings.weight
    (piece,) = (base.prompter().tokenizer.convert_tokens_to_ids(["猫"]),)
    assert torch.allclose(examples.word * examples.unit, table[piece].repeat(2, 1), rtol=1e-5)


def test_the_loss_falls_on_what_the_word_stands_for(base, examples):
    kept = Kept()
    config = CONFIG.model_copy(update={"steps": 16, "save_every": 16, "learning_rate": 0.5})
    train_word(base.unet(), examples, config, kept)
    early, late = (sum(part) for part in (kept.losses[:5], kept.losses[-5:]))
    assert late < early


def test_a_word_that_is_gone_on_with_ends_the_same(base, tmp_path, examples):
    unet, kept = base.unet(), Kept()
    start = examples.word.detach().clone()
    whole = train_word(unet, examples, CONFIG, kept)
    for state in (kept.states[0], kept.states[2]):
        with torch.no_grad():
            examples.word.copy_(start)
        rest = Kept(state)
        assert torch.equal(whole, train_word(unet, examples, CONFIG, rest))
        assert len(rest.losses) == CONFIG.steps - state.step


def test_the_file_is_one_that_candidates_and_diffusers_take(tmp_path):
    path = train(load_training(word_file(tmp_path, {})), tmp_path / "zu", SilentListener(), "cpu")
    assert path == tmp_path / "zu" / "zu.safetensors"
    one = read_embedding(path, None, str(toy_base()))
    assert one.token == "<zu>"
    assert one.vectors["text_encoder"].shape == (2, 32)
    saved = read_embedding(tmp_path / "zu" / "steps" / "000004.safetensors", None, str(toy_base()))
    assert saved == one
    again = train(load_training(word_file(tmp_path, {})), tmp_path / "zu", SilentListener(), "cpu")
    assert read_embedding(again, None, str(toy_base())) == one


@pytest.mark.parametrize(
    ("changes", "learn", "told"),
    [
        (
            {"embedding": WORD.model_dump() | {"token": "猫"}},
            {},
            "'猫' is a word that the base knows: .* <猫>",
        ),
        ({}, {"trigger": ""}, "0.png: its caption does not say <zu>: write it there, or set learn.trigger"),
        (
            {"embedding": WORD.model_dump() | {"begins_as": "\u200b"}},
            {},
            "begins_as = .* is nothing that",
        ),
        ({}, {"trigger": f"{'猫' * 300}<zu>"}, "0.png: its caption says <zu> behind the 256 tokens"),
        ({}, {"trigger": f"{'猫' * 252}<zu>"}, "0.png: its caption says <zu> behind the 256 tokens"),
        ({}, {"rank": 4}, "learn.rank is for LoRAs"),
        ({}, {"caption_dropout": 0.1}, "learn.caption_dropout is for LoRAs"),
        ({"preset": "style"}, {}, "go together"),
        ({"prior": {"prompt": "猫"}}, {}, r"\[prior\] holds networks, and a word changes none"),
        (
            {"watch": {"story": "story.toml"}},
            {"trigger": "x"},
            "learn.trigger must say <zu> where a story is",
        ),
        ({"embedding": {"token": "a b", "begins_as": "猫"}}, {}, "token: must be one word without blanks"),
        ({"embedding": {"token": "\u200b", "begins_as": "猫"}}, {}, "token: must be one word without blanks"),
        ({"embedding": WORD.model_dump() | {"vectors": 76}}, {}, "embedding.vectors"),
    ],
)
def test_a_word_that_cannot_be_learned_is_refused_in_a_line(tmp_path, changes, learn, told):
    with pytest.raises(StorykitError, match=told) as refused:
        train(load_training(word_file(tmp_path, changes, **learn)), tmp_path / "zu", SilentListener(), "cpu")
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "zu").exists()
