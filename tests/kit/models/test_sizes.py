import json
from dataclasses import replace

import pytest
from fakes import toy_sizes

from kit.errors import WeightsError
from kit.models.base import load_base
from kit.models.kolors.text_encoder import build_text_encoder
from kit.models.kolors.unet import build_unet
from kit.models.kolors.vae import build_vae_decoder, build_vae_encoder
from kit.models.sizes import EMBEDDED_SIZES


def test_all_embedded_weights_fit_the_package():
    networks = (
        build_unet(EMBEDDED_SIZES.unet),
        build_text_encoder(replace(EMBEDDED_SIZES.text, vocabulary=1024)),
        build_vae_encoder(EMBEDDED_SIZES.vae),
        build_vae_decoder(EMBEDDED_SIZES.vae),
    )
    numbers = sum(parameter.numel() for network in networks for parameter in network.parameters())
    rank_16 = 16 * sum(
        layer.in_features + layer.out_features
        for name, layer in build_unet(EMBEDDED_SIZES.unet).named_modules()
        if name.rpartition(".")[2] in ("to_q", "to_k", "to_v", "to_out")
    )
    assert 2 * (numbers + 3 * rank_16) <= 34e6, "40 MB less the encoder's 6"


@pytest.mark.parametrize(
    ("pictures", "size", "can"), [(1, 32, False), (2, 32, True), (1, 64, True), (8, 1024, True)]
)
def test_a_group_of_one_number_cannot_be_normalised(pictures, size, can):
    assert toy_sizes().unet.can_normalise(pictures, size) == can
    assert EMBEDDED_SIZES.unet.can_normalise(pictures, size)


def test_every_fault_of_the_sizes_is_named(base_copy):
    config = json.loads((base_copy / "config.json").read_text())
    del config["sizes"]["text"]["vocabulary"]
    config["sizes"]["unet"]["time"] = "wide"
    (base_copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(WeightsError, match=r"config\.json: .*unet\.time: .*text\.vocabulary: is missing"):
        load_base(base_copy)
