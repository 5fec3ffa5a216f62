"""Projections of IP-Adapters give what diffusers' class gives, and for faces what Kolors' facts say."""

from types import SimpleNamespace

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from kit.models.ip_adapter.projection_sizes import ResamplerSizes
from kit.models.ip_adapter.resampler import build_projection
from tests.support.faces_by_hand import faces_by_hand
from tests.support.random_adapters import random_projection

SAME = 1e-12
PLUS = ResamplerSizes(seen=24, width=48, inner=128, feed=192, made=40, tokens=5, depth=4)
FACE = ResamplerSizes(seen=24, width=64, inner=64, feed=256, made=64, tokens=6, depth=4, face=16)


def ours(sizes: ResamplerSizes, tensors: dict[str, Tensor]) -> torch.nn.Module:
    network = build_projection(sizes).double()
    network.load_state_dict({name: one.double() for name, one in tensors.items()})
    return network


def seen(rows: int, patches: int = 7) -> Tensor:
    return torch.randn(rows, patches, 24, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def test_a_whole_picture_gives_the_tokens_of_diffusers_class():
    tensors = random_projection(PLUS, 3)
    read = UNet2DConditionModel._convert_ip_adapter_image_proj_to_diffusers
    theirs = read(SimpleNamespace(), {name: one.double() for name, one in tensors.items()}, False).double()
    with torch.no_grad():
        made, expected = ours(PLUS, tensors)(seen(2)), theirs(seen(2))
    assert made.shape == (2, 5, 40)
    assert (made - expected).abs().max() <= SAME
    assert (made[0] - made[1]).abs().max() > 0.01


def test_a_face_gives_the_tokens_that_its_formula_gives():
    tensors, face = random_projection(FACE, 5), torch.linspace(-1, 1, 32, dtype=torch.float64).reshape(2, 16)
    with torch.no_grad():
        network = ours(FACE, tensors)
        made = network(seen(2), face)
        assert made.shape == (2, 6, 64)
        assert (made - faces_by_hand(tensors, seen(2), face)).abs().max() <= SAME
        for other in (network(seen(2), face.flip(0)), network(seen(2).flip(0), face)):
            assert (made - other).abs().max() > 0.01, "both whose face and what is seen of it count"
