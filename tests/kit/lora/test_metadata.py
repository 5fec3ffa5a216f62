import json
from pathlib import Path

import pytest
import torch
from lora_files import EVERY_LAYER, lora_file, random_pairs
from safetensors.torch import load_file, save_file

from kit.errors import LoraError
from kit.lora.convert import convert_lora
from kit.lora.key_names import Tool, write_key
from kit.lora.lora import load_lora

Q = "blocks.15.transformer_blocks.0.attn1.to_q"


@pytest.mark.parametrize("tool", ["diffusers", "kohya"])
def test_without_a_word_on_alpha_diffusers_and_kohya_take_the_rank(tmp_path: Path, tool: Tool) -> None:
    tensors = {
        write_key(tool, Q, half): tensor for half, tensor in zip("AB", random_pairs([Q])[Q], strict=True)
    }
    save_file(tensors, tmp_path / "a.safetensors")
    assert load_lora(tmp_path / "a.safetensors").scale == 1.0


def test_layers_with_alphas_of_their_own_count_as_each_says(tmp_path: Path) -> None:
    path = lora_file(tmp_path / "a.safetensors", "kohya", random_pairs(EVERY_LAYER[:2]))
    before, tensors = load_lora(path), load_file(path)
    tensors[write_key("kohya", EVERY_LAYER[0], "alpha")] = torch.tensor(1.0)
    save_file(tensors, path)
    lora = load_lora(path)
    for layer, alpha in ((EVERY_LAYER[0], 1.0), (EVERY_LAYER[1], 6.0)):
        (down, up), (old_down, old_up) = lora.pairs[layer], before.pairs[layer]
        assert torch.allclose(lora.scale * up @ down, alpha / 3 * old_up @ old_down, rtol=1e-6, atol=1e-7)


def test_a_file_that_lost_an_alpha_is_refused(tmp_path: Path) -> None:
    path = lora_file(tmp_path / "a.safetensors", "kohya", random_pairs(EVERY_LAYER[:2]))
    tensors = load_file(path)
    del tensors[write_key("kohya", EVERY_LAYER[0], "alpha")]
    save_file(tensors, path)
    with pytest.raises(LoraError, match=r"must have an alpha for all layers, got 1 for 2"):
        load_lora(path)


def test_rank_stabilised_scaling_is_kept(tmp_path: Path) -> None:
    convert_lora(
        lora_file(tmp_path / "a.safetensors", "diffsynth", random_pairs([Q], rank=4)), "peft", tmp_path / "p"
    )
    config = tmp_path / "p" / "adapter_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"use_rslora": True}))
    assert load_lora(tmp_path / "p").scale == pytest.approx(6.0 / 4**0.5)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{", "must hold PEFT's settings"),
        ("{}", "must hold PEFT's settings"),
        ("[]", "must hold PEFT's settings"),
        ('{"lora_alpha": "x"}', "alpha must be a number, got 'x'"),
        ('{"lora_alpha": 4, "rank_pattern": {"a": 2}}', "one rank and alpha, got the pattern"),
    ],
)
def test_settings_of_peft_that_say_nothing_clear_are_refused(tmp_path: Path, text: str, fault: str) -> None:
    convert_lora(
        lora_file(tmp_path / "a.safetensors", "diffsynth", random_pairs([Q])), "peft", tmp_path / "p"
    )
    (tmp_path / "p" / "adapter_config.json").write_text(text)
    with pytest.raises(LoraError, match=fault):
        load_lora(tmp_path / "p")
