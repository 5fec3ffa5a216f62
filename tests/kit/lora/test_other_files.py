from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from kit.errors import LoraError
from kit.lora.formats import read_content
from kit.lora.other_files import kind_in_words

SD15 = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
KOLORS = "lora_unet_input_blocks_5_1_transformer_blocks_0_attn1_to_q"


def lora(layer: str) -> list[str]:
    return [f"{layer}.lora_down.weight", f"{layer}.lora_up.weight", f"{layer}.alpha"]


FILES: list[tuple[list[str], str]] = [
    ([f"{KOLORS}.hada_w1_a", f"{KOLORS}.hada_w1_b", f"{KOLORS}.alpha"], "is a LoHa of LyCORIS, no LoRA"),
    ([f"{KOLORS}.lokr_w1", f"{KOLORS}.lokr_w2"], "is a LoKr of LyCORIS, no LoRA"),
    ([f"{KOLORS}.oft_blocks", f"{KOLORS}.alpha"], "is an OFT, no LoRA"),
    ([f"{KOLORS}.on_input", f"{KOLORS}.weight"], "is an IA3, no LoRA"),
    ([*lora(KOLORS), f"{KOLORS}.dora_scale"], "is a DoRA, which is more than a LoRA"),
    ([f"{KOLORS}.diff", f"{KOLORS}.diff_b"], "is a LoRA with full differences"),
    ([*lora(KOLORS), *lora("lora_unet_input_blocks_1_0_in_layers_2")], "is a LoCon of LyCORIS"),
    ([*lora(KOLORS), *lora("lora_unet_down_blocks_1_resnets_0_conv1")], "is a LoCon of LyCORIS"),
    (lora(SD15), r"is a LoRA for Stable Diffusion 1\.x or 2\.x"),
    (["unet.up_blocks.3.attentions.1.proj_in.lora_A.weight"], r"Stable Diffusion 1\.x"),
    ([*lora(KOLORS), *lora("lora_te1_text_model_encoder_layers_0_fc1")], "LoRA for SDXL, which Kolors and"),
    ([*lora(KOLORS), *lora("lora_te_text_model_encoder_layers_0_fc1")], "for Stable Diffusion, which Kol"),
    (lora("lora_unet_double_blocks_0_img_attn_qkv"), "is a LoRA for Flux"),
    (["transformer.single_transformer_blocks.0.attn.to_q.lora_A.weight"], "is a LoRA for Flux"),
    (["diffusion_model.double_blocks.0.img_attn_qkv.lora_A.weight"], "is a LoRA for HunyuanVideo"),
    (["transformer.transformer_blocks.0.attn.add_k_proj.lora_A.weight"], "Stable Diffusion 3 or Qwen"),
    (lora("lora_unet_joint_blocks_0_x_block_attn_qkv"), "is a LoRA for Stable Diffusion 3"),
    (["transformer.transformer_blocks.0.img_mlp.net.0.proj.lora_A.weight"], "is a LoRA for Qwen-Image"),
    (["diffusion_model.blocks.0.self_attn.q.lora_A.weight"], "is a LoRA for Wan"),
    (["blocks.0.ffn.0.lora_A.default.weight", "blocks.0.ffn.0.lora_B.default.weight"], "LoRA for Wan"),
    (["base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"], "is a LoRA for a language model"),
    (["emb_params"], "is a textual inversion embedding, not a LoRA"),
    (["clip_l", "clip_g"], "is a textual inversion embedding"),
    (["model.diffusion_model.input_blocks.0.0.weight", "first_stage_model.x.weight"], "whole checkpoint"),
    (["encoder.down_blocks.0.resnets.0.conv1.weight"], "is a VAE, not a LoRA"),
    (["controlnet_cond_embedding.conv_in.weight"], "is a ControlNet, not a LoRA"),
    (["control_model.input_hint_block.0.weight"], "is a ControlNet"),
    (["image_proj.proj.weight", "ip_adapter.1.to_k_ip.weight"], "is an IP-Adapter"),
    (["down_blocks.0.resnets.0.conv1.weight", "conv_in.weight"], "is the UNet of a base model"),
    (["text_model.encoder.layers.0.mlp.fc1.weight"], "is a text encoder, not a LoRA"),
    (["x\x1b[31m.weight"], r"0 of 1 keys match the LoRA names .* that is not: x\\x1b\[31m\.weight"),
]  # fmt: skip


@pytest.mark.parametrize(("names", "what"), FILES)
def test_another_kind_of_file_is_named_with_what_to_do(tmp_path: Path, names: list[str], what: str) -> None:
    save_file(
        {name: torch.ones(1 if name.endswith("alpha") else (2, 2)) for name in names},
        tmp_path / "a.safetensors",
    )
    with pytest.raises(LoraError, match=what) as told:
        read_content(tmp_path / "a.safetensors")
    line = str(told.value)
    assert any(
        do in line
        for do in ("use a LoRA trained on Kolors", "use one trained on Kolors", "train again as a plain LoRA")
    )
    assert "\x1b" not in line
    assert "\n" not in line


def test_what_the_file_says_of_its_model_is_told(tmp_path: Path) -> None:
    notes = {"ss_base_model_version": "sd_v1"}
    save_file({name: torch.ones(2, 2) for name in lora(SD15)[:2]}, tmp_path / "a.safetensors", notes)
    with pytest.raises(LoraError, match=r"Diffusion 1\.x or 2\.x \(the file says sd_v1\), which Kolors and"):
        read_content(tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    ("dtype", "words"),
    [
        (torch.int8, "holds whole numbers (I8), as quantised files do"),
        (torch.uint8, "holds whole numbers (U8)"),
        (torch.int64, "holds whole numbers (I64)"),
        (torch.bool, "holds truth values (BOOL)"),
        (torch.complex64, "holds complex numbers (C64)"),
    ],
)
@pytest.mark.parametrize("form", ["safetensors", "torch"])
def test_numbers_that_no_lora_has_are_refused_in_words(
    tmp_path: Path, dtype: torch.dtype, words: str, form: str
) -> None:
    tensors = {name: torch.ones(2, 2).to(dtype) for name in lora(KOLORS)[:2]}
    if form == "torch":
        torch.save(tensors, tmp_path / "a")
    else:
        save_file(tensors, tmp_path / "a")
    with pytest.raises(LoraError) as told:
        read_content(tmp_path / "a")
    assert words in str(told.value)
    assert "give the LoRA in fp16, bf16 or fp32" in str(told.value)


def test_kinds_without_a_name_of_their_own_are_told_by_safetensors_name() -> None:
    assert kind_in_words("F4") == "numbers of a kind that we do not read (F4)"
