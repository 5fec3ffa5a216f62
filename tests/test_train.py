import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path

import pytest
import tomli_w
import torch
from diffsynth.models.sdxl_unet import SDXLUNet
from fakes import TOY_PROMPTS, fake_picture, toy_base
from hypothesis import given, settings
from hypothesis import strategies as st
from peft import LoraConfig, inject_adapter_in_model
from PIL import Image
from pydantic import ValidationError
from tensorboardX.proto.event_pb2 import Event
from torch import nn

from kit.dataset.read import CaptionedPicture, open_cropped, read_dataset
from kit.errors import InputError, RunError, TrainError
from kit.experiment.config import DrawSettings
from kit.generation.kolors_painter import KolorsPainter
from kit.generation.painter import PanelRequest
from kit.lora.formats import LoraPair, read_content
from kit.lora.lora import load_lora, save_lora
from kit.models.base import load_base
from kit.models.kolors.scheduler import scheduler
from kit.training.config import PRESETS, TrainConfig, Training, load_training
from kit.training.folder import TrainingFolder
from kit.training.latents import EncodedDataset, EncodingCache, buckets, encode_dataset, side_for
from kit.training.loop import TrainState, TrainStep, draw_step_noise, train_lora, weighted_loss
from kit.training.lora_layers import FusedLoraLinear
from kit.training.schedule import BatchSampler, learning_rate, seeded_generator
from kit.training.train import train

SHORT = TrainConfig(rank=2, alpha=2.0, steps=3, batch=2, learning_rate=1e-2, size=32, checkpointing=False)


class Deaf:
    """Hears a training and says nothing."""

    def begin(self, total: int, done: int) -> None:
        pass

    def advance(self, count: int, note: str = "") -> None:
        pass


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


def pictures(
    folder: Path, captions: Sequence[str], size: tuple[int, int] = (48, 48)
) -> list[CaptionedPicture]:
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for number, caption in enumerate(captions):
        path = folder / f"{number}.png"
        fake_picture(f"{number}{caption}", max(size)).resize(size).save(path)
        entries.append(CaptionedPicture(path=path, text=caption))
    return entries


def encoded(
    folder: Path, captions: Sequence[str] = TOY_PROMPTS[:2], config: TrainConfig = SHORT
) -> EncodedDataset:
    dataset = pictures(folder / "pictures", captions)
    return encode_dataset(load_base(toy_base()), dataset, config, EncodingCache(folder / "cache"), "cpu")


@pytest.fixture
def unet() -> SDXLUNet:
    return load_base(toy_base()).unet()


@pytest.fixture(scope="module")
def examples(tmp_path_factory) -> EncodedDataset:
    return encoded(tmp_path_factory.mktemp("examples"))


def write_dataset(folder: Path, rows: str, pictures: tuple[str, ...] = ("1.png", "2.png")) -> Path:
    folder.mkdir(exist_ok=True)
    for name in pictures:
        fake_picture(name, 48).save(folder / name)
    (folder / "metadata.csv").write_text(f"file_name,text\n{rows}", encoding="utf-8-sig")
    return folder


# the dataset


def test_the_contests_layout_is_read(tmp_path):
    folder = write_dataset(tmp_path, '1.png,二次元\n2.png,"小猫，在公园里"\n')
    assert [(entry.path.name, entry.text) for entry in read_dataset(folder)] == [
        ("1.png", "二次元"),
        ("2.png", "小猫，在公园里"),
    ]


def test_every_fault_of_a_dataset_is_named_with_its_line(tmp_path):
    folder = write_dataset(tmp_path, "1.png,\n3.png,小猫\nbad.png,小狗\n,小鸟\n2.png,小鱼\n")
    (folder / "bad.png").write_bytes(b"no picture")
    (folder / "2.png").write_bytes((folder / "2.png").read_bytes()[:60])
    with pytest.raises(InputError) as refused:
        read_dataset(folder)
    expected = [
        "line 2: 1.png needs a text",
        "line 3: 3.png does not exist",
        "line 4: bad.png is not a whole picture",
        "line 5: names no file",
        "line 6: 2.png is not a whole picture",
    ]
    assert [fault.startswith(start) for fault, start in zip(refused.value.faults, expected, strict=True)] == [
        True
    ] * 5


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("file_name,caption\n1.png,x\n", "columns file_name and text"),
        ("file_name,text\n", "at least one picture"),
        ("", "columns file_name and text"),
        ('file_name,text\n1.png,"x\n', "columns file_name and text"),
    ],
)
def test_a_table_without_pictures_or_captions_is_refused(tmp_path, text, fault):
    (tmp_path / "metadata.csv").write_text(text)
    with pytest.raises(InputError, match=fault):
        read_dataset(tmp_path)


