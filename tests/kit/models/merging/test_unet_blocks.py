import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from whole_models import diffsynth_names, diffusers_names

from kit.models.kolors.unet import build_unet
from kit.models.layouts.diffusers_networks import diffusers_unet
from kit.models.merging.shares import parse_blocks
from kit.models.merging.unet_blocks import BLOCKS, OUTSIDE, block_of, in_ranges, naming_of
from kit.models.sizes import KOLORS_SIZES

SIZES = {"SDXL": (1680, 8), "SD 1.5": (686, 11)}
"""Tensors, and the last input and output block."""
ORIGINAL = {"input_blocks": "input", "middle_block": "middle", "output_blocks": "output"}


def said_by_the_original(name: str) -> str:
    """Return the block that the original code's own name says."""
    head, number, *_ = name.split(".")
    return f"{ORIGINAL[head]}{number}" if head in ORIGINAL else "" if head == "label_emb" else head


@pytest.mark.parametrize("shape", SIZES)
def test_every_tensor_is_in_one_block_under_both_names(shape):
    of_original, of_diffusers = (diffsynth_names(shape, one) for one in ("original", "diffusers"))
    ours = {diffsynth: name for name, diffsynth in of_original.items()}
    tensors, last = SIZES[shape]
    assert len(ours) == len(of_diffusers) == tensors
    assert set(of_diffusers) == set(diffusers_names(shape))
    blocks = set()
    for diffusers, diffsynth in of_diffusers.items():
        original = ours[diffsynth]
        blocks.add(block_of(original))
        assert said_by_the_original(original) == block_of(original) == block_of(diffusers), diffusers
    groups = {"input": last, "middle": 2, "output": last}
    assert blocks - {OUTSIDE} == {f"{group}{n}" for group, end in groups.items() for n in range(end + 1)} | {
        "out", "time_embed"
    }  # fmt: skip


def test_diffsynths_names_are_in_the_same_blocks():
    for original, diffsynth in diffsynth_names("SDXL", "original").items():
        assert block_of(diffsynth) == block_of(original), diffsynth


def test_every_tensor_of_kolors_has_its_place_under_both_names():
    with torch.device("meta"):
        networks = diffusers_unet(KOLORS_SIZES.unet), build_unet(KOLORS_SIZES.unet)
    theirs, ours = ({name: block_of(name) for name in network.state_dict()} for network in networks)
    assert None not in theirs.values()
    assert sorted(theirs.values()) == sorted(ours.values())
    outside = {name.split(".")[0] for name, block in theirs.items() if block == OUTSIDE}
    assert outside == {"add_embedding", "encoder_hid_proj"}


@pytest.mark.parametrize(
    "name",
    [
        "encoder.down_blocks.0.resnets.0.conv1.weight",
        "down_blocks.0.resnets.2.conv1.weight",
        "down_blocks.4.resnets.0.conv1.weight",
        "up_blocks.0.resnets.3.conv1.weight",
        "input_blocks.12.0.weight",
        "input_blocks.04.0.weight",
        "blocks.49.norm.weight",
        "blocks.100.norm.weight",
        "double_blocks.0.img_attn.qkv.weight",
        "text_model.encoder.layers.0.mlp.fc1.weight",
        "controlnet_cond_embedding.conv_in.weight",
        "output",
        "",
    ],
)
def test_what_no_such_unet_has_is_in_no_block(name):
    assert block_of(name) is None


@given(st.sets(st.sampled_from(BLOCKS)))
def test_ranges_name_the_very_blocks(blocks):
    text = re.sub("(?<=.),|$", "=1,", in_ranges(blocks)).strip(",") if blocks else ""
    assert set(parse_blocks(text)) == blocks


@pytest.mark.parametrize(
    ("name", "naming"),
    [
        ("input_blocks.0.0.bias", "the original code"),
        ("down_blocks.0.x", "diffusers"),
        ("blocks.3.x", "DiffSynth"),
    ],
)
def test_whose_names_they_are_is_told(name, naming):
    assert naming_of(["conv_in.weight", name]) == naming
    assert naming_of(["conv_in.weight"]) == ""
