from copy import deepcopy

import pytest
import torch
from diffsynth.models.sdxl_unet import SDXLUNet
from fakes import TOY_PROMPTS, toy_base
from toy_training import SHORT, encoded, pictures, same_pairs

from kit.errors import TrainError
from kit.lora.formats import LoraPair
from kit.lora.lora import load_lora, save_lora
from kit.models.base import load_base
from kit.models.kolors.scheduler import scheduler
from kit.training.config import PRESETS, TrainConfig
from kit.training.latents import EncodedDataset, EncodingCache, encode_dataset
from kit.training.loop import TrainState, TrainStep, draw_step_noise, weighted_loss
from kit.training.lora_layers import train_lora
from kit.training.lr_schedule import BatchSampler, seeded_generator


class Diary:
    """Keeps a training in memory."""

    def __init__(self, learning: TrainState | None = None) -> None:
        self.steps: list[TrainStep] = []
        self.kept: list[TrainState] = []
        self._learning = learning

    def begin(self) -> TrainState | None:
        return self._learning

    def on_step(self, step: TrainStep) -> None:
        self.steps.append(step)

    def save_checkpoint(self, state: TrainState, pairs: object) -> None:
        self.kept.append(deepcopy(state))


@pytest.fixture(scope="module")
def unet() -> SDXLUNet:
    """One for all: a training leaves it as it was."""
    return load_base(toy_base()).unet()


@pytest.fixture(scope="module")
def examples(tmp_path_factory) -> EncodedDataset:
    return encoded(tmp_path_factory.mktemp("examples"))


@pytest.fixture(scope="module")
def usual(unet, examples) -> dict[str, LoraPair]:
    """What the short training learns of the examples."""
    return train_lora(unet, examples, SHORT)


def test_pictures_of_several_shapes_are_learned_in_their_own_batches(tmp_path, unet):
    config = SHORT.model_copy(update={"size": 256, "buckets": True, "steps": 2})
    dataset = [
        *pictures(tmp_path / "wide", TOY_PROMPTS[:2], (200, 100)),
        *pictures(tmp_path / "square", TOY_PROMPTS[:1], (100, 100)),
    ]
    examples = encode_dataset(
        load_base(toy_base()), dataset, config, EncodingCache(tmp_path / "cache"), "cpu"
    )
    assert {tuple(latent.shape) for latent in examples.latents} == {(4, 24, 40), (4, 32, 32)}
    assert train_lora(unet, examples, config)


def test_the_contests_preset_has_the_baselines_loss(unet, tmp_path):
    """The reference: DiffSynth's own training step, written out as its maths."""
    config = TrainConfig(**PRESETS["contest"], size=64, rank=2, steps=1)
    examples = encoded(tmp_path, config=config)
    lot = draw_step_noise(config, seeded_generator(config.seed, "step", 1), examples.latents[0].shape, 1)
    diary = Diary()
    train_lora(unet, examples, config, diary)
    [chosen] = BatchSampler([0] * len(examples.latents), 1, config.seed).batch(1)
    sampler = scheduler()
    noisy = sampler.add_noise(examples.latents[chosen][None], lot.noise, lot.levels)
    row = examples.captions[chosen]
    with torch.no_grad():
        predicted = unet(
            noisy, lot.levels.float(), examples.cross[row][None], torch.tensor([64.0, 64, 0, 0, 64, 64]),
            examples.pooled[row][None],
        )  # fmt: skip
    expected = torch.nn.functional.mse_loss(predicted, lot.noise)
    assert diary.steps[0].loss == pytest.approx(expected.item(), abs=1e-5)


def test_min_snr_weighs_levels_with_little_noise_less():
    noise, kept = torch.zeros(2, 4, 2, 2), torch.tensor([0.99, 0.5])
    predicted = torch.ones(2, 4, 2, 2)
    assert weighted_loss(predicted, noise, kept, None).item() == 1.0
    expected = (5 * 0.01 / 0.99 + 1.0) / 2
    assert weighted_loss(predicted, noise, kept, 5.0).item() == pytest.approx(expected)


def test_noise_offset_shifts_whole_channels():
    plain = draw_step_noise(SHORT, seeded_generator(0), torch.Size([4, 8, 8]), 2)
    shifted = draw_step_noise(
        SHORT.model_copy(update={"noise_offset": 0.5}), seeded_generator(0), torch.Size([4, 8, 8]), 2
    )
    moved = shifted.noise - plain.noise
    assert moved.std(dim=(2, 3)).max() < 1e-6
    assert moved.mean(dim=(2, 3)).abs().max() > 0.05


