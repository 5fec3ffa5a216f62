"""Kolors' networks at any size; the only file that imports diffsynth.

Kolors is a ChatGLM text encoder, an SDXL UNet and an SDXL autoencoder. The embedded base is the same
classes with smaller widths, so both are drawn, trained and merged by the same code.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TypeVar

import torch
from diffsynth.models.kolors_text_encoder import ChatGLMConfig
from diffsynth.models.kolors_text_encoder import ChatGLMModel as ChatGLMModel
from diffsynth.models.sd_unet import (
    AttentionBlock,
    DownSampler,
    PopBlock,
    PushBlock,
    ResnetBlock,
    Timesteps,
    UpSampler,
)
from diffsynth.models.sd_vae_decoder import VAEAttentionBlock
from diffsynth.models.sdxl_unet import SDXLUNet as SDXLUNet
from diffsynth.models.sdxl_vae_decoder import SDXLVAEDecoder as SDXLVAEDecoder
from diffsynth.models.sdxl_vae_encoder import SDXLVAEEncoder as SDXLVAEEncoder
from diffsynth.prompters.kolors_prompter import KolorsPrompter as KolorsPrompter
from diffsynth.schedulers import EnhancedDDIMScheduler
from torch import Tensor, nn

from kit.errors import WeightsError
from kit.mini.sizes import LATENT_CHANNELS, TOKENS, TextSizes, UNetSizes, VaeSizes

TRAIN_STEPS = 1100
"""Noise levels Kolors was trained on."""
BETA_END = 0.014
SPECIAL_TOKENS = 9
"""Ids Kolors' tokenizer adds behind the pieces; [gMASK] and sop, +1 and +3, open every prompt."""
PREFIX_TOKENS = 2
"""[gMASK] and sop take two of the 256 places."""
Network = TypeVar("Network", bound=nn.Module)


def parameter_count(network: nn.Module) -> int:
    """Return how many numbers the network has learned; two bytes each in fp16."""
    return sum(parameter.numel() for parameter in network.parameters())


def scheduler(steps: int | None = None) -> EnhancedDDIMScheduler:
    """Return Kolors' sampler, set to `steps` when given."""
    sampler = EnhancedDDIMScheduler(beta_end=BETA_END, num_train_timesteps=TRAIN_STEPS)
    if steps is not None:
        sampler.set_timesteps(steps)
    return sampler


def _blank(cls: type[Network]) -> Network:
    """Return an instance of a diffsynth network without its full-size blocks."""
    network = cls.__new__(cls)
    nn.Module.__init__(network)
    return network