def test_a_dataset_without_its_table_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"metadata\.csv"):
        read_dataset(tmp_path)


@pytest.mark.parametrize(("mode", "shape"), [("RGBA", (80, 40)), ("L", (40, 80)), ("RGB", (33, 33))])
def test_any_picture_becomes_an_rgb_square(tmp_path, mode, shape):
    Image.new(mode, shape).save(tmp_path / "a.png")
    picture = open_cropped(tmp_path / "a.png", (64, 64))
    assert (picture.size, picture.mode) == ((64, 64), "RGB")


def test_the_square_is_the_centre(tmp_path):
    wide = Image.new("RGB", (96, 32), "red")
    wide.paste("blue", (32, 0, 64, 32))
    wide.save(tmp_path / "a.png")
    assert open_cropped(tmp_path / "a.png", (32, 32)).getcolors() == [(32 * 32, (0, 0, 255))]


# what training sees


def test_a_caption_that_repeats_is_encoded_once(tmp_path):
    examples = encoded(tmp_path, [TOY_PROMPTS[0], TOY_PROMPTS[1], TOY_PROMPTS[0]])
    assert examples.cross.shape == (3, 256, 32), "two captions and the empty one"
    assert examples.captions.tolist() == [1, 2, 1]
    assert [tuple(latent.shape) for latent in examples.latents] == [(4, 4, 4)] * 3


def test_what_is_in_the_cache_is_read_back_the_same_and_no_network_is_loaded(tmp_path):
    first = encoded(tmp_path)

    class Empty:
        sha256 = load_base(toy_base()).sha256

        def precision(self, device):
            return torch.float32

    again = encode_dataset(Empty(), pictures(tmp_path / "pictures", TOY_PROMPTS[:2]), SHORT,
                           EncodingCache(tmp_path / "cache"), "cpu")  # fmt: skip
    assert all(torch.equal(a, b) for a, b in zip(first.latents, again.latents, strict=True))
    assert torch.equal(first.cross, again.cross)
    assert torch.equal(first.pooled, again.pooled)


def test_a_torn_file_in_the_cache_is_made_again(tmp_path):
    first = encoded(tmp_path)
    for file in (tmp_path / "cache").iterdir():
        file.write_bytes(file.read_bytes()[:40])
    again = encoded(tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(first.latents, again.latents, strict=True))
    assert torch.equal(first.cross, again.cross)


def test_a_picture_painted_over_is_encoded_anew(tmp_path):
    first = encoded(tmp_path)
    dataset = pictures(tmp_path / "pictures", TOY_PROMPTS[:2])
    fake_picture("another", 48).save(dataset[0].path)
    again = encode_dataset(load_base(toy_base()), dataset, SHORT, EncodingCache(tmp_path / "cache"), "cpu")
    assert not torch.equal(first.latents[0], again.latents[0])
    assert torch.equal(first.latents[1], again.latents[1])


@pytest.mark.parametrize("size", [256, 512, 768, 1024])
def test_buckets_have_the_squares_pixels_at_most_and_mirror_each_other(size):
    sides = buckets(size)
    assert (size, size) in sides
    assert sorted(sides) == sorted((side.width, side.height) for side in sides)
    for side in sides:
        assert side.height % 64 == side.width % 64 == 0
        assert 0.7 * size * size < side.height * side.width <= size * size
        assert max(side) <= 2 * min(side)


