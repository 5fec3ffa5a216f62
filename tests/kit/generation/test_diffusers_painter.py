"""What diffusers draws for us is what its bare pipelines draw; and what they cannot do is said before."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, TypeAlias

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image

from kit.errors import InputError, StorykitError
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.experiment.drawing.usual import usual_drawing
from kit.experiment.run import Anchor
from kit.generation.diffusers_painter import DiffusersPainter, load_diffusers_painter
from kit.generation.painter import DrawFailure, PanelRequest, RedrawRequest, Variation
from kit.models.bases.base_parts import BaseChoice, BaseParts
from tests.support.toy_pipelines import CASCADE, LCM, LIGHTNING, MAJICMIX, SDXL, TURBO, in_toys, toy

Pipeline: TypeAlias = Any
"""One of diffusers."""
WORDS, UNWANTED, SEED = "a girl by the sea", "blurry", 7
LONG = " ".join(["a red fox walks over the snow"] * 20)


def how(base: BaseChoice, **told: object) -> DrawSettings:
    usual = usual_drawing(base)
    named = {name: getattr(usual, name) for name in ("steps", "cfg", "size", "sampler", "spacing")}
    return DrawSettings(**{"noise": "portable", "decoder_steps": usual.decoder_steps, **named, **told})


@cache
def painter_of(base: BaseChoice) -> DiffusersPainter:
    return load_diffusers_painter(base, "cpu")


def request(words: str = WORDS, unwanted: str = "", seed: int = SEED, **told: object) -> PanelRequest:
    return PanelRequest(prompt=words, negative=unwanted, seed=seed, **told)


def drawn(base: BaseChoice, *requests: PanelRequest, **told: object) -> list[Image.Image]:
    painter = painter_of(base)
    painter.encode_prompts([text for one in requests for text in one.texts])
    pictures = painter.draw(requests, how(base, **told))
    assert not any(isinstance(one, DrawFailure) for one in pictures)
    return pictures


def apart(one: Image.Image, other: Image.Image) -> int:
    """Return the largest difference of two pictures in levels of 255; both must show something."""
    left, right = (np.asarray(picture, dtype=int) for picture in (one, other))
    assert left.shape == right.shape
    assert left.std() > 5
    return int(np.abs(left - right).max())


def chance() -> torch.Generator:
    return torch.Generator("cpu").manual_seed(SEED)


@cache
def bare(folder: str, variant: str | None = None) -> Pipeline:
    told = {"safety_checker": None} if folder == MAJICMIX else {}
    pipeline = diffusers.DiffusionPipeline.from_pretrained(
        toy(folder), variant=variant, torch_dtype=torch.float32, **told
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def with_unet(unet: "diffusers.UNet2DConditionModel", scheduler: type, **told: str) -> Pipeline:
    parts = bare(SDXL).components | {"unet": unet}
    pipeline = diffusers.StableDiffusionXLPipeline(**parts)
    pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config, **told)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def lcm() -> Pipeline:
    return with_unet(diffusers.UNet2DConditionModel.from_pretrained(toy(LCM)), diffusers.LCMScheduler)


def lightning() -> Pipeline:
    from safetensors.torch import load_file

    unet = diffusers.UNet2DConditionModel.from_config(
        diffusers.UNet2DConditionModel.load_config(toy(SDXL) / "unet")
    )
    unet.load_state_dict(load_file(toy(LIGHTNING)))
    return with_unet(unet, diffusers.EulerDiscreteScheduler, timestep_spacing="trailing")


@dataclass(frozen=True)
class Bare:
    """A base, the pipeline of its model's page, and how that page calls it."""

    base: Callable[[], BaseChoice]
    pipeline: Callable[[], Pipeline]
    steps: int
    guidance: float


PIPELINES = {
    "sdxl": Bare(partial(in_toys, SDXL), lambda: bare(SDXL), 5, 5.0),
    "turbo": Bare(partial(in_toys, TURBO), lambda: bare(TURBO, "fp16"), 1, 0.0),
    "lcm": Bare(partial(in_toys, SDXL, unet=LCM), lcm, 4, 8.0),
    "lightning": Bare(partial(in_toys, SDXL, unet=LIGHTNING), lightning, 4, 0.0),
    "majicmix": Bare(partial(in_toys, MAJICMIX), lambda: bare(MAJICMIX), 5, 7.5),
}


def cascade() -> BaseChoice:
    return in_toys(CASCADE, prior=f"{CASCADE}-prior")


