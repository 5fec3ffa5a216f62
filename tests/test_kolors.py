import json
import random
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffsynth import SDXLImagePipeline, SDXLUNet, SDXLVAEDecoder, SDXLVAEEncoder
from fakes import TOY_PROMPTS, toy_base, toy_lora, toy_sizes
from peft import LoraConfig, inject_adapter_in_model
from PIL import Image
from torch import nn

from kit.embedded import EMBEDDED
from kit.errors import LoraError, RunError, WeightsError
from kit.experiment.config import DrawSettings
from kit.generation.denoiser import Denoiser
from kit.generation.devices import load_painter
from kit.generation.kolors_painter import KolorsPainter, first_noise
from kit.generation.painter import BatchPlan, DrawFailure, PanelRequest
from kit.lora.formats import LoraPair
from kit.lora.lora import load_lora, save_lora
from kit.mini.training.networks import (
    Networks,
    load_networks,
    save_base,
    untrained_text_encoder,
    untrained_unet,
)
from kit.mini.training.vae import encode_moments
from kit.models.base import load_base
from kit.models.kolors.text_encoder import build_text_encoder, encode_ids, tokenize
from kit.models.kolors.unet import build_unet, time_ids
from kit.models.kolors.vae import build_vae_decoder, build_vae_encoder
from kit.models.mini_layout import TEXT, UNET, VAE
from kit.models.networks import TOKENIZER
from kit.models.sizes import EMBEDDED_SIZES, KOLORS_SIZES

CFG4 = DrawSettings(steps=3, cfg=4.0, size=64, noise="portable")
SAME_TEXT = 1e-3
"""How far a text's states may be apart: float32 rounds them by 1e-5, another text is 3 away."""
NEGATIVE = "下雪"


def request(prompt: str, seed: int = 0, negative: str = NEGATIVE) -> PanelRequest:
    return PanelRequest(key="k", prompt=prompt, negative=negative, seed=seed, label=f"seed-{seed}")


def paint(
    painter: KolorsPainter, requests: list[PanelRequest], settings: DrawSettings = CFG4
) -> list[np.ndarray]:
    painter.encode_prompts([text for asked in requests for text in (asked.prompt, asked.negative)])
    return [np.asarray(picture).astype(int) for picture in painter.draw(requests, settings)]


@pytest.fixture
def painter() -> KolorsPainter:
    return KolorsPainter(load_base(toy_base()), "cpu")


@pytest.fixture
def base_copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(toy_base(), tmp_path / "base"))


# the networks


def test_a_small_unet_has_the_blocks_of_kolors_in_kolors_order():
    with torch.device("meta"):
        small, kolors = build_unet(EMBEDDED_SIZES.unet), SDXLUNet(is_kolors=True)
    assert [type(block) for block in small.blocks] == [type(block) for block in kolors.blocks]
    assert len(small.blocks) == 49


def test_the_autoencoder_at_kolors_widths_is_the_one_of_kolors():
    sizes = KOLORS_SIZES.vae
    with torch.device("meta"):
        ours = (build_vae_encoder(sizes), build_vae_decoder(sizes))
        theirs = (SDXLVAEEncoder(), SDXLVAEDecoder())
    for our, their in zip(ours, theirs, strict=True):
        assert {k: v.shape for k, v in our.state_dict().items()} == {
            k: v.shape for k, v in their.state_dict().items()
        }


def test_all_embedded_weights_fit_the_package():
    networks = (
        build_unet(EMBEDDED_SIZES.unet),
        build_text_encoder(replace(EMBEDDED_SIZES.text, vocabulary=1024)),
        build_vae_encoder(EMBEDDED_SIZES.vae),
        build_vae_decoder(EMBEDDED_SIZES.vae),
    )
    numbers = sum(parameter.numel() for network in networks for parameter in network.parameters())
    rank_16 = 16 * sum(
        layer.in_features + layer.out_features
        for name, layer in build_unet(EMBEDDED_SIZES.unet).named_modules()
        if name.rpartition(".")[2] in ("to_q", "to_k", "to_v", "to_out")
    )
    assert 2 * (numbers + 3 * rank_16) <= 34e6, "40 MB less the encoder's 6"


