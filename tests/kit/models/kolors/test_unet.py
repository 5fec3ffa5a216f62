import torch
from diffsynth import SDXLUNet
from fakes import toy_sizes

from kit.mini.training.networks import untrained_unet
from kit.models.kolors.unet import build_unet, time_ids
from kit.models.sizes import EMBEDDED_SIZES


def test_a_small_unet_has_the_blocks_of_kolors_in_kolors_order():
    with torch.device("meta"):
        small, kolors = build_unet(EMBEDDED_SIZES.unet), SDXLUNet(is_kolors=True)
    assert [type(block) for block in small.blocks] == [type(block) for block in kolors.blocks]
    assert len(small.blocks) == 49


def test_an_untrained_unet_predicts_nothing():
    unet = untrained_unet(toy_sizes().unet)
    latents, text = torch.randn(2, 4, 8, 8), torch.randn(2, 256, 32)
    predicted = unet(latents, torch.tensor([5.0, 900.0]), text, time_ids(2, 64), text[:, 0])
    assert not predicted.any()
