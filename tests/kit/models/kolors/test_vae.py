import torch
from diffsynth import SDXLVAEDecoder, SDXLVAEEncoder
from fakes import toy_base

from kit.mini.training.vae import encode_moments
from kit.models.base import load_base
from kit.models.kolors.vae import build_vae_decoder, build_vae_encoder
from kit.models.sizes import KOLORS_SIZES


def test_the_autoencoder_at_kolors_widths_is_the_one_of_kolors():
    sizes = KOLORS_SIZES.vae
    with torch.device("meta"):
        ours = (build_vae_encoder(sizes), build_vae_decoder(sizes))
        theirs = (SDXLVAEEncoder(), SDXLVAEDecoder())
    for our, their in zip(ours, theirs, strict=True):
        assert {k: v.shape for k, v in our.state_dict().items()} == {
            k: v.shape for k, v in their.state_dict().items()
        }


def test_the_mean_of_the_moments_is_the_latent_before_scaling():
    encoder = load_base(toy_base()).vae_encoder()
    picture = torch.rand(1, 3, 64, 64) * 2 - 1
    mean, log_variance = encode_moments(encoder, picture)
    assert mean.shape == log_variance.shape == (1, 4, 8, 8)
    torch.testing.assert_close(encoder(picture), mean * encoder.scaling_factor)