def test_an_untrained_unet_predicts_nothing():
    unet = untrained_unet(toy_sizes().unet)
    latents, text = torch.randn(2, 4, 8, 8), torch.randn(2, 256, 32)
    predicted = unet(latents, torch.tensor([5.0, 900.0]), text, time_ids(2, 64), text[:, 0])
    assert not predicted.any()


def test_text_states_are_those_of_kolors_prompter():
    base = load_base(toy_base())
    prompter, encoder = base.prompter(), base.text_encoder()
    prompter.fetch_models(encoder)
    cross, pooled = encode_ids(encoder, *tokenize(prompter, TOY_PROMPTS))
    for row, prompt in enumerate(TOY_PROMPTS):
        their_pooled, their_cross = prompter.encode_prompt(prompt, device="cpu")
        torch.testing.assert_close(cross[row], their_cross[0], rtol=0, atol=SAME_TEXT)
        torch.testing.assert_close(pooled[row], their_pooled[0], rtol=0, atol=SAME_TEXT)
    assert (cross[0] - cross[1]).abs().max() > 1
    assert (pooled[0] - pooled[1]).abs().max() > 1


def test_the_end_of_a_prompt_that_is_not_read_is_what_the_tokenizer_cuts(painter):
    text = "".join(f"小猫{word}" for word in "睡觉跑步" * 60)
    end = painter.truncated_tail(text)
    assert text.endswith(end)
    assert 0 < len(end) < len(text)
    read = painter._prompter
    ids = [tokenize(read, [words])[0] for words in (text, text.removesuffix(end), text + "小猫")]
    assert torch.equal(ids[0], ids[1])
    assert torch.equal(ids[0], ids[2])
    assert painter.truncated_tail(text.removesuffix(end)) == ""


def test_the_mean_of_the_moments_is_the_latent_before_scaling():
    encoder = load_base(toy_base()).vae_encoder()
    picture = torch.rand(1, 3, 64, 64) * 2 - 1
    mean, log_variance = encode_moments(encoder, picture)
    assert mean.shape == log_variance.shape == (1, 4, 8, 8)
    torch.testing.assert_close(encoder(picture), mean * encoder.scaling_factor)


# the folder


def test_saved_weights_come_back_as_fp16_holds_them(tmp_path):
    sizes = toy_sizes()
    networks = Networks(
        unet=untrained_unet(sizes.unet),
        text_encoder=untrained_text_encoder(sizes.text),
        encoder=build_vae_encoder(sizes.vae),
        decoder=build_vae_decoder(sizes.vae),
    )
    networks.decoder.scaling_factor = 0.7
    save_base(tmp_path, sizes, networks, toy_base() / "tokenizer" / "tokenizer.model")
    base = load_base(tmp_path)
    assert base.sizes == sizes
    loaded = load_networks(base, "cpu")
    for name in ("unet", "text_encoder", "encoder", "decoder"):
        before, after = getattr(networks, name).state_dict(), getattr(loaded, name).state_dict()
        assert before.keys() == after.keys()
        assert all(torch.equal(before[key].half().float(), after[key].float()) for key in before)
    assert loaded.encoder.scaling_factor == loaded.decoder.scaling_factor == 0.7


@pytest.mark.parametrize("name", [UNET, TEXT, VAE, "tokenizer/tokenizer.model"])
def test_one_changed_byte_in_any_file_is_refused_by_its_name(base_copy, name):
    data = bytearray((base_copy / name).read_bytes())
    data[-1] ^= 1
    (base_copy / name).write_bytes(data)
    with pytest.raises(WeightsError, match=f"{name} is damaged"):
        load_base(base_copy)


