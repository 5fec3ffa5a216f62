import io
import json
import struct
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save

from kit.files.safetensors_files import read_safetensors
from kit.lora.convert import checkpoint_bytes, safetensors_for
from kit.lora.formats import LoraPair, content_bytes, read_content
from kit.lora.key_names import write_key
from kit.lora.metadata import LoraScale

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
    read = torch.load(io.BytesIO(checkpoint_bytes(content)), weights_only=True)
    assert set(read) == {write_key("diffsynth", layer, half) for layer in LAYERS for half in "AB"}
    for layer, (down, up) in whole.items():
        for half, factor in (("A", down), ("B", up)):
            tensor = read[write_key("diffsynth", layer, half)]
            assert tensor.dtype == factor.dtype
            assert torch.equal(tensor, factor)


def test_the_checkpoint_has_the_same_bytes_each_time():
    content = read_safetensors(content_bytes("diffsynth", pairs(0, 2, torch.float16), 4.0, {}))
    assert checkpoint_bytes(content) == checkpoint_bytes(content)


@pytest.mark.parametrize("tool", ["diffusers", "kohya"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_another_tools_file_holds_the_same_lora_and_tells_its_alpha(tmp_path, tool, dtype):
    whole = pairs(1, 3, dtype)
    source = read_safetensors(content_bytes("diffsynth", whole, 1.5, {"trigger": "水墨", "ss_steps": "500"}))
    (tmp_path / "a.safetensors").write_bytes(safetensors_for(tool, source, LoraScale(3, 1.5)))
    content = read_content(tmp_path / "a.safetensors")
    assert (content.tool, content.rank, content.alpha, content.trigger) == (tool, 3, 1.5, "水墨")
    assert content.notes["ss_steps"] == "500"
    for layer, pair in whole.items():
        assert all(torch.equal(a, b) for a, b in zip(content.pairs[layer], pair, strict=True))


def test_the_form_made_without_torch_is_the_one_made_with_it():
    whole = pairs(2, 4, torch.float32)
    with_torch = content_bytes("diffusers", whole, 2.0, {})
    content = read_safetensors(content_bytes("diffsynth", whole, 2.0, {}))
    without = safetensors_for("diffusers", content, LoraScale(4, 2.0))
    assert read_safetensors(with_torch).metadata == read_safetensors(without).metadata
    one, other = load(with_torch), load(without)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def header(document: object, body: bytes = b"") -> bytes:
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    return struct.pack("<Q", len(text)) + text + body


def spot(shape: list[int], offsets: list[int], dtype: str = "F32") -> dict[str, object]:
    return {"a": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "has 0 bytes, its header would end beyond them"),
        (struct.pack("<Q", 2**63) + b"{}", "its header would end beyond them"),
        (
            header(b"[" * 100_000),
            "is refused by safetensors: Error while deserializing: invalid JSON in header",
        ),
        (header([]), "invalid JSON in header"),
        (header({"a": {"b": "c"}}), "invalid JSON in header: missing field `dtype`"),
        (
            header({"__metadata__": {"dtype": "F32", "shape": [], "data_offsets": [0, 0]}}),
            "invalid JSON in header",
        ),
        (header(spot([1], [0, 4])), "incomplete metadata, file not fully covered"),
        (header(spot([1], [-4, 0]), b"1234"), "invalid JSON in header: invalid value: integer `-4`"),
        (header(spot([1], [4, 0]), b"1234"), "invalid offset for tensor `a`"),
        (header(spot([2], [0, 4]), b"1234"), "invalid shape, data type, or offset for tensor"),
        (header(spot([1], [0, 2], "F16"), b"1234"), "incomplete metadata, file not fully covered"),
        (header(spot([1], [2, 4], "F16"), b"1234"), "invalid offset for tensor `a`"),
        (header(spot([2**31, 0], [0, 0])), r"has a with sides \(2147483648, 0\), which are too long"),
        (header({"a": ["F32", [], [0, 4]]}, b"1234"), "its header must hold tables"),
        (header(spot([0, 2**30, 4], [0, 0])), "which are too long"),
        (
            header({"__metadata__": {"a": "b" * (1 << 20)}}),
            "has a header of 1048611 bytes, 1048576 are the most",
        ),
    ],
)
def test_a_header_that_lies_is_one_clear_error(data, fault):
    with pytest.raises(ValueError, match=fault):
        read_safetensors(data)


def test_a_tensor_that_is_no_factor_is_named():
    with pytest.raises(ValueError, match="holds weight, which is no factor of a LoRA"):
        safetensors_for("diffusers", read_safetensors(save({"weight": torch.ones(2)})), LoraScale(1, 1.0))


def test_a_layer_that_other_tools_do_not_have_is_named():
    data = content_bytes(
        "diffsynth", {"blocks.3.conv": LoraPair(torch.ones(1, 2), torch.ones(2, 1))}, 1.0, {}
    )
    with pytest.raises(ValueError, match=r"holds the layer blocks\.3\.conv, for which kohya has no name"):
        safetensors_for("kohya", read_safetensors(data), LoraScale(1, 1.0))


def test_whole_numbers_make_no_checkpoint():
    with pytest.raises(ValueError, match="must hold floating-point numbers, got I64"):
        checkpoint_bytes(read_safetensors(save({"a": torch.ones(2, dtype=torch.int64)})))


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
