from pathlib import Path

import pytest
import torch
from diffsynth.models.sdxl_unet import SDXLUNet
from diffusers_twin import SAME, load_with_kolors_pipeline, ours, theirs, toy_unet, twin
from fakes import toy_base
from lora_files import EVERY_LAYER, lora_file, random_pairs
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from safetensors.torch import load_file, save_file

from kit.errors import LoraError
from kit.lora.convert import convert_lora
from kit.lora.formats import LoraPair, content_bytes, read_content
from kit.lora.key_names import Tool
from kit.lora.lora import load_lora
from kit.models.base import load_base

Q = "blocks.15.transformer_blocks.0.attn1.to_q"


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


def test_the_norm_is_that_of_the_change_itself(tmp_path: Path) -> None:
    pairs = random_pairs(EVERY_LAYER[:3])
    change = [2.0 * up.double() @ down.double() for down, up in pairs.values()]
    content = read_content(lora_file(tmp_path / "a.safetensors", "kohya", pairs))
    assert content.norm == pytest.approx(torch.cat([part.flatten() for part in change]).norm().item())


def test_a_dora_is_named(tmp_path: Path) -> None:
    path = lora_file(tmp_path / "a.safetensors", "diffusers", random_pairs([Q]))
    tensors = load_file(path)
    layer = next(iter(tensors)).removesuffix(".lora_A.weight")
    save_file(tensors | {f"{layer}.lora_magnitude_vector.weight": torch.ones(6)}, path)
    with pytest.raises(LoraError, match=r"is a DoRA, which is more than a LoRA: train again as a plain LoRA"):
        load_lora(path)


def test_a_file_of_two_tools_and_a_layer_named_twice_are_refused(tmp_path: Path) -> None:
    tensors = load_file(lora_file(tmp_path / "a.safetensors", "diffsynth", random_pairs([Q])))
    other = load_file(lora_file(tmp_path / "b.safetensors", "diffusers", random_pairs(EVERY_LAYER[:1])))
    save_file(tensors | other, tmp_path / "both.safetensors")
    with pytest.raises(LoraError, match="one tool's, got diffsynth and diffusers"):
        load_lora(tmp_path / "both.safetensors")
    again = {key.replace(".default", ""): tensor.clone() for key, tensor in tensors.items()}
    save_file(tensors | again, tmp_path / "twice.safetensors")
    with pytest.raises(LoraError, match=f"{Q} is there twice"):
        load_lora(tmp_path / "twice.safetensors", alpha=1.0)


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
    load_with_kolors_pipeline(other, path)
    wanted = ours(merged(pairs, 0.5))
    assert far(wanted, ours(unet)) > 1e-2
    assert far(wanted, theirs(other)) < SAME


def test_peft_draws_with_what_we_write(unet: SDXLUNet, tmp_path: Path) -> None:
    pairs = fitting(unet)
    source = tmp_path / "lora.safetensors"
    source.write_bytes(content_bytes("diffsynth", pairs, 2.0, {}))
    convert_lora(source, "peft", tmp_path / "adapter")
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


def kohya(layer: str, rank: int, alpha: torch.Tensor, tool: str = "kohya") -> dict[str, torch.Tensor]:
    """Return a layer as trainers write it."""
    [(down, up)] = random_pairs([layer], rank=rank).values()
    names = {
        "kohya": "lora_unet_input_blocks_{}_1_proj_{}",
        "ComfyUI": "diffusion_model.input_blocks.{}.1.proj_{}",
    }
    name = names[tool].format(*{"blocks.7.proj_in": (4, "in"), "blocks.10.proj_out": (5, "out")}[layer])
    return {f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up, f"{name}.alpha": alpha}


IN, OUT = "blocks.7.proj_in", "blocks.10.proj_out"


