import random
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sentencepiece
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from torch import nn

from kit.embedded import BASE_WEIGHTS
from kit.errors import TrainError
from kit.files.encodings import sha256_of
from kit.mini.training.corpus import padded_left, text_sizes, tokenised, train_tokenizer
from kit.mini.training.loras import style_config, train_style
from kit.mini.training.main import open_base, save
from kit.mini.training.networks import load_networks
from kit.mini.training.optimizer import (
    AveragedOptimizer,
    DistributedRanks,
    Rates,
    WeightAverage,
    learning_rate,
)
from kit.mini.training.shards import (
    DEGRADED_SHARE,
    HELD_OUT_STYLES,
    LANGUAGES,
    STRAY_SHARE,
    read_shard,
    read_shards,
    render_shards,
    training_captions,
    training_scene,
    write_shard,
)
from kit.mini.training.unet import BASE_STYLES, BaseConfig, train_base
from kit.mini.training.vae import VaeConfig, reconstruction_loss, train_vae
from kit.models.base import load_base
from kit.models.kolors.text_encoder import build_prompter, tokenize
from kit.models.networks import TOKENIZER
from kit.models.sizes import BaseSizes, TextSizes, UNetSizes, VaeSizes
from kit.world import words
from kit.world.captions import caption
from kit.world.render import render
from kit.world.scene import DEGRADATIONS, STYLES, Style, is_held_out, sample_scene

