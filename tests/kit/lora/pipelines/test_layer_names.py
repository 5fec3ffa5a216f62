"""Whatever tool wrote a LoRA, its layers are those that diffusers has."""

from collections.abc import Mapping
from pathlib import Path

import pytest

pytest.importorskip("diffusers", reason="needs storykit[bases]")

import torch
from safetensors.torch import save_file
from torch import Tensor

from kit.errors import LoraError
from kit.lora.formats import LoraPair, read_content
from kit.lora.pipelines.layer_names import read_pipeline_key
from kit.lora.pipelines.layout import PipelineLayout

SDXL, SD = PipelineLayout("sdxl"), PipelineLayout("sd")
ATTENTION = "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"
OUT = "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_out.0"
WORDS = "text_encoder.text_model.encoder.layers.0.self_attn.q_proj"
WORDS_OUT = "text_encoder.text_model.encoder.layers.0.self_attn.out_proj"
FULLY = "text_encoder.text_model.encoder.layers.0.mlp.fc1"
SECOND = "text_encoder_2.text_model.encoder.layers.1.self_attn.k_proj"
FORMS: dict[str, tuple[PipelineLayout, Mapping[str, str]]] = {
    "kohya": (SDXL, {
        "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q": ATTENTION,
        "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_out_0": OUT,
        "lora_te1_text_model_encoder_layers_0_self_attn_q_proj": WORDS,
        "lora_te1_text_model_encoder_layers_0_mlp_fc1": FULLY,
        "lora_te2_text_model_encoder_layers_1_self_attn_k_proj": SECOND,
        "lora_te2_text_projection": "text_encoder_2.text_projection",
    }),
    "kohya, SDXL's first names": (SDXL, {
        "lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q": ATTENTION,
        "lora_unet_middle_block_1_proj_in": "unet.mid_block.attentions.0.proj_in",
        "lora_unet_output_blocks_5_1_proj_out": "unet.up_blocks.1.attentions.2.proj_out",
        "lora_unet_input_blocks_1_0_in_layers_2": "unet.down_blocks.0.resnets.0.conv1",
        "lora_unet_input_blocks_1_0_emb_layers_1": "unet.down_blocks.0.resnets.0.time_emb_proj",
        "lora_unet_output_blocks_0_0_skip_connection": "unet.up_blocks.0.resnets.0.conv_shortcut",
        "lora_unet_input_blocks_3_0_op": "unet.down_blocks.0.downsamplers.0.conv",
    }),
    "kohya of SD": (SD, {
        "lora_unet_up_blocks_3_attentions_1_transformer_blocks_0_ff_net_0_proj":
            "unet.up_blocks.3.attentions.1.transformer_blocks.0.ff.net.0.proj",
        "lora_te_text_model_encoder_layers_0_self_attn_out_proj": WORDS_OUT,
    }),
    "ComfyUI": (SDXL, {
        "diffusion_model.input_blocks.4.1.transformer_blocks.0.attn1.to_q": ATTENTION,
        "diffusion_model.middle_block.1.proj_in": "unet.mid_block.attentions.0.proj_in",
    }),
}  # fmt: skip


def factors(name: str, halves: tuple[str, str], *, rank: int = 2) -> dict[str, Tensor]:
    chance = torch.Generator().manual_seed(len(name))
    down, up = torch.randn(rank, 6, generator=chance), torch.randn(5, rank, generator=chance)
    return {f"{name}.{halves[0]}": down, f"{name}.{halves[1]}": up}


def written(file: Path, tensors: Mapping[str, Tensor], notes: Mapping[str, str] | None = None) -> Path:
    save_file(dict(tensors), file, dict(notes or {}))
    return file


@pytest.mark.parametrize("form", FORMS)
def test_a_tool_s_names_are_told(form: str, tmp_path: Path) -> None:
    layout, names = FORMS[form]
    tensors: dict[str, Tensor] = {}
    for name in names:
        tensors |= factors(name, ("lora_down.weight", "lora_up.weight"))
        tensors[f"{name}.alpha"] = torch.tensor(1.0)
    content = read_content(written(tmp_path / "a.safetensors", tensors), layout)
    assert content.pairs.keys() == set(names.values())
    assert (content.rank, content.alpha) == (2, 1.0)
    for name, layer in names.items():
        assert torch.equal(content.pairs[layer].up, tensors[f"{name}.lora_up.weight"])


