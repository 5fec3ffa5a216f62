import json

import pytest
import torch
from fakes import toy_base, toy_sizes

from kit.errors import WeightsError
from kit.mini.training.networks import (
    Networks,
    load_networks,
    save_base,
    untrained_text_encoder,
    untrained_unet,
)
from kit.models.base import load_base
from kit.models.kolors.vae import build_vae_decoder, build_vae_encoder
from kit.models.mini_layout import TEXT, VAE
from kit.models.unet_files import UNET


def test_saved_weights_come_back_as_fp16_holds_them(tmp_path):
    sizes = toy_sizes()
    networks = Networks(
        unet=untrained_unet(sizes.unet),
        text_encoder=untrained_text_encoder(sizes.text),
        encoder=build_vae_encoder(sizes.vae),
        decoder=build_vae_decoder(sizes.vae),
    )
    networks.decoder.scaling_factor = 0.7
    save_base(tmp_path, sizes, networks, toy_base() / "tokenizer" / "tokenizer.model")
    base = load_base(tmp_path)
    assert base.sizes == sizes
    loaded = load_networks(base, "cpu")
    for name in ("unet", "text_encoder", "encoder", "decoder"):
        before, after = getattr(networks, name).state_dict(), getattr(loaded, name).state_dict()
        assert before.keys() == after.keys()
        assert all(torch.equal(before[key].half().float(), after[key].float()) for key in before)
    assert loaded.encoder.scaling_factor == loaded.decoder.scaling_factor == 0.7


@pytest.mark.parametrize("name", [UNET, TEXT, VAE, "tokenizer/tokenizer.model"])
def test_one_changed_byte_in_any_file_is_refused_by_its_name(base_copy, name):
    data = bytearray((base_copy / name).read_bytes())
    data[-1] ^= 1
    (base_copy / name).write_bytes(data)
    with pytest.raises(WeightsError, match=f"{name} is damaged"):
        load_base(base_copy)


@pytest.mark.parametrize("name", [UNET, "tokenizer/tokenizer.model"])
def test_a_missing_file_is_refused_by_its_name(base_copy, name):
    (base_copy / name).unlink()
    with pytest.raises(WeightsError, match=f"{name} cannot be read"):
        load_base(base_copy)


def test_weights_of_another_size_than_promised_are_refused(base_copy):
    config = json.loads((base_copy / "config.json").read_text())
    config["sizes"]["unet"]["widths"] = [32, 64, 64]
    (base_copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(WeightsError, match=r"unet\.safetensors does not fit the sizes in config\.json"):
        load_base(base_copy).unet()


def test_numbers_that_fp16_cannot_hold_are_not_saved(tmp_path):
    networks = load_networks(load_base(toy_base()), "cpu")
    networks.unet.conv_in.weight.data[0, 0, 0, 0] = 1e6
    with pytest.raises(WeightsError, match=r"conv_in\.weight holds numbers that fp16 cannot"):
        save_base(tmp_path, toy_sizes(), networks, toy_base() / "tokenizer" / "tokenizer.model")
