"""How large the embedded base's networks are.

The networks are those of Kolors; only these numbers differ. Chosen so that all embedded weights stay
below 40 MB in fp16 and eight panels are drawn in seconds on two CPU cores.
"""

from dataclasses import asdict, dataclass

from pydantic import TypeAdapter, ValidationError

from kit.errors import WeightsError
from kit.files.documents import faults_of

TOKENS = 256
"""Tokens the text encoder reads a prompt; shorter prompts are padded on the left, as Kolors does."""
LATENT_CHANNELS = 4
STRIDE = 8
"""Pixels a latent cell stands for, along each side."""


@dataclass(frozen=True, kw_only=True, slots=True)
class UNetSizes:
    """Widths of an SDXL-shaped UNet."""

    widths: tuple[int, int, int] = (64, 96, 160)
    """Channels at 1/8, 1/16 and 1/32 of the picture's side."""
    time: int = 256
    """Width of the embedding of time, size and pooled text."""
    time_ids: int = 64
    """Sine and cosine features for each of the six size numbers."""
    pooled: int = 192
    """Width of the text encoder's states, pooled or not."""
    cross: int = 192
    """Width of the text as the attention reads it."""
    head: int = 32
    """Width of one attention head."""
    groups: int = 32
    """Groups of every normalisation."""
    layers: tuple[int, int] = (1, 1)
    """Transformer layers in each attention block at 1/16 and at 1/32."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TextSizes:
    """Widths of a ChatGLM-shaped text encoder."""

    vocabulary: int
    """Rows of the embedding: at least the tokenizer's pieces and nine special tokens."""
    hidden: int = 192
    layers: int = 4
    head: int = 32
    groups: int = 2
    """Key and value heads; the query heads (hidden / head) are a multiple of it."""
    ffn: int = 512


@dataclass(frozen=True, kw_only=True, slots=True)
class VaeSizes:
    """Widths of an SDXL-shaped autoencoder, finest resolution first."""

    encoder: tuple[int, int, int, int] = (24, 40, 56, 72)
    decoder: tuple[int, int, int, int] = (32, 64, 80, 96)
    groups: int = 8
    """Groups of every normalisation; divides every width."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BaseSizes:
    """The sizes of all networks of one base."""

    unet: UNetSizes
    text: TextSizes
    vae: VaeSizes

    def as_json(self) -> dict[str, dict[str, object]]:
        """Return what config.json holds."""
        return asdict(self)


def read_sizes(config: object, source: str) -> BaseSizes:
    """Return the sizes a base's config.json gives; `source` names it in errors."""
    try:
        return TypeAdapter(BaseSizes).validate_python(config)
    except ValidationError as error:
        raise WeightsError(f"{source}: " + "; ".join(faults_of(error))) from error
