"""A ControlNet's folder: what it must hold, and what it is known by."""

import json
import pickle
import shutil

import pytest

from kit.errors import WeightsError
from kit.models.bases.controlnet_files import open_controlnet
from tests.support.toy_controlnets import toy_controlnets


@pytest.fixture
def net(tmp_path):
    return shutil.copytree(toy_controlnets()["sdxl/canny"], tmp_path / "canny")


def test_its_identity_changes_with_its_weights_and_its_config_alone(net):
    (net / "README.md").write_text("words")
    before = open_controlnet(net).identity
    assert before == open_controlnet(toy_controlnets()["sdxl/canny"]).identity
    config = json.loads((net / "config.json").read_text())
    (net / "config.json").write_text(json.dumps(config | {"conditioning_channels": 3, "more": 1}))
    (net / "storykit.json").unlink()
    assert open_controlnet(net).identity != before


def test_weights_in_half_precision_are_found_by_their_name(net):
    (net / "diffusion_pytorch_model.safetensors").rename(net / "diffusion_pytorch_model.fp16.safetensors")
    assert open_controlnet(net).network.variant == "fp16"


def test_a_folder_that_lacks_weights_or_holds_another_network_is_refused(net):
    (net / "diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"controlnet: there is no .*diffusion_pytorch_model.safetensors"):
        open_controlnet(net)
    unet = toy_controlnets()["sdxl/canny"].parent / "stable-diffusion-xl-base-1.0" / "unet"
    with pytest.raises(WeightsError, match="must say ControlNetModel, got UNet2DConditionModel"):
        open_controlnet(unet)


def test_weights_that_are_torn_or_pickled_and_a_config_without_end_are_refused_in_a_line(net):
    weights, config = net / "diffusion_pytorch_model.safetensors", net / "config.json"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match=r"\.safetensors: is cut off, perhaps half a download"):
        open_controlnet(net)
    weights.unlink()
    (net / "diffusion_pytorch_model.bin").write_bytes(pickle.dumps(print))
    with pytest.raises(WeightsError, match=r"\.bin: is a bare pickle, which could run anything"):
        open_controlnet(net)
    config.write_text(json.dumps(json.loads(config.read_text()) | {"layers_per_block": [2, 10**9]}))
    with pytest.raises(WeightsError, match=r"config\.json: its layers_per_block is larger than any"):
        open_controlnet(net)
