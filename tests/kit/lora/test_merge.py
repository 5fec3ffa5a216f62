from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.errors import LoraError
from kit.lora.blocks import NAMES, REST, block_of
from kit.lora.formats import LoraPair
from kit.lora.lora import LoadedLora, load_lora
from kit.lora.merge import Merged, MergePart, merge_loras, merged_bytes

BLOCKS = (*NAMES.values(), REST)
ALL_OFF = dict.fromkeys(BLOCKS, 0.0)
SHAPES = {"blocks.7.proj_in": (6, 8), "blocks.7.proj_out": (9, 5), "blocks.10.proj_in": (4, 7)}


def lora(seed: int, rank: int = 2, alpha: float = 3.0, layers: int = 3) -> LoadedLora:
    chance = torch.Generator().manual_seed(seed)
    pairs = {
        name: LoraPair(
            torch.randn(rank, width, generator=chance), torch.randn(height, rank, generator=chance)
        )
        for name, (height, width) in list(SHAPES.items())[:layers]
    }
    return LoadedLora(name="x", sha256="0", tool="diffsynth", rank=rank, alpha=alpha, pairs=pairs, notes={})


def summed(loras: list[LoadedLora], weights: list[float], rank: int | None = None) -> Merged:
    return merge_loras([MergePart(one, weight) for one, weight in zip(loras, weights, strict=True)], rank)


def change(of: LoadedLora, layer: str) -> torch.Tensor:
    down, up = of.pairs.get(layer, (torch.zeros(1, SHAPES[layer][1]), torch.zeros(SHAPES[layer][0], 1)))
    return of.scale * up @ down


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(1, 4), st.floats(-2, 2)), min_size=1, max_size=4))
@settings(deadline=None, max_examples=40)
def test_the_sum_of_loras_does_what_they_do_together(parts: list[tuple[int, int, float]]) -> None:
    loras = [lora(seed, rank) for seed, rank, _ in parts]
    weights = [weight for *_, weight in parts]
    merged = summed(loras, weights)
    assert (merged.rank, merged.error) == (sum(rank for _, rank, _ in parts), 0.0)
    for layer, (down, up) in merged.pairs.items():
        wanted = sum(weight * change(one, layer) for one, weight in zip(loras, weights, strict=True))
        assert down.shape[0] == merged.rank
        assert torch.allclose(up @ down, wanted, atol=1e-5)


def test_a_layer_that_one_lora_lacks_is_the_others_alone() -> None:
    merged = summed([lora(0), lora(1, layers=2)], [1.0, 1.0])
    down, up = merged.pairs["blocks.10.proj_in"]
    assert torch.allclose(up @ down, change(lora(0), "blocks.10.proj_in"), atol=1e-5)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_a_lower_rank_loses_what_the_singular_values_say(rank: int) -> None:
    loras = [lora(0), lora(1)]
    merged = summed(loras, [1.0, 0.5], rank)
    lost = total = 0.0
    for layer, (down, up) in merged.pairs.items():
        whole = change(loras[0], layer) + 0.5 * change(loras[1], layer)
        values = torch.linalg.svdvals(whole.double())
        missing = (whole - up @ down).square().sum().item()
        assert missing == pytest.approx(values[rank:].square().sum().item(), rel=1e-3, abs=1e-6)
        lost, total = lost + missing, total + whole.square().sum().item()
    assert merged.rank == rank
    assert merged.error == pytest.approx((lost / total) ** 0.5, rel=1e-3)


def test_a_rank_above_the_sum_changes_nothing() -> None:
    assert summed([lora(0)], [1.0], 64).rank == 2


def test_loras_of_other_bases_are_refused() -> None:
    other = lora(1)
    other = LoadedLora(
        name="y", sha256="1", tool="kohya", rank=2, alpha=3.0, notes={},
        pairs={name: LoraPair(torch.ones(2, 3), torch.ones(3, 2)) for name in other.pairs},
    )  # fmt: skip
    with pytest.raises(LoraError, match=r"one size in all LoRAs, got \[\(3, 3\), \(4, 7\)\]"):
        summed([lora(0), other], [1.0, 1.0])


EVERY = st.fixed_dictionaries(dict.fromkeys(BLOCKS, st.floats(0, 2)))


@given(EVERY, st.floats(0.1, 2))
@settings(deadline=None, max_examples=40)
def test_each_block_counts_what_it_is_told_to(blocks: dict[str, float], weight: float) -> None:
    one, counted = lora(0), (blocks["input4"], blocks["input5"])
    if not any(counted):
        return
    merged = merge_loras([MergePart(one, weight, blocks)])
    assert set(merged.pairs) == {layer for layer in SHAPES if blocks[block_of(layer)]}
    for layer, (down, up) in merged.pairs.items():
        wanted = weight * blocks[block_of(layer)] * change(one, layer)
        assert torch.allclose(up @ down, wanted, rtol=1e-6, atol=1e-6)


def test_the_content_of_one_and_the_style_of_another_are_added_up() -> None:
    first = {**ALL_OFF, "input4": 1.0}
    second = {**ALL_OFF, "input5": 1.0}
    merged = merge_loras([MergePart(lora(0), 1.0, first), MergePart(lora(1), 0.5, second)])
    down, up = merged.pairs["blocks.7.proj_in"]
    assert torch.allclose(up @ down, change(lora(0), "blocks.7.proj_in"), atol=1e-6)
    down, up = merged.pairs["blocks.10.proj_in"]
    assert torch.allclose(up @ down, 0.5 * change(lora(1), "blocks.10.proj_in"), atol=1e-6)


def test_blocks_that_leave_nothing_of_a_lora_are_refused() -> None:
    with pytest.raises(LoraError, match=r"x: the blocks that it has are all at 0, .*: it has input4, input5"):
        MergePart(lora(0), 1.0, {**ALL_OFF, "output1": 1.0})


def test_a_merged_file_says_what_it_was_made_of_and_of_one_lora_how_that_was_trained(tmp_path: Path) -> None:
    notes = {"ss_learning_rate": "1e-4", "modelspec.trigger_phrase": "水墨", "modelspec.hash_sha256": "0xabc"}
    one = replace(lora(0), notes=notes)
    parts = [MergePart(one, 0.5, {**ALL_OFF, "input4": 0.25})]
    path = tmp_path / "merged.safetensors"
    path.write_bytes(merged_bytes(merge_loras(parts), parts))
    told = load_lora(path).notes
    assert told["merged_from"] == "0 x 0.5 (input4=0.25,rest=0)"
    assert (told["ss_learning_rate"], told["trigger"]) == ("1e-4", "水墨")
    assert "modelspec.hash_sha256" not in told
    parts.append(MergePart(lora(1)))
    path.write_bytes(merged_bytes(merge_loras(parts), parts))
    told = load_lora(path).notes
    assert told["merged_from"] == "0 x 0.5 (input4=0.25,rest=0) + 0 x 1"
    assert "ss_learning_rate" not in told
