import json
import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from diffsynth import SDXLImagePipeline
from fakes import TOY_PROMPTS, toy_base, toy_lora
from painting import CFG4, NEGATIVE, painted, panel_request
from PIL import Image
from torch import nn

from kit.embedded import EMBEDDED
from kit.errors import RunError
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.generation.kolors.kolors_painter import KolorsPainter
from kit.generation.painter import BatchPlan, DrawFailure, PanelRequest
from kit.generation.sampling.first_noise import first_noise
from kit.images.decode import FLAT
from kit.lora.lora import load_lora
from kit.lora.pipelines.embeddings import Embedding
from kit.models.base import load_base
from kit.models.kolors.text_encoder import tokenize
from kit.models.mini_layout import TEXT
from kit.models.networks import TOKENIZER
from kit.models.sizes import EMBEDDED_SIZES


def test_the_end_of_a_prompt_that_is_not_read_is_what_the_tokenizer_cuts(painter):
    text = "".join(f"小猫{word}" for word in "睡觉跑步" * 60)
    end = painter.truncated_tail(text)
    assert text.endswith(end)
    assert 0 < len(end) < len(text)
    read = painter._networks.texts._prompter
    ids = [tokenize(read, [words])[0] for words in (text, text.removesuffix(end), text + "小猫")]
    assert torch.equal(ids[0], ids[1])
    assert torch.equal(ids[0], ids[2])
    assert painter.truncated_tail(text.removesuffix(end)) == ""


def test_the_embedded_base_has_the_sizes_that_are_written_down():
    assert load_base(EMBEDDED).sizes == EMBEDDED_SIZES


def test_a_picture_is_the_one_of_diffsynths_own_pipeline(painter):
    base = load_base(toy_base())
    pipe = SDXLImagePipeline(device="cpu", torch_dtype=torch.float32)
    pipe.scheduler.__init__(beta_end=0.014, num_train_timesteps=1100)
    pipe.prompter = base.prompter()
    pipe.prompter.fetch_models(base.text_encoder())
    pipe.unet, pipe.vae_decoder = base.unet(), base.vae_decoder()
    requests = [panel_request(prompt, seed) for seed, prompt in enumerate(TOY_PROMPTS)]
    for asked, ours in zip(requests, painted(painter, requests), strict=True):
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
    requests = [panel_request(prompt, seed) for seed, prompt in enumerate(TOY_PROMPTS)]
    together = painted(painter, requests)
    alone = [painted(painter, [asked])[0] for asked in requests]
    for one, other in zip(together, alone, strict=True):
        assert np.abs(one - other).max() <= 1


def test_prompt_negative_and_seed_each_change_the_picture(painter):
    first = panel_request(TOY_PROMPTS[0])
    others = [
        panel_request(TOY_PROMPTS[1]),
        panel_request(TOY_PROMPTS[0], seed=1),
        panel_request(TOY_PROMPTS[0], negative="小猫"),
    ]
    picture, *changed = painted(painter, [first, *others])
    assert all(np.abs(picture - other).max() > 1 for other in changed)


def test_without_guidance_the_negative_prompt_changes_nothing(painter):
    plain = DrawSettings(steps=3, cfg=1.0, size=64, noise="portable")
    [one] = painted(painter, [panel_request(TOY_PROMPTS[0], negative="小猫")], plain)
    [other] = painted(painter, [panel_request(TOY_PROMPTS[0], negative="下雪")], plain)
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
    [picture] = painter.draw([panel_request(TOY_PROMPTS[0])], CFG4)
    assert picture.size == (64, 64)
    assert picture.mode == "RGB"


