"""Kolors' own sizes told by the shapes of its tensors; no weights are made."""

import pytest
import torch
from single_files import original_names
from torch import Tensor

from kit.models.layouts.diffusers_networks import diffusers_text_encoder, diffusers_unet, diffusers_vae
from kit.models.layouts.naming import renamed
from kit.models.layouts.sizes_by_shape import LATENT_SCALE, text_sizes, unet_sizes, vae_sizes
from kit.models.sizes import KOLORS_SIZES


def tensors(build, *arguments) -> dict[str, Tensor]:
    with torch.device("meta"):
        return build(*arguments).state_dict()


def test_shapes_tell_the_sizes_of_kolors():
    unet, vae = KOLORS_SIZES.unet, KOLORS_SIZES.vae
    assert unet_sizes(renamed("unet", tensors(diffusers_unet, unet))) == unet
    named = tensors(diffusers_vae, vae, LATENT_SCALE)
    assert vae_sizes(renamed("encoder", named), renamed("decoder", named)) == vae
    assert text_sizes(tensors(diffusers_text_encoder, KOLORS_SIZES.text)) == KOLORS_SIZES.text


def test_the_original_codes_names_hold_every_tensor_of_kolors():
    unet, vae = (
        tensors(diffusers_unet, KOLORS_SIZES.unet),
        tensors(diffusers_vae, KOLORS_SIZES.vae, LATENT_SCALE),
    )
    original = original_names("unet", unet)
    assert len(original) == len(unet)
    assert unet_sizes(renamed("unet", original)) == KOLORS_SIZES.unet
    halves = original_names("encoder", vae) | original_names("decoder", vae)
    assert len(halves) == len(vae)


@pytest.mark.parametrize(("hidden", "read"), [(4096, 4096), (4096, 4609), (4096, 4864), (100, 612)])
def test_a_text_encoder_of_other_heads_is_refused(hidden, read):
    names = {
        "embedding.word_embeddings.weight": torch.empty(10, hidden, device="meta"),
        "encoder.layers.0.self_attention.query_key_value.weight": torch.empty(read, hidden, device="meta"),
    }
    with pytest.raises(ValueError, match=f"has other sides than ChatGLM3's: .*{hidden} and {read}"):
        text_sizes(names)
