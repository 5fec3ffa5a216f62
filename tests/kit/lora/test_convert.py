import io
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lora_files import EVERY_LAYER, lora_file, random_pairs
from safetensors.torch import load, load_file, save

from kit.errors import LoraError
from kit.files.safetensors_files import read_safetensors
from kit.lora.convert import checkpoint_pieces, convert_lora, shared_pieces
from kit.lora.formats import LoraPair, content_bytes, read_content
from kit.lora.key_names import Tool, write_key
from kit.lora.lora import find_lora, load_lora

LAYERS = (
    "blocks.7.transformer_blocks.0.attn1.to_q",
    "blocks.7.transformer_blocks.0.attn2.to_out",
    "blocks.41.proj_in",
)
DTYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16)


def pairs(seed: int, rank: int, dtype: torch.dtype) -> dict[str, LoraPair]:
    chance = torch.Generator().manual_seed(seed)
    return {
        layer: LoraPair(
            torch.randn(rank, 8, generator=chance).to(dtype), torch.randn(6, rank, generator=chance).to(dtype)
        )
        for layer in LAYERS
    }


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 99), st.integers(1, 5), st.sampled_from(DTYPES))
def test_the_checkpoint_is_what_torch_reads_as_tensors_alone(seed, rank, dtype):
    whole = pairs(seed, rank, dtype)
    content = read_safetensors(content_bytes("diffsynth", whole, 4.0, {}))
    read = torch.load(io.BytesIO(b"".join(checkpoint_pieces(content))), weights_only=True)
    assert set(read) == {write_key("diffsynth", layer, half) for layer in LAYERS for half in "AB"}
    for layer, (down, up) in whole.items():
        for half, factor in (("A", down), ("B", up)):
            tensor = read[write_key("diffsynth", layer, half)]
            assert tensor.dtype == factor.dtype
            assert torch.equal(tensor, factor)


def test_the_checkpoint_has_the_same_bytes_each_time():
    content = read_safetensors(content_bytes("diffsynth", pairs(0, 2, torch.float16), 4.0, {}))
    assert checkpoint_pieces(content) == checkpoint_pieces(content)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_shared_form_holds_the_same_lora_and_comes_back_as_it_is(tmp_path, dtype):
    whole = pairs(1, 3, dtype)
    source = read_safetensors(content_bytes("diffsynth", whole, 1.5, {"trigger": "水墨", "ss_steps": "500"}))
    shared = b"".join(shared_pieces(source, 3, 1.5))
    (tmp_path / "a.safetensors").write_bytes(shared)
    content = read_content(tmp_path / "a.safetensors")
    assert (content.tool, content.rank, content.alpha, content.trigger) == ("kohya", 3, 1.5, "水墨")
    assert content.notes["ss_steps"] == "500"
    for layer, pair in whole.items():
        assert all(torch.equal(a, b) for a, b in zip(content.pairs[layer], pair, strict=True))
    assert b"".join(shared_pieces(read_safetensors(shared), 3, 1.5)) == shared


@pytest.mark.parametrize("tool", ["peft", "diffusers", "kohya"])
def test_the_shared_form_is_the_same_whatever_tool_the_lora_came_from(tool):
    whole = pairs(2, 4, torch.float16)
    forms = {
        b"".join(
            shared_pieces(read_safetensors(content_bytes(one, whole, 2.0, {}))._replace(metadata={}), 4, 2.0)
        )
        for one in ("diffsynth", tool)
    }
    assert len(forms) == 1


def test_a_tensor_that_is_no_factor_is_named():
    with pytest.raises(ValueError, match="holds weight, which is no part of a LoRA"):
        shared_pieces(read_safetensors(save({"weight": torch.ones(2)})), 1, 1.0)


def test_a_layer_that_other_tools_do_not_have_is_named():
    data = content_bytes(
        "diffsynth", {"blocks.3.conv": LoraPair(torch.ones(1, 2), torch.ones(2, 1))}, 1.0, {}
    )
    with pytest.raises(
        ValueError, match=r"holds the layer blocks\.3\.conv, for which ComfyUI and diffusers have"
    ):
        shared_pieces(read_safetensors(data), 1, 1.0)


def test_a_layer_under_both_of_kohyas_names_is_refused():
    names = ("down_blocks_1_attentions_0_proj_in", "input_blocks_4_1_proj_in")
    twice = {
        f"lora_unet_{name}.lora_{half}.weight": torch.ones(2, 2) for name in names for half in ("up", "down")
    }
    with pytest.raises(ValueError, match=r"holds blocks\.7\.proj_in twice"):
        shared_pieces(read_safetensors(save(twice)), 2, 1.0)


