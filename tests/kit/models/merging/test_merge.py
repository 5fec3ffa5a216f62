import json
import os
import shutil
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch
from fakes import TOY_PROMPTS, HeardProgress, toy_tokenizer
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor
from whole_models import PREFIX, diffsynth_names, diffusers_names, tiny_model, tiny_tensors

from kit.errors import RunError, WeightsError
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.files.encodings import sha256_of
from kit.generation.kolors.kolors_painter import KolorsPainter
from kit.generation.painter import PanelRequest
from kit.models.base import load_base
from kit.models.layouts.diffusers_networks import diffusers_unet
from kit.models.merging.merge import MergedModel, blend, merge_models
from kit.models.merging.recipe import read_recipe
from kit.models.merging.shares import Shares, parse_blocks
from kit.models.merging.unet_blocks import block_of
from kit.models.sizes import BaseSizes, TextSizes, UNetSizes, VaeSizes
from kit.models.unet_files import open_model
from tests.benchmarks.published import write_published

DTYPES = {"F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32, "F64": torch.float64}
SHARES = Shares(base=0.3, blocks=parse_blocks("input4=0.7,middle1=0.2,output0-5=1,out=0,time_embed=0"))
SIZES = BaseSizes(
    unet=UNetSizes(
        widths=(32, 64, 64), time=128, time_ids=8, pooled=32, cross=48, head=32, groups=16, layers=(1, 2)
    ),
    text=TextSizes(vocabulary=192, hidden=32, layers=2, head=16, groups=1, ffn=32),
    vae=VaeSizes(encoder=(8, 8, 16, 16), decoder=(8, 8, 16, 16), groups=4),
)


def merged(first: object, second: object, shares: Shares, out: Path) -> MergedModel:
    return merge_models(open_model(str(first)), open_model(str(second)), shares, out, HeardProgress())


def raw(tensor: Tensor) -> bytes:
    return tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def wanted(first: Tensor, second: Tensor, share: float) -> Tensor:
    """Return the share's mixture as numpy computes it in fp32."""
    ours, theirs = first.float().numpy(), second.float().numpy()
    mixed = np.float32(1 - share) * ours + np.float32(share) * theirs
    return torch.from_numpy(mixed).to(first.dtype)


@pytest.fixture(scope="module")
def sd15(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return two models of SD 1.5's shape in diffusers' names."""
    folder, names = tmp_path_factory.mktemp("sd15"), diffusers_names("SD 1.5")
    return tiny_model(folder / "a.safetensors", names, 1), tiny_model(folder / "b.safetensors", names, 2)


# the numbers


@given(
    st.floats(0, 1),
    st.sampled_from(["F16", "BF16", "F32"]),
    st.sampled_from(list(DTYPES)),
    st.integers(0, 999),
)
def test_a_mixture_is_that_of_the_formula_to_the_last_bit(share, kind, other, seed):
    chance = torch.Generator().manual_seed(seed)
    first = torch.randn(3, 37, generator=chance).to(DTYPES[kind])
    second = torch.randn(3, 37, generator=chance).to(DTYPES[other])
    mixed = blend(first, second, share)
    assert mixed.dtype == first.dtype
    if 0 < share < 1:
        assert raw(mixed) == raw(wanted(first, second, share))
    else:
        assert torch.equal(mixed, first if share == 0 else second.to(first.dtype))


@given(st.floats(0, 1), st.integers(0, 999))
def test_two_models_in_fp64_are_mixed_in_fp64(share, seed):
    first, second = torch.randn(2, 9, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    exact = (1 - share) * first.numpy() + share * second.numpy()
    assert np.array_equal(blend(first, second, share).numpy(), exact)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_half_of_each_is_the_mean(dtype):
    first, second = torch.tensor([1.0, 2.0, -3.0], dtype=dtype), torch.tensor([2.0, 4.0, 3.0], dtype=dtype)
    assert blend(first, second, 0.5).tolist() == [1.5, 3.0, 0.0]


# the files


@pytest.mark.parametrize("share", [0, 1])
def test_at_the_ends_the_file_holds_one_models_very_bytes(tmp_path, share):
    names, folder = diffusers_names("SD 1.5"), tmp_path
    odd = torch.tensor([[0x7C01, 0x8000, 0x7E55], [0xFC00, 1, 0]], dtype=torch.uint16).view(torch.float16)
    models = [tiny_tensors(names, seed) | {"conv_in.weight": odd + seed} for seed in (0, 1)]
    for name, tensors in zip("ab", models, strict=True):
        save_file(tensors, folder / f"{name}.safetensors")
    merged(folder / "a.safetensors", folder / "b.safetensors", Shares(base=share), folder / "c.safetensors")
    for name, tensor in load_file(folder / "c.safetensors").items():
        assert raw(tensor) == raw(models[share][name]), name


def test_each_block_has_its_share_and_what_is_in_none_the_base_share(tmp_path):
    names = diffusers_names("SDXL")
    a, b = (tiny_model(tmp_path / f"{n}.safetensors", names, seed) for seed, n in enumerate("ab"))
    out = tmp_path / "new" / "c.safetensors"
    assert merged(a, b, SHARES, out) == MergedModel(tensors=1680, rest=0)
    first, second, made = load_file(a), load_file(b), load_file(out)
    assert set(made) == set(first)
    for name, tensor in made.items():
        share = SHARES.blocks.get(block_of(name), 0.3)
        assert raw(tensor) == raw(wanted(first[name], second[name], share)), name
    mixed = [one["add_embedding.linear_1.weight"] for one in (first, second, made)]
    assert raw(mixed[2]) == raw(wanted(*mixed[:2], 0.3))


def test_the_recipe_is_in_the_file(tmp_path, sd15):
    merged(*sd15, SHARES, tmp_path / "c.safetensors")
    recipe = read_recipe(open_model(str(tmp_path / "c.safetensors")).metadata)
    assert (recipe.share, recipe.blocks) == (0.3, SHARES.blocks)
    assert recipe.first.sha256 == {"a.safetensors": sha256_of(sd15[0])}
    assert recipe.second.sha256 == {"b.safetensors": sha256_of(sd15[1])}
    assert recipe.storykit


def test_names_of_files_from_a_chinese_windows_are_told_as_they_are(tmp_path, sd15):
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + "甲.ckpt".encode("gbk")))
    with odd.open("wb") as file:
        torch.save(load_file(sd15[0]), file)
    merged(odd, sd15[1], SHARES, tmp_path / "c.safetensors")
    recipe = read_recipe(open_model(str(tmp_path / "c.safetensors")).metadata)
    assert (recipe.first.name, list(recipe.first.sha256)) == ("甲.ckpt", ["甲.ckpt"])


def test_the_same_merge_gives_the_same_bytes(tmp_path, sd15):
    for name in "cd":
        merged(*sd15, SHARES, tmp_path / f"{name}.safetensors")
    assert (tmp_path / "c.safetensors").read_bytes() == (tmp_path / "d.safetensors").read_bytes()


def test_of_a_whole_checkpoint_the_unet_is_merged_and_the_rest_is_the_first_ones(tmp_path):
    names = list(diffsynth_names("SD 1.5", "original"))
    others = ["cond_stage_model.transformer.x.weight", "first_stage_model.decoder.conv_in.weight"]
    ids = {"cond_stage_model.position_ids": torch.arange(77)[None], "model_ema.decay": torch.tensor(0.5)}
    a, b = (tiny_tensors([*(PREFIX + name for name in names), *others], seed) for seed in (0, 1))
    torch.save({"state_dict": a | ids, "global_step": 7}, tmp_path / "a.ckpt")
    save_file(tiny_tensors(names, 1), tmp_path / "b.safetensors")  # of its own, without a prefix
    told = merged(
        tmp_path / "a.ckpt", tmp_path / "b.safetensors", Shares(base=0.5), tmp_path / "c.safetensors"
    )
    assert told == MergedModel(tensors=686, rest=4)
    made = load_file(tmp_path / "c.safetensors")
    for name in (*others, *ids):
        assert raw(made[name]) == raw((a | ids)[name])
        assert made[name].shape == (a | ids)[name].shape
    for name in names:
        assert raw(made[PREFIX + name]) == raw(wanted(a[PREFIX + name], b[PREFIX + name], 0.5))


@pytest.mark.parametrize("other", DTYPES)
def test_the_numbers_are_of_the_first_ones_kind(tmp_path, other, sd15):
    b = tiny_model(tmp_path / "b.safetensors", diffusers_names("SD 1.5"), 2, DTYPES[other])
    merged(sd15[0], b, Shares(base=0.25, blocks={"out": 1.0}), tmp_path / "c.safetensors")
    made, first, second = load_file(tmp_path / "c.safetensors"), load_file(sd15[0]), load_file(b)
    assert {tensor.dtype for tensor in made.values()} == {torch.float16}
    assert raw(made["conv_out.bias"]) == raw(second["conv_out.bias"].half())
    assert raw(made["conv_in.bias"]) == raw(wanted(first["conv_in.bias"], second["conv_in.bias"], 0.25))


def test_a_model_in_fp8_can_be_the_first(tmp_path, sd15):
    names = diffusers_names("SD 1.5")
    a = tiny_model(tmp_path / "a.safetensors", names, 1, torch.float8_e4m3fn)
    merged(a, sd15[1], Shares(base=0.5), tmp_path / "c.safetensors")
    first, second = load_file(a)["conv_in.bias"], load_file(sd15[1])["conv_in.bias"]
    assert raw(load_file(tmp_path / "c.safetensors")["conv_in.bias"]) == raw(wanted(first, second, 0.5))


def test_no_more_than_two_tensors_are_in_memory(tmp_path, sd15):
    alive: set[int] = set()
    most = 0

    def watched(model):
        def load(name: str) -> Tensor:
            nonlocal most
            tensor = model.load(name)
            alive.add(id(tensor))
            weakref.finalize(tensor, alive.discard, id(tensor))
            most = max(most, len(alive))
            return tensor

        return model._replace(load=load)

    first, second = (watched(open_model(str(path))) for path in sd15)
    merge_models(first, second, SHARES, tmp_path / "c.safetensors", HeardProgress())
    assert 2 <= most <= 3  # the last result is let go once the next one is there


def test_every_tensor_is_told(tmp_path, sd15):
    heard = HeardProgress()
    merge_models(*(open_model(str(path)) for path in sd15), SHARES, tmp_path / "c.safetensors", heard)
    assert (heard.began, sum(heard.steps)) == ((686, 0), 686)
    assert heard.notes == ["reading what the checksums are made of"]


# what is refused


def test_a_model_is_never_written_over(tmp_path, sd15):
    a, b = (Path(shutil.copy(path, tmp_path)) for path in sd15)
    before = a.read_bytes(), b.read_bytes()
    os.link(b, tmp_path / "twin.safetensors")
    (tmp_path / "link.safetensors").symlink_to(a)
    for name in ("a", "b", "twin", "link"):
        with pytest.raises(WeightsError, match="is one of the models that are merged: choose another --out"):
            merged(a, b, SHARES, tmp_path / f"{name}.safetensors")
    assert (a.read_bytes(), b.read_bytes()) == before


def test_an_error_half_way_leaves_what_was_there(tmp_path, sd15):
    shutil.copy(sd15[1], tmp_path / "b.safetensors")
    (tmp_path / "c.safetensors").write_text("mine")
    first, second = open_model(str(sd15[0])), open_model(str(tmp_path / "b.safetensors"))
    os.truncate(tmp_path / "b.safetensors", os.path.getsize(sd15[1]) - 1000)
    with pytest.raises(WeightsError, match=r"b\.safetensors: became shorter while it was read"):
        merge_models(first, second, Shares(base=0.5), tmp_path / "c.safetensors", HeardProgress())
    assert sorted(os.listdir(tmp_path)) == ["b.safetensors", "c.safetensors"]
    assert (tmp_path / "c.safetensors").read_text() == "mine"


def test_where_nothing_can_be_written_it_is_one_line(tmp_path, sd15):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        merged(*sd15, SHARES, tmp_path / "file" / "c.safetensors")


@pytest.mark.parametrize("value", [float("nan"), 1e5])
def test_a_result_that_is_not_finite_is_refused_and_named(tmp_path, sd15, value):
    tensors = tiny_tensors(diffusers_names("SD 1.5"), 0, torch.float32)
    tensors["mid_block.resnets.0.conv1.bias"][0, 0] = value
    save_file(tensors, tmp_path / "b.safetensors")
    told = r"mid_block\.resnets\.0\.conv1\.bias would not be finite: .* too large for F16"
    for share in (0.9, 1):
        with pytest.raises(WeightsError, match=told):
            merged(sd15[0], tmp_path / "b.safetensors", Shares(base=share), tmp_path / "c.safetensors")
    assert os.listdir(tmp_path) == ["b.safetensors"]


# what is merged can be drawn with


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a base in Kolors' layout, and the folder of another UNet for it, in shards."""
    folder = tmp_path_factory.mktemp("kolors")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        write_published(folder / "Kolors", SIZES)
        diffusers_unet(SIZES.unet).half().save_pretrained(folder / "other", max_shard_size="300KB")
    assert len(list((folder / "other").glob("*.safetensors"))) > 2
    (folder / "Kolors" / "tokenizer").mkdir()
    shutil.copy(toy_tokenizer(folder), folder / "Kolors" / "tokenizer" / "tokenizer.model")
    return folder / "Kolors", folder / "other"


def drawn(base: Path) -> np.ndarray:
    painter = KolorsPainter(load_base(base), "cpu")
    painter.encode_prompts([*TOY_PROMPTS[:1], ""])
    [picture] = painter.draw(
        [PanelRequest(key="k", prompt=TOY_PROMPTS[0], negative="", seed=1)],
        DrawSettings(steps=2, cfg=4.0, size=64, noise="portable"),
    )
    return np.asarray(picture).astype(int)


def test_a_base_draws_with_a_merged_unet_in_place_of_its_own(tmp_path, bases):
    pictures = {}
    for share in (0, 0.5, 1):
        base = Path(shutil.copytree(bases[0], tmp_path / f"base-{share}"))
        file = base / "unet" / "diffusion_pytorch_model.safetensors"
        merged(*bases, Shares(base=share, blocks={"middle1": share}), tmp_path / "c.safetensors")
        (tmp_path / "c.safetensors").replace(file)
        pictures[share] = drawn(base)
    other = Path(shutil.copytree(bases[0], tmp_path / "other"))
    whole = {}
    for shard in bases[1].glob("*.safetensors"):
        whole |= load_file(shard)
    save_file(whole, other / "unet" / "diffusion_pytorch_model.safetensors")
    assert np.array_equal(pictures[0], drawn(bases[0]))
    assert np.array_equal(pictures[1], drawn(other))
    assert all(np.abs(pictures[0.5] - pictures[end]).mean() > 1 for end in (0, 1))


def test_the_shards_checksums_are_in_the_recipe(tmp_path, bases):
    merged(*bases, Shares(base=0.5), tmp_path / "c.safetensors")
    recipe = read_recipe(open_model(str(tmp_path / "c.safetensors")).metadata)
    assert recipe.first.name == "Kolors"
    index = json.loads((bases[1] / "diffusion_pytorch_model.safetensors.index.json").read_text())
    assert set(recipe.second.sha256) == set(index["weight_map"].values())
