import torch

from kit.generation.kolors.denoiser import Denoiser
from kit.lora.lora import find_lora
from kit.mini.training.controlnets.training import PLAIN, Wardrobe
from kit.models.base import load_base


def test_a_lora_is_worn_as_it_is_drawn_with_and_taken_off_to_the_last_bit():
    base = load_base("mini")
    worn = base.unet()
    plain = {name: value.clone() for name, value in worn.state_dict().items()}
    wardrobe = Wardrobe(worn, ["watercolour", "ink"])
    wardrobe.wear("watercolour")
    wardrobe.wear("ink")
    denoiser = Denoiser(base.unet())
    denoiser.set_lora(find_lora("mini:ink"), 1.0)
    for name, layer in denoiser.layers.items():
        own = worn.get_submodule(name).get_parameter("weight")
        torch.testing.assert_close(own, layer.get_parameter("weight"), rtol=1e-5, atol=1e-6)
    assert any(not torch.equal(value, plain[name]) for name, value in worn.state_dict().items())
    wardrobe.wear(PLAIN)
    assert all(torch.equal(value, plain[name]) for name, value in worn.state_dict().items())
