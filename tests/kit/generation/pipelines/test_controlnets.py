"""Panels held to maps are those that the bare pipelines of diffusers draw; what does not fit is refused."""

import json
import pickle
import shutil
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image

from kit.errors import InputError, WeightsError
from kit.experiment.controls.control_record import ControlRecord
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.files.encodings import sha256_bytes
from kit.generation.controls.control import Control
from kit.generation.diffusers_painter import DiffusersPainter, load_diffusers_painter
from kit.generation.painter import PanelRequest, RedrawRequest, Variation
from kit.generation.sampling.first_noise import first_noise
from kit.images.png_metadata import encoded
from kit.models.bases.base_parts import BaseParts
from kit.models.bases.controlnet_files import open_controlnet
from tests.support.toy_controlnets import shapes, toy_controlnets
from tests.support.toy_pipelines import CASCADE, MAJICMIX, SDXL, SIDE, toy_models

BASES = {"sdxl": SDXL, "sd": MAJICMIX}
PIPELINES = {
    "sdxl": diffusers.StableDiffusionXLControlNetPipeline,
    "sd": diffusers.StableDiffusionControlNetPipeline,
}
ONE = (("canny", 0.7, 1.0),)
ENDED = (("canny", 1.5, 0.5),)
TWO = (("canny", 1.2, 0.5), ("map", 0.8, 1.0))
HOW = DrawSettings(steps=4, cfg=4.0, size=SIDE, noise="portable", sampler="own")


@cache
def painter_of(family: str) -> DiffusersPainter:
    return load_diffusers_painter(str(toy_models() / BASES[family]), "cpu")


def control(folder: Path, picture: Image.Image, weight: float = 0.7, until: float = 1.0) -> Control:
    png = encoded(picture)
    record = ControlRecord(
        kind="map", map=sha256_bytes(png), weight=weight, until=until,
        controlnet=open_controlnet(folder).identity,
    )  # fmt: skip
    return Control(record=record, png=png, folder=folder)


def request(family: str, held: Sequence[tuple[str, float, float]], seed: int = 0) -> PanelRequest:
    controls = (
        control(toy_controlnets()[f"{family}/{kind}"], shapes(seed + at), weight, until)
        for at, (kind, weight, until) in enumerate(held)
    )
    return PanelRequest(prompt=f"a cat {seed}", negative="blurred", seed=seed, control=tuple(controls))


def drawn(
    family: str, *requests: PanelRequest, how: DrawSettings = HOW, painter: DiffusersPainter | None = None
) -> list[np.ndarray]:
    painter = painter or painter_of(family)
    painter.encode_prompts([text for one in requests for text in one.texts])
    return [np.asarray(picture, dtype=int) for picture in painter.draw(requests, how)]


@cache
def free(family: str, how: DrawSettings = HOW) -> np.ndarray:
    """Return what is drawn without a map."""
    return drawn(family, request(family, ()), how=how)[0]


@cache
def bare_parts(family: str) -> dict[str, Any]:
    more: dict[str, Any] = {} if family == "sdxl" else {"safety_checker": None, "use_safetensors": False}
    pipeline = diffusers.DiffusionPipeline.from_pretrained(toy_models() / BASES[family], **more)
    parts: dict[str, Any] = pipeline.components
    return parts


def bare_call(family: str, held: Sequence[tuple[str, float, float]], seed: int = 0) -> np.ndarray:
    """Return what the pipeline draws that a person would write by the manual."""
    nets = [
        diffusers.ControlNetModel.from_pretrained(
            toy_controlnets()[f"{family}/{kind}"], use_safetensors=(family, kind) != ("sd", "map")
        )
        for kind, _, _ in held
    ]
    more = {} if family == "sdxl" else {"requires_safety_checker": False}
    pipeline = PIPELINES[family](**bare_parts(family), controlnet=nets if len(nets) > 1 else nets[0], **more)
    pipeline.set_progress_bar_config(disable=True)
    told = {
        "image": [shapes(seed + at) for at in range(len(held))],
        "controlnet_conditioning_scale": [weight for _, weight, _ in held],
        "control_guidance_end": [until for _, _, until in held],
    }
    told = told if len(held) > 1 else {name: value[0] for name, value in told.items()}
    picture = pipeline(
        prompt=f"a cat {seed}",
        negative_prompt="blurred",
        num_inference_steps=HOW.steps,
        guidance_scale=HOW.cfg,
        latents=first_noise(seed, HOW, "cpu", None),
        width=SIDE,
        height=SIDE,
        **told,
    ).images[0]
    return np.asarray(picture, dtype=int)


@pytest.mark.parametrize("held", [ONE, ENDED, TWO], ids=["one", "until .5", "two"])
@pytest.mark.parametrize("family", BASES)
def test_the_pixels_are_those_of_the_bare_pipeline(family, held):
    [ours] = drawn(family, request(family, held))
    theirs = bare_call(family, held)
    assert np.abs(ours - theirs).max() <= 1  # a CPU rounds by where weights lie in memory
    assert (ours != theirs).mean() < 0.001
    assert np.abs(ours - free(family)).max() > 3


@pytest.mark.parametrize("family", BASES)
def test_panels_held_otherwise_share_a_batch_and_each_comes_out_as_alone(family):
    mixed = [request(family, TWO), request(family, (), 1), request(family, ONE, 2), request(family, TWO, 3)]
    alone = [drawn(family, one)[0] for one in mixed]
    for together, by_itself in zip(drawn(family, *mixed), alone, strict=True):
        assert np.abs(together - by_itself).max() <= 1  # two in a batch round otherwise