@pytest.mark.parametrize(
    ("shape", "side"), [((100, 100), (1024, 1024)), ((300, 200), (832, 1216)), ((200, 300), (1216, 832)),
                        ((900, 100), (704, 1408))]
)  # fmt: skip
def test_a_picture_goes_into_the_bucket_nearest_to_its_shape(shape, side):
    config = TrainConfig(size=1024, buckets=True)
    assert side_for(*shape, config) == side
    assert side_for(*shape, TrainConfig(size=1024)) == (1024, 1024)


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


# the order of pictures


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 2), min_size=1, max_size=20), st.integers(1, 6), st.integers(0, 9))
def test_an_epoch_shows_every_picture_and_mixes_no_shapes(shapes, batch, seed):
    epochs = BatchSampler(shapes, batch, seed)
    for epoch in range(2):
        seen = [epochs.batch(epoch * epochs.steps + step) for step in range(1, epochs.steps + 1)]
        assert {k for chosen in seen for k in chosen} == set(range(len(shapes)))
        assert all(len(chosen) == batch for chosen in seen)
        assert all(len({shapes[k] for k in chosen}) == 1 for chosen in seen)


def test_epochs_differ_and_hang_on_the_seed():
    orders = [[BatchSampler([0] * 50, 1, seed).batch(step) for step in range(first, first + 50)]
              for seed, first in ((0, 1), (0, 51), (1, 1))]  # fmt: skip
    assert orders[0] != orders[1] != orders[2] != orders[0]


def test_chance_hangs_on_seed_and_names_alone():
    assert torch.equal(
        torch.randn(4, generator=seeded_generator(1, "a", 2)),
        torch.randn(4, generator=seeded_generator(1, "a", 2)),
    )
    drawn = [
        torch.randn(4, generator=seeded_generator(*names))
        for names in ((1, "a", 2), (2, "a", 2), (1, "a", 3))
    ]
    assert not any(torch.equal(drawn[0], other) for other in drawn[1:])


# the loss and the learning rate


def test_the_contests_preset_has_the_baselines_loss(unet, tmp_path):
    """The reference: DiffSynth's own training step, written out as its maths."""
    config = TrainConfig(**PRESETS["contest"], size=64, rank=2, steps=1)
    examples = encoded(tmp_path, config=config)
    lot = draw_step_noise(config, 1, examples.latents[0].shape, 1)
    diary = Diary()
    train_lora(unet, examples, config, diary)
    [chosen] = BatchSampler([0] * len(examples), 1, config.seed).batch(1)
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


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        ("constant", [0.5, 1, 1, 1, 1]),
        ("linear", [0.5, 1, 1, 0.667, 0.334]),
        ("cosine", [0.5, 1, 1, 0.75, 0.251]),
    ],
)
def test_the_learning_rate_rises_and_then_follows_its_schedule(schedule, rates):
    config = TrainConfig(schedule=schedule, warmup=0.4, steps=5, learning_rate=1.0)
    assert [learning_rate(config, step) for step in range(1, 6)] == pytest.approx(rates, abs=1e-3)


def test_noise_offset_shifts_whole_channels():
    plain = draw_step_noise(SHORT, 1, torch.Size([4, 8, 8]), 2)
    shifted = draw_step_noise(SHORT.model_copy(update={"noise_offset": 0.5}), 1, torch.Size([4, 8, 8]), 2)
    moved = shifted.noise - plain.noise
    assert moved.std(dim=(2, 3)).max() < 1e-6
    assert moved.mean(dim=(2, 3)).abs().max() > 0.05


# the training


@pytest.mark.parametrize("rslora", [False, True])
def test_the_fused_layer_answers_and_learns_as_pefts_own(rslora):
    torch.manual_seed(0)
    config = LoraConfig(r=4, lora_alpha=3.0, use_rslora=rslora, target_modules=["0"], init_lora_weights=False)
    theirs = inject_adapter_in_model(config, nn.Sequential(nn.Linear(6, 5))).double()
    ours = deepcopy(theirs)
    ours[0].__class__ = FusedLoraLinear
    rows = torch.randn(2, 3, 6, dtype=torch.float64)
    for model in (theirs, ours):
        model(rows).square().sum().backward()
    assert torch.allclose(ours(rows), theirs(rows), rtol=0, atol=1e-9)
    for name, parameter in theirs.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad.abs().max() > 0.1, "a test on nothing"
            assert torch.allclose(ours.get_parameter(name).grad, parameter.grad, rtol=0, atol=1e-9)