def test_whole_numbers_make_no_checkpoint():
    key = write_key("diffsynth", LAYERS[0], "A")
    with pytest.raises(ValueError, match="must hold floating-point numbers, got I64"):
        checkpoint_pieces(read_safetensors(save({key: torch.ones(2, 2, dtype=torch.int64)})))


def test_a_header_is_read_without_torch_and_its_tensors_lie_where_it_says():
    data = content_bytes("diffsynth", pairs(0, 2, torch.float16), 4.0, {"trigger": "墨"})
    content = read_safetensors(data)
    for name, tensor in load(data).items():
        entry = content.entries[name]
        assert (entry.dtype, entry.shape) == ("F16", tuple(tensor.shape))
        assert content.numbers(name) == tensor.numpy().tobytes()
    assert content.metadata["trigger"] == "墨"
    code = "import sys, kit.lora.convert, submissions.verification.verify; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"False\n"


Q = "blocks.15.transformer_blocks.0.attn1.to_q"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_a_lora_that_goes_through_every_tool_comes_back_bit_for_bit(
    tmp_path: Path, dtype: torch.dtype
) -> None:
    pairs = random_pairs(EVERY_LAYER, dtype)
    start = lora_file(tmp_path / "start.safetensors", "diffsynth", pairs)
    path = start
    for tool, name in (
        ("diffusers", "a.safetensors"), ("kohya", "b.safetensors"),
        ("peft", "c"), ("diffsynth", "d.safetensors"),
    ):  # fmt: skip
        convert_lora(path, tool, tmp_path / name)
        path = tmp_path / name
        assert load_lora(path).tool == tool
    there, back = load_file(start), load_file(path)
    assert there.keys() == back.keys()
    assert all(torch.equal(there[key], back[key]) and there[key].dtype == back[key].dtype for key in there)
    lora = load_lora(path)
    assert (lora.alpha, lora.rank, lora.trigger) == (6.0, 3, "水墨画风格")


def test_an_embedded_lora_goes_through_every_tool(tmp_path: Path) -> None:
    ink = find_lora("mini:ink")
    tools: tuple[Tool, ...] = ("diffusers", "peft", "kohya", "diffsynth")
    paths = [Path(ink.name), *(tmp_path / (t if t == "peft" else f"{t}.safetensors") for t in tools)]
    for (source, out), tool in zip(pairwise(paths), tools, strict=True):
        convert_lora(source, tool, out)
    back = load_lora(paths[-1])
    assert back.alpha == ink.alpha
    assert all(torch.equal(a, b) for n in ink.pairs for a, b in zip(ink.pairs[n], back.pairs[n], strict=True))


def test_the_contests_checkpoint_holds_the_tensors_alone(tmp_path: Path) -> None:
    source = lora_file(tmp_path / "a.safetensors", "kohya", random_pairs([Q]))
    convert_lora(source, "diffsynth", tmp_path / "a.ckpt")
    assert set(torch.load(tmp_path / "a.ckpt", weights_only=True)) == {
        f"{Q}.lora_A.default.weight", f"{Q}.lora_B.default.weight"
    }  # fmt: skip
    with pytest.raises(LoraError, match="does not say which alpha"):
        load_lora(tmp_path / "a.ckpt")


@pytest.mark.parametrize(("tool", "name"), [("kohya", "a.ckpt"), ("diffusers", "a"), ("diffsynth", "a.pt")])
def test_a_file_that_the_tool_would_not_open_is_not_written(tmp_path: Path, tool: Tool, name: str) -> None:
    source = lora_file(tmp_path / "start.safetensors", "diffsynth", random_pairs([Q]))
    with pytest.raises(LoraError, match=f"a file for {tool} must end in .safetensors"):
        convert_lora(source, tool, tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["start.safetensors"]


def test_a_layer_that_a_tool_cannot_name_is_refused(tmp_path: Path) -> None:
    source = lora_file(tmp_path / "a.safetensors", "diffsynth", random_pairs(["blocks.0.time_emb_proj"]))
    with pytest.raises(LoraError, match=r"kohya has no name for the layer blocks\.0\.time_emb_proj"):
        convert_lora(source, "kohya", tmp_path / "b.safetensors")
