"""Kolors in diffusers' layout draws the very pictures of the layout it was first published in."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from fakes import TOY_PROMPTS
from published_layouts import with_older_names, write_diffusers_layout
from published_toy import SIZES, copy_of_published, toy_published
from safetensors.torch import load_file, save_file

from kit.errors import WeightsError
from kit.experiment.config import DrawSettings
from kit.generation.kolors.kolors_painter import KolorsPainter
from kit.generation.painter import PanelRequest
from kit.models.base import load_base
from kit.models.layouts.weight_files import TEXT_FOLDER, UNET_FOLDER, VAE_FOLDER
from kit.models.token_counts import token_counter
from kit.models.unet_files import open_model

SETTINGS = DrawSettings(steps=2, cfg=4.0, size=64, noise="portable")
TEXT_INDEX = "text_encoder/model.safetensors.index.json"


def drawn(folder: Path) -> list[bytes]:
    painter = KolorsPainter(load_base(folder), "cpu")
    painter.encode_prompts([*TOY_PROMPTS, "下雪"])
    requests = [
        PanelRequest(key="k", prompt=prompt, negative="下雪", seed=seed)
        for seed, prompt in enumerate(TOY_PROMPTS)
    ]
    return [picture.tobytes() for picture in painter.draw(requests, SETTINGS)]


def read(folder: Path, network: str | None) -> None:
    base = load_base(folder)
    if network is not None:
        getattr(base, network)()


def refusal(folder: Path, network: str | None = None) -> str:
    with pytest.raises(WeightsError) as refused:
        read(folder, network)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.fixture(scope="module")
def original() -> list[bytes]:
    return drawn(toy_published())


@pytest.fixture(scope="module")
def sharded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_diffusers_layout(tmp_path_factory.mktemp("layout") / "Kolors", sharded=True)


@pytest.fixture
def copy(sharded, tmp_path) -> Path:
    return shutil.copytree(sharded, tmp_path / "Kolors", ignore=shutil.ignore_patterns("storykit.json"))


@pytest.mark.parametrize("variant", [None, "fp16"])
@pytest.mark.parametrize("shards", [False, True])
def test_what_diffusers_saved_draws_the_same_bytes(tmp_path, original, variant, shards):
    folder = write_diffusers_layout(tmp_path / "Kolors", variant=variant, sharded=shards)
    assert load_base(folder).sizes == SIZES
    assert drawn(folder) == original


def test_shards_of_one_precision_under_their_older_names_draw_the_same_bytes(tmp_path, original):
    folder = with_older_names(write_diffusers_layout(tmp_path / "Kolors", variant="fp16", sharded=True))
    assert (folder / "text_encoder/model.safetensors.fp16.index.json").is_file()
    assert drawn(folder) == original


def test_an_index_whose_shards_were_not_fetched_gives_way_to_the_precision_that_was(copy, original):
    fp16 = write_diffusers_layout(copy.with_name("fp16"), variant="fp16", sharded=True)
    for part in (UNET_FOLDER, VAE_FOLDER, TEXT_FOLDER):
        for shard in (copy / part).glob("*-of-*"):
            shard.unlink()
    shutil.copytree(fp16, copy, dirs_exist_ok=True)
    assert drawn(copy) == original


@pytest.mark.parametrize("part", [UNET_FOLDER, VAE_FOLDER, TEXT_FOLDER])
def test_layouts_may_be_mixed(tmp_path, sharded, original, part):
    folder = copy_of_published(tmp_path)
    shutil.rmtree(folder / part)
    shutil.copytree(sharded / part, folder / part)
    assert drawn(folder) == original


def test_the_first_layout_may_have_the_text_encoder_in_one_safetensors_file(tmp_path, original):
    folder, whole = copy_of_published(tmp_path), {}
    for shard in (folder / TEXT_FOLDER).glob("*.bin*"):
        if shard.suffix == ".bin":
            whole |= torch.load(shard, weights_only=True)
        shard.unlink()
    save_file(whole, folder / TEXT_FOLDER / "model.safetensors")
    assert drawn(folder) == original


def test_each_network_may_be_one_pickled_file(tmp_path, original):
    folder = copy_of_published(tmp_path)
    for part, name in (
        (UNET_FOLDER, "diffusion_pytorch_model"), (VAE_FOLDER, "diffusion_pytorch_model"),
        (TEXT_FOLDER, "pytorch_model"),
    ):  # fmt: skip
        whole = {}
        for file in (folder / part).glob("*model*"):
            if file.suffix == ".bin":
                whole |= torch.load(file, weights_only=True)
            elif file.suffix == ".safetensors":
                whole |= load_file(file)
            file.unlink()
        torch.save(whole, folder / part / f"{name}.bin")
    assert drawn(folder) == original


def test_merging_and_counting_read_the_layout_too(sharded):
    ours, theirs = open_model(str(sharded)), open_model(str(toy_published()))
    assert ours.kinds == theirs.kinds
    assert len(ours.files) > 1
    assert all(torch.equal(ours.load(name), theirs.load(name)) for name in list(ours.kinds)[::50])
    count = token_counter(str(sharded))
    assert [count(text) for text in TOY_PROMPTS] == [
        token_counter(str(toy_published()))(text) for text in TOY_PROMPTS
    ]


def test_a_unet_in_shards_has_one_checksum_that_each_of_them_changes(copy):
    before = load_base(copy).unet_sha256
    assert len(before) == 64
    shard = sorted((copy / UNET_FOLDER).glob("*-of-*"))[-1]
    tensors = load_file(shard)
    save_file({name: tensor + 1 for name, tensor in tensors.items()}, shard)
    (copy / "storykit.json").unlink()
    assert load_base(copy).unet_sha256 != before


# what is missing or damaged


def test_a_missing_shard_is_named_with_what_fetches_it(copy):
    shard = sorted((copy / TEXT_FOLDER).glob("*-of-*"))[1]
    shard.unlink()
    assert refusal(copy) == (
        f"{copy} lacks text_encoder/{shard.name}; `storykit download kolors --layout diffusers --out {copy}` "
        "fetches what is missing or damaged"
    )


def test_a_text_encoder_that_is_in_no_layout_is_named_in_all(copy):
    for file in (copy / TEXT_FOLDER).glob("*safetensors*"):
        file.unlink()
    told = refusal(copy)
    assert "text_encoder/model.safetensors (or text_encoder/pytorch_model.bin.index.json; whole or in" in told
    shutil.rmtree(copy / UNET_FOLDER)
    (copy / UNET_FOLDER).mkdir()
    assert "unet/diffusion_pytorch_model.safetensors (or the same with .fp16, or shards with" in refusal(copy)


def test_a_shard_that_is_cut_off_is_named(copy):
    shard = sorted((copy / TEXT_FOLDER).glob("*-of-*"))[0]
    shard.write_bytes(shard.read_bytes()[:-100])
    assert f"{shard} is cut off, perhaps half a download" in refusal(copy, "text_encoder")


def test_a_tensor_that_its_shard_lacks_is_named(copy):
    places = json.loads((copy / TEXT_INDEX).read_text())
    first, last = sorted(set(places["weight_map"].values()))[:: len(set(places["weight_map"].values())) - 1]
    name = next(key for key, file in places["weight_map"].items() if file == first)
    places["weight_map"][name] = last
    (copy / TEXT_INDEX).write_text(json.dumps(places))
    told = refusal(copy, "text_encoder")
    assert told.startswith(f"{copy / TEXT_FOLDER / last} lacks {name}, which model.safetensors.index.json")


@pytest.mark.parametrize(
    ("part", "network", "told"),
    [
        (UNET_FOLDER, "unet", "does not fit the sizes in config.json"),
        (VAE_FOLDER, "vae_decoder", "does not fit the sizes in config.json"),
        (TEXT_FOLDER, "text_encoder", "the weights do not fit config.json beside them"),
    ],
)
def test_a_shard_of_another_size_is_one_line(copy, part, network, told):
    for shard in (copy / part).glob("*-of-*"):
        tensors = load_file(shard)
        save_file({name: tensor.repeat_interleave(2, 0) for name, tensor in tensors.items()}, shard)
    assert told in refusal(copy, network)


@pytest.mark.parametrize("dtype", [torch.int8, torch.float8_e4m3fn])
def test_quantised_weights_are_refused_with_what_is_needed(copy, dtype):
    shard = sorted((copy / TEXT_FOLDER).glob("*-of-*"))[0]
    save_file({name: tensor.to(dtype) for name, tensor in load_file(shard).items()}, shard)
    assert refusal(copy, "text_encoder").endswith("as quantised files do: give it in fp16 or fp32")


@pytest.mark.parametrize("more", [{"a": print}, {"a": {"b": torch.zeros(1)}}, {"a": "text"}])
def test_a_pickled_shard_that_holds_more_than_tensors_is_refused(tmp_path, more):
    folder = copy_of_published(tmp_path)
    shard = sorted((folder / TEXT_FOLDER).glob("*.bin"))[0]
    torch.save(torch.load(shard, weights_only=True) | more, shard)
    assert str(shard) in refusal(folder, "text_encoder")