@pytest.mark.parametrize(
    ("alphas", "even"), [((2.0, 4.0), True), ((1.0, 2.0), True), ((3.0, 1.0), False), ((0.3, 7.0), False)]
)
def test_layers_of_their_own_rank_and_alpha_count_as_each_says(
    tmp_path: Path, alphas: tuple[float, float], even: bool
) -> None:
    sized = ((IN, 2, alphas[0]), (OUT, 4, alphas[1]))
    tensors = {
        k: t for layer, rank, alpha in sized for k, t in kohya(layer, rank, torch.tensor(alpha)).items()
    }
    save_file(
        tensors, tmp_path / "a.safetensors", {"ss_network_dim": "Dynamic", "ss_network_alpha": "Dynamic"}
    )
    lora = load_lora(tmp_path / "a.safetensors")
    assert (lora.rank, lora.uneven) == (4, not even)
    for layer, rank, alpha in sized:
        [(down, up)] = random_pairs([layer], rank=rank).values()
        (ours, theirs) = lora.pairs[layer]
        assert torch.allclose(lora.scale * theirs @ ours, alpha / rank * up @ down, rtol=1e-6, atol=1e-7)
        assert not even or torch.equal(theirs[:, :rank], up)
    convert_lora(tmp_path / "a.safetensors", "diffsynth", tmp_path / "b.safetensors")
    assert load_lora(tmp_path / "b.safetensors").norm == pytest.approx(lora.norm)


@pytest.mark.parametrize(
    ("alpha", "notes"),
    [
        (torch.tensor([4.0]), {}),
        (torch.tensor(4), {}),
        (torch.tensor(4.0, dtype=torch.bfloat16), {"ss_network_alpha": "None"}),
        (
            torch.tensor([[4.0]], dtype=torch.float16),
            {"ss_network_alpha": "16.0", "ss_network_dim": "Dynamic"},
        ),
        (torch.tensor(4.0), {"rank": "4.0", "keys": "12"}),
        (torch.tensor(4.0), {"rank": "64", "keys": "1", "alpha": "auto"}),
    ],
)
@pytest.mark.parametrize("tool", ["kohya", "ComfyUI"])
def test_what_trainers_write_beside_the_factors_does_not_stop_a_sound_file(
    tmp_path: Path, alpha: torch.Tensor, notes: dict[str, str], tool: str
) -> None:
    tensors = {k: t for layer in (IN, OUT) for k, t in kohya(layer, 2, alpha.clone(), tool).items()}
    save_file({k: t.clone() for k, t in tensors.items()}, tmp_path / "a.safetensors", notes)
    lora = load_lora(tmp_path / "a.safetensors")
    assert (lora.alpha, lora.rank, set(lora.pairs)) == (4.0, 2, {IN, OUT})
    assert lora.tool == {"kohya": "kohya of SDXL"}.get(tool, tool)


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2])
def test_fp8_is_widened(tmp_path: Path, dtype: torch.dtype) -> None:
    tensors = {key: tensor.to(dtype) for key, tensor in kohya(IN, 2, torch.tensor(4.0)).items()}
    save_file(tensors, tmp_path / "a.safetensors")
    lora, [down, up, _] = load_lora(tmp_path / "a.safetensors"), tensors.values()
    assert lora.pairs[IN].up.dtype == torch.float16
    assert torch.equal(lora.pairs[IN].up @ lora.pairs[IN].down, up.half() @ down.half())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_an_alpha_that_the_file_rounded_is_the_one_that_was_given(tmp_path: Path, dtype: torch.dtype) -> None:
    save_file(kohya(IN, 2, torch.tensor(0.3, dtype=dtype)), tmp_path / "a.safetensors")
    assert load_lora(tmp_path / "a.safetensors", alpha=0.3).alpha == torch.tensor(0.3, dtype=dtype).item()
    with pytest.raises(LoraError, match=r"was trained with alpha 0\.3.*, got alpha 0\.31: leave it out"):
        load_lora(tmp_path / "a.safetensors", alpha=0.31)


@pytest.mark.parametrize("name", ["adapter_model.safetensors", "pytorch_lora_weights.safetensors"])
def test_a_folder_of_peft_or_diffusers_is_read(tmp_path: Path, name: str) -> None:
    lora_file(tmp_path / name, "diffusers", random_pairs([Q]))
    assert load_lora(tmp_path).alpha == 6.0
    (tmp_path / name).rename(tmp_path / "ink.safetensors")
    assert load_lora(tmp_path).alpha == 6.0
    lora_file(tmp_path / "rain.safetensors", "diffusers", random_pairs([Q]))
    with pytest.raises(LoraError, match=r"is a folder: give one file in it, ink\.safetensors"):
        load_lora(tmp_path)