def test_a_word_is_drawn_as_the_pieces_whose_vectors_it_has_and_only_where_it_is_taught(painter):
    base = load_base(toy_base())
    tokenizer, table = base.prompter().tokenizer, base.text_encoder().embedding.word_embeddings.weight
    rows = table[tokenizer.convert_tokens_to_ids(tokenizer.tokenize(TOY_PROMPTS[0]))].detach()
    word = Embedding(token="<zu>", sha256="a", vectors={"text_encoder": rows})
    spelled, bare, other = (panel_request(prompt) for prompt in (TOY_PROMPTS[0], "<zu>", TOY_PROMPTS[1]))
    taught = [replace(one, embeddings=(word,)) for one in (bare, other)]
    first, unread, plain = painted(painter, [spelled, bare, other])
    said, unchanged = painted(painter, taught)
    [again] = painted(painter, [bare])
    for one, as_before in ((said, first), (unchanged, plain), (again, unread)):
        assert np.abs(one - as_before).max() <= 1
    assert np.abs(unread - first).max() > 10


def test_a_prompt_that_was_not_read_is_refused(painter):
    with pytest.raises(RunError, match="must be read before it is drawn, got '小猫'"):
        painter.draw([panel_request("小猫")], CFG4)


def test_a_picture_of_infinite_numbers_is_a_fault_and_the_others_of_its_batch_are_pictures(painter):
    class Burst(nn.Module):
        def forward(self, rows: torch.Tensor, *others: object) -> torch.Tensor:
            return torch.cat([rows[:1] * torch.inf, rows[1:]])

    painter._networks.denoiser.unet = Burst()
    painter.encode_prompts([*TOY_PROMPTS, NEGATIVE])
    first, second = painter.draw([panel_request(TOY_PROMPTS[0]), panel_request(TOY_PROMPTS[1], seed=1)], CFG4)
    assert isinstance(first, DrawFailure)
    assert "its numbers are not finite" in first.reason
    assert isinstance(second, Image.Image)


def test_a_picture_of_one_colour_is_a_fault(painter):
    class Grey(nn.Module):
        def forward(self, latent: torch.Tensor) -> torch.Tensor:
            return torch.zeros(1, 3, 64, 64)

    painter._networks.decoder = Grey()
    painter.encode_prompts([TOY_PROMPTS[0], NEGATIVE])
    assert painter.draw([panel_request(TOY_PROMPTS[0])], CFG4) == [
        DrawFailure(reason="it has one colour all over")
    ]


def test_what_overflows_in_fp16_is_drawn_in_fp32_and_the_fp16_weights_are_as_before(tmp_path):
    loud = load_lora(toy_lora(tmp_path / "loud.safetensors", scale=400.0))
    exact = KolorsPainter(load_base(toy_base()), "cpu")
    half = KolorsPainter(load_base(toy_base()), "cpu")
    half._networks.dtype = torch.float16
    for painter in (exact, half):
        painter.set_lora(loud, 1.0)
    before = {name: weight.clone() for name, weight in half._networks.denoiser.unet.state_dict().items()}
    [expected] = painted(exact, [panel_request(TOY_PROMPTS[0])])
    [rescued] = painted(half, [panel_request(TOY_PROMPTS[0])])
    with torch.inference_mode():
        noise = first_noise(0, CFG4, "cpu")
        assert not half._loop.denoise(noise, [panel_request(TOY_PROMPTS[0])], CFG4).isfinite().all(), (
            "nothing to rescue"
        )
    assert rescued.shape == expected.shape
    assert rescued.std() > FLAT, "it shows something; its likeness to fp32 is a matter of rounding here"
    after = half._networks.denoiser.unet.state_dict()
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
    painter._networks.dtype = torch.float16
    painter.encode_prompts([TOY_PROMPTS[0], NEGATIVE])
    painter.set_lora(load_lora(toy_lora(tmp_path / "loud.safetensors", scale=400.0)), 1.0)
    painter._networks.denoiser.unet = Tight(painter._networks.denoiser.unet, most=4)
    [fault] = painter.draw([panel_request(TOY_PROMPTS[0])], CFG4)
    assert isinstance(fault, DrawFailure)
    assert fault.reason.endswith("and there is too little memory to draw it in fp32")
    painter.set_lora(None, 1.0)
    [picture] = painter.draw([panel_request(TOY_PROMPTS[0])], CFG4)
    assert isinstance(picture, Image.Image)


