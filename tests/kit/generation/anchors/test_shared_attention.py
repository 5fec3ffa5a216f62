"""Who reads whom: against attention written out, and on whole pictures of a toy base."""

import math
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch
from diffsynth.models.attention import Attention
from fakes import TOY_PROMPTS, toy_base
from painting import CFG4, NEGATIVE, painted, panel_request

from kit.experiment.drawing.draw_settings import DrawSettings
from kit.experiment.run import Anchor
from kit.generation.anchors.shared_attention import AnchoredRow, SharedAttention, Sharing, WatchedAttention
from kit.generation.kolors.kolors_painter import KolorsPainter
from kit.generation.painter import PanelRequest
from kit.generation.sampling.first_noise import first_noise
from kit.models.base import load_base

TOKENS, WIDTH, HEADS = 16, 8, 2


@pytest.fixture
def attention():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return Attention(WIDTH, HEADS, WIDTH // HEADS).double().requires_grad_(False)


def states(rows: int) -> torch.Tensor:
    return torch.randn(rows, TOKENS, WIDTH, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def added(sharing: Sharing, reader: AnchoredRow) -> torch.Tensor:
    """Return what is added to a reader's scores, (tokens, keys)."""
    bias = sharing.bias(reader, torch.zeros(1, TOKENS, WIDTH))
    return bias.query @ bias.key.T


def written_out(
    attention: Attention, own: torch.Tensor, read: list[torch.Tensor], shift: float
) -> torch.Tensor:
    """Return what a row becomes that reads others, its attention spelt out head by head."""
    seen = torch.cat([own, *read])
    query, key, value = attention.to_q(own), attention.to_k(seen), attention.to_v(seen)
    bias = torch.zeros(len(seen), dtype=torch.float64)
    bias[TOKENS:] = shift
    heads = []
    for part in torch.arange(WIDTH).chunk(HEADS):
        scores = query[:, part] @ key[:, part].T / math.sqrt(len(part)) + bias
        heads.append(scores.softmax(dim=1) @ value[:, part])
    return attention.to_out(torch.cat(heads, dim=1))


@pytest.mark.parametrize(("anchors", "share"), [((0,), 0.5), ((0,), 0.8), ((0, 2), 0.8)])
def test_a_reader_attends_to_its_own_tokens_and_its_anchors(attention, anchors, share):
    shared, rows = SharedAttention(attention), states(6)
    shared.sharing = Sharing(rows=3, readers=[AnchoredRow(1, anchors, share)], watched={})
    got = shared(rows)
    shift = math.log(share / (1 - share) / len(anchors))
    for half in (0, 3):
        read = [rows[half + anchor] for anchor in anchors]
        assert torch.allclose(got[half + 1], written_out(attention, rows[half + 1], read, shift), atol=1e-12)
    plain = attention(rows)
    assert torch.equal(got[[0, 2, 3, 5]], plain[[0, 2, 3, 5]]), "who reads nobody is as before"


def test_without_sharing_it_is_the_attention_itself(attention):
    assert torch.equal(SharedAttention(attention)(states(2)), attention(states(2)))


def test_the_whole_share_still_leaves_a_panel_something_of_its_own(attention):
    shared, rows = SharedAttention(attention), states(2)
    shared.sharing = Sharing(rows=2, readers=[AnchoredRow(1, (0,), 1.0)], watched={})
    assert shared(rows).isfinite().all()


def test_what_is_no_subject_hardly_counts_once_it_is_known_where_the_subject_is(attention):
    rows, words = states(2), torch.randn(2, 5, WIDTH, dtype=torch.float64)
    sharing = Sharing(rows=2, readers=[AnchoredRow(1, (0,), 0.7)], watched={0: [[1, 2]]})
    watched = WatchedAttention(attention)
    watched.sharing = sharing
    assert torch.equal(watched(rows, words), attention(rows, encoder_hidden_states=words))
    even = added(sharing, AnchoredRow(1, (0,), 0.7))[0]
    sharing.end_step()
    told = added(sharing, AnchoredRow(1, (0,), 0.7))[0]
    assert torch.allclose(even[TOKENS:], even[-1])
    assert told[TOKENS:].max() > even[-1] > told[TOKENS:].min() + 2
    assert told[TOKENS:].exp().mean() == pytest.approx(float(even[-1].exp())), "together they count the same"


def test_a_token_that_shows_a_bystander_does_not_read(attention):
    """Half of the reader's tokens look at the words of another figure, the other half at nobody's."""
    reader = AnchoredRow(1, (0,), 0.7)
    sharing = Sharing(rows=2, readers=[reader], watched={1: [[1], [2]]})
    side = math.isqrt(TOKENS)
    hero, other = torch.zeros(side, side), torch.zeros(side, side)
    hero[0, 0], other[side // 2 :] = 1.0, 1.0
    before = added(sharing, reader)
    sharing.note(1, torch.stack([hero, other]))
    assert torch.equal(added(sharing, reader), before), "what is seen in a step counts from the next on"
    sharing.end_step()
    after = added(sharing, reader)
    shows_other = other.flatten() == 1
    assert (after[shows_other, TOKENS:] < before[0, -1] - 8).all()
    assert torch.allclose(after[~shows_other, TOKENS:], before[0, -1], atol=0.2)
    assert (after[:, :TOKENS] == 0).all()


GIRL = Anchor(prompt=TOY_PROMPTS[0], seed=1, subject="一个紫色短发小女孩")
CAT = Anchor(prompt=TOY_PROMPTS[1], seed=1, subject="一只黄色小猫")


def reading(prompt: str, *anchors: Anchor) -> PanelRequest:
    return replace(panel_request(prompt, 1), anchors=anchors, consistency=0.8)


@pytest.fixture(scope="module")
def exact():
    """The toy base in fp64: fp32's rounding, which depends on the batch, would hide a mistake."""
    painter = KolorsPainter(load_base(toy_base()), "cpu")
    painter._networks.dtype = torch.float64
    painter.encode_prompts([*TOY_PROMPTS, NEGATIVE])
    return painter


def latents(
    painter: KolorsPainter, requests: list[PanelRequest], settings: DrawSettings = CFG4
) -> torch.Tensor:
    noise = torch.cat([first_noise(request.seed, settings, "cpu") for request in requests]).double()
    with torch.inference_mode():
        return painter._loop.denoise(noise, requests, settings)


def test_a_picture_hangs_on_its_anchors_and_on_nothing_else_in_the_batch(exact):
    alone, anchor = latents(exact, [reading(TOY_PROMPTS[2], GIRL)]), panel_request(TOY_PROMPTS[0], 1)
    batch = [
        anchor,
        reading(TOY_PROMPTS[3], CAT),
        reading(TOY_PROMPTS[2], GIRL),
        reading(TOY_PROMPTS[3], GIRL, CAT),
    ]
    together, back = latents(exact, batch), latents(exact, batch[::-1])
    assert torch.allclose(together, back.flip(0), rtol=0, atol=1e-9)
    assert torch.allclose(together[2], alone[0], rtol=0, atol=1e-9)
    assert torch.allclose(together[0], latents(exact, [anchor])[0], rtol=0, atol=1e-9)


def test_a_picture_is_moved_by_whom_it_reads(exact):
    seen = [
        latents(exact, [reading(TOY_PROMPTS[2], *anchors)])[0]
        for anchors in ((), (GIRL,), (CAT,), (GIRL, CAT))
    ]
    for one, other in combinations(seen, 2):
        assert (one - other).abs().max() > 1e-3 * seen[0].std()


def test_without_guidance_anchors_are_read_too(exact):
    unguided = replace(CFG4, cfg=1.0)
    moved, still = (
        latents(exact, [request], unguided)
        for request in (reading(TOY_PROMPTS[2], GIRL), panel_request(TOY_PROMPTS[2], 1))
    )
    assert (moved - still).abs().max() > 1e-3 * still.std()


def test_drawing_without_anchors_is_bit_identical_before_and_after(painter):
    request = panel_request(TOY_PROMPTS[1], 1)
    [before] = painted(painter, [request])
    painted(painter, [reading(TOY_PROMPTS[2], GIRL)])
    assert np.array_equal(painted(painter, [request])[0], before)


def test_with_little_memory_the_picture_is_the_one_drawn_alone(painter):
    requests, low = [reading(prompt, GIRL) for prompt in TOY_PROMPTS[2:]], replace(CFG4, memory="low")
    for request, picture in zip(requests, painted(painter, requests, low), strict=True):
        assert np.array_equal(picture, painted(painter, [request])[0])