@pytest.mark.parametrize("unwanted", ["", UNWANTED])
@pytest.mark.parametrize("name", PIPELINES)
def test_each_pipeline_draws_what_it_draws_bare(name: str, unwanted: str) -> None:
    one = PIPELINES[name]
    [ours] = drawn(one.base(), request(unwanted=unwanted), steps=one.steps)
    named = {"negative_prompt": unwanted} if unwanted else {}
    told = {"num_inference_steps": one.steps, "guidance_scale": one.guidance}
    theirs = one.pipeline()(WORDS, height=64, width=64, generator=chance(), **named, **told).images[0]
    assert apart(ours, theirs) == 0


def test_stable_cascade_draws_what_its_two_pipelines_draw_bare() -> None:
    [ours] = drawn(cascade(), request(unwanted=UNWANTED), size=128, steps=4, decoder_steps=3)
    noise = chance()
    prior = bare(f"{CASCADE}-prior", "bf16")
    embeddings = prior(
        WORDS, negative_prompt=UNWANTED, height=128, width=128, num_inference_steps=4, guidance_scale=4.0,
        generator=noise,
    ).image_embeddings  # fmt: skip
    decoder = bare(CASCADE, "fp16")
    told = {"num_inference_steps": 3, "guidance_scale": 0.0, "generator": noise}
    assert apart(ours, decoder(image_embeddings=embeddings, prompt=WORDS, **told).images[0]) == 0


def test_a_picture_is_the_same_beside_others_but_for_rounding() -> None:
    alone = drawn(in_toys(TURBO), request(seed=3), steps=3)
    beside = drawn(in_toys(TURBO), request("a cat", seed=4), request(seed=3), steps=3)
    assert apart(alone[0], beside[1]) <= 1
    assert apart(beside[0], beside[1]) > 20


def test_a_seed_begins_from_the_noise_that_kolors_begins_from() -> None:
    from kit.generation.sampling.first_noise import first_noise

    [ours] = drawn(in_toys(SDXL), request(), steps=2)
    noise = first_noise(SEED, how(in_toys(SDXL)), "cpu")
    told = {"height": 64, "width": 64, "num_inference_steps": 2, "guidance_scale": 5.0}
    assert apart(ours, bare(SDXL)(WORDS, latents=noise, **told).images[0]) == 0


@pytest.mark.parametrize("mask", [None, "half"])
@pytest.mark.parametrize("name", ["sdxl", "majicmix"])
def test_a_picture_is_drawn_again_as_from_picture_to_picture(name: str, mask: str | None) -> None:
    base, pipeline = PIPELINES[name].base(), PIPELINES[name].pipeline()
    [picture] = drawn(base, request(), steps=4)
    wanted = request("a cat", UNWANTED)
    painter = painter_of(base)
    painter.encode_prompts(wanted.texts)
    half = Image.new("L", picture.size)
    half.paste(255, (32, 0, 64, 64))
    asked = RedrawRequest(request=wanted, picture=picture, strength=0.5, mask=half if mask else None)
    [ours] = painter.redraw([asked], how(base, steps=4))
    made = type(pipeline).__name__.replace("Pipeline", "InpaintPipeline" if mask else "Img2ImgPipeline")
    flags = {"requires_safety_checker": False} if name == "majicmix" else {}
    other = getattr(diffusers, made)(**pipeline.components, **flags)
    named = {"mask_image": half, "height": 64, "width": 64} if mask else {}
    theirs = other(
        "a cat", negative_prompt=UNWANTED, image=picture, strength=0.5, num_inference_steps=4,
        guidance_scale=how(base).cfg, generator=chance(), **named,
    ).images[0]  # fmt: skip
    if mask:
        assert ours.crop((0, 0, 32, 64)).tobytes() == picture.crop((0, 0, 32, 64)).tobytes()
        ours, theirs = (one.crop((34, 0, 64, 64)) for one in (ours, theirs))  # behind the edge that fades in
    assert apart(ours, theirs) <= 1


def test_the_least_strength_draws_one_step() -> None:
    base = in_toys(MAJICMIX)
    [picture] = drawn(base, request(), steps=4)
    asked = RedrawRequest(request=request(), picture=picture, strength=0.0)
    [again] = painter_of(base).redraw([asked], how(base, steps=4))
    assert apart(picture, again) > 0


def test_words_beyond_what_clip_reads_change_the_picture_only_where_they_are_read() -> None:
    base = in_toys(SDXL)
    painter = painter_of(base)
    end = painter.truncated_tail(LONG + " at night")
    assert end.endswith("at night")
    assert not painter.truncated_tail(WORDS)
    cut = [drawn(base, request(text), steps=2)[0] for text in (LONG, LONG + " at night")]
    assert apart(*cut) == 0
    whole = [drawn(base, request(text), steps=2, long_prompts=True)[0] for text in (LONG, LONG + " at night")]
    assert apart(*whole) > 0
    short = drawn(base, request(), steps=2, long_prompts=True)[0]
    assert apart(short, drawn(base, request(), steps=2)[0]) <= 1


