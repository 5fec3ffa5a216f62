"""What Kolors-IP-Adapter-FaceID-Plus makes of a face, sum by sum, as Kolors describes it."""

import torch
import torch.nn.functional as F
from torch import Tensor


def faces_by_hand(tensors: dict[str, Tensor], patches: Tensor, face: Tensor) -> Tensor:
    """Return tokens, (B, 6, width), of patches, (B, patches, seen), and embeddings, (B, face)."""
    own = {name: one.double() for name, one in tensors.items()}

    def linear(name: str, states: Tensor) -> Tensor:
        return states @ own[f"{name}.weight"].T + own.get(f"{name}.bias", 0)

    def norm(name: str, states: Tensor) -> Tensor:
        spread = (states - states.mean(-1, keepdim=True)) / (
            states.var(-1, False, keepdim=True) + 1e-5
        ).sqrt()
        return spread * own[f"{name}.weight"] + own[f"{name}.bias"]

    whose = norm("norm", linear("proj.2", F.gelu(linear("proj.0", face))).reshape(len(face), 6, -1))
    latents, read = whose, linear("perceiver_resampler.proj_in", patches)
    for number in range(4):
        at = f"perceiver_resampler.layers.{number}"
        inner = norm(f"{at}.0.norm2", latents)
        both = torch.cat([norm(f"{at}.0.norm1", read), inner], dim=1)
        key, value = linear(f"{at}.0.to_kv", both).chunk(2, dim=-1)
        shares = (linear(f"{at}.0.to_q", inner) @ key.transpose(1, 2) / 64**0.5).softmax(dim=-1)
        latents = latents + linear(f"{at}.0.to_out", shares @ value)
        latents = latents + linear(f"{at}.1.3", F.gelu(linear(f"{at}.1.1", norm(f"{at}.1.0", latents))))
    return whose + norm("perceiver_resampler.norm_out", linear("perceiver_resampler.proj_out", latents))
