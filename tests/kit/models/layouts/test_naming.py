"""What the original code calls each tensor, held against diffusers' own converter of such files."""

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint, convert_ldm_vae_checkpoint
from safetensors.torch import load_file
from single_files import UNET_FILE, VAE_FILE, original_names, single_files, whole_folder

from kit.models.layouts.naming import renamed


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> None:
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_original_names_of_these_tests_are_those_that_diffusers_knows():
    unet, vae = load_file(whole_folder() / UNET_FILE), load_file(whole_folder() / VAE_FILE)
    config = UNet2DConditionModel.load_config(whole_folder() / "unet")
    back = convert_ldm_unet_checkpoint(original_names("unet", unet), config)
    same(back, {name: tensor for name, tensor in unet.items() if "encoder_hid_proj" not in name})
    config = AutoencoderKL.load_config(whole_folder() / "vae")
    original = original_names("encoder", vae) | original_names("decoder", vae)
    same(convert_ldm_vae_checkpoint(original, config), vae)


@pytest.mark.parametrize("file", ["kolors_unet", "kolors_sgm", "kolors_bare"])
def test_a_unets_tensors_are_the_same_under_each_naming(file):
    expected = renamed("unet", load_file(whole_folder() / UNET_FILE))
    same(renamed("unet", load_file(single_files() / f"{file}.safetensors")), expected)


@pytest.mark.parametrize("part", ["encoder", "decoder"])
@pytest.mark.parametrize("file", ["vae_diffusers", "sdxl_checkpoint", "sdxl_vae"])
def test_an_autoencoders_tensors_are_the_same_under_each_naming(file, part):
    expected = renamed(part, load_file(whole_folder() / VAE_FILE))
    same(renamed(part, load_file(single_files() / f"{file}.safetensors")), expected)


def test_names_of_something_else_are_refused():
    with pytest.raises(ValueError, match="Unknown parameters: transformer_blocks"):
        renamed("unet", {"transformer_blocks.0.attn.weight": torch.zeros(1)})
