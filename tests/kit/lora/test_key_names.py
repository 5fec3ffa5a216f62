import pytest
from hypothesis import given
from hypothesis import strategies as st
from lora_files import EVERY_LAYER

from kit.lora.key_names import Names, Tool, read_key, write_key

TOOLS: tuple[Tool, ...] = ("diffsynth", "peft", "diffusers", "kohya")


Q = "blocks.15.transformer_blocks.0.attn1.to_q"


@pytest.mark.parametrize("tool", TOOLS)
def test_every_name_we_write_is_read_as_what_it_was(tool: Tool) -> None:
    names = {write_key(tool, layer, half): (layer, half) for layer in EVERY_LAYER for half in ("A", "B")}
    assert len(names) == 2 * len(EVERY_LAYER)
    for name, (layer, half) in names.items():
        assert read_key(name) == (tool, layer, half)


@pytest.mark.parametrize(
    ("key", "tool"),
    [
        ("blocks.15.transformer_blocks.0.attn1.to_q.lora_A.default.weight", "diffsynth"),
        ("base_model.model.blocks.15.transformer_blocks.0.attn1.to_q.lora_A.weight", "peft"),
        ("unet.down_blocks.2.attentions.0.transformer_blocks.0.attn1.to_q.lora_A.weight", "diffusers"),
        ("unet.down_blocks.2.attentions.0.transformer_blocks.0.attn1.to_q.lora.down.weight", "diffusers"),
        (
            "unet.down_blocks.2.attentions.0.transformer_blocks.0.attn1.processor.to_q_lora.down.weight",
            "diffusers",
        ),
        ("lora_unet_input_blocks_7_1_transformer_blocks_0_attn1_to_q.lora_down.weight", "kohya of SDXL"),
        ("diffusion_model.input_blocks.7.1.transformer_blocks.0.attn1.to_q.lora_down.weight", "ComfyUI"),
        ("down_blocks.2.attentions.0.transformer_blocks.0.attn1.to_q.lora_A.weight", "diffusers' UNet"),
        (
            "base_model.model.down_blocks.2.attentions.0.transformer_blocks.0.attn1.to_q.lora_A.weight",
            "peft of diffusers",
        ),
        ("lora_unet_down_blocks_2_attentions_0_transformer_blocks_0_attn1_to_q.lora_down.weight", "kohya"),
    ],
)  # fmt: skip
def test_the_known_tools_names_mean_one_layer(key: str, tool: Names) -> None:
    assert read_key(key) == (tool, Q, "A")


@pytest.mark.parametrize(
    "key",
    [
        "lora_te1_text_model_encoder_layers_0_self_attn_q_proj.lora_down.weight",
        "unet.down_blocks.9.attentions.0.transformer_blocks.0.attn1.to_q.lora_A.weight",
        "lora_unet_input_blocks_7_1_transformer_blocks_0_attn1_to_q.weight",
        "blocks.15.transformer_blocks.0.attn1.to_q.weight",
        "",
    ],
)
def test_a_name_of_anything_else_is_unknown(key: str) -> None:
    assert read_key(key) is None


@given(st.text(max_size=60))
def test_no_text_breaks_the_reading_of_names(text: str) -> None:
    assert read_key(text) is None or "." in text
