"""How large Kolors' networks are, told by the shapes of their tensors where no config.json says it.

What shapes cannot tell is Kolors' own: the width of a head, the groups of a normalisation.
"""

from collections.abc import Mapping

from torch import Tensor

from kit.messages import Message, tr
from kit.models.sizes import KOLORS_SIZES, TextSizes, UNetSizes, VaeSizes

Shapes = Mapping[str, Tensor]
"""Tensors by DiffSynth's names, of which only shapes are read."""
LATENT_SCALE = 0.13025
"""Kolors' own factor from the autoencoder's latents to the UNet's, which is SDXL's."""


def unet_sizes(tensors: Shapes) -> UNetSizes:
    """Return the sizes of a UNet; ValueError says what is lacking for one of Kolors' shape."""
    projection = _sides(tensors, "text_intermediate_proj.weight")
    if not projection:
        raise ValueError(_no_kolors("encoder_hid_proj"))
    cross, pooled = projection
    widths = tuple(_width(tensors, f"blocks.{number}.conv1.weight") for number in (0, 6, 14))
    (mid, coarse), own = (_layers(tensors, number) for number in (7, 15)), KOLORS_SIZES.unet
    return UNetSizes(
        widths=(widths[0], widths[1], widths[2]),
        time=_width(tensors, "time_embedding.0.weight"),
        time_ids=(_width(tensors, "add_time_embedding.0.weight", 1) - pooled) // 6,
        pooled=pooled,
        cross=cross,
        head=own.head,
        groups=own.groups,
        layers=(mid, coarse),
        in_channels=_width(tensors, "conv_in.weight", 1),
    )


def vae_sizes(encoder: Shapes, decoder: Shapes) -> VaeSizes:
    """Return the sizes of an autoencoder; ValueError says what is lacking."""
    up = [_width(decoder, f"blocks.{number}.conv2.weight") for number in (15, 11, 7, 3)]
    down = [_width(encoder, f"blocks.{number}.conv2.weight") for number in (0, 3, 6, 9)]
    return VaeSizes(
        encoder=(down[0], down[1], down[2], down[3]),
        decoder=(up[0], up[1], up[2], up[3]),
        groups=KOLORS_SIZES.vae.groups,
    )


def text_sizes(tensors: Shapes) -> TextSizes:
    """Return the sizes of a text encoder; ValueError says what is lacking."""
    head, layer = KOLORS_SIZES.text.head, "encoder.layers.0."
    hidden = _width(tensors, "embedding.word_embeddings.weight", 1)
    read = _width(tensors, f"{layer}self_attention.query_key_value.weight")
    groups, rest = divmod(read - hidden, 2 * head)
    if hidden % head or rest or groups < 1 or (hidden // head) % groups:
        raise ValueError(
            tr("has other sides than ChatGLM3's: it has {hidden} and {read}", hidden=hidden, read=read)
        )
    return TextSizes(
        vocabulary=_width(tensors, "embedding.word_embeddings.weight"),
        hidden=hidden,
        layers=len({name.split(".")[2] for name in tensors if name.startswith("encoder.layers.")}),
        head=head,
        groups=groups,
        ffn=_width(tensors, f"{layer}mlp.dense_4h_to_h.weight", 1),
    )


def _layers(tensors: Shapes, block: int) -> int:
    start = f"blocks.{block}.transformer_blocks."
    found = {name.removeprefix(start).split(".")[0] for name in tensors if name.startswith(start)}
    if not found:
        raise ValueError(_no_kolors(f"blocks.{block}"))
    return len(found)


def _width(tensors: Shapes, name: str, side: int = 0) -> int:
    sides = _sides(tensors, name)
    if len(sides) <= side or sides[side] < 1:
        raise ValueError(_no_kolors(name))
    return sides[side]


def _sides(tensors: Shapes, name: str) -> tuple[int, ...]:
    return tuple(tensors[name].shape) if name in tensors else ()


def _no_kolors(name: str) -> Message:
    return tr("is no network of Kolors' shape: it has no {name}", name=name)