def test_training_leaves_the_unet_as_it_was(unet, examples):
    before = {name: weight.clone() for name, weight in unet.state_dict().items()}
    train_lora(unet, examples, SHORT)
    after = unet.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not unet.training


def test_training_twice_on_one_unet_gives_the_same_lora(unet, examples, usual):
    torch.manual_seed(123)
    assert same_pairs(usual, train_lora(unet, examples, SHORT))


def test_another_seed_gives_another_lora(unet, examples, usual):
    other = train_lora(unet, examples, SHORT.model_copy(update={"seed": 1}))
    assert not any(torch.equal(usual[name].down, other[name].down) for name in usual)


def test_training_does_not_touch_the_global_generator(unet, examples):
    before = torch.random.get_rng_state()
    train_lora(unet, examples, SHORT)
    assert torch.equal(before, torch.random.get_rng_state())


def test_checkpointing_changes_no_number(unet, examples, usual):
    spared = train_lora(unet, examples, SHORT.model_copy(update={"checkpointing": True}))
    assert same_pairs(usual, spared)


def test_steps_are_reported_from_one(unet, examples):
    diary = Diary()
    train_lora(unet, examples, SHORT, diary)
    assert [step.number for step in diary.steps] == [1, 2, 3]


@pytest.mark.parametrize("extra", [{}, {"ema": 0.9, "schedule": "cosine", "warmup": 0.2, "clip": 1.0}])
def test_a_training_that_goes_on_from_any_step_ends_the_same(unet, examples, extra):
    config = SHORT.model_copy(update={"steps": 6, "save_every": 1, **extra})
    diary = Diary()
    whole = train_lora(unet, examples, config, diary)
    for learning in (diary.kept[0], diary.kept[3]):
        rest = Diary(learning)
        assert same_pairs(whole, train_lora(unet, examples, config, rest))
        assert [step.number for step in rest.steps] == list(range(learning.step + 1, 7))


def test_the_running_mean_lies_behind_the_weights(unet, examples):
    config = SHORT.model_copy(update={"steps": 6})
    fast = train_lora(unet, examples, config)
    slow = train_lora(unet, examples, config.model_copy(update={"ema": 0.95}))
    name = max(fast, key=lambda layer: fast[layer].up.norm())
    assert 0 < slow[name].up.norm() < fast[name].up.norm()


def test_rank_stabilised_scaling_is_noted_as_the_alpha_that_counts_alike(tmp_path, unet, examples):
    config = SHORT.model_copy(update={"rank": 4, "alpha": 2.0, "rslora": True})
    pairs = train_lora(unet, examples, config)
    assert config.counts / config.rank == pytest.approx(2.0 / 4**0.5)
    plain = train_lora(unet, examples, config.model_copy(update={"rslora": False, "alpha": 4.0}))
    assert same_pairs(pairs, plain), "2 / sqrt(4) is 4 / 4"


def test_caption_dropout_decides_whether_the_captions_matter(unet, examples, usual):
    deaf = train_lora(unet, examples, SHORT.model_copy(update={"caption_dropout": 1.0}))
    silent = EncodedDataset(latents=examples.latents, cross=examples.cross, pooled=examples.pooled,
                      captions=torch.zeros_like(examples.captions))  # fmt: skip
    nothing = train_lora(unet, silent, SHORT)
    assert same_pairs(deaf, nothing)
    assert not same_pairs(usual, nothing)


def test_a_loss_that_is_no_number_ends_the_training_and_mends_the_unet(unet, examples):
    broken = EncodedDataset(latents=[torch.full_like(latent, float("nan")) for latent in examples.latents],
                      cross=examples.cross, pooled=examples.pooled, captions=examples.captions)  # fmt: skip
    with pytest.raises(TrainError, match="the loss must be a number, got nan at step 1"):
        train_lora(unet, broken, SHORT)
    assert not any("lora" in name for name in unet.state_dict())


def test_a_trained_lora_merged_lowers_the_loss_on_noise_it_has_not_seen(examples, tmp_path):
    unet = load_base(toy_base()).unet()
    config = SHORT.model_copy(update={"steps": 35, "batch": 8, "rank": 8, "alpha": 8.0})
    save_lora(tmp_path / "a.safetensors", train_lora(unet, examples, config), 8.0, {})
    lora = load_lora(tmp_path / "a.safetensors")
    probe = config.model_copy(update={"steps": 1, "batch": 64, "seed": 99})

    def first_loss() -> float:
        diary = Diary()
        train_lora(unet, examples, probe, diary)
        return diary.steps[0].loss

    before = first_loss()
    for name, (down, up) in lora.pairs.items():
        unet.get_submodule(name).weight.data += lora.scale * up @ down
    assert first_loss() < before - 0.005
