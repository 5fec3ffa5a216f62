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
