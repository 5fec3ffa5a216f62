"""How large a base's networks are: the sizes of Kolors, and those of the embedded base, as data.

The networks are the same; only these numbers differ. The embedded ones are chosen so that all embedded
weights stay below 40 MB in fp16 and eight panels are drawn in seconds on two CPU cores.
"""

from dataclasses import dataclass

TEXT_ENCODER = "text_encoder"
"""What embeddings call the text encoder that they are for."""
TOKENS = 256
"""Tokens the text encoder reads a prompt; shorter prompts are padded on the left, as Kolors does."""
PREFIX_TOKENS = 2
"""[gMASK] and sop take two of them."""
LATENT_CHANNELS = 4
INPAINTING_CHANNELS = 2 * LATENT_CHANNELS + 1
"""Of a cell as a UNet for inpainting reads it: its latents, whether it is drawn anew, what is known of it."""
STRIDE = 8
"""Pixels a latent cell stands for, along each side."""


@dataclass(frozen=True, kw_only=True, slots=True)
class UNetSizes:
    """Widths of an SDXL-shaped UNet."""

    widths: tuple[int, int, int]
    """Channels at 1/8, 1/16 and 1/32 of the picture's side."""
    time: int
    """Width of the embedding of time, size and pooled text."""
    time_ids: int
    """Sine and cosine features for each of the six size numbers."""
    pooled: int
    """Width of the text encoder's states, pooled or not."""
    cross: int
    """Width of the text as the attention reads it."""
    head: int
    """Width of one attention head."""
    groups: int
    """Groups of every normalisation."""
    layers: tuple[int, int]
    """Transformer layers in each attention block at 1/16 and at 1/32."""
    in_channels: int = LATENT_CHANNELS
    """Channels of a cell that it reads: 9 in place of 4 where it is made for inpainting."""

    def can_normalise(self, pictures: int, size: int) -> bool:
        """Return whether each group of a normalisation has the two numbers that a spread needs.

        Args:
            pictures: in one call.
            size: their side in pixels, a multiple of 32.
        """
        return pictures * (self.widths[1] // self.groups) * (size // 32) ** 2 >= 2


@dataclass(frozen=True, kw_only=True, slots=True)
class TextSizes:
    """Widths of a ChatGLM-shaped text encoder."""

    vocabulary: int
    """Rows of the embedding: at least the tokenizer's pieces and nine special tokens."""
    hidden: int
    layers: int
    head: int
    groups: int
    """Key and value heads; the query heads (hidden / head) are a multiple of it."""
    ffn: int


@dataclass(frozen=True, kw_only=True, slots=True)
class VaeSizes:
    """Widths of an SDXL-shaped autoencoder, finest resolution first."""

    encoder: tuple[int, int, int, int]
    decoder: tuple[int, int, int, int]
    groups: int
    """Groups of every normalisation; divides every width."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BaseSizes:
    """The sizes of all networks of one base."""

    unet: UNetSizes
    text: TextSizes
    vae: VaeSizes


KOLORS_SIZES = BaseSizes(
    unet=UNetSizes(
        widths=(320, 640, 1280), time=1280, time_ids=256, pooled=4096, cross=2048, head=64, groups=32,
        layers=(2, 10),
    ),
    text=TextSizes(vocabulary=65024, hidden=4096, layers=28, head=128, groups=2, ffn=13696),
    vae=VaeSizes(encoder=(128, 256, 512, 512), decoder=(128, 256, 512, 512), groups=32),
)  # fmt: skip
"""Kolors' own, as its published configs give them."""
EMBEDDED_SIZES = BaseSizes(
    unet=UNetSizes(
        widths=(64, 96, 160), time=256, time_ids=64, pooled=192, cross=192, head=32, groups=32, layers=(1, 1)
    ),
    text=TextSizes(vocabulary=768, hidden=192, layers=4, head=32, groups=2, ffn=512),
    vae=VaeSizes(encoder=(24, 40, 56, 72), decoder=(32, 64, 80, 96), groups=8),
)
"""Those of the embedded base, as its config.json gives them."""
