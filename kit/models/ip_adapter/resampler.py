"""What makes tokens for a UNet of what CLIP sees in a picture, under the names of the published files.

IP-Adapter (Ye et al., arXiv 2308.06721); its Plus reads every patch through a resampler (Perceiver, arXiv
2103.03206). diffusers' classes are not used: their names are others, and that for faces makes four tokens.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kit.models.ip_adapter.projection_sizes import HEAD, ResamplerSizes


class LatentAttention(nn.Module):
    """The attention of tokens in the making to a picture's patches and to one another."""

    def __init__(self, width: int, inner: int) -> None:
        """Make the layers, untrained."""
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.to_q = nn.Linear(width, inner, bias=False)
        self.to_kv = nn.Linear(width, 2 * inner, bias=False)
        self.to_out = nn.Linear(inner, width, bias=False)

    def forward(self, seen: Tensor, latents: Tensor) -> Tensor:
        """Return what is added to the latents, (B, tokens, width)."""
        own = self.norm2(latents)
        key, value = self.to_kv(torch.cat([self.norm1(seen), own], dim=1)).chunk(2, dim=2)
        parts = (one.unflatten(2, (-1, HEAD)).transpose(1, 2) for one in (self.to_q(own), key, value))
        read: Tensor = self.to_out(F.scaled_dot_product_attention(*parts).transpose(1, 2).flatten(2))
        return read


class Resampler(nn.Module):
    """As many tokens as it is given latents, of however many patches."""

    def __init__(self, sizes: ResamplerSizes) -> None:
        """Make the layers, untrained."""
        super().__init__()
        width = sizes.width
        self.proj_in, self.proj_out = nn.Linear(sizes.seen, width), nn.Linear(width, sizes.made)
        self.norm_out = nn.LayerNorm(sizes.made)
        self.layers = nn.ModuleList(
            nn.ModuleList([LatentAttention(width, sizes.inner), _feed_forward(width, sizes.feed)])
            for _ in range(sizes.depth)
        )

    def forward(self, seen: Tensor, latents: Tensor) -> Tensor:
        """Return tokens, (B, tokens, made), of patches, (B, patches, seen), and latents of the same width."""
        patches = self.proj_in(seen)
        for layer in self.layers:
            attention, feed = layer.children()
            latents = attention(patches, latents) + latents
            latents = feed(latents) + latents
        made: Tensor = self.norm_out(self.proj_out(latents))
        return made


class PictureProjection(Resampler):
    """Tokens of a whole picture, as IP-Adapter Plus makes them: its latents are learned."""

    def __init__(self, sizes: ResamplerSizes) -> None:
        """Make the layers, untrained."""
        super().__init__(sizes)
        self.latents = nn.Parameter(torch.empty(1, sizes.tokens, sizes.width))

    def forward(self, seen: Tensor, face: Tensor | None = None) -> Tensor:
        """Return tokens, (B, tokens, made), of patches, (B, patches, seen)."""
        made: Tensor = super().forward(seen, self.latents.expand(len(seen), -1, -1))
        return made


class FaceProjection(nn.Module):
    """Tokens of a face, as FaceID-Plus makes them: of whose it is, and of how it looks in the picture."""

    def __init__(self, sizes: ResamplerSizes) -> None:
        """Make the layers, untrained."""
        super().__init__()
        self._shape = (sizes.tokens, sizes.width)
        self.proj = nn.Sequential(
            nn.Linear(sizes.face, 2 * sizes.face),
            nn.GELU(),
            nn.Linear(2 * sizes.face, sizes.tokens * sizes.width),
        )
        self.norm = nn.LayerNorm(sizes.width)
        self.perceiver_resampler = Resampler(sizes)

    def forward(self, seen: Tensor, face: Tensor) -> Tensor:
        """Return tokens, (B, tokens, made), of patches, (B, patches, seen), and embeddings, (B, face)."""
        whose = self.norm(self.proj(face).unflatten(1, self._shape))
        made: Tensor = whose + self.perceiver_resampler(seen, whose)
        return made


def build_projection(sizes: ResamplerSizes) -> PictureProjection | FaceProjection:
    """Return the projection of these sizes, untrained."""
    return FaceProjection(sizes) if sizes.face else PictureProjection(sizes)


def _feed_forward(width: int, feed: int) -> nn.Sequential:
    return nn.Sequential(
        nn.LayerNorm(width), nn.Linear(width, feed, bias=False), nn.GELU(), nn.Linear(feed, width, bias=False)
    )
