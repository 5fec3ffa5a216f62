"""Kolors' networks as diffusers builds them, at any size, and what diffusers calls each of their tensors."""

from typing import TYPE_CHECKING

import torch

from kit.models.kolors.scheduler import BETA_END, TRAIN_STEPS
from kit.models.layouts.naming import renamed
from kit.models.networks import Part
from kit.models.sizes import STRIDE, TextSizes, UNetSizes, VaeSizes

if TYPE_CHECKING:
    from diffusers import AsymmetricAutoencoderKL, AutoencoderKL, EulerDiscreteScheduler, UNet2DConditionModel
    from diffusers.pipelines.kolors import ChatGLMModel

BETA_START = 0.00085
_DOWN, _UP = "DownEncoderBlock2D", "UpDecoderBlock2D"
_RESNETS = 2
"""Of each level of an autoencoder on the way down; on the way up there is one more."""


def diffusers_unet(sizes: UNetSizes, side: int = 1024) -> "UNet2DConditionModel":
    """Return diffusers' UNet of these sizes, configured as Kolors' own is.

    Args:
        sizes: its widths.
        side: of the pictures that are drawn where nobody says a size, in pixels.
    """
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=side // STRIDE,
        in_channels=sizes.in_channels,
        block_out_channels=sizes.widths,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=tuple(width // sizes.head for width in sizes.widths),
        transformer_layers_per_block=(1, *sizes.layers),
        cross_attention_dim=sizes.cross,
        time_embedding_dim=sizes.time,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=sizes.time_ids,
        projection_class_embeddings_input_dim=sizes.pooled + 6 * sizes.time_ids,
        encoder_hid_dim=sizes.pooled,
        encoder_hid_dim_type="text_proj",
        norm_num_groups=sizes.groups,
    )


def diffusers_vae(sizes: VaeSizes, latent_scale: float) -> "AutoencoderKL | AsymmetricAutoencoderKL":
    """Return diffusers' autoencoder of these sizes: of two classes the one that has unequal halves."""
    from diffusers import AsymmetricAutoencoderKL, AutoencoderKL

    down, up = ((_DOWN,) * len(sizes.encoder), (_UP,) * len(sizes.decoder))
    if sizes.encoder == sizes.decoder:
        return AutoencoderKL(
            block_out_channels=sizes.encoder,
            down_block_types=down,
            up_block_types=up,
            layers_per_block=_RESNETS,
            norm_num_groups=sizes.groups,
            scaling_factor=latent_scale,
        )
    return AsymmetricAutoencoderKL(
        down_block_types=down,
        down_block_out_channels=sizes.encoder,
        layers_per_down_block=_RESNETS,
        up_block_types=up,
        up_block_out_channels=sizes.decoder,
        layers_per_up_block=_RESNETS,
        norm_num_groups=sizes.groups,
        scaling_factor=latent_scale,
    )


def diffusers_text_encoder(sizes: TextSizes) -> "ChatGLMModel":
    """Return diffusers' ChatGLM of these sizes, with the layer that predicts words."""
    from diffusers.pipelines.kolors import ChatGLMModel
    from diffusers.pipelines.kolors.text_encoder import ChatGLMConfig

    config = ChatGLMConfig(
        num_layers=sizes.layers,
        padded_vocab_size=sizes.vocabulary,
        hidden_size=sizes.hidden,
        ffn_hidden_size=sizes.ffn,
        kv_channels=sizes.head,
        num_attention_heads=sizes.hidden // sizes.head,
        multi_query_attention=True,
        multi_query_group_num=sizes.groups,
        seq_length=32768,
        add_qkv_bias=True,
        rmsnorm=True,
        original_rope=True,
        post_layer_norm=True,
        use_cache=True,
    )
    return ChatGLMModel(config, empty_init=False)


def diffusers_scheduler() -> "EulerDiscreteScheduler":
    """Return a scheduler that goes Kolors' noise levels from the last to the first, as our sampler does.

    Euler's steps in it are those of DDIM. Of diffusers' own none rounds its levels as ours does.
    """
    from diffusers import EulerDiscreteScheduler

    return EulerDiscreteScheduler(
        num_train_timesteps=TRAIN_STEPS,
        beta_start=BETA_START,
        beta_end=BETA_END,
        beta_schedule="scaled_linear",
        timestep_spacing="linspace",
    )


def diffusers_names(part: Part, network: torch.nn.Module) -> dict[str, str]:
    """Return what we call each tensor of one of diffusers' networks, by its name there."""
    order = list(network.state_dict())
    marked = {name: torch.tensor([float(number)]) for number, name in enumerate(order)}
    moved = renamed(part, marked)
    return {order[int(mark.flatten()[0])]: ours for ours, mark in moved.items()}
