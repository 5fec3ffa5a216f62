from collections import Counter

import pytest
import torch
import torch._inductor.config
from diffsynth.models.sd_unet import ResnetBlock
from fakes import toy_base
from torch import nn
from torch.fx import GraphModule

from kit.generation.kolors.compiling import compiled_in_turn
from kit.generation.painter import ALONE, CompileShare
from kit.models.base import load_base
from kit.models.kolors.unet import regions

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # inside torch


@pytest.fixture(autouse=True)
def _nothing_compiled_before():
    torch.compiler.reset()


def networks():
    base = load_base(toy_base())
    return [base.unet(), base.vae_decoder()]


def compiled(parts: list[nn.Module]) -> set[int]:
    """Return the numbers of those that are compiled when they are next called."""
    return {number for number, part in enumerate(parts) if part._compiled_call_impl is not None}


def turns(share: CompileShare) -> list[set[int]]:
    """Return which parts of the networks are added in each turn of a worker."""
    both = networks()
    parts = [part for network in both for part in regions(network)]
    told, before = [], set()
    for _ in compiled_in_turn(both, share):
        told.append(compiled(parts) - before)
        before = compiled(parts)
    assert before == set(range(len(parts)))
    return told


@pytest.mark.parametrize("workers", [1, 2, 3, 4, 50])
def test_workers_begin_with_parts_that_differ_and_end_with_all(workers):
    told = [turns(CompileShare(number, workers)) for number in range(min(workers, 8))]
    first = Counter(part for one in told for part in one[0])
    assert set(first.values()) == {1}
    if workers <= 8:
        assert set(first) == set.union(*told[0])  # together they compile each part in their first turn
    if workers > 1:
        assert told[1][-1] == told[0][0]  # who begins one further ends with what the one before begins with


def test_parts_of_a_kind_are_compiled_in_one_turn():
    unet, decoder = networks()
    for _ in compiled_in_turn([unet, decoder], CompileShare(0, 4)):
        now = [part for network in (unet, decoder) for part in regions(network)]
        kinds: dict[object, set[bool]] = {}
        for part in now:
            key = (type(part), tuple(weight.shape for weight in part.parameters()))
            kinds.setdefault(key, set()).add(part._compiled_call_impl is not None)
        assert all(len(found) == 1 for found in kinds.values())


def test_alone_all_is_compiled_at_once():
    assert len(turns(ALONE)) == 1


def test_what_cannot_be_compiled_runs_as_before(monkeypatch):
    unet, _ = networks()
    part = next(part for part in regions(unet) if isinstance(part, ResnetBlock))
    time = torch.randn(2, part.time_emb_proj.in_features)
    given = torch.randn(2, part.conv1.in_channels, 8, 8), time, None, []
    asked = []

    def broken(*_: object, **__: object) -> object:
        asked.append("a compiler")
        raise RuntimeError("no compiler here")

    monkeypatch.setattr("torch._inductor.compile_fx.compile_fx", broken)
    with torch.inference_mode():
        before = part(*given)[0]
        for _ in compiled_in_turn([unet], ALONE):
            assert torch.equal(part(*given)[0], before)
    assert asked


def test_no_kernel_of_any_part_is_chosen_by_timing_it(monkeypatch):
    unet, _ = networks()
    chosen_so = []

    def noted(model: GraphModule, *_: object, config_patches: dict[str, object], **__: object) -> object:
        with torch._inductor.config.patch(config_patches):
            chosen_so.append(torch._inductor.config.deterministic)
        return model.forward

    monkeypatch.setattr("torch._inductor.compile_fx.compile_fx", noted)
    [_] = compiled_in_turn([unet], ALONE)
    with torch.inference_mode():
        for part in [part for part in regions(unet) if isinstance(part, ResnetBlock)]:
            time = torch.randn(2, part.time_emb_proj.in_features)
            part(torch.randn(2, part.conv1.in_channels, 8, 8), time, None, [])
    assert len(chosen_so) > 1
    assert all(chosen_so)
