import numpy as np
import pytest
import torch
from safetensors.torch import save

from submissions.leaderboard.lora_print import groups_of_one_lora, lora_print
from submissions.untrusted.lora_reader import LoraFile

LAYERS = [f"blocks.{block}.transformer_blocks.0.attn1.to_q" for block in (7, 9, 11)]


def factors(seed: int) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    made = torch.Generator().manual_seed(seed)
    return {
        layer: (torch.randn(4, 16, generator=made), torch.randn(24, 4, generator=made)) for layer in LAYERS
    }


def written(
    pairs: dict, name: str = "{}.lora_{}.default.weight", dtype: torch.dtype = torch.float32
) -> LoraFile:
    tensors = {
        name.format(layer, half): one.to(dtype).contiguous()
        for layer, pair in pairs.items()
        for half, one in zip("AB", pair, strict=True)
    }
    return LoraFile(data=save(tensors))


TURN = torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(5)))[0]
FORMS = {
    "in half precision": lambda pairs: written(pairs, dtype=torch.float16),
    "in bfloat16": lambda pairs: written(pairs, dtype=torch.bfloat16),
    "with PEFT's names": lambda pairs: written(pairs, "base_model.model.{}.lora_{}.weight"),
    "at half strength": lambda pairs: written({layer: (a, b / 2) for layer, (a, b) in pairs.items()}),
    "with weight moved from one factor to the other": lambda pairs: written(
        {layer: (a * 8, b / 8) for layer, (a, b) in pairs.items()}
    ),
    "with other factors of the same product": lambda pairs: written(
        {layer: (TURN @ a, b @ TURN.T) for layer, (a, b) in pairs.items()}
    ),
    "with a little noise": lambda pairs: written(
        {layer: (a, b + 1e-3 * torch.ones_like(b)) for layer, (a, b) in pairs.items()}
    ),
    "of a higher rank, filled with zeros": lambda pairs: written(
        {layer: (torch.cat([a, a * 0]), torch.cat([b, b * 0], 1)) for layer, (a, b) in pairs.items()}
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_lora_is_known_in_another_file(form):
    prints = [
        lora_print(written(factors(1))),
        lora_print(written(factors(2))),
        lora_print(FORMS[form](factors(1))),
    ]
    assert groups_of_one_lora(prints) == [[0, 2]]


def test_loras_that_differ_are_not_one_and_none_is_of_no_group():
    prints = [lora_print(written(factors(seed))) for seed in range(40)]
    assert groups_of_one_lora([*prints, None, None]) == []
    assert groups_of_one_lora([]) == []


def test_a_lora_that_changes_nothing_has_no_print():
    assert lora_print(written({layer: (a, b * 0) for layer, (a, b) in factors(1).items()})) is None


def test_prints_are_the_same_everywhere():
    assert np.array_equal(lora_print(written(factors(1))), lora_print(written(factors(1))))
