import re

import pytest
import torch
from safetensors.torch import save_file
from whole_models import PREFIX, diffsynth_names, diffusers_names, tiny_model, tiny_tensors

from kit.errors import WeightsError
from kit.models.merging.pairing import paired, unet_names
from kit.models.merging.shares import Shares
from kit.models.unet_files import open_model

NAMES = diffusers_names("SDXL")
HALF = Shares(base=0.5)


@pytest.fixture(scope="module")
def sdxl(tmp_path_factory):
    return open_model(str(tiny_model(tmp_path_factory.mktemp("sdxl") / "a.safetensors", NAMES)))


def with_tensors(folder, tensors):
    save_file(tensors, folder / "b.safetensors")
    return open_model(str(folder / "b.safetensors"))


def refusal(first, second, shares=HALF):
    with pytest.raises(WeightsError) as refused:
        paired(first, second, shares)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_models_of_one_shape_are_paired_whatever_stands_before_the_names(tmp_path):
    names = list(diffsynth_names("SDXL", "original"))
    tiny_model(tmp_path / "a.safetensors", [PREFIX + name for name in names] + ["conditioner.x.weight"])
    tiny_model(tmp_path / "b.safetensors", ["diffusion_model." + name for name in names])
    pairs = paired(
        *(open_model(str(tmp_path / f"{n}.safetensors")) for n in "ab"), Shares(base=0.5, blocks={"out": 1})
    )
    assert set(pairs) == {PREFIX + name for name in names}
    pair = pairs[f"{PREFIX}out.0.weight"]
    assert (pair.first, pair.second, pair.share) == (
        f"{PREFIX}out.0.weight",
        "diffusion_model.out.0.weight",
        1,
    )


def test_a_key_that_one_lacks_is_named_for_either_side(tmp_path, sdxl):
    tensors = tiny_tensors(NAMES)
    for name in (
        "conv_in.bias",
        "conv_out.bias",
        "mid_block.attentions.0.norm.bias",
        "time_embedding.linear_1.bias",
    ):
        del tensors[name]
    other = with_tensors(tmp_path, tensors)
    told = f"{other.name} lacks 4 tensors that {sdxl.name} has: conv_in.bias, conv_out.bias, mid_block"
    assert refusal(sdxl, other).startswith(told)
    assert refusal(other, sdxl).startswith(told)
    assert "linear_1" not in refusal(sdxl, other)


def test_another_size_is_named(tmp_path, sdxl):
    wider = {"conv_in.weight": torch.zeros(2, 9, dtype=torch.float16)}
    told = refusal(sdxl, with_tensors(tmp_path, tiny_tensors(NAMES) | wider))
    assert told.startswith(f"conv_in.weight has the sides (2, 3) in {sdxl.name}, (2, 9) in ")


def test_another_naming_is_told_in_one_line(tmp_path, sdxl):
    other = open_model(str(tiny_model(tmp_path / "b.safetensors", list(diffsynth_names("SDXL", "original")))))
    told = f"{sdxl.name} has the names of diffusers, {other.name} those of the original code: both must"
    assert refusal(sdxl, other).startswith(told)


def test_blocks_that_these_models_lack_are_told_with_those_that_they_have(sdxl):
    shares = Shares(base=0, blocks=dict.fromkeys(["input9", "output11", "input10", "out"], 1.0))
    assert refusal(sdxl, sdxl, shares) == (
        "these models have no input9-10, output11: their blocks are input0-8, middle0-2, output0-8, out,"
        " time_embed"
    )


def test_a_model_of_sd_1_5_has_twelve_blocks_each_way(tmp_path):
    model = open_model(str(tiny_model(tmp_path / "a.safetensors", diffusers_names("SD 1.5"))))
    pairs = paired(model, model, Shares(base=0, blocks={"input11": 0.5, "output11": 1}))
    assert {pair.share for pair in pairs.values()} == {0, 0.5, 1}


def test_quantised_numbers_are_refused(tmp_path, sdxl):
    for file in ("conv_in.weight", "add_embedding.linear_1.bias"):
        whole = {file: torch.zeros(2, 3, dtype=torch.int8)}
        told = refusal(sdxl, with_tensors(tmp_path, tiny_tensors(NAMES) | whole))
        assert f"b.safetensors holds {file} as I8, as quantised files do: give it in fp16 or fp32" in told


@pytest.mark.parametrize("name", ["__metadata__", "first_stage_model.\ud800"])
def test_a_name_that_no_safetensors_file_can_hold_is_refused(tmp_path, name):
    unet = tiny_tensors([PREFIX + one for one in diffsynth_names("SD 1.5", "original")])
    for file, more in (("a.ckpt", {name: torch.ones(2)}), ("b.ckpt", {})):
        torch.save(unet | more, tmp_path / file)
    first, second = (open_model(str(tmp_path / file)) for file in ("a.ckpt", "b.ckpt"))
    assert f"holds a tensor named {name!r}, which a .safetensors file cannot" in refusal(first, second)
    assert paired(second, first, HALF)  # what is the second one's alone is never written


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["encoder.conv_in.weight", "decoder.conv_in.weight"], "holds decoder.conv_in.weight, which no"),
        (["double_blocks.0.img_attn.qkv.weight"], "holds double_blocks.0.img_attn.qkv.weight, which no UNet"),
        ([*NAMES, "down_blocks.0.motion_modules.0.norm.weight"], "holds down_blocks.0.motion_modules.0."),
        (["conv_in.weight", "down_blocks.0.resnets.0.conv1.weight"], "holds no whole UNet: its blocks are i"),
        (["blocks.7.attn1.to_q.lora_A.default.weight"], "is a LoRA, no model: `storykit lora merge`"),
        (["lora_unet_mid_block_attentions_0_proj_in.lora_up.weight"], "is a LoRA, no model"),
    ],
)  # fmt: skip
def test_what_is_no_such_unet_is_named(tmp_path, names, told):
    with pytest.raises(WeightsError, match=re.escape(told)):
        unet_names(open_model(str(tiny_model(tmp_path / "a.safetensors", names))))
