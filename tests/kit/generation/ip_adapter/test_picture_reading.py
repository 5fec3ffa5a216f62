"""Kolors drawn after pictures by an IP-Adapter is what diffusers' own classes make of the same weights."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import EulerDiscreteScheduler, KolorsPipeline, UNet2DConditionModel
from diffusers_twin import ATTENTION_EPS, EXACT, SAME
from fakes import TOY_PROMPTS, toy_base, toy_sizes
from painting import NEGATIVE, painted
from PIL import Image
from torch import Tensor, nn
from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection

from kit.errors import InputError
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.experiment.run import Anchor
from kit.generation.ip_adapter.picture_attention import PromptedPanels, looking
from kit.generation.ip_adapter.picture_reading import KolorsPictures
from kit.generation.kolors.denoiser import Denoiser
from kit.generation.kolors.kolors_painter import KolorsPainter
from kit.generation.painter import PanelRequest, RedrawRequest
from kit.generation.references.image_prompt import ImagePrompt
from kit.generation.sampling.first_noise import first_noise
from kit.generation.sampling.picture_latents import decoded
from kit.lora.lora import load_lora
from kit.models.base import load_base
from kit.models.kolors.scheduler import scheduler
from tests.support.kolors_controlnets import held, kolors_controlnets
from tests.support.kolors_ip_adapters import WEIGHTS, kolors_adapter, prompted, write_adapter
from tests.support.published_toy import SIZES, published_lora, toy_published
from tests.support.random_adapters import VISION
from tests.support.toy_controlnets import shapes

HOW = DrawSettings(steps=2, cfg=4.0, size=64, noise="portable")
QUICK = replace(HOW, steps=1)


def request(seed: int = 0, *pictures: ImagePrompt, **more: object) -> PanelRequest:
    return PanelRequest(
        prompt=TOY_PROMPTS[seed % len(TOY_PROMPTS)],
        negative=NEGATIVE,
        seed=seed,
        image_prompts=pictures,
        **more,
    )


def new_painter(base: Path | None = None) -> KolorsPainter:
    return KolorsPainter(load_base(base or toy_published()), "cpu")


@pytest.fixture(scope="module")
def painter() -> KolorsPainter:
    return new_painter()


# the same as diffusers


class Theirs:
    """diffusers' UNet with the adapter in it, as its KolorsPipeline loads it and reads pictures."""

    def __init__(self, panels: Sequence[PanelRequest]) -> None:
        self.unet = UNet2DConditionModel.from_pretrained(toy_published() / "unet", torch_dtype=EXACT).eval()
        for name, layer in self.unet.named_modules():
            if isinstance(layer, nn.GroupNorm) and ".attentions." in name:
                layer.eps = ATTENTION_EPS
        encoder = CLIPVisionModelWithProjection.from_pretrained(
            kolors_adapter() / "image_encoder", dtype=EXACT
        )
        prepare = CLIPImageProcessor(size=VISION.image_size, crop_size=VISION.image_size)
        parts = {"vae": None, "text_encoder": None, "tokenizer": None, "image_encoder": encoder}
        pipeline = KolorsPipeline(
            scheduler=EulerDiscreteScheduler(), unet=self.unet, feature_extractor=prepare, **parts
        )
        pipeline.load_ip_adapter(str(kolors_adapter()), subfolder="", weight_name=WEIGHTS)
        first = panels[0].image_prompts[0].record
        pipeline.set_ip_adapter_scale(
            {part: first.weight for part in first.blocks} if len(first.blocks) < 3 else first.weight
        )
        read = [
            pipeline.prepare_ip_adapter_image_embeds(
                [[shown.picture() for shown in one.image_prompts]], None, "cpu", 1, True
            )[0].chunk(2)
            for one in panels
        ]
        self.pictures = torch.cat([torch.cat(half) for half in zip(*read, strict=True)][::-1])

    def __call__(self, rows: Tensor, step: Tensor, text: Tensor, pooled: Tensor) -> Tensor:
        ids = torch.tensor([[64, 64, 0, 0, 64, 64]] * len(rows))
        more = {"text_embeds": pooled, "time_ids": ids, "image_embeds": [self.pictures]}
        told: Tensor = self.unet(rows, step, text, added_cond_kwargs=more).sample
        return told


