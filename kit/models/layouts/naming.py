"""Whose names a network's tensors have, diffusers' or the original code's, and what DiffSynth calls them."""

from collections.abc import Mapping

from diffsynth.models.sdxl_unet import SDXLUNet
from diffsynth.models.sdxl_vae_decoder import SDXLVAEDecoder
from diffsynth.models.sdxl_vae_encoder import SDXLVAEEncoder
from torch import Tensor

from kit.files.text.library_words import reason_of
from kit.messages import tr
from kit.models.merging.unet_blocks import PREFIXES
from kit.models.networks import Part, part_of

NETWORKS: Mapping[Part, type[SDXLUNet | SDXLVAEEncoder | SDXLVAEDecoder]] = {
    "unet": SDXLUNet,
    "encoder": SDXLVAEEncoder,
    "decoder": SDXLVAEDecoder,
}
TEXT_PREFIX = "transformer."
"""What ChatGLM's own files put in front of every name, and those of diffusers do not."""
_UNET, _AUTOENCODER = PREFIXES[0], "first_stage_model."
"""What DiffSynth expects in front of the original names."""
_ORIGINAL_UNET, _ORIGINAL_AUTOENCODER = "input_blocks.", "encoder.down."
_TEXT_PROJECTION = "encoder_hid_proj."
"""Of Kolors alone; no original name is known to DiffSynth, ComfyUI's Kolors keeps diffusers'."""


def renamed(part: Part, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a network's tensors under DiffSynth's names; ValueError for names of something else.

    What else there is in a file, as text encoders in a whole checkpoint, is left out.
    """
    bare = _without_prefix(part, tensors)
    original = _ORIGINAL_UNET if part == "unet" else _ORIGINAL_AUTOENCODER
    converter = NETWORKS[part].state_dict_converter()
    try:
        if not any(name.startswith(original) for name in bare):
            return _tensors(converter.from_diffusers(bare))
        prefix = _UNET if part == "unet" else _AUTOENCODER
        named = _tensors(converter.from_civitai({prefix + name: tensor for name, tensor in bare.items()}))
    except (KeyError, IndexError, ValueError) as error:
        told = reason_of(str(error)[:200])
        raise ValueError(tr("has other names than Kolors' own: {error}", error=told)) from error
    text = part_of(bare, _TEXT_PROJECTION) if part == "unet" else {}
    return named | {f"text_intermediate_proj.{name}": tensor for name, tensor in text.items()}


def _without_prefix(part: Part, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    prefixes = PREFIXES if part == "unet" else (_AUTOENCODER, "vae.", "")
    prefix = next(one for one in prefixes if any(name.startswith(one) for name in tensors))
    return part_of(tensors, prefix)


def _tensors(answer: object) -> dict[str, Tensor]:
    """Return what a converter answers without what it says besides."""
    found = answer[0] if isinstance(answer, tuple) else answer
    assert isinstance(found, dict), "as every converter of DiffSynth does"
    return found