def test_training_leaves_the_unet_as_it_was(unet, examples):
    before = {name: weight.clone() for name, weight in unet.state_dict().items()}
    train_lora(unet, examples, SHORT)
    after = unet.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not unet.training


def same(one: dict, other: dict) -> bool:
    return all(torch.equal(a, b) for name in one for a, b in zip(one[name], other[name], strict=True))


def test_training_twice_in_a_row_on_one_unet_gives_the_same_lora(unet, examples):
    first = train_lora(unet, examples, SHORT)
    torch.manual_seed(123)
    assert same(first, train_lora(unet, examples, SHORT))


def test_another_seed_gives_another_lora(unet, examples):
    first = train_lora(unet, examples, SHORT)
    other = train_lora(unet, examples, SHORT.model_copy(update={"seed": 1}))
    assert not any(torch.equal(first[name].down, other[name].down) for name in first)


def test_training_does_not_touch_the_global_generator(unet, examples):
    before = torch.random.get_rng_state()
    train_lora(unet, examples, SHORT)
    assert torch.equal(before, torch.random.get_rng_state())


def test_checkpointing_changes_no_number(unet, examples):
    assert same(
        train_lora(unet, examples, SHORT),
        train_lora(unet, examples, SHORT.model_copy(update={"checkpointing": True})),
    )


def test_steps_are_reported_from_one(unet, examples):
    diary = Diary()
    train_lora(unet, examples, SHORT, diary)
    assert [step.number for step in diary.steps] == [1, 2, 3]


@pytest.mark.parametrize("extra", [{}, {"ema": 0.9}, {"schedule": "cosine", "warmup": 0.2, "clip": 1.0}])
def test_a_training_that_goes_on_from_any_step_ends_the_same(unet, examples, extra):
    config = SHORT.model_copy(update={"steps": 6, "save_every": 1, **extra})
    diary = Diary()
    whole = train_lora(unet, examples, config, diary)
    for learning in (diary.kept[0], diary.kept[3]):
        rest = Diary(learning)
        assert same(whole, train_lora(unet, examples, config, rest))
        assert [step.number for step in rest.steps] == list(range(learning.step + 1, 7))


def test_the_running_mean_lies_behind_the_weights(unet, examples):
    config = SHORT.model_copy(update={"steps": 12})
    fast = train_lora(unet, examples, config)
    slow = train_lora(unet, examples, config.model_copy(update={"ema": 0.95}))
    name = max(fast, key=lambda layer: fast[layer].up.norm())
    assert 0 < slow[name].up.norm() < fast[name].up.norm()


def test_rank_stabilised_scaling_is_noted_as_the_alpha_that_counts_alike(tmp_path, unet, examples):
    config = SHORT.model_copy(update={"rank": 4, "alpha": 2.0, "rslora": True, "steps": 5})
    pairs = train_lora(unet, examples, config)
    assert config.counts / config.rank == pytest.approx(2.0 / 4**0.5)
    plain = train_lora(unet, examples, config.model_copy(update={"rslora": False, "alpha": 4.0}))
    assert same(pairs, plain), "2 / sqrt(4) is 4 / 4"


def test_caption_dropout_decides_whether_the_captions_matter(unet, examples, tmp_path):
    deaf = SHORT.model_copy(update={"caption_dropout": 1.0})
    lora = {name: train_lora(unet, examples, config) for name, config in (("deaf", deaf), ("heard", SHORT))}
    silent = EncodedDataset(latents=examples.latents, cross=examples.cross, pooled=examples.pooled,
                      captions=torch.zeros_like(examples.captions))  # fmt: skip
    nothing = train_lora(unet, silent, SHORT)
    assert same(lora["deaf"], nothing)
    assert not same(lora["heard"], nothing)


