import shutil
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from kit.embedded import BASE_WEIGHTS
from kit.files.encodings import sha256_of
from kit.generation.pipelines.parts import read_controlnet
from kit.mini.training.controlnets.training import train_controlnet
from kit.mini.training.corpus import text_sizes
from kit.mini.training.loras import style_config, train_style
from kit.mini.training.main import open_base, save
from kit.mini.training.networks import load_networks
from kit.mini.training.unet import BaseConfig, train_base
from kit.mini.training.vae import VaeTraining, train_vae
from kit.models.base import load_base
from kit.models.bases.controlnet_files import open_controlnet
from kit.models.networks import TOKENIZER
from kit.models.sizes import BaseSizes, TextSizes, UNetSizes, VaeSizes

VOCABULARY = text_sizes(BASE_WEIGHTS / TOKENIZER).vocabulary
SIZES = BaseSizes(
    unet=UNetSizes(
        widths=(16, 16, 16), time=64, time_ids=8, pooled=32, cross=32, head=16, groups=8, layers=(1, 1)
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


@pytest.fixture(scope="module")
def trained(out: Path) -> Path:
    """Return the folder after two steps of each training, at small sizes, with its weights."""
    train_vae(out / "shards", out, SIZES.vae, VaeTraining(steps=2, batch=4, crop=32))
    train_base(out / "shards", out, SIZES, BaseConfig(steps=2, batch=2))
    save(out, out / "weights", SIZES)
    return out


@pytest.mark.slow
def test_trained_networks_become_a_base_that_opens(trained: Path) -> None:
    base = load_base(trained / "weights")
    assert base.sizes == SIZES
    networks = load_networks(base, "cpu")
    latents = networks.encoder(torch.zeros(1, 3, 256, 256))
    assert latents.shape == (1, 4, 32, 32)
    assert networks.decoder(latents).shape == (1, 3, 256, 256)
    assert networks.encoder.scaling_factor > 0


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_training_goes_on_from_a_base_that_is_opened(trained: Path, tmp_path: Path) -> None:
    open_base(trained / "weights", tmp_path)
    train_base(trained / "shards", tmp_path, SIZES, BaseConfig(steps=10**9, batch=2, limit_s=0.0001))
    save(tmp_path, tmp_path / "weights", SIZES)
    assert load_base(tmp_path / "weights").sha256 == load_base(trained / "weights").sha256


@pytest.mark.slow
def test_a_base_is_done_within_its_limit_even_without_a_step(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    train_base(tmp_path / "shards", tmp_path, SIZES, BaseConfig(steps=10**9, batch=2, limit_s=0.0001))
    assert torch.load(tmp_path / "base.pt")["step"] == 0


@pytest.mark.slow
def test_a_style_is_trained_on_the_base_and_carries_its_trigger(trained: Path) -> None:
    base = load_base(trained / "weights")
    train_style(trained / "shards", trained, "ink", base, style_config("ink", 2, 2))
    with safe_open(trained / "loras" / "ink.safetensors", "pt") as file:
        notes = file.metadata()
        assert list(file.keys())
    assert notes["trigger"] == "水墨画风格"
    assert notes["steps"] == "2"
    assert notes["base_sha256"] == sha256_of(trained / "weights" / "unet.safetensors")


@pytest.mark.slow
def test_a_controlnet_is_trained_beside_the_base_and_opens(trained: Path, tmp_path: Path) -> None:
    base = load_base(trained / "weights")
    for name, seed in (("one", 0), ("same", 0), ("other", 1)):
        config = BaseConfig(steps=2, batch=2, seed=seed)
        (tmp_path / name).mkdir()
        train_controlnet(trained / "shards", tmp_path / name, base, [], config)
    one, same, other = (tmp_path / name / "controlnets" / "canny" for name in ("one", "same", "other"))
    identities = [open_controlnet(folder).identity for folder in (one, same, other)]
    assert identities[0] == identities[1] != identities[2]
    net = read_controlnet(open_controlnet(one).network, "cpu", torch.float32)
    for each in (*net.controlnet_down_blocks, net.controlnet_mid_block):
        assert each.weight.abs().max() > 0, "it learned to say something"
    assert torch.load(tmp_path / "one" / "controlnet.pt")["step"] == 2