def test_what_does_not_fit_into_memory_together_is_drawn_in_halves(painter):
    requests = [panel_request(prompt, seed) for seed, prompt in enumerate([*TOY_PROMPTS, *TOY_PROMPTS][:5])]
    together = painted(painter, requests)
    small = painter._networks.denoiser.unet = Small(painter._networks.denoiser.unet, most=4)
    halved = painted(painter, requests)
    assert small.calls == [4, 4, 4, 2, 2, 2, 4, 4, 4], "2 panels, then 1 and 2"
    for one, other in zip(together, halved, strict=True):
        assert np.abs(one - other).max() <= 1


def test_too_little_memory_for_one_panel_is_one_line_that_says_what_to_do(painter):
    painter._networks.denoiser.unet = Small(painter._networks.denoiser.unet, most=1)
    with pytest.raises(RunError, match="too little memory for one panel of 64 pixels: close other programs"):
        painted(painter, [panel_request(TOY_PROMPTS[0]), panel_request(TOY_PROMPTS[1])])


def test_with_low_memory_panels_are_drawn_one_at_a_time_and_decoded_without_the_unet(painter):
    requests = [panel_request(prompt, seed) for seed, prompt in enumerate(TOY_PROMPTS)]
    together = painted(painter, requests)
    unet = painter._networks.denoiser.unet = Small(painter._networks.denoiser.unet, most=2)
    seen = []
    painter._networks.decoder.register_forward_pre_hook(lambda *_: seen.append(list(unet.moves)))
    low = replace(CFG4, memory="low")
    for one, other in zip(together, painted(painter, requests, low), strict=True):
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
    [picture] = painter.draw([panel_request(TOY_PROMPTS[0])], settings)
    assert isinstance(picture, Image.Image)
    assert (picture.size, picture.mode) == ((96, 96), "RGB")


def test_a_size_that_is_too_small_for_the_base_is_refused_with_one_that_is_not(painter):
    painter.encode_prompts(TOY_PROMPTS)
    settings = DrawSettings(steps=1, cfg=1.0, size=32, noise="portable")
    with pytest.raises(RunError, match="size = 32 is too small for this base: set size = 64 or more in the"):
        painter.draw([panel_request(TOY_PROMPTS[0])], settings)
    assert len(painter.draw([panel_request(TOY_PROMPTS[0])] * 2, settings)) == 2


def test_the_painters_networks_do_not_learn(painter):
    assert not any(parameter.requires_grad for parameter in painter._networks.denoiser.unet.parameters())
    assert isinstance(painter._networks.denoiser.unet, nn.Module)
    assert not painter._networks.denoiser.unet.training


GPU = DrawSettings(steps=50, cfg=4.0, size=64, noise="portable", batch=8)


@pytest.mark.parametrize(("pictures", "pays"), [(8, False), (100, False), (800, True)])
def test_compiling_pays_only_when_enough_is_to_be_drawn(painter, pictures, pays):
    painter.device, painter._step_seconds = "cuda", lambda _requests, _settings: 0.035
    settled = painter.plan_batches([panel_request(TOY_PROMPTS[0])] * pictures, GPU)
    assert settled == BatchPlan(panels=8, compiled=pays)


def test_without_a_gpu_nothing_is_timed_and_nothing_compiled(painter):
    assert painter.plan_batches([panel_request(TOY_PROMPTS[0])] * 8, CFG4) == BatchPlan(
        panels=4, compiled=False
    )


def test_batches_are_halved_until_their_steps_fit_into_memory(painter):
    def timed(requests: list[PanelRequest], _settings: DrawSettings) -> float:
        if len(requests) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate ...")
        return 0.035

    painter.device, painter._step_seconds = "cuda", timed
    assert painter.plan_batches([panel_request(TOY_PROMPTS[0])] * 16, GPU).panels == 2
