import json
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from diffsynth.models.sdxl_unet import SDXLUNet
from diffusers_twin import SAME, load_with_diffusers, ours, theirs, toy_unet, twin
from fakes import toy_base
from hypothesis import given
from hypothesis import strategies as st
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from safetensors.torch import load_file, save_file

from kit.errors import LoraError
from kit.lora.convert import convert
from kit.lora.formats import LoraPair, content_bytes, read_content
from kit.lora.key_names import BLOCKS, Tool, read_key, write_key
from kit.lora.lora import find_lora, load_lora
from kit.models.base import load_base

TOOLS: tuple[Tool, ...] = ("diffsynth", "peft", "diffusers", "kohya")
INNER = ("attn1.to_q", "attn1.to_k", "attn2.to_v", "attn2.to_out", "act_fn.proj", "ff")
LAYERS = [
    f"blocks.{block}.transformer_blocks.{n}.{part}" for block in BLOCKS for n in (0, 9) for part in INNER
]
LAYERS += [f"blocks.{block}.proj_{way}" for block in BLOCKS for way in ("in", "out")]
Q = "blocks.15.transformer_blocks.0.attn1.to_q"


def random_pairs(layers: list[str], dtype: torch.dtype = torch.float32, rank: int = 3) -> dict[str, LoraPair]:
    chance = torch.Generator().manual_seed(2)
    return {
        layer: LoraPair(
            torch.randn(rank, 8, generator=chance).to(dtype), torch.randn(6, rank, generator=chance).to(dtype)
        )
        for layer in layers
    }


def written(path: Path, tool: Tool, pairs: dict[str, LoraPair], alpha: float = 6.0) -> Path:
    path.write_bytes(content_bytes(tool, pairs, alpha, {"trigger": "水墨画风格"}))
    return path


def fitting(unet: SDXLUNet, rank: int = 4) -> dict[str, LoraPair]:
    """Return a LoRA of random weights for every linear layer of the UNet's attention blocks."""
    chance = torch.Generator().manual_seed(3)
    return {
        name: LoraPair(
            torch.randn(rank, layer.in_features, generator=chance) / 8,
            torch.randn(layer.out_features, rank, generator=chance) / 8,
        )
        for name, layer in unet.named_modules()
        if isinstance(layer, torch.nn.Linear) and name.split(".")[-1].startswith(("to_", "ff", "proj"))
        and name.startswith("blocks.")
    }  # fmt: skip


def merged(pairs: dict[str, LoraPair], scale: float) -> SDXLUNet:
    """Return the toy UNet with the LoRA added by the definition."""
    unet = toy_unet()
    layers = dict(unet.named_modules())
    for name, (down, up) in pairs.items():
        layers[name].weight.data += scale * up.double() @ down.double()
    return unet


# ---------------------------------------------------------------- names


@pytest.mark.parametrize("tool", TOOLS)
def test_every_name_we_write_is_read_as_what_it_was(tool: Tool) -> None:
    names = {write_key(tool, layer, half): (layer, half) for layer in LAYERS for half in ("A", "B")}
    assert len(names) == 2 * len(LAYERS)
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
        ("lora_unet_input_blocks_7_1_transformer_blocks_0_attn1_to_q.lora_down.weight", "kohya"),
        ("lora_unet_down_blocks_2_attentions_0_transformer_blocks_0_attn1_to_q.lora_down.weight", "kohya"),
    ],
)  # fmt: skip
def test_the_known_tools_names_mean_one_layer(key: str, tool: Tool) -> None:
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


# ---------------------------------------------------------------- converting


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_a_lora_that_goes_through_every_tool_comes_back_bit_for_bit(
    tmp_path: Path, dtype: torch.dtype
) -> None:
    pairs = random_pairs(LAYERS, dtype)
    start = written(tmp_path / "start.safetensors", "diffsynth", pairs)
    path = start
    for tool, name in (
        ("diffusers", "a.safetensors"), ("kohya", "b.safetensors"),
        ("peft", "c"), ("diffsynth", "d.safetensors"),
    ):  # fmt: skip
        convert(path, tool, tmp_path / name)
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
        convert(source, tool, out)
    back = load_lora(paths[-1])
    assert back.alpha == ink.alpha
    assert all(torch.equal(a, b) for n in ink.pairs for a, b in zip(ink.pairs[n], back.pairs[n], strict=True))


