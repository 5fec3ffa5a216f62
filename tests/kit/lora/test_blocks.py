"""Blocks are called as LoRA tools count them, and content and style are the blocks of B-LoRA."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.lora.blocks import NAMES, REST, block_of, blocks_text, groups_of, read_blocks, strengths_of
from kit.lora.key_names import read_key

BLOCKS = (*NAMES.values(), REST)
SHARES = st.integers(0, 2000).map(lambda thousandths: thousandths / 1000)


def block_by(key: str) -> str:
    """Return the block of a tensor by whatever name a tool gives it."""
    part = read_key(key)
    assert part is not None, key
    return block_of(part.layer)


@pytest.mark.parametrize(
    ("key", "block"),
    [
        ("lora_unet_input_blocks_4_1_proj_in.lora_down.weight", "input4"),
        ("lora_unet_input_blocks_8_1_transformer_blocks_9_attn2_to_k.lora_up.weight", "input8"),
        ("lora_unet_middle_block_1_proj_out.alpha", "middle1"),
        ("lora_unet_output_blocks_0_1_proj_in.lora_down.weight", "output0"),
        ("diffusion_model.output_blocks.5.1.proj_in.lora_up.weight", "output5"),
        ("unet.down_blocks.2.attentions.0.proj_in.lora_A.weight", "input7"),
        ("blocks.0.time_emb_proj.lora_A.default.weight", "rest"),
    ],
)
def test_a_block_is_called_by_the_number_that_sdxls_tools_count(key: str, block: str) -> None:
    assert block_by(key) == block


def test_content_and_style_of_kolors_are_what_b_lora_trains() -> None:
    content, style = (
        block_by(f"unet.up_blocks.0.attentions.{number}.proj_in.lora_A.weight") for number in (0, 1)
    )
    assert groups_of("kolors") == {"content": (content,), "style": (style,)}
    assert groups_of("/a/folder/of/ones/own") == groups_of("kolors")


def test_groups_of_the_embedded_base_are_its_own_and_share_no_block() -> None:
    groups = groups_of("mini")
    assert groups.keys() == groups_of("kolors").keys()
    named = [block for blocks in groups.values() for block in blocks]
    assert len(named) == len(set(named)) < len(NAMES)
    assert set(named) <= set(NAMES.values())
    assert strengths_of({"style": 0.0}, "mini") != strengths_of({"style": 0.0}, "kolors")


def test_what_is_named_nowhere_is_the_rest_and_counts_as_trained() -> None:
    told = strengths_of({"style": 0.25, "input4": 0.5}, "kolors")
    assert {block for block, value in told.items() if value == 1} == set(BLOCKS) - {"output1", "input4"}
    assert strengths_of({"style": 0.25, "rest": 0.5}, "kolors")["input4"] == 0.5


@pytest.mark.parametrize(
    ("blocks", "told"),
    [
        (
            {"stile": 1.0},
            "no block is called 'stile'; there are content (output0), style (output1), rest, and",
        ),
        (
            {"output9": 1.0},
            "input8, middle1, output0, output1, output2, output3, output4, output5, did you mean",
        ),
        ({"style": 1.0, "output1": 0.5}, "output1 is in style of this base: name one of the two"),
    ],
)
def test_blocks_that_do_not_exist_or_are_named_twice_are_refused(blocks: dict[str, float], told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        strengths_of(blocks, "kolors")


@given(st.fixed_dictionaries(dict.fromkeys(BLOCKS, SHARES)))
def test_a_text_of_blocks_says_what_they_count(strengths: dict[str, float]) -> None:
    assert strengths_of(read_blocks(blocks_text(strengths)), "kolors") == strengths


def test_one_text_says_it_however_it_was_written() -> None:
    one = strengths_of({"style": 1.0, "rest": 0.4}, "kolors")
    other = strengths_of({"rest": 0.4, "output1": 1.0, "input4": 0.4}, "kolors")
    assert blocks_text(one) == blocks_text(other) == "output1=1,rest=0.4"


@pytest.mark.parametrize(
    "text", ["", "style", "style=", "=1", "style=1,style=0.5", "style=nan", "style=1e9", "style:1"]
)
def test_a_text_that_names_no_strengths_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be blocks and their strengths, as content=0\.4,style=1"):
        read_blocks(text)


@pytest.mark.parametrize(
    ("layer", "block"),
    [
        ("unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q", "input4"),
        ("unet.up_blocks.0.attentions.1.proj_in", "output1"),
        ("unet.up_blocks.0.resnets.1.conv1", REST),
        ("text_encoder.text_model.encoder.layers.0.mlp.fc1", REST),
    ],
)
def test_layers_of_sdxl_itself_have_the_blocks_that_kolors_has(layer: str, block: str) -> None:
    assert block_of(layer) == block


def test_stable_diffusion_has_no_blocks_of_these_names(tmp_path: Path) -> None:
    for made, fits in (("StableDiffusionXLPipeline", True), ("StableDiffusionPipeline", False)):
        (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": made}))
        if fits:
            assert strengths_of({"style": 0.5}, str(tmp_path))["output1"] == 0.5
        else:
            with pytest.raises(ValueError, match="are for Kolors and SDXL, whose blocks have names"):
                strengths_of({"style": 0.5}, str(tmp_path))