def translated(
    network: type[SDXLUNet | SDXLVAEEncoder | SDXLVAEDecoder], weights: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Return a network's tensors, named by diffusers, under diffsynth's names; others are left out."""
    answer = network.state_dict_converter().from_diffusers(dict(weights))
    renamed: dict[str, Tensor] = answer[0] if isinstance(answer, tuple) else answer
    return renamed


# ---------------------------------------------------------------- UNet


def _unet_blocks(sizes: UNetSizes) -> list[nn.Module]:
    """Return SDXL's 49 blocks in SDXL's order, at these widths."""
    fine, mid, coarse = sizes.widths
    some, many = sizes.layers

    def resnet(inward: int, outward: int) -> list[nn.Module]:
        return [ResnetBlock(inward, outward, sizes.time, groups=sizes.groups)]

    def attend(inward: int, outward: int, layers: int) -> list[nn.Module]:
        heads = outward // sizes.head
        attention = AttentionBlock(
            heads, sizes.head, outward, layers, sizes.cross, norm_num_groups=sizes.groups
        )
        return [*resnet(inward, outward), attention]

    def pop(inward: int, skipped: int, outward: int, layers: int = 0) -> list[nn.Module]:
        joined = inward + skipped
        return [PopBlock(), *(attend(joined, outward, layers) if layers else resnet(joined, outward))]

    down = [*resnet(fine, fine), PushBlock(), *resnet(fine, fine), PushBlock()]
    down += [DownSampler(fine), PushBlock()]
    down += [*attend(fine, mid, some), PushBlock(), *attend(mid, mid, some), PushBlock()]
    down += [DownSampler(mid), PushBlock()]
    down += [*attend(mid, coarse, many), PushBlock(), *attend(coarse, coarse, many), PushBlock()]
    middle = [*attend(coarse, coarse, many), *resnet(coarse, coarse)]
    up = [*pop(coarse, coarse, coarse, many), *pop(coarse, coarse, coarse, many)]
    up += [*pop(coarse, mid, coarse, many), UpSampler(coarse)]
    up += [*pop(coarse, mid, mid, some), *pop(mid, mid, mid, some), *pop(mid, fine, mid, some)]
    up += [UpSampler(mid), *pop(mid, fine, fine), *pop(fine, fine, fine), *pop(fine, fine, fine)]
    return [*down, *middle, *up]


def _silence(layers: Iterable[nn.Module]) -> None:
    for layer in layers:
        for parameter in layer.parameters():
            nn.init.zeros_(parameter)


def build_unet(sizes: UNetSizes) -> SDXLUNet:
    """Return an untrained Kolors UNet; every residual branch and the output start at zero."""
    unet = _blank(SDXLUNet)
    width = sizes.widths[0]
    unet.time_proj = Timesteps(width)
    unet.time_embedding = _two_layers(width, sizes.time)
    unet.add_time_proj = Timesteps(sizes.time_ids)
    unet.add_time_embedding = _two_layers(sizes.pooled + 6 * sizes.time_ids, sizes.time)
    unet.conv_in = nn.Conv2d(LATENT_CHANNELS, width, 3, padding=1)
    unet.text_intermediate_proj = nn.Linear(sizes.pooled, sizes.cross)
    unet.blocks = nn.ModuleList(_unet_blocks(sizes))
    unet.conv_norm_out = nn.GroupNorm(sizes.groups, width, eps=1e-5)
    unet.conv_act = nn.SiLU()
    unet.conv_out = nn.Conv2d(width, LATENT_CHANNELS, 3, padding=1)
    unet.is_kolors = True
    _silence(block.conv2 for block in unet.blocks if isinstance(block, ResnetBlock))
    _silence(block.proj_out for block in unet.blocks if isinstance(block, AttentionBlock))
    _silence([unet.conv_out])
    return unet


@cache
def linear_shapes(sizes: UNetSizes) -> dict[str, tuple[int, int]]:
    """Return (out, in) of each linear layer of a UNet; no weights are made."""
    with torch.device("meta"):
        layers = build_unet(sizes).named_modules()
    return {n: (m.out_features, m.in_features) for n, m in layers if isinstance(m, nn.Linear)}


def attentions(unet: SDXLUNet) -> Iterator[nn.Module]:
    """Yield every attention to the text."""
    for block in unet.blocks:
        if isinstance(block, AttentionBlock):
            yield from (layer.attn2 for layer in block.transformer_blocks)


def regions(network: SDXLUNet | SDXLVAEDecoder) -> Iterator[nn.Module]:
    """Yield the parts that repeat, of which compiling one serves all of its size."""
    for block in network.blocks:
        if isinstance(block, AttentionBlock):
            yield block.norm
            yield from block.transformer_blocks
        elif isinstance(block, ResnetBlock | UpSampler):
            yield block
    yield network.conv_norm_out


def _two_layers(inward: int, outward: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inward, outward), nn.SiLU(), nn.Linear(outward, outward))


def time_ids(count: int, size: int | tuple[int, int], device: torch.device | str = "cpu") -> Tensor:
    """Return the size numbers of `count` pictures of one size, flat: (6 * count,), as SDXL's UNet takes them.

    Args:
        count: rows.
        size: side of a square, or (height, width), in pixels.
        device: where to put them.
    """
    height, width = (size, size) if isinstance(size, int) else size
    return torch.tensor([height, width, 0, 0, height, width], device=device).repeat(count)


# ---------------------------------------------------------------- text


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Keep a library's logger from telling users that diffsynth reads an old name in its config."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def build_text_encoder(sizes: TextSizes) -> ChatGLMModel:
    """Return an untrained Kolors text encoder, without the word-predicting layer that drawing never uses."""
    config = ChatGLMConfig(
        num_layers=sizes.layers,
        padded_vocab_size=sizes.vocabulary,
        hidden_size=sizes.hidden,
        ffn_hidden_size=sizes.ffn,
        kv_channels=sizes.head,
        num_attention_heads=sizes.hidden // sizes.head,
        multi_query_attention=True,
        multi_query_group_num=sizes.groups,
        add_qkv_bias=True,
        original_rope=True,
        use_cache=True,
        torch_dtype="float32",
    )
    with _quiet("transformers.configuration_utils"):
        model = ChatGLMModel(config, empty_init=False).float()
    model.output_layer = nn.Identity()
    for name, parameter in model.named_parameters():
        if name.startswith("embedding."):
            nn.init.normal_(parameter, std=0.5)
        elif parameter.dim() == 2:
            nn.init.normal_(parameter, std=parameter.shape[1] ** -0.5)
        elif name.endswith(".bias"):
            nn.init.zeros_(parameter)
        else:
            nn.init.ones_(parameter)
    return model


def encode_ids(
    text_encoder: ChatGLMModel, ids: Tensor, mask: Tensor, positions: Tensor
) -> tuple[Tensor, Tensor]:
    """Return what the UNet reads of a text: (B, tokens, hidden) and (B, hidden), as KolorsPrompter does.

    The first is the second last layer's states, the second the last layer's state of the last token.
    """
    seen = text_encoder.get_masks(ids, None, padding_mask=mask)
    states = text_encoder(
        input_ids=ids, full_attention_mask=seen, position_ids=positions, output_hidden_states=True
    ).hidden_states
    return states[-2].permute(1, 0, 2), states[-1][-1]


def build_prompter(tokenizer: Path | None) -> KolorsPrompter:
    """Return Kolors' prompter over the sentencepiece model in a folder; None for Kolors' own.

    Raises WeightsError when the folder's tokenizer.model is damaged.
    """
    prompter = KolorsPrompter(tokenizer_path=tokenizer and str(tokenizer))
    if isinstance(prompter.tokenizer, bool):  # transformers answers so where sentencepiece fails
        raise WeightsError(f"{tokenizer}/tokenizer.model is not a whole sentencepiece model")
    return prompter


def tokenize(prompter: KolorsPrompter, prompts: Sequence[str]) -> tuple[Tensor, Tensor, Tensor]:
    """Return ids, mask and positions of the prompts, (B, 256) each; longer prompts lose their end."""
    tokens = prompter.tokenizer(
        list(prompts), padding="max_length", max_length=TOKENS, truncation=True, return_tensors="pt"
    )
    return tokens["input_ids"], tokens["attention_mask"], tokens["position_ids"]


def cut_off(prompter: KolorsPrompter, text: str) -> str:
    """Return the end of a text that the text encoder would not see; empty when it sees all of it."""
    pieces = prompter.tokenizer.tokenize(text)
    if len(pieces) <= TOKENS - PREFIX_TOKENS:
        return ""
    end: str = prompter.tokenizer.convert_tokens_to_string(pieces[TOKENS - PREFIX_TOKENS :])
    return end.strip()


def pad_left(rows: Sequence[Sequence[int]], pieces: int, unknown: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Return the same as `tokenize`, from sentencepiece ids without prefix: for many texts at once.

    Args:
        rows: sentencepiece ids of each text.
        pieces: size of the sentencepiece vocabulary; the prefix tokens follow it.
        unknown: sentencepiece's id of the unknown piece, which pads.
    """
    prefix = [pieces + 1, pieces + 3]
    ids = torch.full((len(rows), TOKENS), unknown, dtype=torch.int64)
    mask = torch.zeros_like(ids)
    positions = torch.zeros_like(ids)
    for index, row in enumerate(rows):
        tokens = torch.tensor([*prefix, *row][:TOKENS])
        ids[index, -len(tokens) :] = tokens
        mask[index, -len(tokens) :] = 1
        positions[index, -len(tokens) :] = torch.arange(len(tokens))
    return ids, mask, positions


# ---------------------------------------------------------------- autoencoder


def _vae_resnet(inward: int, outward: int, sizes: VaeSizes) -> nn.Module:
    block: nn.Module = ResnetBlock(inward, outward, eps=1e-6, groups=sizes.groups)
    return block


def _vae_middle(width: int, sizes: VaeSizes) -> list[nn.Module]:
    attention = VAEAttentionBlock(1, width, width, 1, norm_num_groups=sizes.groups, eps=1e-6)
    return [_vae_resnet(width, width, sizes), attention, _vae_resnet(width, width, sizes)]


def build_vae_encoder(sizes: VaeSizes) -> SDXLVAEEncoder:
    """Return an untrained encoder; called, it gives the mean times `scaling_factor` (1.0 until trained)."""
    encoder = _blank(SDXLVAEEncoder)
    first, *_, last = sizes.encoder
    blocks: list[nn.Module] = []
    before = first
    for level, width in enumerate(sizes.encoder):
        if level:
            blocks.append(DownSampler(before, padding=0, extra_padding=True))
        blocks += [_vae_resnet(before, width, sizes), _vae_resnet(width, width, sizes)]
        before = width
    encoder.scaling_factor = 1.0
    encoder.quant_conv = nn.Conv2d(2 * LATENT_CHANNELS, 2 * LATENT_CHANNELS, 1)
    encoder.conv_in = nn.Conv2d(3, first, 3, padding=1)
    encoder.blocks = nn.ModuleList([*blocks, *_vae_middle(last, sizes)])
    encoder.conv_norm_out = nn.GroupNorm(sizes.groups, last, eps=1e-6)
    encoder.conv_act = nn.SiLU()
    encoder.conv_out = nn.Conv2d(last, 2 * LATENT_CHANNELS, 3, padding=1)
    return encoder


def build_vae_decoder(sizes: VaeSizes) -> SDXLVAEDecoder:
    """Return an untrained decoder; called, it divides by `scaling_factor` (1.0 until trained) first."""
    decoder = _blank(SDXLVAEDecoder)
    widths = sizes.decoder[::-1]
    blocks = _vae_middle(widths[0], sizes)
    before = widths[0]
    for level, width in enumerate(widths):
        if level:
            blocks.append(UpSampler(before))
        blocks += [_vae_resnet(before, width, sizes)]
        blocks += [_vae_resnet(width, width, sizes), _vae_resnet(width, width, sizes)]
        before = width
    decoder.scaling_factor = 1.0
    decoder.post_quant_conv = nn.Conv2d(LATENT_CHANNELS, LATENT_CHANNELS, 1)
    decoder.conv_in = nn.Conv2d(LATENT_CHANNELS, widths[0], 3, padding=1)
    decoder.blocks = nn.ModuleList(blocks)
    decoder.conv_norm_out = nn.GroupNorm(sizes.groups, before, eps=1e-5)
    decoder.conv_act = nn.SiLU()
    decoder.conv_out = nn.Conv2d(before, 3, 3, padding=1)
    return decoder


def encode_moments(encoder: SDXLVAEEncoder, pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and log variance of the latents, (B, 4, H/8, W/8) each, unscaled; pictures in [-1, 1]."""
    hidden = encoder.conv_in(pictures)
    for block in encoder.blocks:
        hidden = block(hidden, None, None, [])[0]
    hidden = encoder.conv_out(encoder.conv_act(encoder.conv_norm_out(hidden)))
    mean, log_variance = encoder.quant_conv(hidden).chunk(2, dim=1)
    return mean, log_variance
