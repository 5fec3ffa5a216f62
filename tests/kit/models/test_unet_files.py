import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from kit.embedded import BASE_WEIGHTS
from kit.errors import WeightsError
from kit.models.layouts.weight_files import NETWORK_NAMES, UNET_FOLDER
from kit.models.unet_files import UNET, open_model

INDEX = "diffusion_pytorch_model.safetensors.index.json"
TENSORS = {name: torch.full((2, 3), float(number)) for number, name in enumerate(("a", "b", "c"))}


def held(named: object) -> dict[str, Tensor]:
    model = open_model(str(named))
    assert all(model.kinds[name].shape == model.load(name).shape for name in model.kinds)
    return {name: model.load(name) for name in model.kinds}


def same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def sharded(folder: Path, places: dict[str, str] | None = None) -> Path:
    folder.mkdir()
    save_file({"a": TENSORS["a"], "b": TENSORS["b"]}, folder / "x-1.safetensors")
    save_file({"c": TENSORS["c"]}, folder / "x-2.safetensors")
    whole = {"a": "x-1.safetensors", "b": "x-1.safetensors", "c": "x-2.safetensors"}
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": whole | (places or {})}))
    return folder


def refusal(named: object) -> str:
    with pytest.raises(WeightsError) as refused:
        open_model(str(named))
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("name", [*NETWORK_NAMES[:3:2], UNET])
@pytest.mark.parametrize("below", ["", UNET_FOLDER])
def test_a_folder_is_read_by_the_file_that_its_kind_of_base_has(tmp_path, name, below):
    (tmp_path / below).mkdir(exist_ok=True)
    save_file(TENSORS, tmp_path / below / name)
    assert same(held(tmp_path), TENSORS)
    assert open_model(str(tmp_path)).files == (tmp_path / below / name,)


def test_the_file_that_drawing_reads_comes_first(tmp_path):
    save_file(TENSORS, tmp_path / NETWORK_NAMES[0])
    save_file({"a": TENSORS["b"]}, tmp_path / NETWORK_NAMES[2])
    assert same(held(tmp_path), TENSORS)


@pytest.mark.parametrize("name", ["a.ckpt", "diffusion_pytorch_model.bin"])
def test_a_checkpoint_with_weights_only_is_read(tmp_path, name):
    torch.save({"state_dict": TENSORS, "epoch": 3}, tmp_path / name)
    assert same(held(tmp_path / name), TENSORS)
    if name.endswith(".bin"):
        assert same(held(tmp_path), TENSORS)


def test_shards_are_one_model(tmp_path):
    folder = sharded(tmp_path / "unet")
    assert same(held(folder), TENSORS)
    assert same(held(tmp_path), TENSORS)
    assert same(held(folder / INDEX), TENSORS)
    assert [file.name for file in open_model(str(folder)).files] == ["x-1.safetensors", "x-2.safetensors"]


def test_the_embedded_base_and_kolors_have_their_words(tmp_path, monkeypatch):
    assert open_model("mini").files == (BASE_WEIGHTS / UNET,)
    monkeypatch.setenv("STORYKIT_MODELS", str(tmp_path))
    told = "Kolors is not on this machine yet: `storykit download kolors` fetches it (18 GB)"
    assert refusal("kolors") == told
    shutil.copytree(sharded(tmp_path / "x"), tmp_path / "Kolors" / "unet")
    assert same(held("kolors"), TENSORS)


@pytest.mark.parametrize(
    "name", ["../x-3.safetensors", "/etc/passwd", "..", "", "y\\x.safetensors", "x.json"]
)
def test_an_index_leads_nowhere_else(tmp_path, name):
    save_file({"c": TENSORS["c"]}, tmp_path / "x-3.safetensors")
    folder = sharded(tmp_path / "unet", {"c": name})
    assert refusal(folder) == f"{folder / INDEX}: names {name!r}, which is no file beside it"


def test_a_shard_that_is_gone_or_lacks_a_tensor_is_named(tmp_path):
    folder = sharded(tmp_path / "unet", {"c": "x-1.safetensors"})
    assert refusal(folder).startswith(f"{folder / 'x-1.safetensors'} lacks c, which {INDEX} says it has")
    os.remove(folder / "x-1.safetensors")
    assert refusal(folder).startswith(f"{folder / 'x-1.safetensors'}: file does not exist")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "Invalid JSON"),
        ("[]", ""),
        ('{"weight_map": {"a": 3}}', "weight_map.a: "),
        ('{"weight_map": {}}', "holds no tensors at all"),
        (f'{{"weight_map": {{"a": "{"x" * (9 << 20)}"}}}}', "is too large for an index of shards"),
        ("[" * 100_000, ""),
    ],
)
def test_an_index_that_is_none_is_refused(tmp_path, text, told):
    folder = sharded(tmp_path / "unet")
    (folder / INDEX).write_text(text)
    assert refusal(folder).startswith(f"{folder / INDEX}: {told}")


def test_what_is_not_there_or_no_model_is_told(tmp_path):
    assert refusal(tmp_path / "none.ckpt").startswith(f"{tmp_path / 'none.ckpt'}: file does not exist")
    assert refusal(tmp_path) == (
        f"{tmp_path} is a folder without a UNet: it must hold {NETWORK_NAMES[0]}, or unet/ with it"
    )
    save_file({}, tmp_path / "empty.safetensors")
    assert refusal(tmp_path / "empty.safetensors").endswith(
        "holds no tensors at all: save or download it again"
    )
    assert refusal(tmp_path) == f"{tmp_path} is a folder: give one file in it, empty.safetensors"
    (tmp_path / "page.safetensors").write_text("<html>")
    assert "page.safetensors: is a web page, no file of weights: log in" in refusal(
        tmp_path / "page.safetensors"
    )
