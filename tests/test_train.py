from pathlib import Path

import pytest
import torch
from fakes import TOY_PROMPTS, fake_picture, toy_base
from PIL import Image
from pydantic import ValidationError

from kit.base import load_base, load_networks
from kit.dataset import open_square, read_dataset
from kit.drawing import KolorsPainter
from kit.errors import InputError, TrainError
from kit.experiment import DrawSettings
from kit.lora import load_lora, save_lora
from kit.painter import PanelRequest
from kit.train import TrainConfig, encode_examples, train_lora, train_on

SHORT = TrainConfig(rank=2, alpha=2.0, steps=3, batch=2, learning_rate=1e-2, size=32)


def examples_of(networks, prompter, size: int = 32, captions=TOY_PROMPTS[:2]):
    pictures = [fake_picture(caption, size) for caption in captions]
    return encode_examples(networks, prompter, pictures, captions)


@pytest.fixture
def networks():
    return load_networks(load_base(toy_base()), "cpu")


@pytest.fixture
def examples(networks):
    return examples_of(networks, load_base(toy_base()).prompter())


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
    picture = open_square(tmp_path / "a.png", 64)
    assert (picture.size, picture.mode) == ((64, 64), "RGB")


def test_the_square_is_the_centre(tmp_path):
    wide = Image.new("RGB", (96, 32), "red")
    wide.paste("blue", (32, 0, 64, 32))
    wide.save(tmp_path / "a.png")
    assert open_square(tmp_path / "a.png", 32).getcolors() == [(32 * 32, (0, 0, 255))]


# the examples


def test_a_caption_that_repeats_is_encoded_once(networks):
    prompter = load_base(toy_base()).prompter()
    examples = examples_of(networks, prompter, captions=[TOY_PROMPTS[0], TOY_PROMPTS[1], TOY_PROMPTS[0]])
    assert examples.cross.shape == (3, 256, 32), "two captions and the empty one"
    assert examples.captions.tolist() == [1, 2, 1]
    assert examples.latents.shape == (3, 4, 4, 4)


# the training


def test_training_leaves_the_unet_as_it_was(networks, examples):
    before = {name: weight.clone() for name, weight in networks.unet.state_dict().items()}
    train_on(networks.unet, examples, SHORT)
    after = networks.unet.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_training_twice_in_a_row_on_one_unet_gives_the_same_lora(networks, examples):
    first = train_on(networks.unet, examples, SHORT)
    torch.manual_seed(123)
    second = train_on(networks.unet, examples, SHORT)
    assert all(torch.equal(a, b) for name in first for a, b in zip(first[name], second[name], strict=True))


def test_another_seed_gives_another_lora(networks, examples):
    first = train_on(networks.unet, examples, SHORT)
    other = train_on(networks.unet, examples, SHORT.model_copy(update={"seed": 1}))
    assert not any(torch.equal(first[name].down, other[name].down) for name in first)


def test_training_does_not_touch_the_global_generator(networks, examples):
    before = torch.random.get_rng_state()
    train_on(networks.unet, examples, SHORT)
    assert torch.equal(before, torch.random.get_rng_state())


def test_steps_are_reported_from_one(networks, examples):
    steps: list[int] = []
    train_on(networks.unet, examples, SHORT, lambda step, loss: steps.append(step))
    assert steps == [1, 2, 3]


def test_caption_dropout_decides_whether_the_captions_matter(networks, examples):
    deaf = SHORT.model_copy(update={"caption_dropout": 1.0})
    heard = SHORT.model_copy(update={"caption_dropout": 0.0})
    silent = encode_examples(
        networks, load_base(toy_base()).prompter(), [fake_picture(p, 32) for p in TOY_PROMPTS[:2]], ["", ""]
    )
    lora = {
        name: train_on(networks.unet, examples, config) for name, config in (("deaf", deaf), ("heard", heard))
    }
    nothing = train_on(networks.unet, silent, heard)
    assert all(torch.equal(lora["deaf"][name].up, nothing[name].up) for name in nothing)
    assert not all(torch.equal(lora["heard"][name].up, nothing[name].up) for name in nothing)


def test_a_loss_that_is_no_number_ends_the_training_and_mends_the_unet(networks, examples):
    examples.latents[0] = float("nan")
    with pytest.raises(TrainError, match="the loss must be a number, got nan at step 1"):
        train_on(networks.unet, examples, SHORT.model_copy(update={"batch": 8}))
    assert not any("lora" in name for name in networks.unet.state_dict())


def test_a_folder_of_pictures_becomes_a_lora_that_draws(tmp_path):
    folder = write_dataset(tmp_path / "data", f"1.png,{TOY_PROMPTS[0]}\n2.png,{TOY_PROMPTS[1]}\n")
    base = load_base(toy_base())
    config = SHORT.model_copy(update={"trigger": "水墨风格", "steps": 10, "seed": 4})
    train_lora(base, folder, tmp_path / "ink.safetensors", config)
    lora = load_lora(tmp_path / "ink.safetensors")
    assert (lora.rank, lora.alpha, lora.trigger, len(lora.pairs)) == (2, 2.0, "水墨风格", 88)
    painter = KolorsPainter(base, "cpu")
    painter.read([TOY_PROMPTS[0], ""])
    asked = [PanelRequest(key="k", prompt=TOY_PROMPTS[0], negative="", seed=0)]
    settings = DrawSettings(steps=2, cfg=4.0, size=64, noise="portable")
    [bare] = painter.draw(asked, settings)
    painter.dress(lora, 1.0)
    [dressed] = painter.draw(asked, settings)
    assert bare.tobytes() != dressed.tobytes()


def test_the_file_says_how_it_was_trained(tmp_path):
    from safetensors import safe_open

    folder = write_dataset(tmp_path / "data", "1.png,小猫\n", ("1.png",))
    base = load_base(toy_base())
    train_lora(base, folder, tmp_path / "a.safetensors", SHORT)
    with safe_open(tmp_path / "a.safetensors", framework="pt") as file:
        assert file.metadata() == {
            "alpha": "2.0",
            "base_sha256": base.unet_sha256,
            "batch": "2",
            "keys": "88",
            "learning_rate": "0.01",
            "rank": "2",
            "seed": "0",
            "steps": "3",
            "trigger": "",
        }


def test_a_trained_lora_merged_lowers_the_loss_on_noise_it_has_not_seen(networks, examples, tmp_path):
    config = SHORT.model_copy(update={"steps": 80, "batch": 8, "rank": 8, "alpha": 8.0})
    save_lora(tmp_path / "a.safetensors", train_on(networks.unet, examples, config), 8.0, {})
    lora = load_lora(tmp_path / "a.safetensors")
    probe = config.model_copy(update={"steps": 1, "batch": 64, "seed": 99})

    def first_loss() -> float:
        losses: list[float] = []
        train_on(networks.unet, examples, probe, lambda step, loss: losses.append(loss))
        return losses[0]

    before = first_loss()
    for name, (down, up) in lora.pairs.items():
        networks.unet.get_submodule(name).weight.data += lora.scale * up @ down
    after = first_loss()
    assert after < before - 0.005


@pytest.mark.parametrize(
    "wrong",
    [
        {"rank": 0},
        {"steps": 0},
        {"caption_dropout": 1.5},
        {"size": 100},
        {"lr": 1.0},
        {"alpha": float("inf")},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValidationError):
        TrainConfig(**wrong)