def example(rows: int) -> tuple[Tensor, Tensor, Tensor]:
    chance = torch.Generator().manual_seed(9)
    latents = torch.randn(rows, 4, 8, 8, generator=chance, dtype=EXACT)
    text = torch.randn(rows, 12, SIZES.unet.pooled, generator=chance, dtype=EXACT)
    return latents, text, torch.randn(rows, SIZES.unet.pooled, generator=chance, dtype=EXACT)


ONE = ((prompted(0),), (prompted(1),))
STRONG = ((prompted(0, 1.0),), (prompted(1, 1.0),))
TWO = ((prompted(0), prompted(1)), (prompted(2), prompted(3)))


@pytest.mark.parametrize("pictures", [ONE, STRONG, TWO], ids=["weight .5", "weight 1", "two pictures each"])
def test_the_unet_predicts_what_diffusers_predicts_with_the_same_adapter(pictures):
    panels = [request(seed, *own) for seed, own in enumerate(pictures)]
    rows, text, pooled = example(4)
    engine, step = Denoiser(load_base(toy_published()).unet(dtype=EXACT)), torch.tensor([500])
    with torch.inference_mode():
        engine.set_text(text)
        bare = engine.at(step, pooled)(rows)
        prompt = KolorsPictures("cpu").prompted(panels, 2, range(1), engine, "auto")
        with looking(engine.lookers, prompt) as look:
            look(0, len(rows))
            ours = engine.at(step, pooled)(rows)
        expected = Theirs(panels)(rows, step, text, pooled)
        assert torch.equal(engine.at(step, pooled)(rows), bare), "nothing is left of it"
    assert (ours - expected).abs().max() <= SAME
    assert (ours - bare).abs().max() > 0.01 * bare.std()


@pytest.mark.parametrize("parts", [("up",), ("down", "mid")], ids=" ".join)
def test_only_the_parts_that_are_named_look_as_diffusers_has_it_with_a_scale_for_each(parts):
    panels = [request(seed, prompted(seed, blocks=parts)) for seed in (0, 1)]
    rows, text, pooled = example(4)
    engine, step = Denoiser(load_base(toy_published()).unet(dtype=EXACT)), torch.tensor([500])
    with torch.inference_mode():
        engine.set_text(text)
        with looking(
            engine.lookers, KolorsPictures("cpu").prompted(panels, 2, range(1), engine, "auto")
        ) as look:
            look(0, len(rows))
            ours = engine.at(step, pooled)(rows)
        theirs = Theirs(panels)
        for name, one in theirs.unet.attn_processors.items():
            if hasattr(one, "scale"):
                one.scale = [0.5 if name.startswith(parts) else 0.0]
        assert (ours - theirs(rows, step, text, pooled)).abs().max() <= SAME
        for one in theirs.unet.attn_processors.values():
            if hasattr(one, "scale"):
                one.scale = [0.5]
        assert (ours - theirs(rows, step, text, pooled)).abs().max() > 1e-3


def test_latents_and_pictures_are_those_of_a_loop_over_diffusers_classes():
    painter, how = new_painter(), HOW
    panels = [request(seed, *own) for seed, own in enumerate(TWO)]
    painter._networks.dtype = EXACT
    painter.encode_prompts([text for one in panels for text in one.texts])
    cross, pooled = (
        part.to(EXACT)
        for part in painter._networks.texts.of([*(one.prompt for one in panels), NEGATIVE, NEGATIVE])
    )
    with torch.inference_mode():
        noise = torch.cat([first_noise(one.seed, how, "cpu") for one in panels]).to(EXACT)
        ours = painter._loop.denoise(noise, panels, how)
        theirs, latents, way = Theirs(panels), noise, scheduler(how.steps)
        for step in way.timesteps:
            wanted, unwanted = theirs(torch.cat([latents] * 2), step, cross, pooled).chunk(2)
            latents = way.step(unwanted + how.cfg * (wanted - unwanted), step, latents)
        expected = [decoded(painter._networks.decoder, one.float()) for one in latents]
    assert (ours - latents).abs().max() <= SAME
    for found, picture in zip(painted(new_painter(), panels, how), expected, strict=True):
        assert np.abs(found - np.asarray(picture).astype(int)).max() <= 1