@pytest.mark.parametrize("name", [UNET, "tokenizer/tokenizer.model"])
def test_a_missing_file_is_refused_by_its_name(base_copy, name):
    (base_copy / name).unlink()
    with pytest.raises(WeightsError, match=f"{name} cannot be read"):
        load_base(base_copy)


def test_weights_of_another_size_than_promised_are_refused(base_copy):
    config = json.loads((base_copy / "config.json").read_text())
    config["sizes"]["unet"]["widths"] = [32, 64, 64]
    (base_copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(WeightsError, match=r"unet\.safetensors does not fit the sizes in config\.json"):
        load_base(base_copy).unet()


def test_every_fault_of_the_sizes_is_named(base_copy):
    config = json.loads((base_copy / "config.json").read_text())
    del config["sizes"]["text"]["vocabulary"]
    config["sizes"]["unet"]["time"] = "wide"
    (base_copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(WeightsError, match=r"config\.json: .*unet\.time: .*text\.vocabulary: is missing"):
        load_base(base_copy)


def test_the_embedded_base_has_the_sizes_that_are_written_down():
    assert load_base(EMBEDDED).sizes == EMBEDDED_SIZES


def test_numbers_that_fp16_cannot_hold_are_not_saved(tmp_path):
    networks = load_networks(load_base(toy_base()), "cpu")
    networks.unet.conv_in.weight.data[0, 0, 0, 0] = 1e6
    with pytest.raises(WeightsError, match=r"conv_in\.weight holds numbers that fp16 cannot"):
        save_base(tmp_path, toy_sizes(), networks, toy_base() / "tokenizer" / "tokenizer.model")


def test_a_folder_without_a_config_is_no_base(base_copy):
    (base_copy / "config.json").unlink()
    with pytest.raises(WeightsError, match=r"or config\.json \(laid out like mini\); there is neither"):
        load_painter(str(base_copy), "cpu")


def test_a_folder_laid_out_like_the_embedded_base_is_a_base():
    assert load_painter(str(toy_base()), "cpu").identity["sha256"] == load_base(toy_base()).sha256


# drawing


def test_a_picture_is_the_one_of_diffsynths_own_pipeline(painter):
    base = load_base(toy_base())
    pipe = SDXLImagePipeline(device="cpu", torch_dtype=torch.float32)
    pipe.scheduler.__init__(beta_end=0.014, num_train_timesteps=1100)
    pipe.prompter = base.prompter()
    pipe.prompter.fetch_models(base.text_encoder())
    pipe.unet, pipe.vae_decoder = base.unet(), base.vae_decoder()
    requests = [request(prompt, seed) for seed, prompt in enumerate(TOY_PROMPTS)]
    for asked, ours in zip(requests, paint(painter, requests), strict=True):
        theirs = pipe(
            asked.prompt,
            negative_prompt=asked.negative,
            cfg_scale=4.0,
            height=64,
            width=64,
            num_inference_steps=3,
            seed=asked.seed,
            progress_bar_cmd=list,
        )
        assert np.abs(ours - np.asarray(theirs).astype(int)).max() <= 1
        assert np.asarray(theirs).std() > 5, "a flat picture would prove nothing"


def test_a_picture_does_not_depend_on_the_panels_drawn_with_it(painter):
    requests = [request(prompt, seed) for seed, prompt in enumerate(TOY_PROMPTS)]
    together = paint(painter, requests)
    alone = [paint(painter, [asked])[0] for asked in requests]
    for one, other in zip(together, alone, strict=True):
        assert np.abs(one - other).max() <= 1


def test_prompt_negative_and_seed_each_change_the_picture(painter):
    first = request(TOY_PROMPTS[0])
    others = [
        request(TOY_PROMPTS[1]),
        request(TOY_PROMPTS[0], seed=1),
        request(TOY_PROMPTS[0], negative="小猫"),
    ]
    picture, *changed = paint(painter, [first, *others])
    assert all(np.abs(picture - other).max() > 1 for other in changed)


def test_without_guidance_the_negative_prompt_changes_nothing(painter):
    plain = DrawSettings(steps=3, cfg=1.0, size=64, noise="portable")
    [one] = paint(painter, [request(TOY_PROMPTS[0], negative="小猫")], plain)
    [other] = paint(painter, [request(TOY_PROMPTS[0], negative="下雪")], plain)
    assert np.array_equal(one, other)


def test_portable_noise_is_the_seeds_alone():
    torch.manual_seed(random.randrange(1000))
    noise = first_noise(7, CFG4, "cpu")
    torch.manual_seed(random.randrange(1000))
    assert torch.equal(noise, first_noise(7, CFG4, "cpu"))
    assert not torch.equal(noise, first_noise(8, CFG4, "cpu"))
    assert noise.dtype == torch.float32


def test_contest_noise_is_the_half_precision_draw_after_manual_seed():
    contest = DrawSettings(steps=3, cfg=4.0, size=64, noise="contest")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        expected = torch.randn((1, 4, 8, 8), dtype=torch.float16)
    assert torch.equal(first_noise(5, contest, "cpu"), expected.float())


def test_once_the_prompts_are_read_the_text_encoder_is_not_needed(base_copy):
    painter = KolorsPainter(load_base(base_copy), "cpu")
    painter.encode_prompts([TOY_PROMPTS[0], NEGATIVE])
    (base_copy / TEXT).unlink()
    (base_copy / TOKENIZER).unlink()
    painter.encode_prompts([TOY_PROMPTS[0]])
    [picture] = painter.draw([request(TOY_PROMPTS[0])], CFG4)
    assert picture.size == (64, 64)
    assert picture.mode == "RGB"


def test_a_prompt_that_was_not_read_is_refused(painter):
    with pytest.raises(RunError, match="must be read before it is drawn, got '小猫'"):
        painter.draw([request("小猫")], CFG4)


# LoRAs


def test_taking_a_lora_off_restores_the_base_to_the_last_bit(painter, tmp_path):
    lora = load_lora(toy_lora(tmp_path / "ink.safetensors"))
    before = {name: weight.clone() for name, weight in painter._denoiser.unet.state_dict().items()}
    painter.set_lora(lora, 0.7)
    touched = [n for n, w in painter._denoiser.unet.state_dict().items() if not torch.equal(w, before[n])]
    painter.set_lora(None, 1.0)
    after = painter._denoiser.unet.state_dict()
    assert len(touched) == len(lora.pairs)
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_changing_loras_gives_the_same_as_starting_with_the_second(painter, tmp_path):
    first = load_lora(toy_lora(tmp_path / "a.safetensors", scale=0.3))
    second = load_lora(toy_lora(tmp_path / "b.safetensors", scale=0.1))
    painter.set_lora(second, 1.0)
    [direct] = paint(painter, [request(TOY_PROMPTS[0])])
    painter.set_lora(first, 2.0)
    painter.set_lora(second, 1.0)
    [changed] = paint(painter, [request(TOY_PROMPTS[0])])
    assert np.array_equal(direct, changed)


def test_a_merged_lora_draws_what_peft_draws_with_it_beside_the_weights(painter, tmp_path):
    lora = load_lora(toy_lora(tmp_path / "ink.safetensors", rank=2, alpha=4.0))
    [bare] = paint(painter, [request(TOY_PROMPTS[0])])
    painter.set_lora(lora, 1.0)
    [merged] = paint(painter, [request(TOY_PROMPTS[0])])
    painter.set_lora(None, 1.0)
    targets = ["to_q", "to_k", "to_v", "to_out"]
    unet = load_base(toy_base()).unet()
    inject_adapter_in_model(LoraConfig(r=2, lora_alpha=4, target_modules=targets), unet)
    layers = dict(unet.named_modules())
    for name, (down, up) in lora.pairs.items():
        layers[name].lora_A["default"].weight.data.copy_(down)
        layers[name].lora_B["default"].weight.data.copy_(up)
    painter._denoiser = Denoiser(unet)
    [beside] = paint(painter, [request(TOY_PROMPTS[0])])
    assert np.abs(merged - beside).max() <= 1
    assert np.abs(merged - bare).max() > 1


def test_strength_scales_the_change_that_training_made(painter, tmp_path):
    lora = load_lora(toy_lora(tmp_path / "ink.safetensors", rank=2, alpha=4.0))
    name, (down, up) = next(iter(lora.pairs.items()))
    before = painter._denoiser.layers[name].weight.clone()
    painter.set_lora(lora, 0.5)
    torch.testing.assert_close(
        painter._denoiser.layers[name].weight - before, 0.5 * (4.0 / 2) * (up.float() @ down.float())
    )


def test_a_lora_that_does_not_fit_leaves_the_painter_as_it_was(painter, tmp_path):
    pairs = {
        "blocks.7.transformer_blocks.0.attn1.to_q": LoraPair(down=torch.ones(2, 99), up=torch.ones(32, 2))
    }
    save_lora(tmp_path / "wide.safetensors", pairs, 2.0, {})
    fitting = load_lora(toy_lora(tmp_path / "ink.safetensors"))
    painter.set_lora(fitting, 1.0)
    [before] = paint(painter, [request(TOY_PROMPTS[0])])
    with pytest.raises(LoraError, match=r"0 of 1 keys match the base, all must; .*\(32, 32\) in the base"):
        painter.set_lora(load_lora(tmp_path / "wide.safetensors"), 1.0)
    [after] = paint(painter, [request(TOY_PROMPTS[0])])
    assert np.array_equal(before, after)


def test_a_picture_of_infinite_numbers_is_a_fault_and_the_others_of_its_batch_are_pictures(painter):
    class Burst(nn.Module):
        def forward(self, rows: torch.Tensor, *others: object) -> torch.Tensor:
            return torch.cat([rows[:1] * torch.inf, rows[1:]])

    painter._denoiser.unet = Burst()
    painter.encode_prompts([*TOY_PROMPTS, NEGATIVE])
    first, second = painter.draw([request(TOY_PROMPTS[0]), request(TOY_PROMPTS[1], seed=1)], CFG4)
    assert isinstance(first, DrawFailure)
    assert "its numbers are not finite" in first.reason
    assert isinstance(second, Image.Image)


def test_a_picture_of_one_colour_is_a_fault(painter):
    class Grey(nn.Module):
        def forward(self, latent: torch.Tensor) -> torch.Tensor:
            return torch.zeros(1, 3, 64, 64)

    painter._decoder = Grey()
    painter.encode_prompts([TOY_PROMPTS[0], NEGATIVE])
    assert painter.draw([request(TOY_PROMPTS[0])], CFG4) == [DrawFailure(reason="it has one colour all over")]


def test_what_overflows_in_fp16_is_drawn_in_fp32_and_the_fp16_weights_are_as_before(tmp_path):
    loud = load_lora(toy_lora(tmp_path / "loud.safetensors", scale=400.0))
    exact = KolorsPainter(load_base(toy_base()), "cpu")
    half = KolorsPainter(load_base(toy_base()), "cpu")
    half._dtype = torch.float16
    for painter in (exact, half):
        painter.set_lora(loud, 1.0)
    before = {name: weight.clone() for name, weight in half._denoiser.unet.state_dict().items()}
    [expected] = paint(exact, [request(TOY_PROMPTS[0])])
    [rescued] = paint(half, [request(TOY_PROMPTS[0])])
    with torch.inference_mode():
        noise = first_noise(0, CFG4, "cpu")
        assert not half._denoise(noise, [request(TOY_PROMPTS[0])], CFG4).isfinite().all(), "nothing to rescue"
    assert np.corrcoef(rescued.ravel(), expected.ravel())[0, 1] > 0.95, "fp16 rounds weights and text"
    after = half._denoiser.unet.state_dict()
    assert all(after[name].dtype == torch.float16 for name in before)
    assert all(torch.equal(after[name], before[name]) for name in before)


class Small(nn.Module):
    """A UNet on a GPU that takes so many rows at once."""

    def __init__(self, unet: nn.Module, most: int) -> None:
        super().__init__()
        self.unet, self.most, self.calls, self.moves = unet, most, [], []

    def forward(self, rows: torch.Tensor, *others: object) -> torch.Tensor:
        if len(rows) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate ...")
        self.calls.append(len(rows))
        return self.unet(rows, *others)

    def to(self, where: torch.device | str) -> nn.Module:
        self.moves.append(where)
        return super().to(where)


class Tight(Small):
    """A UNet that does not fit in fp32, which shows when half of it is converted."""

    def float(self) -> nn.Module:
        self.unet.conv_in.float()
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate ...")


def test_too_little_memory_for_fp32_is_a_fault_and_the_next_batch_is_drawn(tmp_path):
    painter = KolorsPainter(load_base(toy_base()), "cpu")
    painter._dtype = torch.float16
    painter.encode_prompts([TOY_PROMPTS[0], NEGATIVE])
    painter.set_lora(load_lora(toy_lora(tmp_path / "loud.safetensors", scale=400.0)), 1.0)
    painter._denoiser.unet = Tight(painter._denoiser.unet, most=4)
    [fault] = painter.draw([request(TOY_PROMPTS[0])], CFG4)
    assert isinstance(fault, DrawFailure)
    assert fault.reason.endswith("and there is too little memory to draw it in fp32")
    painter.set_lora(None, 1.0)
    [picture] = painter.draw([request(TOY_PROMPTS[0])], CFG4)
    assert isinstance(picture, Image.Image)


def test_what_does_not_fit_into_memory_together_is_drawn_in_halves(painter):
    requests = [request(prompt, seed) for seed, prompt in enumerate([*TOY_PROMPTS, *TOY_PROMPTS][:5])]
    together = paint(painter, requests)
    small = painter._denoiser.unet = Small(painter._denoiser.unet, most=4)
    halved = paint(painter, requests)
    assert small.calls == [4, 4, 4, 2, 2, 2, 4, 4, 4], "2 panels, then 1 and 2"
    for one, other in zip(together, halved, strict=True):
        assert np.abs(one - other).max() <= 1


def test_too_little_memory_for_one_panel_is_one_line_that_says_what_to_do(painter):
    painter._denoiser.unet = Small(painter._denoiser.unet, most=1)
    with pytest.raises(RunError, match="too little memory for one panel of 64 pixels: close other programs"):
        paint(painter, [request(TOY_PROMPTS[0]), request(TOY_PROMPTS[1])])


def test_with_low_memory_panels_are_drawn_one_at_a_time_and_decoded_without_the_unet(painter):
    requests = [request(prompt, seed) for seed, prompt in enumerate(TOY_PROMPTS)]
    together = paint(painter, requests)
    unet = painter._denoiser.unet = Small(painter._denoiser.unet, most=2)
    seen = []
    painter._decoder.register_forward_pre_hook(lambda *_: seen.append(list(unet.moves)))
    low = replace(CFG4, memory="low")
    for one, other in zip(together, paint(painter, requests, low), strict=True):
        assert np.abs(one - other).max() <= 1
    assert unet.calls == [2] * 3 * len(requests)
    assert seen == [["cpu"]] * len(requests), "sent away once, before the first picture is decoded"
    assert unet.moves == ["cpu", torch.device("cpu")], "and back to where it was"
    assert painter.plan_batches(requests, replace(low, steps=50)) == BatchPlan(panels=4, compiled=False)


def test_the_identity_follows_the_weights_and_holds_no_machine(painter):
    assert painter.identity["sha256"] == load_base(toy_base()).sha256
    assert painter.identity["dtype"] == "float32"
    assert painter.device == "cpu"
    assert "cpu" not in json.dumps(painter.identity)


def test_pictures_are_rgb_of_the_asked_size(painter):
    painter.encode_prompts(TOY_PROMPTS)
    settings = DrawSettings(steps=1, cfg=1.0, size=96, noise="portable")
    [picture] = painter.draw([request(TOY_PROMPTS[0])], settings)
    assert isinstance(picture, Image.Image)
    assert (picture.size, picture.mode) == ((96, 96), "RGB")


def test_the_painters_networks_do_not_learn(painter):
    assert not any(parameter.requires_grad for parameter in painter._denoiser.unet.parameters())
    assert isinstance(painter._denoiser.unet, nn.Module)
    assert not painter._denoiser.unet.training


# compiling


class Counting:
    """An engine that notes for how many rows it was compiled."""

    def __init__(self, engine: Denoiser) -> None:
        self.engine, self.compiled = engine, 0

    def compile(self, rows: int) -> None:
        self.compiled = rows

    def __getattr__(self, name: str) -> object:
        return getattr(self.engine, name)

    def __call__(self, *given: torch.Tensor) -> torch.Tensor:
        return self.engine(*given)


class Striped(nn.Module):
    """A decoder without parts that a compiler would see."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks, self.conv_norm_out = nn.ModuleList(), nn.Identity()

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        return torch.linspace(-1, 1, 64).expand(1, 3, 64, 64)


GPU = DrawSettings(steps=50, cfg=4.0, size=64, noise="portable", batch=8)


@pytest.mark.parametrize(("pictures", "pays"), [(8, False), (100, False), (800, True)])
def test_compiling_pays_only_when_enough_is_to_be_drawn(painter, pictures, pays):
    painter.device, painter._step_seconds = "cuda", lambda _requests, _settings: 0.035
    settled = painter.plan_batches([request(TOY_PROMPTS[0])] * pictures, GPU)
    assert settled == BatchPlan(panels=8, compiled=pays)


def test_without_a_gpu_nothing_is_timed_and_nothing_compiled(painter):
    assert painter.plan_batches([request(TOY_PROMPTS[0])] * 8, CFG4) == BatchPlan(panels=4, compiled=False)


def test_batches_are_halved_until_their_steps_fit_into_memory(painter):
    def timed(requests: list[PanelRequest], _settings: DrawSettings) -> float:
        if len(requests) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate ...")
        return 0.035

    painter.device, painter._step_seconds = "cuda", timed
    assert painter.plan_batches([request(TOY_PROMPTS[0])] * 16, GPU).panels == 2


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # inside torch
@pytest.mark.parametrize(("cfg", "rows"), [(4.0, 6), (1.0, 3)])
def test_the_unet_is_compiled_once_for_full_batches(painter, cfg, rows):
    painter._denoiser, painter._decoder = Counting(painter._denoiser), Striped()
    settings = DrawSettings(steps=1, cfg=cfg, size=64, noise="portable")
    painter.encode_prompts([TOY_PROMPTS[0], NEGATIVE])
    for compiled, expected in ((False, 0), (True, rows)):
        painter.draw([request(TOY_PROMPTS[0])], settings, BatchPlan(panels=3, compiled=compiled))
        assert painter._denoiser.compiled == expected


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # inside torch
def test_compiled_blocks_predict_the_same_and_other_batches_run_as_before():
    engine = Denoiser(load_base(toy_base()).unet())
    chance = torch.Generator().manual_seed(0)
    rows, text = torch.randn(2, 4, 8, 8, generator=chance), torch.randn(2, 256, 32, generator=chance)

    def predict(count: int) -> torch.Tensor:
        with torch.inference_mode():
            engine.set_text(text[:count])
            return engine(rows[:count], torch.tensor([500]), time_ids(count, 64), text[:count, 0])

    before = [predict(2), predict(1)]
    engine.compile(rows=2)
    for count, expected in zip((2, 1), before, strict=True):
        torch.testing.assert_close(predict(count), expected, rtol=0, atol=1e-4)
