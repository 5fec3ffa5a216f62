from pathlib import Path

import pytest

pytest.importorskip("diffusers", reason="needs storykit[bases]")

import torch
from safetensors.torch import save_file

from kit.errors import LoraError
from kit.lora.formats import read_content
from kit.lora.lora import find_lora
from kit.lora.pipelines.layout import PipelineLayout
from kit.lora.pipelines.refusals import made_for

CROSS = "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k"
SECOND = "text_encoder_2.text_model.encoder.layers.0.mlp.fc1"
XL = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q"


def names(layer: str) -> list[str]:
    return [f"{layer}.lora_down.weight", f"{layer}.lora_up.weight"]


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ([f"{XL}.hada_w1_a", f"{XL}.hada_w1_b"], "is a LoHa of LyCORIS, no LoRA"),
        ([*names(XL), f"{XL}.dora_scale"], "is a DoRA, which is more than a LoRA"),
        ([*names(XL), f"{XL}.lora_mid.weight"], r"factors have factors \(lora_mid\)"),
        (names("lora_unet_double_blocks_0_img_attn_qkv"), "is a LoRA for Flux, which fits no base here: use"),
        (names("lora_unet_joint_blocks_0_x_block_attn_qkv"), "is a LoRA for Stable Diffusion 3"),
        (["blocks.7.proj_in.lora_A.default.weight", "blocks.7.proj_in.lora_B.default.weight"],
         "is a LoRA for Kolors or the embedded base: use one made for SDXL"),
        (["emb_params"], "is a textual inversion embedding, not a LoRA: use a LoRA made for SDXL"),
        (["model.diffusion_model.input_blocks.0.0.weight"], "is a whole checkpoint"),
        ([*names(XL), "strange.lora_up.weight"], r"2 of 3 keys match .* is not: strange\.lora_up\.weight"),
    ],
)  # fmt: skip
def test_what_is_no_lora_for_sdxl_is_told_in_a_line(keys: list[str], told: str, tmp_path: Path) -> None:
    save_file({name: torch.ones(2, 2) for name in keys}, tmp_path / "a.safetensors")
    with pytest.raises(LoraError, match=told) as error:
        read_content(tmp_path / "a.safetensors", PipelineLayout("sdxl"))
    assert "\n" not in str(error.value)


def test_a_style_of_the_package_is_for_the_embedded_base() -> None:
    with pytest.raises(LoraError, match='mini:ink is for the embedded base: write base = "mini", or name'):
        find_lora("mini:ink", layout=PipelineLayout("sdxl"))


def test_stable_cascade_wears_none(tmp_path: Path) -> None:
    save_file({name: torch.ones(2, 2) for name in names(XL)}, tmp_path / "a.safetensors")
    with pytest.raises(LoraError, match="no LoRA is worn by Stable Cascade: leave it out"):
        read_content(tmp_path / "a.safetensors", PipelineLayout("cascade"))


@pytest.mark.parametrize(
    ("own", "base", "told"),
    [
        (
            768,
            2048,
            "was made for Stable Diffusion 1.x: its layers read 768 numbers a token, this base's 2048",
        ),
        (1024, 768, "was made for Stable Diffusion 2.x: its layers read 1024"),
        (2048, 768, "was made for SDXL or Kolors: its layers read 2048"),
    ],
)
def test_the_family_is_told_by_what_cross_attention_reads(own: int, base: int, told: str) -> None:
    assert str(made_for({CROSS: (320, own)}, {CROSS: (320, base)})).startswith(told)


def test_the_family_is_told_by_the_second_text_encoder() -> None:
    told = made_for({SECOND: (5120, 1280)}, {CROSS: (320, 768)})
    assert str(told).startswith("was made for SDXL, which has a second text encoder")
    assert made_for({CROSS: (320, 768)}, {CROSS: (640, 768)}) is None
    assert made_for({"blocks.7.proj_in": (640, 640)}, {}) is None
