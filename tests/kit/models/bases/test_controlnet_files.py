"""A ControlNet's folder: what it must hold, and what it is known by."""

import json
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