def test_the_contests_checkpoint_holds_the_tensors_alone(tmp_path: Path) -> None:
    source = written(tmp_path / "a.safetensors", "kohya", random_pairs([Q]))
    convert(source, "diffsynth", tmp_path / "a.ckpt")
    assert set(torch.load(tmp_path / "a.ckpt", weights_only=True)) == {
        f"{Q}.lora_A.default.weight", f"{Q}.lora_B.default.weight"
    }  # fmt: skip
    with pytest.raises(LoraError, match="does not say which alpha"):
        load_lora(tmp_path / "a.ckpt")


@pytest.mark.parametrize(("tool", "name"), [("kohya", "a.ckpt"), ("diffusers", "a"), ("diffsynth", "a.pt")])
def test_a_file_that_the_tool_would_not_open_is_not_written(tmp_path: Path, tool: Tool, name: str) -> None:
    source = written(tmp_path / "start.safetensors", "diffsynth", random_pairs([Q]))
    with pytest.raises(LoraError, match=f"a file for {tool} must end in .safetensors"):
        convert(source, tool, tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["start.safetensors"]


def test_a_layer_that_a_tool_cannot_name_is_refused(tmp_path: Path) -> None:
    source = written(tmp_path / "a.safetensors", "diffsynth", random_pairs(["blocks.0.time_emb_proj"]))
    with pytest.raises(LoraError, match=r"kohya has no name for the layer blocks\.0\.time_emb_proj"):
        convert(source, "kohya", tmp_path / "b.safetensors")


def test_the_norm_is_that_of_the_change_itself(tmp_path: Path) -> None:
    pairs = random_pairs(LAYERS[:3])
    change = [2.0 * up.double() @ down.double() for down, up in pairs.values()]
    content = read_content(written(tmp_path / "a.safetensors", "kohya", pairs))
    assert content.norm == pytest.approx(torch.cat([part.flatten() for part in change]).norm().item())


# ---------------------------------------------------------------- alpha


@pytest.mark.parametrize("tool", ["diffusers", "kohya"])
def test_without_a_word_on_alpha_diffusers_and_kohya_take_the_rank(tmp_path: Path, tool: Tool) -> None:
    tensors = {
        write_key(tool, Q, half): tensor for half, tensor in zip("AB", random_pairs([Q])[Q], strict=True)
    }
    save_file(tensors, tmp_path / "a.safetensors")
    assert load_lora(tmp_path / "a.safetensors").scale == 1.0


def test_layers_of_several_alphas_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.safetensors", "kohya", random_pairs(LAYERS[:2]))
    tensors = load_file(path)
    tensors[write_key("kohya", LAYERS[0], "alpha")] = torch.tensor(1.0)
    save_file(tensors, path)
    with pytest.raises(LoraError, match=r"one alpha, got \[1\.0, 6\.0\] on 2 of 2 layers"):
        load_lora(path)
    del tensors[write_key("kohya", LAYERS[0], "alpha")]
    save_file(tensors, path)
    with pytest.raises(LoraError, match=r"one alpha, got \[6\.0\] on 1 of 2 layers"):
        load_lora(path)


def test_rank_stabilised_scaling_is_kept(tmp_path: Path) -> None:
    convert(
        written(tmp_path / "a.safetensors", "diffsynth", random_pairs([Q], rank=4)), "peft", tmp_path / "p"
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
    convert(written(tmp_path / "a.safetensors", "diffsynth", random_pairs([Q])), "peft", tmp_path / "p")
    (tmp_path / "p" / "adapter_config.json").write_text(text)
    with pytest.raises(LoraError, match=fault):
        load_lora(tmp_path / "p")


# ---------------------------------------------------------------- refusals


def test_a_dora_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "a.safetensors", "diffusers", random_pairs([Q]))
    tensors = load_file(path)
    layer = next(iter(tensors)).removesuffix(".lora_A.weight")
    save_file(tensors | {f"{layer}.lora_magnitude_vector.weight": torch.ones(6)}, path)
    with pytest.raises(LoraError, match=r"2 of 3 keys match .*this is a DoRA"):
        load_lora(path)


def test_a_file_of_two_tools_and_a_layer_named_twice_are_refused(tmp_path: Path) -> None:
    tensors = load_file(written(tmp_path / "a.safetensors", "diffsynth", random_pairs([Q])))
    other = load_file(written(tmp_path / "b.safetensors", "diffusers", random_pairs(LAYERS[:1])))
    save_file(tensors | other, tmp_path / "both.safetensors")
    with pytest.raises(LoraError, match="one tool's, got diffsynth and diffusers"):
        load_lora(tmp_path / "both.safetensors")
    again = {key.replace(".default", ""): tensor.clone() for key, tensor in tensors.items()}
    save_file(tensors | again, tmp_path / "twice.safetensors")
    with pytest.raises(LoraError, match=f"{Q} is there twice"):
        load_lora(tmp_path / "twice.safetensors", alpha=1.0)


# ---------------------------------------------------------------- the other readers


@pytest.fixture(scope="module")
def unet() -> SDXLUNet:
    return toy_unet()


def far(one: torch.Tensor, other: torch.Tensor) -> float:
    return (one - other).abs().max().item()


def test_diffusers_unet_is_ours(unet: SDXLUNet) -> None:
    assert far(ours(unet), theirs(twin(unet))) < SAME


@pytest.mark.parametrize("tool", ["diffusers", "kohya"])
def test_diffusers_draws_with_what_we_write(unet: SDXLUNet, tmp_path: Path, tool: Tool) -> None:
    pairs = fitting(unet)
    path = tmp_path / "lora.safetensors"
    path.write_bytes(content_bytes(tool, pairs, 2.0, {}))
    other = twin(unet)
    load_with_diffusers(other, path)
    wanted = ours(merged(pairs, 0.5))
    assert far(wanted, ours(unet)) > 1e-2
    assert far(wanted, theirs(other)) < SAME


def test_peft_draws_with_what_we_write(unet: SDXLUNet, tmp_path: Path) -> None:
    pairs = fitting(unet)
    source = tmp_path / "lora.safetensors"
    source.write_bytes(content_bytes("diffsynth", pairs, 2.0, {}))
    convert(source, "peft", tmp_path / "adapter")
    worn = PeftModel.from_pretrained(load_base(toy_base()).unet(), str(tmp_path / "adapter"))
    assert far(ours(merged(pairs, 0.5)), ours(worn.base_model.model)) < SAME


def test_what_peft_saves_is_read(unet: SDXLUNet, tmp_path: Path) -> None:
    config = LoraConfig(r=4, lora_alpha=2, target_modules=["to_q", "to_v"], init_lora_weights=False)
    model = get_peft_model(load_base(toy_base()).unet(), config)
    model.save_pretrained(str(tmp_path))
    lora = load_lora(tmp_path)
    assert (lora.tool, lora.rank, lora.alpha) == ("peft", 4, 2.0)
    assert far(ours(model.base_model.model), ours(merged(dict(lora.pairs), lora.scale))) < SAME


def test_what_diffusers_saves_is_read(unet: SDXLUNet, tmp_path: Path) -> None:
    from diffusers import StableDiffusionXLPipeline

    other = twin(unet).float()
    other.add_adapter(
        LoraConfig(r=4, lora_alpha=8, target_modules=["to_k", "to_out.0"], init_lora_weights=False)
    )
    adapter = other.peft_config["default"].to_dict()
    StableDiffusionXLPipeline.save_lora_weights(
        str(tmp_path), get_peft_model_state_dict(other), unet_lora_adapter_metadata=adapter
    )
    lora = load_lora(tmp_path / "pytorch_lora_weights.safetensors")
    assert (lora.tool, lora.rank, lora.alpha) == ("diffusers", 4, 8.0)
    assert far(theirs(other), ours(merged(dict(lora.pairs), lora.scale))) < SAME