# batches


def test_panels_with_and_without_pictures_share_a_batch_and_each_comes_out_as_alone(painter):
    mixed = [
        request(0, prompted(0)), request(1), request(2, prompted(1, 0.9)), request(4, prompted(3)),
        request(3, prompted(0), prompted(2)),
    ]  # fmt: skip
    alone = [painted(painter, [one], QUICK)[0] for one in mixed]
    for together, by_itself in zip(painted(painter, mixed, QUICK), alone, strict=True):
        assert np.abs(together - by_itself).max() <= 1
    assert len({picture.tobytes() for picture in alone}) == len(mixed)


def test_each_setting_changes_the_picture_and_no_weight_is_no_picture(painter):
    asked = [
        request(0), request(0, prompted(0)), request(0, prompted(0, 0.9)), request(0, prompted(0, until=0.5)),
        request(0, prompted(0, start=0.5)), request(0, prompted(0, blocks=("up",))), request(0, prompted(5)),
        request(0, prompted(0), prompted(5)),
    ]  # fmt: skip
    pictures = painted(painter, asked, HOW)
    assert len({picture.tobytes() for picture in pictures}) == len(pictures)
    assert np.abs(pictures[1] - pictures[0]).mean() > 3
    [silent] = painted(painter, [request(0, prompted(0, 0.0))], HOW)
    assert np.abs(silent - pictures[0]).max() <= 1


def test_steps_before_the_start_and_after_the_end_are_drawn_from_words_alone(painter):
    panel = [request(0, prompted(0, start=0.25, until=0.75))]
    told = KolorsPictures("cpu").prompted(panel, 1, range(4), painter._networks.denoiser, "auto")
    assert [told.looks(number) for number in range(-1, 5)] == [False, False, True, True, False, False]
    again = KolorsPictures("cpu").prompted(panel, 1, range(4, 8), painter._networks.denoiser, "auto")
    assert [number for number in range(8) if again.looks(number)] == [5, 6]


@pytest.mark.parametrize(
    "how",
    [
        replace(HOW, guidance_until=0.5),
        replace(HOW, cfg=1.0),
        replace(HOW, cache_every=2),
        replace(HOW, sampler="dpm++2m"),
        replace(HOW, memory="low"),
    ],
    ids=["guidance ends", "no guidance", "cached", "dpm++2m", "low memory"],
)
def test_pictures_are_looked_at_whatever_drafts_spare(painter, how):
    after, free = painted(painter, [request(0, prompted(0)), request(0)], how)
    assert np.abs(after - free).max() > 1
    if how.memory == "low":
        assert np.abs(after - painted(painter, [request(0, prompted(0))], HOW)[0]).max() <= 1


def test_an_anchor_is_drawn_from_its_words_alone_though_its_panel_looks_at_a_picture(painter):
    reader = request(
        1, prompted(1), anchors=(Anchor(prompt=TOY_PROMPTS[0], subject="", seed=0),), consistency=0.8
    )
    [alone] = painted(painter, [reader], QUICK)
    _, beside = painted(painter, [request(0, prompted(0)), reader], QUICK)
    assert np.abs(alone - beside).max() <= 1
    for other in (replace(reader, image_prompts=()), replace(reader, anchors=(), consistency=0.0)):
        assert np.abs(alone - painted(painter, [other], QUICK)[0]).max() > 1


def test_a_map_and_a_picture_are_both_heard(painter):
    control = (held(kolors_controlnets()["canny"], 0),)
    both = request(0, prompted(0), control=control)
    found = painted(painter, [both, replace(both, control=()), replace(both, image_prompts=())], QUICK)
    assert len({one.tobytes() for one in found}) == 3


def test_a_lora_is_merged_and_taken_out_as_before_and_its_picture_looks_too(painter, tmp_path):
    lora = load_lora(published_lora(tmp_path / "lora.safetensors"))
    [before] = painted(painter, [request(0, prompted(0))], QUICK)
    painter.set_lora(lora, 1.0)
    worn = painted(painter, [request(0, prompted(0)), request(0)], QUICK)
    painter.set_lora(None, 1.0)
    assert np.array_equal(painted(painter, [request(0, prompted(0))], QUICK)[0], before)
    assert len({one.tobytes() for one in (before, *worn)}) == 3