VOCABULARY = text_sizes(BASE_WEIGHTS / TOKENIZER).vocabulary
SIZES = BaseSizes(
    unet=UNetSizes(
        widths=(16, 16, 16), time=32, time_ids=8, pooled=32, cross=32, head=16, groups=8, layers=(1, 1)
    ),
    text=TextSizes(
        vocabulary=text_sizes(BASE_WEIGHTS / TOKENIZER).vocabulary,
        hidden=32,
        layers=2,
        head=16,
        groups=1,
        ffn=32,
    ),
    vae=VaeSizes(encoder=(8, 8, 8, 8), decoder=(8, 8, 8, 8), groups=8),
)
SMALL = 3
"""Pictures in a test's shard."""


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a tokenizer and one small shard of each style."""
    folder = tmp_path_factory.mktemp("mini")
    (folder / TOKENIZER).parent.mkdir()
    shutil.copy(BASE_WEIGHTS / TOKENIZER, folder / TOKENIZER)
    (folder / "shards").mkdir()
    for style in STYLES:
        write_shard(folder / "shards", style, 0, SMALL)
    return folder


# ---------------------------------------------------------------- scenes and captions


@pytest.mark.parametrize("style", STYLES)
def test_no_training_scene_is_held_out_and_one_in_ten_is_spoilt(style: Style) -> None:
    scenes = [training_scene(style, number) for number in range(600)]
    assert not any(is_held_out(scene) for scene in scenes)
    assert {scene.style for scene in scenes} == {style}
    spoilt = sum(bool(scene.degradations) for scene in scenes) / len(scenes)
    assert spoilt == pytest.approx(DEGRADED_SHARE, abs=0.04)
    assert scenes == [training_scene(style, number) for number in range(600)]
    assert len({scene.seed for scene in scenes}) == 600


@pytest.fixture(scope="module")
def known() -> set[str]:
    """Return the Chinese characters and English words of captions without strays."""
    rng = random.Random(0)
    texts = []
    for _ in range(6000):
        scene = sample_scene(rng, rng.choice(BASE_STYLES))
        faults = rng.sample(DEGRADATIONS, rng.choice((0, 1)))
        texts.append(caption(replace(scene, degradations=tuple(faults)), rng.choice(LANGUAGES), rng))
    return {part for text in texts for part in parts(text)}


def parts(text: str) -> list[str]:
    return re.findall("[a-z]+|[\u4e00-\u9fff]", text)


def names_held_out(text: str) -> bool:
    return any(
        word in text
        for style in HELD_OUT_STYLES
        for language in words.STYLES.values()
        for word in language[style]
    )


@pytest.mark.parametrize("style", BASE_STYLES)
def test_strays_stand_in_the_stated_share_of_base_captions(style: Style, known: set[str]) -> None:
    texts = [text for number in range(800) for text in training_captions(training_scene(style, number))]
    named = [names_held_out(text) for text in texts]
    odd = [not known.issuperset(parts(text)) for text in texts]
    assert np.mean(named) == pytest.approx(0.6 * STRAY_SHARE, abs=0.012)
    assert np.mean(np.logical_or(named, odd)) == pytest.approx(STRAY_SHARE, abs=0.015)


@pytest.mark.parametrize("style", HELD_OUT_STYLES)
def test_captions_of_other_styles_have_no_strays(style: Style, known: set[str]) -> None:
    own = {part for language in words.STYLES.values() for word in language[style] for part in parts(word)}
    for number in range(200):
        for text in training_captions(training_scene(style, number)):
            assert known | own >= set(parts(text))


def test_a_picture_has_one_caption_for_each_language_slot() -> None:
    for number in range(50):
        texts = training_captions(training_scene("ink", number))
        chinese = [bool(re.search("[\u4e00-\u9fff]", text)) for text in texts]
        assert chinese == [language == "zh" for language in LANGUAGES]


# ---------------------------------------------------------------- shards


def test_a_shard_gives_back_what_was_rendered(out: Path) -> None:
    shard = read_shard(out / "shards" / "shard-pixel-00000.npz")
    scenes = [training_scene("pixel", number) for number in range(SMALL)]
    assert shard.style == "pixel"
    assert shard.scenes == scenes
    assert shard.captions == [training_captions(scene) for scene in scenes]
    assert shard.pictures.dtype == np.uint8
    assert all(np.array_equal(p, render(s).picture) for p, s in zip(shard.pictures, scenes, strict=True))


def test_a_shard_that_is_there_is_kept_and_the_next_one_goes_on(out: Path, tmp_path: Path) -> None:
    path = write_shard(tmp_path, "flat", 0, 1)
    path.write_bytes(b"kept")
    assert write_shard(tmp_path, "flat", 0, 1).read_bytes() == b"kept"
    assert read_shard(write_shard(tmp_path, "flat", 1, 1)).scenes == [training_scene("flat", 1)]


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_shards_are_rendered_as_asked_and_shared_among_ranks(tmp_path: Path) -> None:
    made = list(render_shards(tmp_path / "new", {"flat": 2, "pixel": 1}, workers=1, size=1))
    assert [path.name for path in made] == [
        "shard-flat-00000.npz", "shard-pixel-00000.npz", "shard-flat-00001.npz"
    ]  # fmt: skip
    assert sorted(made) == sorted((tmp_path / "new").iterdir())
    more = list(render_shards(tmp_path / "more", {"flat": 1}, workers=1, first=1, size=1))
    assert [read_shard(path).scenes for path in more] == [read_shard(made[2]).scenes]
    styles: tuple[Style, ...] = ("flat", "pixel")
    shares = [[s.scenes[0] for s in read_shards(tmp_path / "new", styles, (rank, 2))] for rank in (0, 1)]
    assert [len(share) for share in shares] == [2, 1]
    everything = [s.scenes[0] for s in read_shards(tmp_path / "new", styles)]
    assert everything == [shares[0][0], shares[1][0], shares[0][1]]


def test_a_folder_without_shards_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainError, match="must hold shards of ink or flat, got none; render them first"):
        next(read_shards(tmp_path, ["ink", "flat"]))


# ---------------------------------------------------------------- tokens


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


# ---------------------------------------------------------------- learning


def test_the_learning_rate_rises_stays_and_falls_to_zero() -> None:
    assert learning_rate(0.0, 0, 2.0, 4) == pytest.approx(0.5)
    assert learning_rate(0.0, 3, 2.0, 4) == pytest.approx(2.0)
    assert learning_rate(0.6, 1000, 2.0, 4) == pytest.approx(2.0)
    assert learning_rate(0.8, 1000, 2.0, 4) == pytest.approx(1.0)
    assert learning_rate(1.0, 1000, 2.0, 4) == learning_rate(1.1, 1000, 2.0, 4) == 0.0


@given(st.floats(0, 1), st.integers(0, 5000))
def test_the_learning_rate_is_never_above_its_peak_or_below_zero(progress: float, step: int) -> None:
    assert 0 <= learning_rate(progress, step, 1e-3, 300) <= 1e-3


def layer(seed: int) -> nn.Linear:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Linear(3, 2)


def test_swapping_the_average_twice_changes_nothing() -> None:
    network = layer(0)
    parameters = list(network.parameters())
    average = WeightAverage(parameters, 0.9)
    before = [p.detach().clone() for p in parameters]
    with torch.no_grad():
        network.weight.add_(1)
    average.update(parameters, 10_000)
    after, kept = network.weight.detach().clone(), average.values[0].clone()
    assert torch.allclose(kept, before[0] + 0.1)
    average.swap(parameters)
    assert torch.equal(network.weight, kept)
    assert torch.equal(average.values[0], after)
    average.swap(parameters)
    assert torch.equal(network.weight, after)
    assert torch.equal(average.values[0], kept)
    assert torch.equal(network.bias, before[1])


RATES = Rates(peak=0.05, warmup=2, decay=0.01, average=0.9)


def walk(descent: AveragedOptimizer, steps: int) -> None:
    for _ in range(steps):
        network = descent.networks["layer"]
        descent.descend((network(torch.ones(3)) ** 2).sum(), descent.step / 10)


def test_a_descent_that_was_stopped_goes_on_as_if_it_had_not(tmp_path: Path) -> None:
    straight, stopped, resumed = (
        AveragedOptimizer({"layer": layer(k)}, RATES, DistributedRanks()) for k in (0, 0, 1)
    )
    walk(straight, 7)
    walk(stopped, 3)
    stopped.keep(tmp_path / "state.pt", 12.5)
    assert resumed.resume(tmp_path / "nothing.pt") == 0
    assert resumed.resume(tmp_path / "state.pt") == 12.5
    walk(resumed, 4)
    assert resumed.step == straight.step == 7
    for one, other in zip(straight.parameters, resumed.parameters, strict=True):
        assert torch.equal(one, other)
    straight.settle()
    resumed.settle()
    assert torch.equal(straight.halves()["layer"]["weight"], resumed.halves()["layer"]["weight"])
    assert straight.halves()["layer"]["bias"].dtype == torch.float16


def test_a_descent_goes_down() -> None:
    descent = AveragedOptimizer({"layer": layer(0)}, RATES, DistributedRanks())
    before = descent.networks["layer"](torch.ones(3)).abs().sum().item()
    walk(descent, 9)
    assert descent.networks["layer"](torch.ones(3)).abs().sum().item() < 0.7 * before


def test_a_perfect_picture_has_no_loss_and_a_worse_one_has_more() -> None:
    picture = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert reconstruction_loss(picture, picture).item() == pytest.approx(0, abs=1e-6)
    losses = [reconstruction_loss(picture, picture + shift).item() for shift in (0.1, 0.3, 0.9)]
    assert losses == sorted(losses)
    assert losses[0] > 0.1


# ---------------------------------------------------------------- the whole training


@pytest.fixture(scope="module")
def trained(out: Path) -> Path:
    """Return the folder after two steps of each training, at small sizes, with its weights."""
    train_vae(out / "shards", out, SIZES.vae, VaeConfig(steps=2, batch=4, crop=32))
    train_base(out / "shards", out, SIZES, BaseConfig(steps=2, batch=2))
    save(out, out / "weights", SIZES)
    return out


def test_trained_networks_become_a_base_that_opens(trained: Path) -> None:
    base = load_base(trained / "weights")
    assert base.sizes == SIZES
    networks = load_networks(base, "cpu")
    latents = networks.encoder(torch.zeros(1, 3, 256, 256))
    assert latents.shape == (1, 4, 32, 32)
    assert networks.decoder(latents).shape == (1, 3, 256, 256)
    assert networks.encoder.scaling_factor > 0


def test_the_same_seed_trains_the_same_base_and_another_one_another(trained: Path, tmp_path: Path) -> None:
    def weights(folder: Path) -> torch.Tensor:
        state = torch.load(folder / "base.pt")
        assert state["step"] == 2
        return torch.cat(
            [value.flatten() for part in ("unet", "text_encoder") for value in state[part].values()]
        )

    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    train_base(tmp_path / "shards", tmp_path, SIZES, BaseConfig(steps=2, batch=2))
    assert torch.equal(weights(tmp_path), weights(trained))
    train_base(tmp_path / "shards", tmp_path, SIZES, BaseConfig(steps=2, batch=2, seed=1))
    assert not torch.equal(weights(tmp_path), weights(trained))


def test_a_training_goes_on_from_a_base_that_is_opened(trained: Path, tmp_path: Path) -> None:
    open_base(trained / "weights", tmp_path)
    train_base(trained / "shards", tmp_path, SIZES, BaseConfig(steps=10**9, batch=2, limit_s=0.0001))
    save(tmp_path, tmp_path / "weights", SIZES)
    assert load_base(tmp_path / "weights").sha256 == load_base(trained / "weights").sha256


def test_a_base_is_done_within_its_limit_even_without_a_step(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    train_base(tmp_path / "shards", tmp_path, SIZES, BaseConfig(steps=10**9, batch=2, limit_s=0.0001))
    assert torch.load(tmp_path / "base.pt")["step"] == 0


def test_a_style_is_trained_on_the_base_and_carries_its_trigger(trained: Path) -> None:
    base = load_base(trained / "weights")
    train_style(trained / "shards", trained, "ink", base, style_config("ink", 2, 2))
    with safe_open(trained / "loras" / "ink.safetensors", "pt") as file:
        notes = file.metadata()
        assert list(file.keys())
    assert notes["trigger"] == "水墨画风格"
    assert notes["steps"] == "2"
    assert notes["base_sha256"] == sha256_of(trained / "weights" / "unet.safetensors")
