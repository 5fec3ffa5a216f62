import numpy as np
import pytest
import torch
from fakes import TOY_PROMPTS, toy_base, toy_lora
from painting import NEGATIVE, painted, panel_request
from peft import LoraConfig, inject_adapter_in_model

from kit.errors import LoraError
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.generation.anchors.shared_attention import AnchoredRow, Sharing
from kit.generation.kolors.compiling import compiled_in_turn
from kit.generation.kolors.denoiser import Denoiser
from kit.generation.painter import ALONE, BatchPlan
from kit.lora.formats import LoraPair
from kit.lora.lora import load_lora, save_lora
from kit.models.base import load_base
from kit.models.kolors.unet import time_ids


def test_taking_a_lora_off_restores_the_base_to_the_last_bit(painter, tmp_path):
    lora = load_lora(toy_lora(tmp_path / "ink.safetensors"))
    before = {name: weight.clone() for name, weight in painter._networks.denoiser.unet.state_dict().items()}
    painter.set_lora(lora, 0.7)
    touched = [
        n for n, w in painter._networks.denoiser.unet.state_dict().items() if not torch.equal(w, before[n])
    ]
    painter.set_lora(None, 1.0)
    after = painter._networks.denoiser.unet.state_dict()
    assert len(touched) == len(lora.pairs)
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_changing_loras_gives_the_same_as_starting_with_the_second(painter, tmp_path):
    first = load_lora(toy_lora(tmp_path / "a.safetensors", scale=0.3))
    second = load_lora(toy_lora(tmp_path / "b.safetensors", scale=0.1))
    painter.set_lora(second, 1.0)
    [direct] = painted(painter, [panel_request(TOY_PROMPTS[0])])
    painter.set_lora(first, 2.0)
    painter.set_lora(second, 1.0)
    [changed] = painted(painter, [panel_request(TOY_PROMPTS[0])])
    assert np.array_equal(direct, changed)


def test_a_merged_lora_draws_what_peft_draws_with_it_beside_the_weights(painter, tmp_path):
    lora = load_lora(toy_lora(tmp_path / "ink.safetensors", rank=2, alpha=4.0))
    [bare] = painted(painter, [panel_request(TOY_PROMPTS[0])])
    painter.set_lora(lora, 1.0)
    [merged] = painted(painter, [panel_request(TOY_PROMPTS[0])])
    painter.set_lora(None, 1.0)
    targets = ["to_q", "to_k", "to_v", "to_out"]
    unet = load_base(toy_base()).unet()
    inject_adapter_in_model(LoraConfig(r=2, lora_alpha=4, target_modules=targets), unet)
    layers = dict(unet.named_modules())
    for name, (down, up) in lora.pairs.items():
        layers[name].lora_A["default"].weight.data.copy_(down)
        layers[name].lora_B["default"].weight.data.copy_(up)
    painter._networks.denoiser = Denoiser(unet)
    [beside] = painted(painter, [panel_request(TOY_PROMPTS[0])])
    assert np.abs(merged - beside).max() <= 1
    assert np.abs(merged - bare).max() > 1


def test_strength_scales_the_change_that_training_made(painter, tmp_path):
    lora = load_lora(toy_lora(tmp_path / "ink.safetensors", rank=2, alpha=4.0))
    name, (down, up) = next(iter(lora.pairs.items()))
    before = painter._networks.denoiser.layers[name].weight.clone()
    painter.set_lora(lora, 0.5)
    torch.testing.assert_close(
        painter._networks.denoiser.layers[name].weight - before, 0.5 * (4.0 / 2) * (up.float() @ down.float())
    )


def test_a_lora_that_does_not_fit_leaves_the_painter_as_it_was(painter, tmp_path):
    pairs = {
        "blocks.7.transformer_blocks.0.attn1.to_q": LoraPair(down=torch.ones(2, 99), up=torch.ones(32, 2))
    }
    save_lora(tmp_path / "wide.safetensors", pairs, 2.0, {})
    fitting = load_lora(toy_lora(tmp_path / "ink.safetensors"))
    painter.set_lora(fitting, 1.0)
    [before] = painted(painter, [panel_request(TOY_PROMPTS[0])])
    with pytest.raises(LoraError, match=r"0 of 1 keys match the base, all must; .*\(32, 32\) in the base"):
        painter.set_lora(load_lora(tmp_path / "wide.safetensors"), 1.0)
    [after] = painted(painter, [panel_request(TOY_PROMPTS[0])])
    assert np.array_equal(before, after)


@pytest.mark.parametrize(("cfg", "until", "rows"), [(4.0, 1.0, [6]), (1.0, 1.0, [3]), (4.0, 0.5, [6, 3])])
def test_each_kind_of_full_batch_is_compiled_once_however_few_panels_come_first(
    painter, monkeypatch, cfg, until, rows
):
    called, call = [], Denoiser.__call__

    def counting(engine, given, *more):
        called.append((len(given), len(given) in engine.compiled))
        return call(engine, given, *more)

    monkeypatch.setattr(Denoiser, "__call__", counting)
    monkeypatch.setattr(
        "kit.generation.kolors.kolors_painter.compiled_in_turn", lambda *_: iter([None, None])
    )
    settings = DrawSettings(steps=2, cfg=cfg, size=64, noise="portable", guidance_until=until)
    painter.encode_prompts([TOY_PROMPTS[0], NEGATIVE])

    def drawn(compiled):
        called.clear()
        plan = BatchPlan(panels=3, compiled=compiled)
        [picture] = painter.draw([panel_request(TOY_PROMPTS[0])], settings, plan)
        return picture, list(called)

    before, eager = drawn(False)
    after, first = drawn(True)
    assert first == [(count, True) for count in rows] * 2 + eager, "two turns, thrown away, then the picture"
    assert drawn(True)[1] == eager
    assert np.abs(np.asarray(before, int) - np.asarray(after, int)).max() <= 1, "channels go last"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # inside torch
def test_compiled_blocks_predict_the_same_with_anchors_too_and_other_batches_run_as_before():
    engine = Denoiser(load_base(toy_base()).unet())
    chance = torch.Generator().manual_seed(0)
    rows, text = torch.randn(3, 4, 8, 8, generator=chance), torch.randn(3, 256, 32, generator=chance)

    def predict(count: int) -> torch.Tensor:
        with torch.inference_mode():
            engine.set_text(text[:count])
            return engine(rows[:count], torch.tensor([500]), time_ids(count, 64), text[:count, 0])

    matched = Sharing(rows=2, readers=[AnchoredRow(1, (0,), 0.7)], watched={})
    plans = ((2, None), (1, None), (3, None), (2, matched), (2, None))
    before = []
    for count, sharing in plans:
        engine.share(sharing)
        before.append(predict(count))
    engine.run_compiled(rows=[2, 1])
    [_] = compiled_in_turn([engine.unet], ALONE)
    for (count, sharing), expected in zip(plans, before, strict=True):
        engine.share(sharing)
        torch.testing.assert_close(predict(count), expected, rtol=0, atol=1e-4)