def test_what_is_drawn_again_in_fp32_looks_at_its_picture_read_in_fp32(painter):
    panel = [request(0, prompted(0))]
    painter.encode_prompts([text for one in panel for text in one.texts])
    engine, noise = painter._networks.denoiser, first_noise(0, QUICK, "cpu")
    with torch.inference_mode():
        exact = painter._loop.denoise(noise, panel, QUICK)
        with torch.inference_mode(False):
            engine.unet.half()
        engine._dtype = torch.float16
        try:
            with engine.in_fp32():
                again = painter._loop.denoise(noise, panel, QUICK)
        finally:
            engine._dtype = torch.float32
            with torch.inference_mode(False):
                engine.unet.float()
    assert (again - exact).abs().max() <= 1e-4 * exact.abs().max()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # inside torch
def test_compiled_blocks_look_at_pictures_too_and_predict_the_same():
    engine, step = Denoiser(load_base(toy_published()).unet()), torch.tensor([500])
    rows, text, pooled = (part.float() for part in example(2))
    with torch.inference_mode():
        told = KolorsPictures("cpu").prompted([request(0, prompted(0))], 1, range(1), engine, "auto")

    def predict(asked: PromptedPanels | None) -> Tensor:
        with torch.inference_mode(), looking(engine.lookers, asked) as look:
            engine.set_text(text)
            look(0, len(rows))
            return engine.at(step, pooled)(rows)

    plans = (None, told, None, told)
    before = [predict(asked) for asked in plans]
    engine.compile(rows=[2])
    for asked, expected in zip(plans, before, strict=True):
        assert (predict(asked) - expected).abs().max() < 1e-3
    assert (before[0] - before[1]).abs().max() > 0.01


# drawn again


@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
@pytest.mark.parametrize("inpainting", [False, True], ids=["own UNet", "UNet for inpainting"])
def test_a_picture_that_is_drawn_again_looks_at_its_picture(painter, masked, inpainting):
    picture, mask = shapes(9, 64), Image.new("L", (64, 64))
    mask.paste(255, (0, 0, 32, 64))
    again = RedrawRequest(
        request=request(0, prompted(0, 1.0)), picture=picture, strength=0.5, mask=mask if masked else None,
        inpainting=painter.inpainting if inpainting else "",
    )  # fmt: skip
    painter.encode_prompts(again.request.texts)
    free = replace(again, request=request(0))
    ours, other = (np.asarray(one).astype(int) for one in painter.redraw([again, free], HOW))
    assert np.abs(ours - other).max() > 1
    if masked:
        assert np.array_equal(ours[:, 32:], np.asarray(picture)[:, 32:])


def test_in_parts_each_part_looks_at_the_whole_picture(painter):
    parts = RedrawRequest(request=request(0, prompted(0, 1.0)), picture=shapes(9, 128), strength=0.5, tile=64)
    painter.encode_prompts(parts.request.texts)
    asked = [parts, replace(parts, request=request(0)), replace(parts, tile=0)]
    drawn = painter.redraw(asked, replace(HOW, size=128))
    in_parts, free, at_once = (np.asarray(one).astype(int) for one in drawn)
    assert np.abs(in_parts - free).max() > 1
    assert np.abs(in_parts - at_once).mean() < np.abs(free - at_once).mean()


# what does not fit


def test_an_adapter_for_other_sizes_is_refused_before_anything_is_drawn(painter, tmp_path):
    folder = write_adapter(tmp_path / "other-adapter", toy_sizes().unet, 7)
    stranger = request(0, prompted(0, folder=folder))
    for refuse in (
        lambda: painted(painter, [stranger], HOW),
        lambda: painter.plan_batches([stranger], HOW),
        lambda: painter.redraw([RedrawRequest(request=stranger, picture=shapes(0, 64), strength=0.5)], HOW),
    ):
        with pytest.raises(InputError) as refused:
            refuse()
        [told] = refused.value.faults
        assert told.startswith("the IP-Adapter other-adapter is for another base than kolors:")
    own = new_painter(toy_base())
    after, free = painted(own, [stranger, request(0)], QUICK)
    assert np.abs(after - free).max() > 1, "it is for a base laid out like the embedded one"