@pytest.mark.parametrize(
    ("halves", "middle"),
    [
        (("lora_A.weight", "lora_B.weight"), ""),
        (("lora.down.weight", "lora.up.weight"), ""),
        (("to_q_lora.down.weight", "to_q_lora.up.weight"), "processor."),
    ],
    ids=["peft", "lora.down", "processor"],
)
@pytest.mark.parametrize("prefix", ["unet.", "", "base_model.model."])
def test_each_form_of_diffusers_is_one_layer(
    prefix: str, halves: tuple[str, str], middle: str, tmp_path: Path
) -> None:
    name = ATTENTION.replace("unet.", prefix)
    name = name.replace(".to_q", f".{middle}".rstrip(".")) if middle else name
    file = written(tmp_path / "a.safetensors", factors(name, halves))
    content = read_content(file, SDXL)
    assert [*content.pairs] == [ATTENTION]
    assert content.alpha == (None if prefix.startswith("base") else 2)


@pytest.mark.parametrize("layer", [WORDS, FULLY])
@pytest.mark.parametrize("halves", ["lora_linear_layer.down/lora_linear_layer.up", "lora_A/lora_B"])
def test_layers_of_text_encoders_are_told_in_both_forms(layer: str, halves: str, tmp_path: Path) -> None:
    down, up = (f"{half}.weight" for half in halves.split("/"))
    content = read_content(written(tmp_path / "a.safetensors", factors(layer, (down, up))), SD)
    assert [*content.pairs] == [layer]


def test_parts_with_scales_of_their_own_count_as_diffusers_notes_them(tmp_path: Path) -> None:
    halves = ("lora_A.weight", "lora_B.weight")
    tensors = factors(ATTENTION, halves, rank=4) | factors(WORDS, halves, rank=2)
    note = '{"unet.r": 4, "unet.lora_alpha": 2, "text_encoder.r": 2, "text_encoder.lora_alpha": 8}'
    content = read_content(written(tmp_path / "a.safetensors", tensors, {"lora_adapter_metadata": note}), SD)
    assert (content.rank, content.alpha) == (4, 2.0)
    for layer, scale in ((ATTENTION, 0.5), (WORDS, 4.0)):
        down, up = content.pairs[layer]
        wanted = scale * tensors[f"{layer}.lora_B.weight"] @ tensors[f"{layer}.lora_A.weight"]
        torch.testing.assert_close(content.scale * up @ down, wanted)


def test_convolutions_are_filled_up_to_one_rank_too(tmp_path: Path) -> None:
    conv = "lora_unet_down_blocks_0_resnets_0_conv1"
    tensors = {
        f"{conv}.lora_down.weight": torch.ones(2, 3, 3, 3), f"{conv}.lora_up.weight": torch.ones(5, 2, 1, 1),
        f"{conv}.alpha": torch.tensor(2.0),
        "lora_unet_mid_block_attentions_0_proj_in.alpha": torch.tensor(4.0),
        **factors("lora_unet_mid_block_attentions_0_proj_in", ("lora_down.weight", "lora_up.weight"), rank=4),
    }  # fmt: skip
    content = read_content(written(tmp_path / "a.safetensors", tensors), SD)
    pair = content.pairs["unet.down_blocks.0.resnets.0.conv1"]
    assert (pair.down.shape, pair.up.shape, pair.shape) == ((4, 3, 3, 3), (5, 4, 1, 1), (5, 3, 3, 3))
    assert LoraPair(pair.down[:2], pair.up[:, :2]).down.count_nonzero() == pair.down.count_nonzero()


@pytest.mark.parametrize("lost", ["lora_up.weight", "lora_down.weight"])
def test_a_layer_without_its_other_half_is_named(lost: str, tmp_path: Path) -> None:
    names = [*FORMS["kohya of SD"][1]]
    tensors = {
        k: v for name in names for k, v in factors(name, ("lora_down.weight", "lora_up.weight")).items()
    }
    del tensors[f"{names[0]}.{lost}"]
    with pytest.raises(LoraError, match=r"2 of 3 keys match .* is not: lora_unet_up_blocks_3"):
        read_content(written(tmp_path / "a.safetensors", tensors), SD)


def test_only_our_own_form_is_read_without_a_library() -> None:
    assert read_pipeline_key(f"{ATTENTION}.lora_B.weight") == ("diffusers", ATTENTION, "B")
    for key in (f"{ATTENTION}.lora.down.weight", "blocks.7.proj_in.lora_A.weight", "unet.lora_A.weight"):
        assert read_pipeline_key(key) is None
