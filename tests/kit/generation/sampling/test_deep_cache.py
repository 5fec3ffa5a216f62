"""Deep features are computed in every so many-th step and are what they were in between."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from diffsynth.models.sd_unet import AttentionBlock, DownSampler, PopBlock, PushBlock, UpSampler
from fakes import TOY_PROMPTS, toy_base
from painting import CFG4, painted, panel_request
from torch import Tensor, nn

from kit.generation.sampling.deep_cache import RememberedBlocks, deep_cache
from kit.models.base import load_base
from kit.models.kolors.unet import inner_blocks, time_ids


def call(unet: nn.Module, seed: int, rows: int = 2) -> Tensor:
    chance = torch.Generator().manual_seed(seed)
    latents, text = torch.randn(2, 4, 8, 8, generator=chance), torch.ones(2, 12, 32)
    with torch.inference_mode():
        return unet(latents[:rows], torch.tensor([500.0]), text[:rows], time_ids(rows, 64), text[:rows, 0])


def test_the_inner_blocks_hold_all_attention_and_give_back_as_many_states_as_they_take() -> None:
    unet = load_base(toy_base()).unet()
    inner, kinds = inner_blocks(unet), [type(block) for block in unet.blocks]
    assert (kinds[inner.start], kinds[inner.stop - 1]) == (DownSampler, UpSampler)
    assert AttentionBlock not in [*kinds[: inner.start], *kinds[inner.stop :]]
    assert kinds[inner].count(PushBlock) == kinds[inner].count(PopBlock) == 6


def test_every_call_computes_all_where_nothing_is_remembered() -> None:
    unet = load_base(toy_base()).unet()
    before, blocks = call(unet, 0), unet.blocks
    with deep_cache(unet, 1):
        assert unet.blocks is blocks
        assert torch.equal(call(unet, 0), before)


@pytest.mark.parametrize("every", [2, 3])
def test_between_whole_calls_the_inner_blocks_say_what_they_said(every: int) -> None:
    unet = load_base(toy_base()).unet()
    plain, names = [call(unet, seed) for seed in range(4)], list(unet.state_dict())

    class Replayed(nn.Module):
        """The inner blocks, asked about the call in which they were last computed."""

        def __init__(self, said: Tensor) -> None:
            super().__init__()
            self.said = said

        def forward(self, states: Tensor, *others: object, **_: object) -> tuple[object, ...]:
            return self.said, *others

    said: list[Tensor] = []
    last = unet.blocks[inner_blocks(unet).stop - 1]
    hook = last.register_forward_hook(lambda _m, _i, made: said.append(made[0]))
    with deep_cache(unet, every):
        found = [call(unet, seed) for seed in range(4)]
    hook.remove()
    assert list(unet.state_dict()) == names
    assert len(said) == len(range(0, 4, every))
    for seed in range(4):
        if seed % every == 0:
            assert torch.equal(found[seed], plain[seed])
            continue
        inner, whole = inner_blocks(unet), unet.blocks
        unet.blocks = nn.ModuleList(
            [*whole[: inner.start], Replayed(said[seed // every]), *whole[inner.stop :]]
        )
        assert torch.equal(found[seed], call(unet, seed))
        unet.blocks = whole
        assert not torch.equal(found[seed], plain[seed])


def test_a_call_of_fewer_rows_has_the_first_of_what_is_remembered() -> None:
    unet = load_base(toy_base()).unet()
    with deep_cache(unet, 2):
        call(unet, 0)
        both = call(unet, 1)
    with deep_cache(unet, 2):
        call(unet, 0)
        torch.testing.assert_close(call(unet, 1, rows=1), both[:1], rtol=0, atol=1e-5)


def test_the_unet_is_whole_again_after_a_call_that_failed() -> None:
    unet = load_base(toy_base()).unet()
    blocks = unet.blocks
    with pytest.raises(RuntimeError, match="expected"), deep_cache(unet, 2):
        unet(torch.zeros(1, 5, 8, 8), torch.tensor([1.0]), None, time_ids(1, 64), torch.ones(1, 32))
    assert unet.blocks is blocks
    assert not any(isinstance(block, RememberedBlocks) for block in unet.blocks)


def test_pictures_of_remembered_features_are_drawn_the_same_again_and_are_others(painter) -> None:
    asked = [panel_request(TOY_PROMPTS[0]), panel_request(TOY_PROMPTS[1], seed=1)]
    [plain, _], how = painted(painter, asked), replace(CFG4, cache_every=2)
    [once, _], [again, _] = painted(painter, asked, how), painted(painter, asked, how)
    assert np.array_equal(once, again)
    assert not np.array_equal(once, plain)
    assert np.array_equal(painted(painter, asked)[0], plain), "and nothing is left behind"