@pytest.mark.parametrize("family", BASES)
def test_weight_until_and_map_each_change_the_picture_and_no_weight_is_no_map(family):
    pictures = [
        drawn(family, one)[0].tobytes()
        for one in (
            request(family, ONE),
            request(family, (("canny", 0.9, 1.0),)),
            request(family, (("canny", 0.7, 0.5),)),
            replace(request(family, ONE), control=request(family, ONE, 5).control),
        )
    ]
    assert len(set(pictures)) == len(pictures)
    [silent] = drawn(family, request(family, (("canny", 0.0, 1.0),)))
    assert np.abs(silent - free(family)).max() <= 1


@pytest.mark.parametrize("family", BASES)
def test_maps_are_heard_where_guidance_ends_and_where_there_is_none(family):
    for how in (replace(HOW, guidance_until=0.5), replace(HOW, cfg=1.0)):
        for held in (ONE, TWO):
            [ours] = drawn(family, request(family, held), how=how)
            assert np.abs(ours - free(family, how)).max() > 1


def test_a_varied_picture_is_held_too():
    varied = replace(request("sdxl", ONE), variation=Variation(seed=9, strength=1.0))
    other = replace(request("sdxl", ONE, 9), prompt="a cat 0", control=request("sdxl", ONE).control)
    assert np.array_equal(drawn("sdxl", varied)[0], drawn("sdxl", other)[0])


@pytest.mark.parametrize("family", BASES)
@pytest.mark.parametrize("masked", [False, True])
def test_a_picture_that_is_drawn_again_is_held_to_its_map(family, masked):
    painter, asked = painter_of(family), request(family, (("canny", 1.5, 1.0),))
    [picture] = painter.draw([asked], HOW) if not painter.encode_prompts(asked.texts) else []
    mask = Image.new("L", (SIDE, SIDE))
    mask.paste(255, (0, 0, SIDE // 2, SIDE))
    again = RedrawRequest(request=asked, picture=picture, strength=0.8, mask=mask if masked else None)
    free = replace(again, request=replace(asked, control=()))
    held, unheld = (np.asarray(one, dtype=int) for one in painter.redraw([again, free], HOW))
    assert np.abs(held - unheld).max() > 1
    if masked:
        kept = np.asarray(picture)[:, SIDE // 2 :]
        assert np.array_equal(held[:, SIDE // 2 :], kept)


def test_a_controlnet_of_another_base_is_refused_in_a_line_that_names_both():
    stranger = replace(request("sdxl", ONE), control=request("sd", ONE).control)
    with pytest.raises(InputError) as refused:
        painter_of("sdxl").plan_batches([stranger], HOW)
    [told] = refused.value.faults
    assert "control_v11p_sd15_canny is for another base than SDXL" in told
    wide = control(widened(toy_controlnets()["sdxl/canny"]), shapes(0))
    with pytest.raises(InputError, match="cross_attention_dim 96, the base's 64"):
        drawn("sdxl", replace(stranger, control=(wide,)))


def widened(folder: Path) -> Path:
    """Return a copy of a ControlNet that says it was made for wider texts."""
    copy = folder.with_name("wide")
    if not copy.exists():
        shutil.copytree(folder, copy)
        config = copy / "config.json"
        config.write_text(
            config.read_text().replace('"cross_attention_dim": 64', '"cross_attention_dim": 96')
        )
        (copy / "storykit.json").unlink(missing_ok=True)
    return copy


def test_stable_cascade_refuses_before_anything_is_drawn():
    told = "control is for Kolors, SDXL and Stable Diffusion, and the base is Stable Cascade"
    parts = BaseParts(folder=str(toy_models() / CASCADE), prior=str(toy_models() / f"{CASCADE}-prior"))
    cascade = load_diffusers_painter(parts, "cpu")
    with pytest.raises(InputError, match=told):
        cascade.plan_batches([request("sdxl", ONE)], replace(HOW, size=128, decoder_steps=2))


def test_a_controlnet_of_kolors_is_refused_by_sdxl_though_every_width_is_the_same(tmp_path):
    folder = shutil.copytree(toy_controlnets()["sdxl/canny"], tmp_path / "Kolors-ControlNet-Canny")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"encoder_hid_dim": 4096}))
    (folder / "storykit.json").unlink(missing_ok=True)
    held = replace(request("sdxl", ONE), control=(control(folder, shapes(0)),))
    with pytest.raises(InputError) as refused:
        drawn("sdxl", held)
    [told] = refused.value.faults
    assert "Kolors-ControlNet-Canny is for another base than SDXL: encoder_hid_dim 4096, the base's" in told


class Opener:
    """Writes a file when it is unpickled."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.place,))


def test_pickled_weights_run_nothing(tmp_path):
    net = shutil.copytree(toy_controlnets()["sd/map"], tmp_path / "net")
    weights, opened = net / "diffusion_pytorch_model.bin", tmp_path / "opened"
    (net / "storykit.json").unlink(missing_ok=True)
    torch.save({"conv_in.weight": Opener(opened)}, weights)
    with pytest.raises(WeightsError, match=r"diffusion_pytorch_model\.bin: asks to run '"):
        open_controlnet(net)
    weights.write_bytes(pickle.dumps(Opener(opened)))
    with pytest.raises(WeightsError, match=r"diffusion_pytorch_model\.bin: is a bare pickle"):
        open_controlnet(net)
    assert not opened.exists()