def test_marks_for_weights_mean_nothing_in_pieces() -> None:
    base = in_toys(MAJICMIX)
    marked, bare_words = (
        drawn(base, request(text), steps=2, long_prompts=True)[0]
        for text in ("a (girl)++ by the sea", "a girl++ by the sea")
    )
    assert apart(marked, bare_words) > 0, "brackets are tokens, no weights"


@pytest.mark.parametrize("sampler", ["ddim", "dpm++2m", "euler", "euler-a", "lcm", "unipc"])
def test_each_sampler_is_the_one_of_its_name(sampler: str) -> None:
    names = {"ddim": "DDIM", "dpm++2m": "DPMSolverMultistep", "euler": "EulerDiscrete"}
    names |= {"euler-a": "EulerAncestralDiscrete", "lcm": "LCM", "unipc": "UniPCMultistep"}
    [ours] = drawn(in_toys(SDXL), request(), steps=3, sampler=sampler)
    pipeline = diffusers.StableDiffusionXLPipeline(**bare(SDXL).components)
    made = getattr(diffusers, f"{names[sampler]}Scheduler")
    pipeline.scheduler = made.from_config(bare(SDXL).scheduler.config)
    told = {"height": 64, "width": 64, "num_inference_steps": 3, "guidance_scale": 5.0}
    assert apart(ours, pipeline(WORDS, generator=chance(), **told).images[0]) <= 1


def test_guidance_can_end_early() -> None:
    base = in_toys(SDXL)
    whole, half, none = (
        drawn(base, request(), steps=6, **told)[0] for told in ({}, {"guidance_until": 0.5}, {"cfg": 1.0})
    )
    assert 0 < apart(whole, half) < apart(whole, none)


def test_a_variation_leads_from_the_seeds_picture_to_the_others() -> None:
    base = in_toys(TURBO)
    pictures = drawn(
        base, *(request(variation=Variation(seed=99, strength=share)) for share in (0.0, 0.4)), request()
    )
    assert apart(pictures[0], pictures[2]) <= 1
    assert apart(pictures[1], pictures[2]) > 5


@pytest.mark.parametrize(
    ("base", "told", "fault"),
    [
        ("turbo", {"noise": "contest"}, "contest"),
        ("turbo", {"cache_every": 2}, "cache_every"),
        ("cascade", {"size": 64}, "multiple of 128"),
        ("cascade", {"sampler": "ddim"}, "sampler"),
        ("cascade", {"long_prompts": True}, "long_prompts"),
        ("cascade", {"guidance_until": 0.5}, "guidance_until"),
    ],
)
def test_what_a_pipeline_cannot_do_is_refused(base: str, told: dict[str, object], fault: str) -> None:
    named = cascade() if base == "cascade" else PIPELINES[base].base()
    settings = how(named, **({"size": 128} if base == "cascade" else {}) | told)
    painter_of(named).encode_prompts(request().texts)
    with pytest.raises(InputError, match=fault):
        painter_of(named).draw([request()], settings)


def test_anchors_are_refused() -> None:
    asked = request(anchors=(Anchor(prompt="x", subject="", seed=1),), consistency=0.5)
    painter_of(in_toys(TURBO)).encode_prompts(asked.texts)
    with pytest.raises(InputError, match="consistency"):
        painter_of(in_toys(TURBO)).draw([asked], how(in_toys(TURBO)))


def test_stable_cascade_draws_no_picture_again_and_no_word_is_found() -> None:
    base = cascade()
    picture = Image.new("RGB", (128, 128))
    with pytest.raises(StorykitError, match="again"):
        painter_of(base).redraw(
            [RedrawRequest(request=request(), picture=picture, strength=0.5)], how(base, size=128)
        )
    with pytest.raises(StorykitError, match="mask"):
        painter_of(base).mask_of(request(), picture, ["girl"], how(base, size=128))


def test_a_base_says_what_it_is() -> None:
    painter = painter_of(in_toys(SDXL, unet=LCM))
    assert painter.identity["name"] == "LCM SDXL"
    assert painter.identity["pipeline"] == "StableDiffusionXLPipeline"
    other = painter_of(in_toys(SDXL)).identity
    assert {k for k in other["sha256"] if painter.identity["sha256"][k] != other["sha256"][k]} == {
        "unet/config.json", "unet/diffusion_pytorch_model.safetensors"
    }  # fmt: skip
    assert isinstance(in_toys(SDXL, unet=LCM), BaseParts)