def test_a_loss_that_is_no_number_ends_the_training_and_mends_the_unet(unet, examples):
    broken = EncodedDataset(latents=[torch.full_like(latent, float("nan")) for latent in examples.latents],
                      cross=examples.cross, pooled=examples.pooled, captions=examples.captions)  # fmt: skip
    with pytest.raises(TrainError, match="the loss must be a number, got nan at step 1"):
        train_lora(unet, broken, SHORT)
    assert not any("lora" in name for name in unet.state_dict())


def test_a_trained_lora_merged_lowers_the_loss_on_noise_it_has_not_seen(unet, examples, tmp_path):
    config = SHORT.model_copy(update={"steps": 50, "batch": 8, "rank": 8, "alpha": 8.0})
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


# the folder


def written(folder: Path, **learn: object) -> Path:
    """Return a training file on the toy base beside its data."""
    rows = "".join(f"{number}.png,{caption}\n" for number, caption in enumerate(TOY_PROMPTS[:3]))
    write_dataset(folder / "data", rows, ("0.png", "1.png", "2.png"))
    small = {"rank": 2, "steps": 6, "batch": 2, "size": 32, "save_every": 2}
    document = {"data": "data", "base": str(toy_base()), "preset": "style", "learn": {**small, **learn}}
    path = folder / "train.toml"
    path.write_text(tomli_w.dumps(document), encoding="utf-8")
    return path


def test_a_training_leaves_the_lora_in_both_forms_its_steps_and_its_log(tmp_path):
    path = train(load_training(written(tmp_path, trigger="水墨")), tmp_path / "ink", Deaf(), "cpu")
    assert path == tmp_path / "ink" / "ink.safetensors"
    lora, loose = read_content(path), read_content(path.with_suffix(".ckpt"))
    assert (lora.rank, lora.alpha, lora.trigger, len(lora.pairs)) == (2, 16.0, "水墨", 88)
    assert loose.alpha is None
    assert same(dict(lora.pairs), dict(loose.pairs))
    assert [file.name for file in sorted((tmp_path / "ink" / "steps").iterdir())] == [
        "000002.safetensors", "000004.safetensors", "000006.safetensors",
    ]  # fmt: skip
    assert same(dict(read_content(tmp_path / "ink" / "steps" / "000006.safetensors").pairs), dict(lora.pairs))
    log = (tmp_path / "ink" / "log.csv").read_text("utf-8").splitlines()
    assert log[0] == "step,loss,learning_rate"
    assert [line.split(",")[0] for line in log[1:]] == [str(step) for step in range(1, 7)]


def test_the_file_says_how_it_was_trained_and_nothing_of_the_machine(tmp_path):
    training = load_training(written(tmp_path))
    notes = read_content(train(training, tmp_path / "ink", Deaf(), "cpu")).notes
    base = load_base(toy_base())
    for name, value in {
        "base_sha256": base.unet_sha256, "steps": "6", "batch": "2", "ss_network_module": "networks.lora",
        "ss_output_name": "ink", "ss_steps": "6", "ss_seed": "0", "ss_num_train_images": "3", "ss_epoch": "4",
        "modelspec.sai_model_spec": "1.0.1", "modelspec.title": "ink", "ss_resolution": "32x32",
    }.items():  # fmt: skip
        assert notes[name] == value
    assert len(notes["dataset_sha256"]) == 64
    assert str(tmp_path) not in "".join(notes.values())


def test_only_the_last_loras_of_the_steps_stay_when_asked(tmp_path):
    train(load_training(written(tmp_path, keep_last=2)), tmp_path / "ink", Deaf(), "cpu")
    names = sorted(file.name for file in (tmp_path / "ink" / "steps").iterdir())
    assert names == ["000004.safetensors", "000006.safetensors"]


KILLED = """
import os, signal, sys
sys.path[:0] = [{root!r}]
from pathlib import Path
from kit.training.config import load_training
from kit.training.train import train
class Killer:
    def __init__(self, at): self.at = at
    def begin(self, total, done):
        self.done = done
        os.write(1, f"{{done}} ".encode())
    def advance(self, count, note):
        self.done += count
        if self.done == self.at: os.kill(os.getpid(), signal.SIGKILL)
for at in (3, 6, 7):
    if os.fork() == 0:
        train(load_training(Path({config!r})), Path({out!r}), Killer(at), "cpu")
        os._exit(0)
    os.write(1, f"{{os.wait()[1]}} ".encode())
"""


def test_a_training_killed_at_three_steps_ends_bit_identical_to_an_unhurried_one(tmp_path):
    config = written(tmp_path, steps=9, save_every=2, ema=0.9)
    whole = train(load_training(config), tmp_path / "whole" / "ink", Deaf(), "cpu")
    out = tmp_path / "killed" / "ink"
    code = KILLED.format(root=str(Path(__file__).parents[1]), config=str(config), out=str(out))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True,
        env=os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())},
    )  # fmt: skip
    begun, ended = (list(map(int, done.stdout.split()[first::2])) for first in (0, 1))
    assert ended == [signal.SIGKILL] * 3, done.stderr
    assert begun == [0, 2, 4], "each went on from the last state"
    finished = train(load_training(config), out, Deaf(), "cpu")
    assert finished.read_bytes() == whole.read_bytes()
    logs = [(folder.parent / "log.csv").read_text("utf-8") for folder in (finished, whole)]
    assert logs[0] == logs[1]


def test_a_finished_training_run_again_writes_the_same_file_and_learns_nothing(tmp_path):
    training = load_training(written(tmp_path))
    first = train(training, tmp_path / "ink", Deaf(), "cpu").read_bytes()

    class Counting(Deaf):
        heard = 0

        def advance(self, count: int, note: str = "") -> None:
            Counting.heard += 1

    assert train(training, tmp_path / "ink", Counting(), "cpu").read_bytes() == first
    assert Counting.heard == 0


@pytest.mark.parametrize("change", [{"rank": 4}, {"seed": 1}, {"steps": 8}])
def test_a_folder_with_another_training_is_refused_and_stays(tmp_path, change):
    train(load_training(written(tmp_path)), tmp_path / "ink", Deaf(), "cpu")
    before = (tmp_path / "ink" / "ink.safetensors").read_bytes()
    with pytest.raises(TrainError, match="holds a training of other settings"):
        train(load_training(written(tmp_path, **change)), tmp_path / "ink", Deaf(), "cpu")
    assert (tmp_path / "ink" / "ink.safetensors").read_bytes() == before


def test_a_folder_with_something_else_is_refused(tmp_path):
    (tmp_path / "ink").mkdir()
    (tmp_path / "ink" / "photo.jpg").write_bytes(b"mine")
    with pytest.raises(TrainError, match="is not empty and holds no training"):
        train(load_training(written(tmp_path)), tmp_path / "ink", Deaf(), "cpu")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("state.pt", r"state\.pt is damaged; delete it to begin anew"),
        ("train.json", r"train\.json is damaged: .* choose another --out"),
        ("log.csv", r"log\.csv is damaged: .* only the curve's past is lost"),
    ],
)
def test_a_damaged_file_is_one_clear_error(tmp_path, name, said):
    training = load_training(written(tmp_path))
    train(training, tmp_path / "ink", Deaf(), "cpu")
    for damaged in (b"step,loss\n1,nothing\n\xff", b"{"):
        (tmp_path / "ink" / name).write_bytes(damaged)
        if (name, damaged) != ("log.csv", b"{"):  # a table without rows
            with pytest.raises(RunError, match=said):
                train(training, tmp_path / "ink", Deaf(), "cpu")


def test_an_empty_state_is_damaged_too(tmp_path):
    training = load_training(written(tmp_path))
    train(training, tmp_path / "ink", Deaf(), "cpu")
    (tmp_path / "ink" / "state.pt").write_bytes(b"")
    with pytest.raises(RunError, match="is damaged; delete it"):
        train(training, tmp_path / "ink", Deaf(), "cpu")


def test_weights_that_stop_being_numbers_end_the_training_and_the_good_state_is_named(tmp_path):
    training = load_training(written(tmp_path, steps=2, save_every=1))
    train(training, tmp_path / "ink", Deaf(), "cpu")
    folder = TrainingFolder(tmp_path / "ink", training.learn, Deaf(), lambda: None)
    folder.begin()
    with pytest.raises(TrainError, match=r"stopped being numbers by step 3, those of step 2 are good"):
        folder.save(3, {"blocks.1": LoraPair(torch.full((2, 4), torch.nan), torch.zeros(4, 2))})


def test_a_last_step_whose_file_is_gone_is_written_again(tmp_path):
    training = load_training(written(tmp_path))
    before = train(training, tmp_path / "ink", Deaf(), "cpu").read_bytes()
    (tmp_path / "ink" / "steps" / "000006.safetensors").unlink()
    assert train(training, tmp_path / "ink", Deaf(), "cpu").read_bytes() == before


def test_what_is_logged_is_on_disk_for_tensorboard_when_a_step_is_saved(tmp_path):
    seen: list[list[int]] = []

    def look() -> None:
        files = sorted((tmp_path / "ink").glob("tensorboard/*"))
        seen.append([step for file in files for step in losses_in(file.read_bytes())])

    train(load_training(written(tmp_path, steps=4)), tmp_path / "ink", Deaf(), "cpu", look)
    assert seen == [[], [1, 2], [1, 2, 3, 4]]


def losses_in(records: bytes) -> list[int]:
    """Return the steps whose loss a file of TensorBoard holds: length, checksum, event, checksum, again."""
    found, place = [], 0
    while place < len(records):
        length = int.from_bytes(records[place : place + 8], "little")
        event = Event.FromString(records[place + 12 : place + 12 + length])
        found += [event.step for value in event.summary.value if value.tag == "loss"]
        place += length + 16
    return found


def test_a_trained_lora_draws(tmp_path):
    path = train(load_training(written(tmp_path, learning_rate=1e-2)), tmp_path / "ink", Deaf(), "cpu")
    painter = KolorsPainter(load_base(toy_base()), "cpu")
    painter.encode_prompts([TOY_PROMPTS[0], ""])
    asked = [PanelRequest(key="k", prompt=TOY_PROMPTS[0], negative="", seed=0)]
    settings = DrawSettings(steps=2, cfg=4.0, size=64, noise="portable")
    [bare] = painter.draw(asked, settings)
    painter.set_lora(load_lora(path), 1.0)
    [dressed] = painter.draw(asked, settings)
    assert bare.tobytes() != dressed.tobytes()


# the training file


def test_a_preset_can_be_changed_in_single_points(tmp_path):
    learn = load_training(written(tmp_path)).learn
    assert (learn.rank, learn.alpha, learn.clip, learn.min_snr_gamma) == (2, 16.0, 1.0, 5.0)


def test_the_contests_preset_is_the_baseline(tmp_path):
    learn = Training(data="data", base="kolors", preset="contest").learn
    assert (learn.rank, learn.alpha, learn.steps, learn.batch, learn.learning_rate) == (16, 4.0, 500, 1, 1e-4)
    assert (learn.size, learn.schedule, learn.clip, learn.min_snr_gamma) == (1024, "constant", None, None)
    assert (learn.precision, learn.checkpointing, learn.caption_dropout) == ("fp16", True, 0.0)


def test_every_fault_of_a_training_file_is_named_at_once(tmp_path):
    path = tmp_path / "train.toml"
    path.write_text(
        'data = "none"\npreset = "stile"\ncolour = 1\n[learn]\nrank = 0\nlr = 1.0\n', encoding="utf-8"
    )
    with pytest.raises(InputError) as refused:
        load_training(path)
    said = "\n".join(refused.value.faults)
    for fault in ("data: ", "preset: ", "colour: unknown key", "learn.rank: ", "learn.lr: unknown key"):
        assert fault in said


@pytest.mark.parametrize(
    "wrong",
    [
        {"rank": 0},
        {"steps": 0},
        {"caption_dropout": 1.5},
        {"size": 100},
        {"lr": 1.0},
        {"alpha": float("inf")},
        {"ema": 1.0},
        {"schedule": "step"},
        {"warmup": 1.0},
        {"precision": "int8"},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValidationError):
        TrainConfig(**wrong)
